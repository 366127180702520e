"""An exercise as its student meets it: in JupyterLab, with nbgrader's Validate button.

A student may ask either nbgrader's button or ``autograder check``; both must name the
same questions.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from browser import launch
from nbformat import NotebookNode
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

from autograder import bundle, demo, notebooks
from autograder.check import check
from autograder.course import Course
from autograder.execution import Outcome

ROOT = Path(__file__).resolve().parents[1]
COURSE = Course(ROOT, ROOT)
NAME = "four-lenses"
PATIENCE = 180_000  # milliseconds, on a busy machine
COLUMNS = 88  # of code that fit where the window is 1280 pixels wide
TOKEN = "for-the-test"
FIRST = "poisson"  # the first question's answer, typed in the browser


@dataclass(frozen=True)
class Lab:
    """A running JupyterLab and the folder that it shows."""

    folder: Path
    url: str
    browser: Browser

    def open(self, path: str, errors: list[str] | None = None) -> Page:
        """Open a notebook and wait for its kernel; gather JavaScript's errors."""
        page = self.browser.new_page(viewport={"width": 1280, "height": 900})
        if errors is not None:
            page.on("pageerror", lambda error: errors.append(str(error)))
        page.set_default_timeout(PATIENCE)
        page.goto(f"{self.url}lab/tree/{path}?token={TOKEN}&reset")
        expect(page.locator(".jp-Notebook")).to_be_visible(timeout=PATIENCE)
        idle = page.locator('.jp-Notebook-ExecutionIndicator[data-status="idle"]')
        expect(idle).to_be_visible(timeout=PATIENCE)
        return page


@pytest.fixture(scope="module")
def released() -> NotebookNode:
    return notebooks.read(COURSE.exercise(NAME) / f"{NAME}.ipynb")


@pytest.fixture(scope="module")
def right() -> dict[str, str]:
    return demo.answers(COURSE, NAME)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """JupyterLab in the folder that a student unpacks, with settings of its own."""
    pytest.importorskip("jupyterlab", reason="no JupyterLab: pip install jupyterlab")
    root = tmp_path_factory.mktemp("student")
    with zipfile.ZipFile(bundle.write(COURSE, NAME)) as archive:
        archive.extractall(root)
    with (
        sync_playwright() as playwright,
        launch(playwright) as browser,
        started(root / NAME, root) as url,
    ):
        yield Lab(root / NAME, url, browser)


