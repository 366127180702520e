"""What this book adds to Jupyter Book, as one Sphinx extension.

Each module does one thing and has its own ``setup``.
"""

from __future__ import annotations

from sphinx.application import Sphinx

from . import (
    accessible,
    assignments,
    buttons,
    checks,
    data_source,
    exercises,
    explorers,
    facts,
    head,
    mathjax,
    notebooks,
    progress,
    quiz,
    search,
    syllabus,
    terms,
)

MODULES = (
    progress,
    data_source,
    notebooks,
    buttons,
    checks,
    explorers,
    mathjax,
    assignments,
    exercises,
    quiz,
    facts,
    terms,
    syllabus,
    head,
    search,
    accessible,
)


def setup(app: Sphinx) -> dict[str, bool]:
    # Filled in by book/build.py. A change of the digest reads every page again.
    app.add_config_value("coursebook_data", {}, "env", types=[dict])
    app.add_config_value("coursebook_digest", "", "env", types=[str])
    app.add_config_value("coursebook_pdf", "", "html", types=[str])
    app.add_config_value("coursebook_repository", "", "env", types=[str])
    app.add_config_value("coursebook_root", "", "", types=[str])
    for module in MODULES:
        module.setup(app)
    forget_thebe(app)
    # Progress lines are in reading order, and two cores are soon full of PyTorch.
    return {"parallel_read_safe": False, "parallel_write_safe": False}


def forget_thebe(app: Sphinx) -> None:
    """Unplug sphinx-thebe, which Jupyter Book always loads.

    It would write the address of a script on the network into every page.
    """
    for listeners in app.events.listeners.values():
        for listener in list(listeners):
            if listener.handler.__module__.startswith("sphinx_thebe"):
                app.disconnect(listener.id)
    styles = app.registry.css_files
    styles[:] = [style for style in styles if "thebe" not in style[0]]
