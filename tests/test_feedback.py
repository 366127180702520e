"""What students and teachers open: nothing in it runs, loads, or tells a secret."""

from __future__ import annotations

import html
import mimetypes
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from urllib.parse import urlsplit

import nbformat
import pytest
import tiny_assignment as tiny
from nbconvert.exporters import HTMLExporter
from nbconvert.filters.markdown_mistune import markdown2html_mistune
from nbformat import NotebookNode
from nbgrader.server_extensions.formgrader import handlers
from playwright.sync_api import Browser, Route
from test_outputs import png
from traitlets.config import Config

from autograder import (
    demo,
    execution,
    feedback,
    gradebook,
    notebooks,
    outputs,
    prose,
    release,
    submissions,
)
from autograder.course import Course
from autograder.execution import Mark, Outcome, Release, Result, Status
from autograder.pipeline import hints

# What a student may try. RUN is replaced by a script that leaves a trace, EVIL by an
# address that nobody may ask.

MARKDOWN = (
    "<script>RUN</script>",
    "<SCRIPT SRC=EVIL></SCRIPT >",
    "<img src=x onerror='RUN'>",
    "<img src=EVIL>",
    "![a picture](EVIL)",
    "![a picture][1]\n\n[1]: EVIL",
    "<b onmouseover=RUN>b</b>",
    "<details open ontoggle=RUN><summary>s</summary></details>",
    "[a](javascript:RUN)",
    "[a](JaVaScRiPt:RUN)",
    "[a][2]\n\n[2]: javascript:RUN",
    "<javascript:RUN>",
    "<a href='javascript:RUN'>a</a>",
    "<a href='&#106;avascript&colon;RUN'>a</a>",
    "<a href=' java\tscript:RUN'>a</a>",
    "<a href='data:text/html,<script>RUN</script>'>a</a>",
    "<a href='/formgrader/manage_students'>a</a>",
    "<a href='//evil.test/a' target=_self>a</a>",
    "<svg onload=RUN></svg>",
    "<svg><a xlink:href='javascript:RUN'><text y=9>a</text></a></svg>",
    "<svg><script>RUN</script></svg>",
    "<svg><animate onbegin=RUN attributeName=x dur=1s></svg>",
    "<iframe src='javascript:parent.RUN'></iframe>",
    "<iframe srcdoc='<script>parent.RUN</script>'></iframe>",
    "<object data='data:text/html,<script>RUN</script>'></object>",
    "<embed src=EVIL>",
    "<meta http-equiv=refresh content='0;url=EVIL'>",
    "<link rel=stylesheet href=EVIL>",
    "<style>@import 'EVIL'; body { display: none }</style>",
    "<p style='background: url(EVIL); position: fixed; inset: 0'>p</p>",
    "<table><tr><td style='background: url(EVIL); position: fixed'>t</td></tr></table>",
    "<base href='https://evil.test/'>",
    "<form action=EVIL><input name=a autofocus onfocus=RUN></form>",
    "<button formaction='javascript:RUN'>b</button>",
    "<video src=EVIL autoplay></video><audio src=EVIL></audio>",
    "<math><a xlink:href='javascript:RUN' href='javascript:RUN'>x</a></math>",
    "<math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;img src=1 "
    "onerror=RUN&gt;'>",
    "<noscript><p title='</noscript><img src=x onerror=RUN>'></noscript>",
    "<!-- --!><img src=x onerror=RUN> -->",
    "<!--> <script>RUN</script> -->",
    "<div\n\n<script>RUN</script>",
    "<b <script>RUN</script>>",
    "<textarea><script>RUN</script>",
    "<title><script>RUN</script>",
    "<plaintext>",
    "<xmp><p title='</xmp><script>RUN</script>'>",
    "<div>\n\n*a*\n\n<script>RUN</script>\n\n</div>",
    "> - <img src=x onerror=RUN>",
    "| a |\n|---|\n| <img src=x onerror=RUN> |",
    "# <img src=x onerror=RUN>",
    "`a` ``<script>RUN</script>`` <script>RUN</script>",
    "```html\n</pre></div><script>RUN</script>\n```",
    "```<img/src=x/onerror=RUN>\ncode\n```",
    "```mermaid\n</pre><script>RUN</script>\n```",
    "$</p><script>RUN</script>$",
    "$$\n<img src=x onerror=RUN>\n$$",
    "\\begin{a}<img src=x onerror=RUN>\\end{a}",
    "$\\href{javascript:RUN}{x}$",
    "$\\\\href{javascript:RUN}{x}$ $\\\\\\href{javascript:RUN}{x}$",
    "$&#92;href{javascript:RUN}{x}$ <b>$\\hr<!-- -->ef{javascript:RUN}{x}$</b>",
    "$$\\let\\a=\\href \\a{javascript:RUN}{x}$$",
    "$\\style{background: url(EVIL)}{x} \\class{navbar-fixed-top}{x}$",
    "$\\cssId{explain}{x}$",
    "$\\require{html}\\mmlToken{mi}[href='javascript:RUN']{x} \\data{a=b}{x}$",
    "$\\includegraphics{EVIL} \\unicode[EVIL]{x41}$",
    "<div id=explain class='score nbgrader_cell' name=explain>posing as the page</div>",
    "<span class=navbar-fixed-top>over the page</span>",
)

