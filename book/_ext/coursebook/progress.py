"""One line for each chapter that is executed or taken from the cache."""

from __future__ import annotations

import sys
import time

from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

_started: dict[str, float] = {}


def setup(app: Sphinx) -> None:
    app.connect("env-before-read-docs", announce)
    app.connect("source-read", begin)
    app.connect("doctree-read", end)


def announce(app: Sphinx, env: BuildEnvironment, docnames: list[str]) -> None:
    unchanged = len(env.all_docs) - len(docnames)
    say(f"book: {len(docnames)} pages to read, {max(0, unchanged)} unchanged")


def begin(app: Sphinx, docname: str, source: list[str]) -> None:
    _started[docname] = time.time()
    if "{code-cell}" in source[0]:
        say(f"book: {docname} ...")


def end(app: Sphinx, doctree) -> None:
    docname = app.env.docname
    execution = getattr(app.env, "nb_metadata", {}).get(docname, {}).get("exec_data")
    if not execution:
        return
    seconds = execution["runtime"] or 0.0
    if not execution["succeeded"]:
        say(f"book: {docname} FAILED ({execution['error']})")
    elif execution["mtime"] >= _started[docname]:
        say(f"book: {docname} executed in {seconds:.0f} s")
    else:
        say(f"book: {docname} from the cache (executed in {seconds:.0f} s)")


def say(line: str) -> None:
    # Standard error: build.py keeps Jupyter Book's standard output in a log.
    print(line, file=sys.stderr, flush=True)
