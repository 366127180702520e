"""Quizzes and exercises: in a tiny book, in its notebook, in the real one."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest
from books import TinyBook, built_book
from markdown_it import MarkdownIt
from playwright.sync_api import Browser, Page

CHAPTER = """\
---
jupytext:
  text_representation:
    format_name: myst
kernelspec:
  display_name: Python 3
  name: python3
myst:
  html_meta:
    description: A chapter that asks questions.
---
# Questions

::::{quiz} 1. Which of these is *prime*, $1$, $2$ or $9$?
:::{wrong} $1$, which is `odd`
It has only one divisor.
:::
:::{right} $2$, since $\\sqrt{2} < 2$
Its divisors are 1 and 2:

$$
2 = 1 \\cdot 2 .
$$ (eq-two)
:::
:::{wrong}
$$
9 = \\int_0^3 x^2 \\,\\mathrm{d}x
$$

```python
print(9)
```
---
Three divides it, as in {numref}`ex-odd`.
:::
::::

::::{quiz} 2. And with more to read?
The question goes on.

:::{right} Yes
Because of {eq}`eq-two`.
:::
:::{wrong} No
Look again.
:::
::::

:::{exercise} What if $x$ is odd?
:label: ex-odd

Show that $x^2$ is odd.
:::

:::{solution} ex-odd
$x^2 = 4k^2 + 4k + 1$.
:::

See {numref}`ex-odd`.