TEXT = (
    "<script>RUN</script>",
    "<img src=x onerror=RUN>",
    "</pre></div><img src=x onerror=RUN>",
    "\x1b[31m<script>RUN</script>\x1b[0m",
    "\x1b[38;5;<script>RUN</script>m",
    "<scr\x00ipt>RUN</script>",
    "$\\href{javascript:RUN}{x}$",
    "{{ '<script>RUN</script>' }}",
)

DATA = {
    "text/html": "<script>RUN</script>",
    "text/markdown": "<script>RUN</script>",
    "text/latex": "$\\href{javascript:RUN}{x}$",
    "image/svg+xml": "<svg xmlns='http://www.w3.org/2000/svg' onload='RUN'></svg>",
    "application/javascript": "RUN",
    "image/png": "x' onerror='RUN",
    "image/jpeg": "x' onerror='RUN",
    "text/vnd.mermaid": "<script>RUN</script>",
}

DASHES = str.maketrans("/+.", "---")

NAMES = (
    "[a](javascript:RUN) <img src=x onerror=RUN>.ipynb",
    '"><script>RUN</script>.ipynb',
)


def armed(text: str, number: int | str) -> str:
    """Return a payload that leaves this number if it runs."""
    run = f"hacked.push(/{number}/.source)"  # no space or quote, which would end a link
    return text.replace("RUN", run).replace("EVIL", f"https://evil.test/{number}")


