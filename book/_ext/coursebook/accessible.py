"""What screen readers stumble over in the HTML of Sphinx and of the theme, mended.

``tests/test_accessibility.py`` looks for what else there is, in every page.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

TEMPLATES = Path(__file__).parent / "templates"

MENDED = [
    # A list holds list items; the role for entries of a bibliography is deprecated.
    (re.compile(r'role="doc-biblioentry"'), 'role="listitem"'),
    # The corner of a table that has names for its columns and for its rows.
    (re.compile(r'<th class="[^"]*"><p></p></th>'), "<td></td>"),
]


def setup(app: Sphinx) -> None:
    app.connect("config-inited", add_templates)
    app.connect("html-page-context", mend_body, priority=800)


def add_templates(app: Sphinx, config) -> None:
    """The sidebar as a landmark; a template of the theme, wrapped."""
    config.templates_path.insert(0, str(TEMPLATES))


def mend_body(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree
) -> None:
    body = context.get("body", "")
    for pattern, replacement in MENDED:
        body = pattern.sub(replacement, body)
    context["body"] = body
