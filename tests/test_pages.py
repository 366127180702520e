"""Every page of the built book in a real browser, from disk, without a network."""

from __future__ import annotations

import pytest
from books import built_book
from playwright.sync_api import Browser, BrowserContext

# A window of 1280 pixels at 400 % shows 320; so do the smallest phones.
WIDTHS = {"desktop": 1280, "phone": 320}

# What is wrong with the page that is open, as a list of sentences.
LOOK = r"""
async () => {
  for (const details of document.querySelectorAll("details")) details.open = true;
  if (window.MathJax?.startup) await window.MathJax.startup.promise;
  const article = document.querySelector("article");
  const found = [];

  for (const image of article.querySelectorAll("img")) {
    const name = image.src.slice(0, 60);
    if (!image.complete || !image.naturalWidth) found.push(`broken image ${name}`);
    if (!image.alt.trim()) found.push(`no alt text: ${name}`);
  }

  for (const formula of article.querySelectorAll(".math")) {
    if (!formula.querySelector("mjx-container svg"))
      found.push(`formula not rendered: ${formula.textContent.slice(0, 60)}`);
  }
  for (const formula of article.querySelectorAll("mjx-container"))
    if (!formula.querySelector("mjx-assistive-mml math *"))
      found.push("formula without MathML for screen readers");
  for (const error of article.querySelectorAll("[data-mml-node=merror]"))
    found.push(`error in a formula: ${error.textContent}`);
  const prose = article.cloneNode(true);
  prose.querySelectorAll("pre, code, script, style").forEach((node) => node.remove());
  const tex = prose.textContent.match(/\\[(\[]|\$\$|\\[a-z]{2,}|\{\w+\}`|:::/);
  if (tex) found.push(`raw markup in the text: ${tex[0]}`);

  const scrolls = (node) =>
    node && node !== article &&
    (getComputedStyle(node).overflowX !== "visible" || scrolls(node.parentElement));
  if (document.scrollingElement.scrollWidth > innerWidth)
    found.push(`the page is ${document.scrollingElement.scrollWidth} pixels wide`);
  for (const node of article.querySelectorAll("*")) {
    const box = node.getBoundingClientRect();
    if (box.width > 1 && box.right > innerWidth + 1 && !scrolls(node))
      found.push(`sticks out: ${node.tagName} ${node.className}`);
  }
  return found;
}
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_every_page_shows_what_it_should(browser: Browser, width: str, scheme: str):
    context = browser.new_context(
        viewport={"width": WIDTHS[width], "height": 900},
        color_scheme=scheme,
        offline=True,
    )
    complaints = []
    pages = sorted(built_book().glob("*.html"))
    assert len(pages) >= 6
    for path in pages:
        complaints += [
            f"{path.name}: {text}" for text in look_at(context, path, scheme)
        ]
    context.close()
    assert not complaints, "\n".join(complaints)


def look_at(context: BrowserContext, path, scheme: str) -> list[str]:
    """What is wrong with one page: in its log, in its requests, in its looks."""
    complaints = []
    page = context.new_page()
    page.on(
        "console",
        lambda message: message.type == "error" and complaints.append(message.text),
    )
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on(
        "requestfailed", lambda request: complaints.append(f"not found: {request.url}")
    )
    page.on(
        "request",
        lambda request: (
            request.url.startswith("http")
            and complaints.append(f"asks the network for {request.url}")
        ),
    )
    page.goto(path.as_uri(), wait_until="load")
    theme = page.evaluate("document.documentElement.dataset.theme")
    if theme != scheme:
        complaints.append(f"is {theme}, though the reader asked for {scheme}")
    if page.locator("article").count():
        complaints += page.evaluate(LOOK)
    page.close()
    return complaints


@pytest.mark.parametrize(
    ("broken", "complaint"),
    [
        ("<img src='missing.png' alt='a picture'>", "broken image"),
        ("<img src='_static/logo.svg'>", "no alt text"),
        (r"<p>The loss \frac12</p>", "raw markup"),
        ("<span class='math'>x</span>", "formula not rendered"),
        ("<mjx-container><svg></svg></mjx-container>", "without MathML"),
        ("<div style='width: 3000px'>wide</div>", "sticks out"),
        ("<script src='https://example.org/x.js'></script>", "asks the network"),
        ("<script>throw new Error('a bug')</script>", "a bug"),
    ],
)
def test_a_broken_page_is_noticed(browser: Browser, tmp_path, broken, complaint):
    page = (built_book() / "notation.html").read_text(encoding="utf-8")
    page = page.replace("<head>", f"<head><base href='{built_book().as_uri()}/'>")
    path = tmp_path / "broken.html"
    path.write_text(page.replace("</article>", f"{broken}</article>"), "utf-8")
    context = browser.new_context(offline=True, color_scheme="light")
    complaints = look_at(context, path, "light")
    context.close()
    assert any(complaint in text for text in complaints), complaints