def evil(assignment: Release) -> NotebookNode:
    """Return a graded notebook as the worst of students would like to have it."""
    notebook = notebooks.from_parts([])
    notebook.metadata["widgets"] = {
        "application/vnd.jupyter.widget-state+json": "</script><script>RUN</script>"
    }
    notebook.cells = [
        tiny.cell("markdown", armed(text, f"markdown-{i}"), f"m{i}", solution=True)
        for i, text in enumerate(MARKDOWN)
    ]
    for i, text in enumerate(TEXT):
        said = armed(text, f"text-{i}")
        cell = tiny.cell("code", f"'''{said}'''", f"t{i}", solution=True)
        cell.execution_count = armed("<script>RUN</script>", "count")
        cell.outputs = [
            {"output_type": "stream", "name": "stdout", "text": said},
            {"output_type": "stream", "name": "stderr", "text": said},
            {
                "output_type": "error",
                "ename": said,
                "evalue": said,
                "traceback": [said],
            },
            {
                "output_type": "execute_result",
                "data": {"text/plain": said},
                "metadata": {},
                "execution_count": armed("<script>RUN</script>", "count"),
            },
        ]
        notebook.cells.append(cell)
    for kind, text in DATA.items():
        cell = tiny.cell("code", "", kind.translate(DASHES), solution=True)
        data = {kind: armed(text, kind.translate(DASHES))}
        cell.outputs = [{"output_type": "display_data", "data": data, "metadata": {}}]
        notebook.cells.append(cell)
    cell = tiny.cell("code", "", "width", solution=True)
    picture = {"data": {"image/png": png()}, "output_type": "display_data"}
    width = {"image/png": {"width": armed("1 onload=RUN", "width")}}
    cell.outputs = [{**picture, "metadata": width}]
    notebook.cells.append(cell)
    for i, name in enumerate(NAMES):
        failed = execution.failure(
            f"2 notebooks ({armed(name, f'name-{i}')})", assignment
        )
        notebook.cells += failed.notebook.cells
        notebook.cells[-1]["id"] = f"n{i}"
    fine = "Because $x^2 < y$ and\n\n$$\n\\hat x = f(g(x)) % so\n$$\n\n[a](https://a.test/)"
    notebook.cells.append(tiny.cell("markdown", fine, "fine", solution=True))
    notebook.cells.append(assignment.released.cells[0])
    return nbformat.from_dict(notebook)


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Course:
    return tiny.course(tmp_path_factory.mktemp("given"))


@pytest.fixture(scope="module")
def assignment(course: Course) -> Release:
    return release.load(course, tiny.NAME)


def cleaned(notebook: NotebookNode, assignment: Release) -> NotebookNode:
    outputs.clean(notebook)
    prose.clean(notebook, assignment.graded)
    nbformat.validate(notebook)
    return notebook


def formgrader(notebook: NotebookNode, path: Path, student: str = "ann") -> str:
    """Return the page that nbgrader's formgrader makes of a graded notebook."""
    config = Config()
    config.HTMLExporter.template_name = "formgrade"
    config.HTMLExporter.extra_template_basedirs = [handlers.template_path]
    path.write_text(notebooks.write(notebook), "utf-8")
    resources = {
        "assignment_id": tiny.NAME,
        "notebook_id": tiny.NAME,
        "submission_id": "1",
        "index": 0,
        "total": 1,
        "base_url": "",
        "student": student,
        "last_name": None,
        "first_name": None,
        "notebook_path": f"./autograded/{student}/{tiny.NAME}/{tiny.NAME}.ipynb",
    }
    page, _ = HTMLExporter(config=config).from_filename(str(path), resources=resources)
    return page


def student_page(notebook: NotebookNode, course: Course) -> str:
    """Return our page of a notebook, for no student in particular."""
    names = {"student": "ann", "assignment": tiny.NAME, "notebook": tiny.NAME}
    scores = {"score": 0.0, "max_score": 1.0, "late_penalty": 0}
    resources = {"nbgrader": {**names, **scores}}
    page, _ = feedback.exporter(course).from_notebook_node(notebook, resources)
    return page


# In a browser


@dataclass
class Seen:
    """What happened while a page was open, and everything in it was touched."""

    ran: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    formulas: int = 0


HOME = "http://formgrader.test"
#: MathJax with all that it can do: no worse one can stand behind the page.
MATHJAX = 'window.MathJax = { tex: { inlineMath: [["$", "$"]] } };'
TOUCH = """
async () => {
  const wait = (seconds) => new Promise((done) => setTimeout(done, 1000 * seconds));
  await Promise.race([window.MathJax?.startup?.promise, wait(10)]);
  const links = [...document.querySelectorAll("#notebook a, #notebook area")];
  for (const link of links) {
    const goes = /^(https?|mailto):/i.test(link.href);
    link.addEventListener("click", (event) => goes && event.preventDefault());
  }
  const events = ["mouseover", "mouseenter", "click", "focus", "toggle", "pointerdown"];
  for (const node of document.querySelectorAll("#notebook *"))
    for (const name of events) node.dispatchEvent(new MouseEvent(name, {bubbles: true, cancelable: true}));
  await wait(0.3);
  return {
    ran: hacked,
    links: links.map((link) => link.getAttribute("href") ?? link.getAttribute("xlink:href") ?? ""),
    formulas: document.querySelectorAll("mjx-container").length,
  };
}
"""  # noqa: E501


