"""Every page of the built book as axe-core, a keyboard and a screen reader meet it."""

from __future__ import annotations

from importlib.resources import files

import pytest
from books import built_book
from playwright.sync_api import Browser, Page

WIDTHS = {"desktop": 1280, "phone": 390}
AXE = files("axe_playwright_python") / "axe.min.js"

OPEN = """
async () => {
  for (const details of document.querySelectorAll("details")) details.open = true;
  await window.MathJax?.startup?.promise;
}
"""

# A long chapter takes axe a while. Most of its nodes are outlines of letters in
# formulas (hidden from screen readers; the MathML beside them has a test of its own)
# and coloured words in code, whose contrast is the same wherever a colour comes again.
THIN = """
() => {
  for (const formula of document.querySelectorAll("mjx-container"))
    for (const child of formula.children) child.replaceChildren();
  const seen = new Set();
  for (const code of document.querySelectorAll("pre")) {
    const kinds = [...code.querySelectorAll("span")].map((word) => word.className);
    if (kinds.every((kind) => seen.has(kind))) code.textContent = code.textContent;
    for (const kind of kinds) seen.add(kind);
  }
}
"""

# Colours change gradually, and with "reduced motion" still not at once.
SETTLE = """
async () => {
  const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));
  await frame();
  await Promise.allSettled(document.getAnimations().map(({ finished }) => finished));
  await frame();
}
"""

RUN = """
async (rules) => {
  const options = { resultTypes: ["violations"], elementRef: false };
  if (rules) options.runOnly = rules;
  const { violations } = await axe.run(options);
  return violations
    .filter(({ impact }) => impact !== "minor")
    .flatMap(({ id, impact, nodes }) => nodes.map(({ html, failureSummary }) =>
      `${impact}, ${id}: ${html.slice(0, 160)} ${failureSummary}`))
    .map((sentence) => sentence.replace(/\\s+/g, " "));
}
"""


def open_page(browser: Browser, path, width: int = 1280) -> Page:
    page = browser.new_page(
        viewport={"width": width, "height": 900},
        color_scheme="light",
        reduced_motion="reduce",
        offline=True,
    )
    page.set_default_timeout(180_000)  # on a busy machine a long chapter takes its time
    page.goto(path.as_uri(), wait_until="load")
    page.evaluate(OPEN)
    page.wait_for_timeout(200)
    return page


def violations(page: Page) -> list[str]:
    """What axe-core holds for moderate, serious or critical, in light and in dark."""
    page.evaluate(THIN)
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate(RUN)
    page.emulate_media(color_scheme="dark")
    page.wait_for_function("document.documentElement.dataset.theme === 'dark'")
    page.evaluate(SETTLE)
    return found + [f"dark: {one}" for one in page.evaluate(RUN, ["color-contrast"])]


@pytest.mark.parametrize("width", WIDTHS)
def test_axe_finds_no_violation_on_any_page(browser: Browser, width: str):
    complaints = []
    for path in sorted(built_book().glob("*.html")):
        page = open_page(browser, path, WIDTHS[width])
        complaints += [f"{path.name}: {one}" for one in violations(page)]
        page.close()
    assert not complaints, "\n".join(complaints)


@pytest.mark.parametrize(
    ("broken", "complaint"),
    [
        ("<p style='color: #999; background: #fff'>pale</p>", "color-contrast"),
        ("<p style='color: #333; background: #222'>dark</p>", "dark: serious"),
        ("<button></button>", "button-name"),
        ("<div style='overflow: auto; height: 1em; width: 1em'>long</div>", "scroll"),
        (
            "<pre><span class='odd' style='color: #bbb'>word</span></pre>",
            "color-contrast",
        ),
    ],
)
def test_a_violation_is_noticed(browser: Browser, tmp_path, broken, complaint):
    text = (built_book() / "how-to-use.html").read_text(encoding="utf-8")
    text = text.replace("<head>", f"<head><base href='{built_book().as_uri()}/'>")
    path = tmp_path / "broken.html"
    path.write_text(text.replace("</article>", f"{broken}</article>"), "utf-8")
    page = open_page(browser, path)
    found = violations(page)
    page.close()
    assert any(complaint in one for one in found), found


FOCUS = """
() => {
  const node = document.activeElement;
  // A tab-set's button is an invisible radio button; its label shows the focus.
  const shown = node.matches(".sd-tab-set > input") ? node.nextElementSibling : node;
  const box = shown.getBoundingClientRect();
  // A card's link is stretched over the card by what comes after it.
  const ring = [null, "::after"].some((part) => {
    const style = getComputedStyle(shown, part);
    return style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0;
  });
  return {
    name: node.outerHTML.slice(0, 100),
    body: node === document.body,
    visible: ring,
    inside: box.right > 0 && box.left < innerWidth,
  };
}
"""


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", ["index", "autoencoder"])
def test_focus_is_visible_wherever_tab_leads(browser: Browser, width: str, name: str):
    page = open_page(browser, built_book() / f"{name}.html", WIDTHS[width])
    lost = []
    for step in range(400):
        page.keyboard.press("Tab")
        focus = page.evaluate(FOCUS)
        if step == 0:
            assert "main-content" in focus["name"], "the skip link comes first"
        if focus["body"]:
            break
        if not focus["visible"]:
            lost.append(f"no focus ring: {focus['name']}")
        if not focus["inside"]:
            lost.append(f"outside the window: {focus['name']}")
    page.close()
    assert step > 10
    assert not lost, "\n".join(lost)


@pytest.mark.parametrize("state", ["no-preference", "reduce"])
def test_motion_is_reduced_where_the_reader_asks(browser: Browser, state: str):
    page = browser.new_page(reduced_motion=state, offline=True)
    page.goto((built_book() / "autoencoder.html").as_uri())
    moving = page.evaluate(
        """() => {
          const box = document.querySelector("details");
          box.open = true;
          return document.getAnimations().some(
            (one) => one.effect.getComputedTiming().duration > 1);
        }"""
    )
    page.close()
    assert moving == (state == "no-preference")