```{code-cell} ipython3
answer = 42
```
"""

WIDE = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 900}


@pytest.fixture(scope="module")
def book(tmp_path_factory) -> TinyBook:
    tiny = TinyBook.create(tmp_path_factory.mktemp("quiz"))
    tiny.write("book/chapter.md", CHAPTER)
    tiny.write(
        "book/index.md", "---\nmyst:\n  html_meta:\n    description: T\n---\n# T"
    )
    result = tiny.build()
    assert result.returncode == 0, result.stdout
    return tiny


@pytest.fixture
def page(browser: Browser, book: TinyBook, request):
    """The tiny chapter; a test may ask for other options of the browser."""
    options = {"viewport": WIDE} | getattr(request, "param", {})
    context = browser.new_context(offline=True, **options)
    page = context.new_page()
    open_page(page, book.root / "_build" / "html" / "chapter.html")
    yield page
    context.close()


def open_page(page: Page, path: Path) -> None:
    page.goto(path.as_uri())
    page.evaluate("async () => { await window.MathJax?.startup?.promise }")


def seen(page: Page) -> list[int]:
    """The places of the explanations that are seen, in the order of the page."""
    explanations = page.locator(".quiz-explanation").all()
    return [place for place, node in enumerate(explanations) if node.is_visible()]


# --- in a browser ---------------------------------------------------------------


def test_a_choice_shows_its_explanation_and_can_be_changed(page: Page):
    assert seen(page) == []
    page.locator("#quiz-1-a").check()
    assert seen(page) == [0]
    page.locator("label[for=quiz-1-b]").click()
    assert seen(page) == [1]
    page.locator("label[for=quiz-2-a]").click()
    assert seen(page) == [1, 3]


def test_a_choice_works_by_keyboard(page: Page):
    page.locator("#quiz-1-a").focus()
    page.keyboard.press("Space")
    assert seen(page) == [0]
    page.keyboard.press("ArrowDown")
    assert seen(page) == [1]
    page.keyboard.press("Tab")  # one stop for the whole group
    assert page.evaluate("document.activeElement.name") != "quiz-1"


@pytest.mark.parametrize(
    "page", [{"has_touch": True, "viewport": PHONE}], indirect=True
)
def test_a_choice_works_by_touch(page: Page):
    label = page.locator("label[for=quiz-1-c]")
    assert label.bounding_box()["height"] >= 24  # WCAG 2.2, target size
    label.tap()
    assert seen(page) == [2]


def test_a_choice_works_without_javascript(browser: Browser, book: TinyBook):
    context = browser.new_context(offline=True, java_script_enabled=False)
    page = context.new_page()
    page.goto((book.root / "_build" / "html" / "chapter.html").as_uri())
    page.locator("label[for=quiz-2-b]").click()
    assert seen(page) == [4]
    context.close()


def test_a_screen_reader_knows_the_question_and_hears_the_explanation(page: Page):
    group = page.get_by_role("group", name="2. And with more to read?")
    assert group.get_by_role("radio").count() == 2
    radio = group.get_by_role("radio", name="No")
    region = group.locator("[aria-live=polite]").nth(1)
    assert region.inner_text().strip() == ""  # there before anything is said in it
    radio.check()
    assert region.inner_text().split("\n")[0] == "Not this one."
    assert "Look again." in region.inner_text()


def test_right_and_wrong_are_told_apart_without_colour(page: Page):
    said = page.locator(".quiz-verdict").evaluate_all(
        "all => all.map(p => [p.textContent, getComputedStyle(p, '::before').content])"
    )
    assert [text for text, _ in said[:3]] == [
        "Not this one.",
        "Right.",
        "Not this one.",
    ]
    signs = [sign.split("/")[0].strip() for _, sign in said]
    assert signs == ['"✗"', '"✓"', '"✗"', '"✓"', '"✗"']


@pytest.mark.parametrize(
    "page",
    [
        {"viewport": viewport, "color_scheme": scheme}
        for viewport in (WIDE, PHONE)
        for scheme in ("light", "dark")
    ],
    indirect=True,
)
def test_formulas_are_drawn_and_nothing_sticks_out(page: Page):
    for radio in page.get_by_role("radio").all():
        radio.check()
    quizzes = page.locator("fieldset.quiz")
    formulas = quizzes.locator(".math")
    assert formulas.count() == formulas.locator("mjx-container svg").count() > 5
    assert page.evaluate("document.scrollingElement.scrollWidth <= innerWidth")
    for quiz in quizzes.all():
        box = quiz.bounding_box()
        for label in quiz.locator("label").all():
            part = label.bounding_box()
            assert part["x"] + part["width"] <= box["x"] + box["width"]


def test_print_shows_all_explanations_and_solutions(page: Page):
    solution = page.locator("details.solution p")
    assert not solution.is_visible()
    page.emulate_media(media="print")
    assert seen(page) == [0, 1, 2, 3, 4]
    assert solution.bounding_box()["height"] > 10


def test_a_solution_opens_by_keyboard_and_is_no_part_of_the_exercise(page: Page):
    exercise, solution = page.locator("div.exercise"), page.locator("details.solution")
    assert exercise.inner_text().startswith("Exercise 1 (What if")
    assert solution.locator("summary").inner_text() == "Solution"
    solution.locator("summary").focus()
    page.keyboard.press("Enter")
    assert solution.locator("p").is_visible()


# --- in the notebook ------------------------------------------------------------


@pytest.fixture(scope="module")
def text(book) -> str:
    notebook = nbformat.reads(book.read("html/notebooks/chapter.ipynb"), as_version=4)
    cells = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
    return "\n\n".join(cells)


@pytest.mark.parametrize(
    "expected",
    [
        "**1. Which of these is *prime*, $1$, $2$ or $9$?**\n\n- **A** $1$, which is",
        "<summary>Answer</summary>\n\n- **A: Not this one.** It has only one divisor.",
        "- **B: Right.** Its divisors are 1 and 2:\n\n  $$\n  2 = 1 \\cdot 2 .",
        "  ```python\n  print(9)\n  ```",
        "Three divides it, as in Exercise 1.",
        "**2. And with more to read?**\n\nThe question goes on.\n\n- **A** Yes",
        "> **Exercise 1 (What if $x$ is odd?)**\n>\n> Show that $x^2$ is odd.",
        "<summary>Solution</summary>\n\n$x^2 = 4k^2 + 4k + 1$.\n\n</details>",
    ],
)
def test_notebook_asks_first_and_answers_below(text, expected):
    assert expected in text


def test_notebook_reads_as_it_was_meant(text):
    html = MarkdownIt("commonmark").render(text)
    assert html.count("<details>") == html.count("</details>") == 3
    assert "<strong>1. Which of these is <em>prime</em>" in html


# --- what is malformed ----------------------------------------------------------


MALFORMED = {
    "quiz with 0 right options": """