def opened(browser: Browser, page: str) -> Seen:
    """Open a page where nothing but nbgrader and MathJax answers, and touch it all."""
    seen = Seen()
    scripts = files("mathjax") / "static" / "mathjax" / "es5" / "tex-chtml-full.js"
    mathjax = MATHJAX + scripts.read_text("utf-8")

    def answer(route: Route) -> None:
        address = urlsplit(route.request.url)
        static = Path(handlers.static_path) / address.path.partition("/static/")[2]
        if route.request.url == f"{HOME}/":
            route.fulfill(body=page, content_type="text/html; charset=utf-8")
        elif "mathjax" in address.path and address.netloc == "cdnjs.cloudflare.com":
            route.fulfill(body=mathjax, content_type="text/javascript")
        elif address.path.startswith("/formgrader/static/") and static.is_file():
            kind, _ = mimetypes.guess_type(static.name)
            route.fulfill(body=static.read_bytes(), content_type=kind or "")
        elif address.path.startswith("/formgrader/api/"):
            route.fulfill(json=[])
        elif not (
            address.netloc == "cdnjs.cloudflare.com" or "favicon" in address.path
        ):
            seen.asked.append(route.request.url)
            route.abort()
        else:
            route.abort()

    context = browser.new_context()
    context.add_init_script("window.hacked = window.hacked || [];")
    context.route("**/*", answer)
    tab = context.new_page()
    tab.on("dialog", lambda dialog: (seen.asked.append("dialog"), dialog.dismiss()))
    tab.goto(f"{HOME}/", wait_until="load")
    with suppress(Exception):  # a page that navigates away is seen by what it asked
        found = tab.evaluate(TOUCH)
        seen.ran, seen.links = found["ran"], found["links"]
        seen.formulas = found["formulas"]
    if not tab.url.startswith(HOME):
        seen.asked.append(tab.url)
    context.close()
    return seen


#: These leave the page, or hide from it all that follows.
SWALLOWING = (
    *("<meta", "<base", "<iframe", "<object", "<textarea", "<title", "<plaintext"),
    *("<xmp", "<noscript", "<style", "<!--", "<form", "<button", "<div\n", "<b <"),
    *("<math><mtext", "$</p>"),
)


def made_valid(notebook: NotebookNode) -> NotebookNode:
    """Return a notebook that differs from what nbformat knows in its texts alone."""
    notebook.metadata = notebooks.from_parts([]).metadata
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.execution_count = None
            for output in cell.outputs:
                if "execution_count" in output:
                    output.execution_count = None
    return notebook


def check_nothing_happened(seen: Seen) -> None:
    assert not seen.ran
    assert not seen.asked
    known = ("https://a.test/", "https://evil.test/", "#")
    assert not [link for link in seen.links if link and not link.startswith(known)]
    assert "https://a.test/" in seen.links
    assert seen.formulas >= 2


def test_nothing_runs_in_formgrader(browser, assignment, tmp_path):
    notebook = cleaned(evil(assignment), assignment)
    folder = tmp_path / "class" / armed("<img src=x onerror=RUN>", "folder")
    folder.mkdir(parents=True)
    [found] = submissions.find(tmp_path / "class", tiny.NAME)
    page = formgrader(notebook, tmp_path / "graded.ipynb", found.student)
    check_nothing_happened(opened(browser, page))


def test_nothing_runs_in_feedback(browser, assignment, course):
    page = student_page(cleaned(evil(assignment), assignment), course)
    check_nothing_happened(opened(browser, page))


