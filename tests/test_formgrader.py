"""Marking by hand: nbgrader's formgrader in JupyterLab, as the teacher clicks there."""

from __future__ import annotations

import csv
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import tiny_assignment as tiny
from browser import launch
from playwright.sync_api import BrowserContext, Locator, Page, expect, sync_playwright
from test_jupyterlab import PATIENCE, TOKEN, started
from test_outputs import png

from autograder import cli, demo, notebooks, release
from autograder.course import MARK, Course

ROOT = Path(__file__).resolve().parents[1]
LIVE = "<script>window.hit = 1</script><img src='x' onerror='window.hit = 1'>"
SHOWS = (
    f"\nfrom IPython.display import HTML, display\ndisplay(HTML({LIVE!r}))\n"
    f"print({LIVE!r})\n"
    f"display({{'image/png': {png(40, 20)!r}}}, raw=True)\n"
)
CLASS = {
    "half": {**tiny.RIGHT, "area": "def area(r):\n    return 3"},
    "lively": {
        **tiny.RIGHT,
        "add": tiny.RIGHT["add"] + SHOWS,
        "explain": f"**Because**\n\n{LIVE}",
    },
    "blank": {},
}


@dataclass(frozen=True)
class Formgrader:
    """Formgrader, shown by a browser, and the course that it shows."""

    course: Course
    url: str
    browser: BrowserContext

    def page(self, path: str) -> Page:
        """Open one of its pages."""
        page = self.browser.new_page()
        page.goto(f"{self.url}formgrader/{path}")
        return page

    def submission(self, student: str) -> Page:
        """Open the page for marking a submission, by its way through the lists."""
        page = self.page(f"manage_students/{student}/{tiny.NAME}")
        page.locator("tbody a", has_text=tiny.NAME).click()
        expect(page.locator("input.score").first).to_have_attribute(
            "placeholder", re.compile("."), timeout=PATIENCE
        )
        return page

    def grade(self, *options: str) -> dict[str, dict[str, str]]:
        """Grade the class; return its rows of marks.csv."""
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(self.course.root)
            assert cli.main(["grade", tiny.NAME, "class", *options]) == 0
        return self.rows()

    def rows(self) -> dict[str, dict[str, str]]:
        path = self.course.results(tiny.NAME) / "marks.csv"
        with path.open(encoding="utf-8", newline="") as file:
            return {row["student"]: row for row in csv.DictReader(file)}


@pytest.fixture(scope="module")
def formgrader(tmp_path_factory) -> Iterator[Formgrader]:
    """A class that was graded, and JupyterLab in its course's folder."""
    pytest.importorskip("jupyterlab", reason="no JupyterLab: pip install jupyterlab")
    root, own = tmp_path_factory.mktemp("course"), tmp_path_factory.mktemp("teacher")
    course = tiny.course(root)
    shutil.copy(ROOT / MARK, root)
    for student, answers in CLASS.items():
        hand_in(course, student, answers)
    with (
        sync_playwright() as playwright,
        launch(playwright) as browser,
        started(root, own) as url,
    ):
        context = browser.new_context(viewport={"width": 1280, "height": 900})
        context.set_default_timeout(PATIENCE)
        made = Formgrader(course, url, context)
        made.grade()
        page = context.new_page()
        page.goto(f"{url}lab?token={TOKEN}&reset")  # the token is kept in a cookie
        page.close()
        yield made


def hand_in(course: Course, student: str, answers: dict[str, str]) -> None:
    path = course.root / "class" / student / f"{tiny.NAME}.ipynb"
    path.parent.mkdir(parents=True, exist_ok=True)
    released = release.load(course, tiny.NAME).released
    path.write_text(notebooks.write(demo.fill(released, answers)), "utf-8")


def mark(page: Page, question: str, points: str) -> None:
    """Type points, and wait until they are kept."""
    with page.expect_response(lambda answer: "/api/grade/" in answer.url) as found:
        page.locator(f"input#{question}").fill(points)
        page.keyboard.press("Tab")
    assert found.value.ok and found.value.request.method == "PUT"


def comment(page: Page, answer: str, text: str) -> None:
    """Type a comment, and wait until it is kept."""
    with page.expect_response(lambda answer: "/api/comment/" in answer.url) as found:
        page.locator(f"textarea#{answer}-comment").fill(text)
        page.keyboard.press("Tab")
    assert found.value.ok and found.value.request.method == "PUT"


def row(page: Page, student: str) -> Locator:
    return page.locator("tbody tr", has=page.get_by_text(student, exact=True))


