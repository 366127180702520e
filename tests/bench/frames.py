"""Frame times in Chromium while an explorer is dragged, against the same page at rest.

A page that keeps up draws as many frames while a hand moves as while nothing happens.
Beside the frames, the time that the page's script worked for each of them.
"""

from __future__ import annotations

import statistics
import sys
from pathlib import Path
from typing import Any

from playwright.sync_api import ElementHandle, Page, sync_playwright

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from books import built_book
from browser import launch

FRAMES = """
(seconds) => new Promise((done) => {
  const times = [];
  function frame(now) {
    times.push(now);
    if (now - times[0] < 1000 * seconds) requestAnimationFrame(frame);
    else done(times.slice(1).map((time, i) => time - times[i]));
  }
  requestAnimationFrame(frame);
})
"""
START = """
(root) => {
  root.explorer.work.length = 0;
  window.frames_ = [];
  let last;
  window.watching = true;
  requestAnimationFrame(function frame(now) {
    if (last !== undefined) window.frames_.push(now - last);
    last = now;
    if (window.watching) requestAnimationFrame(frame);
  });
}
"""


def measure(quick: bool) -> dict[str, Any]:
    """Each explorer of the built book; with ``quick`` for half a second each."""
    seconds = 0.5 if quick else 3.0
    found: dict[str, Any] = {}
    with sync_playwright() as playwright:
        browser = launch(playwright)
        for path in sorted(built_book().glob("*.html")):
            if 'class="explorer"' not in path.read_text("utf-8"):
                continue
            page = browser.new_page(viewport={"width": 1280, "height": 900})
            page.goto(path.as_uri(), wait_until="load")
            for root in page.query_selector_all(".explorer"):
                name = root.get_attribute("data-explorer")
                found[name] = drag(page, root, seconds)
                print(f"frames, {name}: {found[name]}")
            page.close()
        browser.close()
    return found


def drag(page: Page, root: ElementHandle, seconds: float) -> dict[str, float]:
    """Median and 95th percentile in ms, dragging and at rest, and their ratio."""
    surface = root.query_selector(".explorer-pad, .explorer-plot, input[type=range]")
    surface.scroll_into_view_if_needed()
    page.wait_for_timeout(500)
    rest = page.evaluate(FRAMES, seconds)
    box = surface.bounding_box()
    middle = box["y"] + box["height"] / 2
    root.evaluate(START)
    page.mouse.move(box["x"] + 0.1 * box["width"], middle)
    page.mouse.down()
    moves = int(100 * seconds)
    for i in range(moves):
        # To and fro, so that every frame has something new to show.
        share = abs((i / 40) % 2 - 1)
        page.mouse.move(box["x"] + (0.1 + 0.8 * share) * box["width"], middle + i % 5)
    page.mouse.up()
    frames = page.evaluate("() => { window.watching = false; return window.frames_; }")
    work = root.evaluate("root => root.explorer.work")
    late = sorted(frames)[int(0.95 * len(frames))]
    return {
        "frame at rest": round(statistics.median(rest), 2),
        "frame while dragging": round(statistics.median(frames), 2),
        "ratio": round(statistics.median(frames) / statistics.median(rest), 3),
        "95th percentile while dragging": round(late, 2),
        "work for a frame": round(statistics.median(work), 2),
        "most work for a frame": round(max(work), 2),
        "frames": len(frames),
    }