def test_nothing_runs_in_feedback_on_what_nbgrader_graded(browser, assignment, course):
    notebook = evil(assignment)  # as `nbgrader autograde` would have left it
    notebook.cells = [cell for cell in notebook.cells if notebooks.role(cell)]
    check_nothing_happened(opened(browser, student_page(notebook, course)))


def test_payloads_do_run_where_nothing_is_cleaned(browser, assignment, tmp_path):
    """The proof that the tests above could fail."""
    notebook = evil(assignment)
    notebook.cells = [
        cell for cell in notebook.cells if not cell.source.startswith(SWALLOWING)
    ]
    made = formgrader(made_valid(notebook), tmp_path / "raw.ipynb")
    seen = opened(browser, made)
    ran = {number.partition("-")[0] for number in seen.ran}
    assert ran >= {"markdown", "name", "width", "text"}
    assert {"text-html", "text-markdown", "application-javascript"} <= set(seen.ran)
    assert len(set(seen.ran)) >= 20
    assert len(set(seen.asked)) >= 8
    assert len([link for link in seen.links if "javascript:" in link.lower()]) >= 5


# What is written

BOX, _, _ = prose.BOX.partition("{}")
KNOWN = {
    *("a", "b", "blockquote", "code", "div", "em", "h1", "li", "ol", "p", "pre"),
    *("span", "strong", "table", "tbody", "td", "th", "thead", "tr", "ul"),
}


@pytest.mark.parametrize("source", MARKDOWN, ids=range(len(MARKDOWN)))
def test_stored_markdown_renders_to_its_own_inert_html(source):
    stored = prose.stored(armed(source, 1))
    assert "\n" not in stored
    assert markdown2html_mistune(stored).strip() == stored
    assert prose.inert(stored) == prose.inert(armed(source, 1))
    tags = {tag.lower() for tag in re.findall(r"<([a-zA-Z0-9]+)", stored)}
    assert tags <= KNOWN
    assert not re.search(r"<[^>]*\b(on\w+|src|id|name|srcdoc|action)\s*=", stored)
    for style in re.findall(r'style="([^"]*)"', stored.removeprefix(BOX)):
        assert re.fullmatch("(text-align:[a-z]+)?", style)
    for link in re.findall(r'href="([^"]*)"', stored):
        assert link.startswith("https://evil.test/")
    outside_code = re.sub(r"<(pre|code)>.*?</\1>", "", stored)
    assert not prose.MACROS.search(html.unescape(outside_code))


GOOD = {
    "# Title": "<h1>Title</h1>",
    "**a** *b* `c` ~~d~~": "<strong>a</strong> <em>b</em> <code>c</code> <del>d</del>",
    "- [x] a\n- [ ] b": "☑ a</li>",
    "[a](https://a.test/?b=c&d 'title')": 'href="https://a.test/?b=c&amp;d"',
    "<a.b@c.test>": 'href="mailto:a.b@c.test"',
    "https://a.test": 'rel="noopener noreferrer"',
    "| a |\n|--:|\n| b |": '<td style="text-align:right">b</td>',
    "```python\nx = 1\n```": '<span class="n">x</span>',
    "![a plot](a.png)": "[picture: a plot]",
    "$a < b$": "$a &lt; b$",
    "$$\na_1 b_2 \\\\\n% so\n$$": "$$&#10;a_1 b_2 \\\\&#10;% so&#10;$$",
    "\\begin{align}\na &= b\n\\end{align}": "\\begin{align}&#10;a &amp;= b&#10;",
    "term\n: definition": "<dd>definition</dd>",
    "x<sub>1</sub>": "x<sub>1</sub>",
    "5 > 3 & 2 < 4": "5 &gt; 3 &amp; 2 &lt; 4",
}


@pytest.mark.parametrize("source", GOOD)
def test_what_an_honest_answer_uses_is_kept(source):
    assert GOOD[source] in prose.stored(source)
    assert GOOD[source] in prose.stored(prose.stored(source))


