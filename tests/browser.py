"""A headless browser for the tests: whichever Chromium this machine has or may get."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Error, Playwright

INSTALLED = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
OPTIONS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


def launch(playwright: Playwright) -> Browser:
    """An installed browser, else Playwright's own, else Debian's package, else skip."""
    for executable, prepare in candidates():
        if prepare is None or succeeds(prepare):
            path = executable and shutil.which(executable)
            if executable and not path:
                continue
            try:
                return playwright.chromium.launch(executable_path=path, args=OPTIONS)
            except Error:
                continue
    pytest.skip(
        "no browser: install Chromium or Chrome, or run `playwright install chromium`"
    )


def candidates() -> Iterator[tuple[str | None, list[str] | None]]:
    """An executable (None is Playwright's) and the command that may install it."""
    for name in INSTALLED:
        yield name, None
    yield None, None
    yield None, [sys.executable, "-m", "playwright", "install", "chromium"]
    if hasattr(os, "geteuid") and os.geteuid() == 0 and shutil.which("apt-get"):
        yield "chromium", ["apt-get", "install", "--yes", "-qq", "chromium"]


def succeeds(command: list[str]) -> bool:
    try:
        return not subprocess.run(command, timeout=300, capture_output=True).returncode
    except subprocess.TimeoutExpired:
        return False