@contextmanager
def started(folder: Path, own: Path) -> Iterator[str]:
    """Start JupyterLab in a folder, with its own files in another; give its address."""
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"]
    command += ["--ServerApp.ip=127.0.0.1", "--ServerApp.port=0"]
    command += [f"--IdentityProvider.token={TOKEN}"]
    never = "jupyterlab.NeverCheckForUpdate"  # or it would ask the network
    command += [f"--LabApp.check_for_updates_class={never}"]
    with (own / "log").open("w") as log:
        server = subprocess.Popen(
            command,
            cwd=folder,
            env=environment(own),
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            yield address(own / "runtime", server, own / "log")
        finally:
            server.terminate()
            server.wait(timeout=60)


def environment(root: Path) -> dict[str, str]:
    """The environment of someone who has never used Jupyter."""
    own = {
        f"JUPYTER_{name.upper()}_DIR": str(root / name)
        for name in ("config", "data", "runtime")
    }
    own |= {"IPYTHONDIR": str(root / "ipython"), "JUPYTER_PREFER_ENV_PATH": "1"}
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    return {**os.environ, **own, "PYTHONPATH": path}


def address(runtime: Path, server: subprocess.Popen[bytes], log: Path) -> str:
    """Where the server listens, as soon as it does."""
    end = time.monotonic() + PATIENCE / 1000
    while time.monotonic() < end and server.poll() is None:
        for path in runtime.glob("jpserver-*.json"):
            try:
                return json.loads(path.read_text())["url"]
            except json.JSONDecodeError:  # it is being written
                continue
        time.sleep(0.2)
    pytest.fail(f"JupyterLab did not start:\n{log.read_text()}", pytrace=False)


def cell(page: Page, name: str, released: NotebookNode) -> Locator:
    """The cell of this id, scrolled to."""
    [index] = [i for i, one in enumerate(released.cells) if one["id"] == name]
    found = page.locator(f'.jp-Cell[data-windowed-list-index="{index}"]')
    if not found.count():  # in plain order, where JupyterLab keeps all cells
        found = page.locator(".jp-Notebook .jp-Cell").nth(index)
    found.scroll_into_view_if_needed()
    return found


def write_into(cell: Locator, source: str) -> None:
    """Replace a cell's content as by hand: click, select all, write."""
    cell.locator(".cm-content").click()
    cell.page.keyboard.press("Control+A")
    cell.page.keyboard.insert_text(source)


def save(page: Page, path: Path) -> NotebookNode:
    """Save by the keyboard; return what is in the file."""
    before = path.stat().st_mtime_ns
    page.keyboard.press("Control+S")
    end = time.monotonic() + PATIENCE / 1000
    while path.stat().st_mtime_ns == before and time.monotonic() < end:
        page.wait_for_timeout(100)
    page.wait_for_timeout(300)  # it is written in pieces
    return notebooks.read(path)


def validate(page: Page, notebook: NotebookNode) -> set[str]:
    """Press Validate; return the ids of the cells that its dialog calls failed."""
    page.get_by_role("button", name="Validate").click()
    dialog = page.locator(".jp-Dialog", has_text="Validation Results")
    expect(dialog).to_be_visible(timeout=PATIENCE)
    page.wait_for_timeout(300)
    text = dialog.inner_text()
    shown = [pre.inner_text().strip() for pre in dialog.locator("pre").all()]
    sources = {one.source.strip(): one["id"] for one in notebook.cells}
    failed = {sources[source] for source in shown if source in sources}
    assert len(failed) == text.count("The following cell failed")
    assert failed or "Success" in text, text
    dialog.get_by_role("button", name="Ok").click()
    return failed


@pytest.mark.parametrize("name", COURSE.assignments)
def test_drawings_in_a_task_fit_between_jupyterlabs_side_bars(name):
    notebook = notebooks.read(COURSE.exercise(name) / f"{name}.ipynb")
    for one in notebook.cells:
        if one.cell_type == "markdown":
            for drawing in re.findall(r"```.*?```", one.source, re.DOTALL):
                assert max(map(len, drawing.splitlines())) <= COLUMNS, one["id"]


def test_exercise_opens_without_a_complaint_and_its_formulas_are_set(lab, released):
    errors: list[str] = []
    page = lab.open(f"{NAME}.ipynb", errors)
    for one in released.cells:
        if one.cell_type == "markdown" and "$" in one.source:
            found = cell(page, one["id"], released)
            expect(found.locator("mjx-container").first).to_be_attached(
                timeout=PATIENCE
            )
            assert not found.locator("[data-mml-node=merror], mjx-merror").count()
    assert not page.locator(".jp-Dialog").count()
    assert not errors
    page.close()


def test_typed_answer_passes_and_the_locked_cells_stay(lab, released, right):
    path = lab.folder / "typed.ipynb"
    path.write_bytes((lab.folder / f"{NAME}.ipynb").read_bytes())
    page = lab.open(path.name)
    test = cell(page, f"{FIRST}-check", released)
    write_into(test, "print('I changed the test')")
    write_into(cell(page, FIRST, released), right[FIRST])
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    said = page.get_by_text("Question 1: the checks in this cell pass.")
    expect(said.and_(page.locator(".jp-OutputArea pre"))).to_be_attached(
        timeout=PATIENCE
    )
    # The next question is blank: Jupyter stops there.
    stopped = page.locator(".jp-OutputArea pre", has_text="NotImplementedError")
    expect(stopped.first).to_be_attached(timeout=PATIENCE)
    saved = save(page, path)
    page.close()
    sources = {one["id"]: one.source for one in saved.cells}
    expected = {one["id"]: one.source for one in released.cells}
    assert sources == {**expected, FIRST: right[FIRST]}
    assert [c.metadata["nbgrader"] for c in saved.cells] == [
        c.metadata["nbgrader"] for c in released.cells
    ]


def test_validate_button_and_check_agree_on_a_half_solved_notebook(
    lab, released, right
):
    code = [one["id"] for one in released.cells if one["id"] in right]
    typed, wrong, blank = code[0], code[1], code[2]
    given = {name: source for name, source in right.items() if name != blank}
    given |= {wrong: demo.wrong(right[wrong])}
    del given[typed], given[code[-1]]  # the last one is a written answer
    path = lab.folder / "half.ipynb"
    path.write_text(notebooks.write(demo.fill(released, given)), "utf-8")
    page = lab.open(path.name)
    write_into(cell(page, typed, released), right[typed])
    failed = validate(page, released)  # which saves first
    page.close()
    assert failed == checked(path)
    assert failed == {f"{wrong}-check", f"{blank}-check", code[-1]}


def test_validate_button_and_check_agree_on_a_solved_notebook(lab, released, right):
    path = lab.folder / "solved.ipynb"
    path.write_text(notebooks.write(demo.fill(released, right)), "utf-8")
    page = lab.open(path.name)
    assert validate(page, released) == checked(path) == set()
    page.close()


def checked(path: Path) -> set[str]:
    """The ids of the questions that `autograder check` does not let pass."""
    found = check(path, timeout=60)
    good = (Outcome.PASSED, Outcome.WRITTEN)
    assert not found.missing and not found.notes
    return {question.id for question, mark in found.marks if mark.outcome not in good}