HARD = (
    *("\\begin{a}", "$$", "\\\\[", "[", "![", "*a **", "`", "<a ", "> ", "- ", "&#"),
    *("<b><i>", "<div>", "<ul><li>", "|a|b|\n|-|-|\n", "[a]: x\n", "a\n: b\n"),
    *("1. ", "\\", "<x y='"),
)


@pytest.mark.parametrize("part", HARD, ids=range(len(HARD)))
def test_text_that_is_hard_to_render_is_shown_as_it_is(part):
    """Long or deep: neither time nor the stack runs out, here or in formgrader."""
    for size in (19_000, 1_000_000):
        stored = prose.stored(part * (size // len(part)))
        assert stored.startswith("<div") and len(stored) < 12 * size
        assert prose._depth(stored) <= prose.DEEPEST + 2
        if size > prose.LONGEST:
            assert "shown as it was written" in stored and "<b>" not in stored


def test_text_at_which_the_renderer_stumbles_is_shown_as_it_is():
    source = "```&nbsp;\n<b>"
    with pytest.raises(IndexError):
        markdown2html_mistune(source)
    assert "```&amp;nbsp;&#10;&lt;b&gt;</pre>" in prose.stored(source)


@pytest.mark.parametrize("source", [*GOOD, "<" * 100_000, "<div>" * 9000])
def test_what_was_stored_is_stored_again_as_it_is(source):
    stored = prose.stored(source)
    assert prose.stored(stored) == prose.stored(prose.stored(stored))
    assert html.unescape(prose.stored(stored)) == html.unescape(stored)


def test_text_of_the_assignment_stays_as_it_is(assignment):
    notebook = demo.fill(assignment.graded, {})
    prose.clean(notebook, assignment.graded)
    assert notebook == assignment.graded


def test_reason_of_a_failure_is_inert_too(assignment):
    failed = execution.failure("[a](javascript:alert) $\\href{a}{b}$", assignment)
    prose.clean(failed.notebook, assignment.graded)
    [cell] = failed.notebook.cells
    assert "could not be graded" in cell.source
    assert "javascript:" not in cell.source and "\\href" not in cell.source


# The student's page


@pytest.fixture(scope="module")
def book(course: Course, assignment: Release) -> Iterator[gradebook.Gradebook]:
    gradebook.register(course, assignment)
    with gradebook.opened(course) as opened:
        yield opened


def graded(assignment: Release, answers: dict[str, str]) -> NotebookNode:
    """Return a graded notebook whose first check failed in its hidden part."""
    notebook = demo.fill(assignment.graded, answers)
    test = next(cell for cell in notebook.cells if cell["id"] == "add-test")
    frame = f"----> 3 {tiny.SECRET} = '{tiny.SECRET}'\n      4 assert add(-1, 1) == 0"
    test.outputs = [
        nbformat.v4.new_output("stream", text=f"printed {tiny.SECRET}"),
        nbformat.v4.new_output(
            "error",
            ename="AssertionError",
            evalue="negative numbers count too",
            traceback=["Traceback", frame, "AssertionError: negative numbers"],
        ),
    ]
    return notebook


def page_of(
    course: Course,
    assignment: Release,
    book: gradebook.Gradebook,
    answers: dict[str, str],
) -> str:
    marks = (
        Mark("add-test", 0.5, Outcome.PARTIAL),
        Mark("area-test", 3.0, Outcome.PASSED),
        Mark("explain", None, Outcome.WRITTEN),
    )
    notebook = graded(assignment, answers)
    result = Result(Status.GRADED, "", marks, (), notebook, 0.0)
    gradebook.enter(book, assignment, "ann", result)
    comment = book.find_comment("explain", tiny.NAME, tiny.NAME, "ann")
    comment.manual_comment = "Well **said** <script>alert(1)</script>"
    book.db.commit()
    cleaned(notebook, assignment)
    pages = feedback.exporter(course)
    return feedback.page(pages, book, tiny.NAME, "ann", notebook)


def test_student_reads_scores_comments_checks_and_hints(course, assignment, book):
    page = page_of(course, assignment, book, tiny.RIGHT)
    shown = re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", "", page)))
    assert "sample (Score: 3.5 / 10.0)" in shown
    assert "Test cell (Score: 0.5 / 2.0)" in shown
    assert "Test cell (Score: 3.0 / 3.0)" in shown
    assert "Written response (Score: 0.0 / 5.0)" in shown
    assert "Comments: Well said" in shown and "<script>alert" not in page
    assert 'assert add(1, 2) == 3, "add(1, 2) must be 3"' in shown
    assert "AssertionError: negative numbers count too" in shown
    assert "Because it is so." in shown and "# A heading of mine" not in shown


def test_student_reads_nothing_that_is_hidden(course, assignment, book):
    page = page_of(course, assignment, book, tiny.RIGHT)
    assert tiny.SECRET not in page
    assert "HIDDEN" not in page
    assert "Traceback" not in page and "add(-1, 1)" not in page
    stored = notebooks.write(cleaned(graded(assignment, tiny.RIGHT), assignment))
    assert tiny.SECRET in stored  # the instructor, in formgrader, sees all


@pytest.mark.parametrize("mark", ["BEGIN", "END"])
def test_words_of_a_hidden_region_in_an_answer_do_no_harm(
    course, assignment, book, mark
):
    answers = {
        name: f"### {mark} HIDDEN TESTS\n\n{a}" for name, a in tiny.RIGHT.items()
    }
    page = page_of(course, assignment, book, answers)
    assert f"{mark} HIDDEN TESTS" in page and tiny.SECRET not in page


def test_picture_that_is_missing_does_no_harm(course, assignment, book):
    page = page_of(course, assignment, book, {"explain": "![a](attachment:none.png)"})
    assert "[picture: a]" in page


def test_page_asks_the_database_a_few_times(course, assignment, book):
    from sqlalchemy import event

    page_of(course, assignment, book, tiny.RIGHT)
    asked = []
    event.listen(book.engine, "before_cursor_execute", lambda *a: asked.append(a[2]))
    pages = feedback.exporter(course)
    notebook = cleaned(graded(assignment, tiny.RIGHT), assignment)
    feedback.page(pages, book, tiny.NAME, "ann", notebook)
    assert 0 < len(asked) <= 5


def test_long_code_is_shown_without_colours(course, assignment, book):
    page = page_of(course, assignment, book, {"add": "a." * 20_000 + "<b>"})
    assert "a." * 20_000 + "&lt;b&gt;" in page


# The summary at the top of a student's page


def summary(page: str) -> str:
    """Return it as text, and check that it has no more than its own elements."""
    [found] = re.findall(r'<section aria-label="Summary">.*?</section>', page, re.S)
    tags = set(re.findall(r"<(\w+)", found))
    assert tags <= {"section", "p", "b", "ul", "li", "a", "code"}
    assert set(re.findall(r'href="([^"]*)"', found)) <= {
        *("#add-test", "#area-test", "#explain")
    }
    return html.unescape(re.sub(r"<[^>]+>", "", found.replace("</li>", "\n")))


def test_summary_says_what_went_wrong_and_where(course, assignment, book):
    said = summary(page_of(course, assignment, book, tiny.RIGHT))
    assert said == (
        "You have 3.5 of 10 points. Below, question by question, is where to look."
        "Add: 0.5 of 2 points. What went wrong: "
        "AssertionError: negative numbers count too.\n"
        "Area: passed.\n"
        "Explain: 0 of 5 points so far; a person reads your answer.\n"
    )


def summarised(notebook: NotebookNode, scores: dict[str, float], late: float = 0.0):
    """Return the summary of a notebook that earned this."""
    for cell in notebook.cells:
        if notebooks.grade_id(cell) in scores:
            notebooks.role(cell)["score"] = scores[notebooks.grade_id(cell)]
    total = {"score": sum(scores.values()) - late, "max_score": 10.0}
    resources = {"nbgrader": {**total, "late_penalty": late}}
    notebook, resources = feedback.summarise(notebook, resources)
    assert resources["summary"] == notebook.cells[0].source
    return summary(notebook.cells[0].source)


FULL = {"add-test": 2.0, "area-test": 3.0, "explain": 5.0}


def test_summary_of_all_points_says_well_done(assignment):
    notebook = demo.fill(assignment.graded, tiny.RIGHT)
    said = summarised(notebook, FULL)
    assert said.startswith("You have 10 of 10 points: all that there are. Well done!")
    assert said.count("passed.") == 3


def test_summary_names_lateness_limit_and_blank_answer(assignment):
    notebook = demo.fill(assignment.graded, tiny.RIGHT)
    for cell in notebook.cells:
        if cell["id"] == "add-test":
            hint = "Hint: your cell used too much memory and was ended"
            cell.outputs = [
                nbformat.v4.new_output("error", ename="Hint", evalue=hint, traceback=[])
            ]
        if cell["id"] == "area":
            notebooks.role(cell)["comment"] = "No response."
    said = summarised(notebook, {**FULL, "add-test": 0.0, "area-test": 0.0}, late=2.5)
    assert "You have 2.5 of 10 points, after 2.5 taken off because it came late" in said
    assert "What went wrong: your cell used too much memory and was ended.\n" in said
    assert "Area: 0 of 3 points; there was no answer yet.\n" in said


def test_summary_of_what_could_not_be_run(course, assignment, book):
    failed = execution.failure("the file is empty", assignment)
    gradebook.enter(book, assignment, "ann", failed)
    pages = feedback.exporter(course)
    page = feedback.page(pages, book, tiny.NAME, "ann", failed.notebook)
    assert "0 of 10 points: nothing in it could be run" in summary(page)
    assert "could not be graded: the file is empty" in page


def test_hostile_hint_stays_text_in_the_summary(browser, assignment, course):
    payload = " ".join(armed(source, n) for n, source in enumerate(MARKDOWN))
    notebook = demo.fill(assignment.graded, tiny.RIGHT)
    for cell in filter(notebooks.is_graded, notebook.cells):
        notebooks.role(cell)["score"] = 0.0
    test = next(cell for cell in notebook.cells if notebooks.is_test(cell))
    hint = {"ename": "Hint", "evalue": payload, "traceback": [payload]}
    test.outputs = [nbformat.v4.new_output("error", **hint)]
    page = student_page(notebook, course)
    assert hints.plain(test.outputs[0])[6:-1] in summary(page)
    seen = opened(browser, page)
    assert (seen.ran, seen.asked, seen.formulas) == ([], [], 0)
    assert not [link for link in seen.links if link and not link.startswith("#")]


def test_hostile_text_would_run_in_a_summary_that_does_not_escape(
    browser, assignment, course, monkeypatch
):
    """The proof that the test above could fail."""
    monkeypatch.setattr(feedback, "_plain", lambda text: text)
    notebook = demo.fill(assignment.graded, tiny.RIGHT)
    for cell in filter(notebooks.is_graded, notebook.cells):
        notebooks.role(cell)["score"] = 0.0
    test = next(cell for cell in notebook.cells if notebooks.is_test(cell))
    hint = {"ename": "Hint", "evalue": armed("<img src=x onerror='RUN'>", 1)}
    test.outputs = [nbformat.v4.new_output("error", **hint, traceback=[])]
    assert opened(browser, student_page(notebook, course)).ran


@pytest.mark.parametrize("name", ["534659292.py", "<ipython-input-1-5b>"])
def test_syntax_error_is_told_by_its_line_and_not_by_a_made_up_file(name):
    found = nbformat.v4.new_output(
        "error", ename="SyntaxError", evalue=f"expected ':' ({name}, line 1)"
    )
    assert hints.plain(found) == "SyntaxError: expected ':' (line 1)"
