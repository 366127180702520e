"""The scripts that bring a page's explorers to life, only on pages that have some."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.util import logging

LOGGER = logging.getLogger(__name__)
FOLDER = "explorers"
EXPLORER = re.compile(r'<div class="explorer" data-explorer="([\w-]+)"')


def setup(app: Sphinx) -> None:
    app.connect("config-inited", keep_from_other_pages)
    app.connect("html-page-context", add_scripts)


def keep_from_other_pages(app: Sphinx, config: Config) -> None:
    """Jupyter Book would load all that is in ``_static`` on all pages, in any order."""
    for files in (config.html_js_files, config.html_css_files):
        files[:] = [name for name in files if not str(name).startswith(f"{FOLDER}/")]


def add_scripts(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree
) -> None:
    kinds = sorted(set(EXPLORER.findall(context.get("body", ""))))
    if not kinds:
        return
    app.add_css_file(f"{FOLDER}/explorers.css")
    for name in ("core", *kinds):
        if (Path(app.srcdir) / "_static" / FOLDER / f"{name}.js").exists():
            # Within this event, for this page only.
            app.add_js_file(f"{FOLDER}/{name}.js", loading_method="defer")
        else:
            LOGGER.warning(
                f"no script for the explorer {name!r}: add {FOLDER}/{name}.js to "
                "book/_static",
                location=pagename,
                type="coursebook",
            )
