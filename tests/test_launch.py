"""Where the buttons lead: notebooks that run where only the course's wheel is.

The pages are executed on the real data when the book is built. Here the same cells
run as a reader's do: from the generated notebook, in an empty folder, in an environment
with the wheel and what it declares, on the drawn stand-ins.
"""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
import zipfile
from concurrent.futures import Future, ThreadPoolExecutor
from importlib.metadata import distributions
from pathlib import Path

import nbformat
import pytest
from bare import ROOT, Bare, build_wheel, closure, requirements
from books import TinyBook, built_book
from jupyter_client import AsyncKernelManager
from jupyter_client.kernelspec import KernelSpecManager
from nbclient import NotebookClient
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from playwright.sync_api import Page

CHAPTERS = sorted(
    path.stem
    for path in (ROOT / "book").glob("*.md")
    if "\nkernelspec:" in path.read_text(encoding="utf-8")
)
EXERCISES = sorted((ROOT / "exercises").glob("*/*.ipynb"))
# Where a page's notebook says what pip installs the course from.
SOURCE = "git+https://github.com/someone/fork"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    return build_wheel(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def fresh(wheel, tmp_path_factory) -> Bare:
    """An environment with what the course needs, but without the course."""
    needed = [*requirements(wheel), "ipykernel"]
    return Bare.create(tmp_path_factory.mktemp("fresh") / "venv", needed)


@pytest.fixture(scope="module")
def bare(wheel, tmp_path_factory) -> Bare:
    """The same with the wheel installed. pip has no index: it would miss what is not
    declared and linked."""
    needed = [*requirements(wheel), "ipykernel"]
    made = Bare.create(tmp_path_factory.mktemp("bare") / "venv", needed)
    answer = made.run("-m", "pip", "install", str(wheel), cwd=made.folder)
    assert answer.returncode == 0, answer.stdout
    return made


def kernels_of(bare: Bare) -> KernelSpecManager:
    """The environment's kernel, and no other."""
    specs = bare.folder / "kernels"
    (specs / "bare").mkdir(parents=True)
    command = [str(bare.python), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    spec = {"argv": command, "display_name": "bare", "language": "python"}
    (specs / "bare" / "kernel.json").write_text(json.dumps(spec))
    return KernelSpecManager(kernel_dirs=[str(specs)], ensure_native_kernel=False)


def execute(bare: Bare, kernels: KernelSpecManager, notebook, folder: Path):
    """Run a notebook from top to bottom in a fresh kernel of an environment."""
    manager = AsyncKernelManager(kernel_name="bare", kernel_spec_manager=kernels)
    client = NotebookClient(
        notebook, km=manager, timeout=900, resources={"metadata": {"path": str(folder)}}
    )
    return client.execute(env=bare.environment(), cleanup_kc=True)


@pytest.fixture(scope="module")
def executed(bare, tmp_path_factory):
    """Each notebook of the book, executed: a future for each, two at a time."""
    folder = built_book() / "notebooks"
    paths = sorted(folder.glob("*.ipynb"))
    kernels = kernels_of(bare)  # written before two threads read it

    def run(path: Path):
        notebook = nbformat.read(path, as_version=4)
        return execute(bare, kernels, notebook, tmp_path_factory.mktemp(path.stem))

    with ThreadPoolExecutor(2) as executor:
        yield {path.stem: executor.submit(run, path) for path in paths}
        executor.shutdown(cancel_futures=True)


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_notebook_runs_from_top_to_bottom_with_the_wheel_alone(
    executed: dict[str, Future], chapter
):
    assert set(executed) == set(CHAPTERS)
    notebook = executed[chapter].result()  # or the traceback of the cell that failed
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    counts = [cell.execution_count for cell in code]
    assert counts == list(range(1, len(code) + 1))


def test_bare_environment_has_the_declared_packages_and_no_other(bare, wheel):
    answer = bare.run("-m", "pip", "check", cwd=bare.folder)
    assert answer.returncode == 0, answer.stdout
    declared = {canonicalize_name(Requirement(r).name) for r in requirements(wheel)}
    assert declared <= set(bare.installed())
    needed = set(closure([*requirements(wheel), "ipykernel"]))
    allowed = needed | {"latentspaces", "pip"}
    assert set(bare.installed()) <= allowed
    # What this process could import beyond that, it can't.
    others = {canonicalize_name(found.name) for found in distributions()} - allowed
    assert {"myst-nb", "nbgrader", "pytest"} <= others
    code = "import importlib.util, sys; print(*map(importlib.util.find_spec, {}))"
    names = ["sphinx", "myst_nb", "nbgrader", "pytest", "sklearn"]
    found = bare.run("-c", code.format(names), cwd=bare.folder).stdout.split("Spec(")
    assert found[0].split() == ["None"] * 4 + ["Module"]


def test_bare_environment_takes_the_course_from_the_wheel(bare, tmp_path):
    code = (
        "import sys, latentspaces; print(latentspaces.__file__, *sys.path, sep='\\n')"
    )
    place, *paths = bare.run("-c", code, cwd=tmp_path).stdout.splitlines()
    assert Path(place).is_relative_to(bare.packages)
    assert not Path(place).is_symlink()
    assert not any(Path(path).is_relative_to(ROOT) for path in paths if path)


def test_exercises_begin_where_the_course_is_not_even_installed(fresh, tmp_path):
    """So Colab opens them as they are: all imports stand in the first code cell."""
    program = []
    for path in EXERCISES:
        cells = nbformat.read(path, as_version=4).cells
        first, *others = [cell.source for cell in cells if cell.cell_type == "code"]
        program.append(f"exec({first!r}, {{}})")
        assert not [line for cell in others for line in imports(cell)], path
    assert any("from autograder" in line for line in program)
    answer = fresh.run("-c", "\n".join(program), cwd=tmp_path)
    assert (answer.returncode, answer.stdout) == (0, "")


def imports(cell: str) -> list[str]:
    """The import statements of a cell, wherever they stand."""
    found = [
        node
        for node in ast.walk(ast.parse(cell))
        if isinstance(node, ast.Import | ast.ImportFrom)
    ]
    return [ast.unparse(node) for node in found]


# --- the first cell ---------------------------------------------------------------


@pytest.fixture(scope="module")
def book(tmp_path_factory) -> TinyBook:
    """A tiny book of a fork that has an assignment for its chapter."""
    tiny = TinyBook.create(tmp_path_factory.mktemp("launch"))
    tiny.write("exercises/chapter/chapter.ipynb", '{"cells": []}')
    result = tiny.build(GITHUB_REPOSITORY="someone/fork")
    assert result.returncode == 0, result.stdout
    return tiny


@pytest.fixture(scope="module")
def first_cell(book) -> str:
    text = book.read("html/notebooks/chapter.ipynb")
    cells = nbformat.reads(text, as_version=4).cells
    return next(cell.source for cell in cells if cell.cell_type == "code")


def as_if(folder: Path, **versions: str) -> str:
    """A folder for PYTHONPATH, in which packages say that they have these versions."""
    for name, version in versions.items():
        metadata = folder / f"{name}-{version}.dist-info" / "METADATA"
        metadata.parent.mkdir(parents=True)
        metadata.write_text(
            f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        )
    return str(folder)


def test_first_cell_installs_the_course_and_leaves_torch_as_it_is(
    fresh, wheel, first_cell, tmp_path
):
    before = fresh.installed()
    assert "latentspaces" not in before
    cell = first_cell.replace(SOURCE, str(wheel))
    notebook = nbformat.v4.new_notebook()
    after = "from latentspaces import data\nprint(data.__file__)"
    notebook.cells = [nbformat.v4.new_code_cell(cell), nbformat.v4.new_code_cell(after)]
    try:
        run = execute(fresh, kernels_of(fresh), notebook, tmp_path)
        assert str(fresh.packages) in run.cells[1].outputs[0].text
        assert fresh.installed() == before | {"latentspaces": wheel.name.split("-")[1]}
    finally:
        fresh.run("-m", "pip", "uninstall", "-qy", "latentspaces", cwd=tmp_path)


def test_first_cell_keeps_a_torch_that_no_index_has(fresh, wheel, first_cell, tmp_path):
    """Colab's own builds have names such as 2.9.0+cu126."""
    path = as_if(tmp_path / "site", torch="2.9.0+cu126", torchvision="0.24.0+cu126")
    goal = tmp_path / "goal"
    # pip prints what it would do, and does nothing.
    cell = first_cell.replace(SOURCE, str(wheel)).replace(
        '"--quiet"', f'"--dry-run", "--report", "{goal}"'
    )
    cell = cell.removesuffix("import latentspaces")
    answer = fresh.run("-c", cell, cwd=tmp_path, PYTHONPATH=path)
    assert answer.returncode == 0, answer.stdout
    wanted = json.loads(goal.read_text())["install"]
    assert [each["metadata"]["name"] for each in wanted] == ["latentspaces"]


def test_first_cell_fails_rather_than_replace_torch(fresh, wheel, first_cell, tmp_path):
    """Even where an index has another and something asks for it."""
    path = as_if(tmp_path / "site", torch="2.9.0+cu126", torchvision="0.24.0+cu126")
    newer = tmp_path / "index" / "torch-9.9-py3-none-any.whl"
    newer.parent.mkdir()
    with zipfile.ZipFile(newer, "w") as archive:
        lines = "Metadata-Version: 2.1\nName: torch\nVersion: 9.9\n"
        archive.writestr("torch-9.9.dist-info/METADATA", lines)
        lines = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        archive.writestr("torch-9.9.dist-info/WHEEL", lines)
        archive.writestr("torch-9.9.dist-info/RECORD", "")
    wish = tmp_path / "wish.txt"
    wish.write_text("torch>=9\n")
    settings = {"PIP_FIND_LINKS": str(newer.parent), "PIP_CONSTRAINT": str(wish)}
    cell = first_cell.replace(SOURCE, str(wheel)).replace('"--quiet"', '"--dry-run"')
    answer = fresh.run("-c", cell, cwd=tmp_path, PYTHONPATH=path, **settings)
    assert answer.returncode == 1
    assert "torch==2.9.0+cu126" in answer.stdout.partition("pip says:")[2]


@pytest.mark.parametrize(
    ("versions", "complaint"),
    [
        ({"torch": "2.8.1+cu126"}, "needs torch 2.9 or later, and here is 2.8.1+cu126"),
        ({"torch": "1.13.0"}, "needs torch 2.9 or later, and here is 1.13.0"),
        ({"torchvision": "0.9.1"}, "needs torchvision 0.24 or later"),
    ],
)
def test_first_cell_says_that_torch_is_too_old_and_what_to_do(
    fresh, first_cell, tmp_path, versions, complaint
):
    path = as_if(tmp_path / "site", **versions)
    answer = fresh.run("-c", first_cell, cwd=tmp_path, PYTHONPATH=path)
    assert answer.returncode == 1
    message = answer.stdout.splitlines()[-1]
    assert complaint in message
    assert "Runtime > Change runtime type" in message
    assert "pip install --upgrade torch torchvision" in message
    assert "Installing" not in answer.stdout


def test_first_cell_knows_the_oldest_torch_of_the_wheel(wheel, first_cell):
    oldest = dict(re.findall(r'"(\w+)": \((\d+, \d+)\)', first_cell))
    declared = {Requirement(line).name: line for line in requirements(wheel)}
    for name in ("torch", "torchvision"):
        assert declared[name] == f"{name}>={oldest[name].replace(', ', '.')}"


def test_first_cell_stops_where_pip_fails_and_shows_what_pip_said(
    fresh, first_cell, tmp_path
):
    cell = first_cell.replace(SOURCE, str(tmp_path / "no-such.whl"))
    answer = fresh.run("-c", cell, cwd=tmp_path)
    assert answer.returncode == 1
    assert "ImportError: The course could not be installed. pip says:" in answer.stdout
    assert "no-such.whl" in answer.stdout.partition("pip says:")[2]


def test_first_cell_does_nothing_where_the_course_is(bare, first_cell, tmp_path):
    answer = bare.run("-c", first_cell, cwd=tmp_path)
    assert (answer.returncode, answer.stdout) == (0, "")


# --- the branch that the buttons lead to ------------------------------------------


@pytest.fixture(scope="module")
def branch(book, tmp_path_factory) -> Path:
    """The files that are pushed, of the tiny book."""
    folder = tmp_path_factory.mktemp("branch") / "files"
    program = (
        "import sys, pathlib; sys.path.insert(0, sys.argv[1]); import branch; "
        "branch.fill(*map(pathlib.Path, sys.argv[2:4]), 'someone/fork', 'c0ffee')"
    )
    notebooks = book.root / "_build" / "html" / "notebooks"
    command = [sys.executable, "-c", program, ROOT / "book", folder, notebooks]
    subprocess.run([str(part) for part in command], check=True)
    return folder


def test_every_button_leads_to_a_file_of_the_branch(book, branch):
    page = book.read("html/chapter.html")
    colab = re.findall(r"colab\.research\.google\.com/github/([\w./-]+)\"", page)
    binder = re.findall(
        r"mybinder\.org/v2/gh/([\w./-]+)\?urlpath=lab/tree/(\S+)\"", page
    )
    assert colab == [
        "someone/fork/blob/notebooks/chapter.ipynb",
        "someone/fork/blob/main/exercises/chapter/chapter.ipynb",
    ]
    assert binder == [("someone/fork/notebooks", "chapter.ipynb")]
    assert (branch / "chapter.ipynb").is_file()
    assert "exercises/" not in book.read("html/index.html")


def test_binder_installs_the_course_at_one_commit_and_small_torch(branch):
    lines = (branch / "binder" / "requirements.txt").read_text().splitlines()
    assert f"latentspaces @ {SOURCE}@c0ffee" in lines
    assert "." not in lines
    assert any(line.endswith("/whl/cpu") for line in lines)
    assert (branch / "binder" / "runtime.txt").read_text() == "python-3.11\n"


@pytest.mark.parametrize("place", ["branch", "main"])
def test_pip_reads_what_binder_installs(branch, wheel, fresh, tmp_path, place):
    root = {"branch": branch, "main": ROOT}[place]
    text = (root / "binder" / "requirements.txt").read_text()
    # All but the network: the wheel stands for the course, and there is no index.
    text, count = re.subn(r"^(\.|latentspaces @ .*)$", str(wheel), text, flags=re.M)
    assert count == 1
    copy = tmp_path / "copy" / "binder" / "requirements.txt"
    copy.parent.mkdir(parents=True)
    copy.write_text(text)
    (copy.parents[1] / "constraints.txt").write_bytes(
        (root / "constraints.txt").read_bytes()
    )
    command = ["-m", "pip", "install", "--dry-run", "-r", str(copy)]
    answer = fresh.run(*command, cwd=tmp_path)
    assert answer.returncode == 0, answer.stdout
    assert "Would install latentspaces-" in answer.stdout


def test_workflow_pushes_what_is_tested_here():
    workflow = (ROOT / ".github" / "workflows" / "publish.yml").read_text()
    assert "book/branch.py" in workflow
    assert "cp -r _build/html/notebooks" not in workflow


# --- the buttons ------------------------------------------------------------------


@pytest.fixture(params=[390, 1280], ids=["phone", "desktop"])
def page(request, browser, book) -> Page:
    viewport = {"width": request.param, "height": 800}
    context = browser.new_context(viewport=viewport, offline=True)
    opened = context.new_page()
    opened.goto((book.root / "_build" / "html" / "chapter.html").as_uri())
    yield opened
    context.close()


@pytest.mark.parametrize(
    ("group", "names"),
    [
        ("Run this page", ["Page on Colab", "Page on Binder", "Exercise on Colab"]),
        ("Download this page", ["Notebook", "PDF"]),
        ("Source repositories", ["Repository", "Suggest edit", "Open issue"]),
    ],
)
def test_buttons_work_by_keyboard_and_have_names(page, group, names):
    opener = page.get_by_role("button", name=group)
    opener.focus()
    assert opener.get_attribute("aria-expanded") == "false"
    page.keyboard.press("Enter")
    assert opener.get_attribute("aria-expanded") == "true"
    width = page.viewport_size["width"]
    for name in names:
        page.keyboard.press("ArrowDown")
        focused = page.evaluate("document.activeElement.innerText.trim()")
        assert focused == name
        role = "button" if name == "PDF" else "link"
        assert page.get_by_role(role, name=name, exact=True).count() == 1
        box = page.locator(":focus").bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
        assert box["height"] >= 24  # the least size of a target, WCAG 2.2
    page.keyboard.press("Escape")
    assert opener.get_attribute("aria-expanded") == "false"