def test_jupyterlabs_menu_leads_to_the_class_with_the_marks_of_the_report(formgrader):
    page = formgrader.browser.new_page()
    page.goto(f"{formgrader.url}lab?reset")
    page.get_by_role("menuitem", name="Nbgrader", exact=True).click()
    page.get_by_role("menuitem", name="Formgrader", exact=True).click()
    frame = page.frame_locator("iframe[src*=formgrader]")
    line = frame.locator("tbody tr", has=frame.get_by_text(tiny.NAME, exact=True))
    expect(line.locator(".num-submissions")).to_have_text("3", timeout=PATIENCE)
    line.locator(".num-submissions a").click()
    for student, marks in formgrader.rows().items():
        shown = frame.locator("tbody tr", has=frame.get_by_text(student, exact=True))
        expect(shown.locator(".score")).to_have_text(
            f"{marks['points']} / 10", timeout=PATIENCE
        )
    frame.get_by_role("link", name="Manual Grading").first.click()
    expect(frame.get_by_role("link", name=tiny.NAME)).to_be_visible(timeout=PATIENCE)
    page.close()


def test_what_a_student_wrote_is_shown_and_does_not_run(formgrader):
    page = formgrader.submission("lively")
    answer = page.locator(".nbgrader_cell", has=page.locator("#explain"))
    expect(answer.locator("strong")).to_have_text("Because", timeout=PATIENCE)
    expect(page.locator("pre", has_text="window.hit").first).to_be_visible()
    [picture] = page.locator("#notebook img").all()
    assert picture.evaluate("image => image.naturalWidth") == 40
    assert page.evaluate("window.hit") is None
    assert not page.locator(".nbgrader_cell script, .output script").count()
    assert not page.locator("[onerror]").count()
    # The teacher, unlike the student, sees the hidden tests.
    expect(page.get_by_text(tiny.SECRET).first).to_be_visible()
    page.close()


def test_marks_and_comments_survive_grading_again_and_are_flagged(formgrader):
    page = formgrader.submission("half")
    failed = page.locator("input#area-test")
    expect(failed).to_have_attribute("placeholder", "0")
    expect(page.get_by_text("area(1) must be pi").last).to_be_visible()
    mark(page, "explain", "4")
    comment(page, "explain", "Say **why**, and for $r > 0$.")
    mark(page, "area-test", "1.5")
    page.reload()
    expect(page.locator("input#explain")).to_have_value("4", timeout=PATIENCE)
    page.close()

    hand_in(formgrader.course, "half", {**CLASS["half"], "add": "def add(): pass"})
    rows = formgrader.grade("--regrade", "Q1")
    assert (
        rows["half"]
        | {**{"points": "5.5", "add-test": "0", "area-test": "1.5", "explain": "4"}}
        == rows["half"]
    )

    page = formgrader.submission("half")
    expect(page.locator("input#add-test")).to_have_attribute("placeholder", "0")
    expect(page.locator("input#area-test")).to_have_value("1.5")
    written = page.locator("textarea#explain-comment")
    expect(written).to_have_value("Say **why**, and for $r > 0$.")
    # It asks for another look, until the teacher says that the mark stands.
    for question in ("area-test", "explain"):
        expect(page.locator(f"input#{question}")).to_have_class(
            re.compile("needs_manual_grade")
        )
        cell = page.locator(".nbgrader_cell", has=page.locator(f"#{question}"))
        with page.expect_response(lambda answer: "/api/grade/" in answer.url):
            cell.get_by_role("button", name="Resolve").click()
    page.close()
    page = formgrader.page(f"manage_submissions/{tiny.NAME}")
    expect(row(page, "half").locator(".status")).to_have_text("graded")
    expect(row(page, "half").locator(".score")).to_have_text("5.5 / 10")
    expect(row(page, "lively").locator(".status")).to_have_text("needs manual grading")
    page.close()
    found = formgrader.course.feedback(tiny.NAME, "half").read_text("utf-8")
    assert "You have 5.5 of 10 points" in found
    assert "Say <strong>why</strong>" in found


def test_flash_in_formgrader_runs_no_students_code_and_says_so(formgrader):
    graded = formgrader.course.autograded(tiny.NAME, "blank")
    before, rows = graded.read_bytes(), formgrader.rows()
    page = formgrader.page(f"manage_submissions/{tiny.NAME}")
    row(page, "blank").locator(".autograde a").click()
    said = page.locator("#error-modal")
    expect(said).to_contain_text("Nothing was run or changed", timeout=PATIENCE)
    page.close()
    assert graded.read_bytes() == before
    assert formgrader.grade() == rows