::::{quiz} All wrong?
:::{wrong} Yes
Because.
:::
:::{wrong} No
Because.
:::
::::
""",
    "quiz with 2 right options": """
::::{quiz} Both right?
:::{right} Yes
Because.
:::
:::{right} No
Because.
:::
::::
""",
    "quiz with 1 options": """
::::{quiz} Any choice?
:::{right} No
Because.
:::
::::
""",
    "quiz without a question": """
::::{quiz}
:::{right} Yes
Because.
:::
:::{wrong} No
Because.
:::
::::
""",
    "option without an explanation: 'Unexplained'": """
:::{wrong} Unexplained
:::
""",
    "option without text": """
:::{wrong}
---
Explained.
:::
""",
    "{right} outside of a {quiz}": """
:::{right} Stray
Because.
:::
""",
}


def test_malformed_quiz_fails_the_build_and_says_where(book):
    lines = {}
    text = CHAPTER
    for complaint, markup in MALFORMED.items():
        lines[complaint] = text.count("\n") + 2
        text += markup
    book.write("book/chapter.md", text)
    result = book.build()
    book.write("book/chapter.md", CHAPTER)
    assert result.returncode == 1
    for complaint, line in lines.items():
        pattern = rf"chapter\.md:(\d+): .*{re.escape(complaint)}"
        found = re.search(pattern, result.stdout)
        assert found, result.stdout
        # MyST-NB counts the end of the front matter twice.
        assert abs(int(found[1]) - line) <= 1, found[0]


# --- in the real book -----------------------------------------------------------


CHAPTERS = (
    "four-lenses", "manifold-learning", "autoencoder", "anomaly-detection",
    "denoising", "vae", "vae-limits", "gan",
)  # fmt: skip


# Clicks every option; gives the quizzes' right options and what went wrong.
CLICK = """
() => [...document.querySelectorAll("fieldset.quiz")].map((quiz) => {
  const options = [...quiz.querySelectorAll(".quiz-option")];
  const answers = [...quiz.querySelectorAll(".quiz-explanation")];
  const wrong = options.filter((option, place) => {
    option.querySelector("label").click();
    const shown = answers.filter((answer) => answer.offsetHeight > 0);
    return shown.length !== 1 || shown[0] !== answers[place];
  });
  return {
    right: options.findIndex((option) => option.matches(".right")),
    silent: wrong.map((option) => option.textContent),
  };
})
"""


def test_every_question_of_the_book_answers(browser: Browser):
    context = browser.new_context(offline=True, viewport=PHONE)
    page = context.new_page()
    places = []
    for name in CHAPTERS:
        page.goto((built_book() / f"{name}.html").as_uri())
        quizzes = page.evaluate(CLICK)
        assert len(quizzes) >= 2, name
        assert not [text for quiz in quizzes for text in quiz["silent"]], name
        places += [quiz["right"] for quiz in quizzes]
    context.close()
    # Nobody learns to choose by the place.
    assert max(places.count(place) for place in places) <= len(places) / 2


def test_every_exercise_of_the_book_has_its_solution_below(browser: Browser):
    for name in CHAPTERS:
        html = (built_book() / f"{name}.html").read_text(encoding="utf-8")
        boxes = re.findall(r'<(?:div|details) class="(exercise|solution) admon', html)
        assert len(boxes) >= 4, name
        assert boxes == ["exercise", "solution"] * (len(boxes) // 2), name
