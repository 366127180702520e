"""What more than one file of tests asks for."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from browser import launch
from playwright.sync_api import Browser, sync_playwright


# One for each file: while Playwright runs, nothing else in this thread can run an event
# loop, as nbclient does.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Return a headless browser."""
    with sync_playwright() as playwright:
        browser = launch(playwright)
        yield browser
        browser.close()
