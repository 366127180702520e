"""What is installed is what is declared, once."""

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
# A cell's first line, and its options.
CELL_HEAD = re.compile(r"\A```.*\n(?:---\n.*?^---\n|(?::.*\n)*)", re.M)


def _lines(name: str) -> list[str]:
    lines = (ROOT / name).read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def _project() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def test_requirements_are_those_of_reader_and_instructor():
    project = _project()
    extras = project["optional-dependencies"]
    declared = {*project["dependencies"], *extras["book"], *extras["grading"]}
    assert set(_lines("requirements.txt")) == declared


def test_every_direct_dependency_is_pinned_within_its_range():
    project = _project()
    pins = {}
    for line in _lines("constraints.txt"):
        requirement = Requirement(line)
        pins[canonicalize_name(requirement.name)] = str(
            requirement.specifier
        ).removeprefix("==")
    groups = [project["dependencies"], *project["optional-dependencies"].values()]
    for text in (line for group in groups for line in group):
        requirement = Requirement(text)
        pin = pins.get(canonicalize_name(requirement.name))
        assert pin, f"{requirement.name} is missing from constraints.txt"
        assert requirement.specifier.contains(pin), f"{requirement.name} {pin}"


def test_the_core_needs_only_what_colab_has_and_torchmetrics():
    """All but torchmetrics come with Colab; that one asks for no torch of its own."""
    names = {Requirement(text).name for text in _project()["dependencies"]}
    colab = "torch torchvision matplotlib numpy pillow pooch safetensors scikit-learn"
    assert names == {*colab.split(), "scipy", "torchmetrics"}


def test_what_chapters_and_library_import_is_declared():
    core = {canonicalize_name(Requirement(t).name) for t in _project()["dependencies"]}
    # A kernel brings IPython, and the progress bar does without tqdm.
    allowed = {*core, "latentspaces", "ipython", "tqdm"}
    providers = packages_distributions()
    for path in (*ROOT.glob("book/*.md"), *ROOT.glob("latentspaces/**/*.py")):
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".md":
            cells = re.findall(r"^```\{code-cell\}.*?^```$", text, re.M | re.S)
            text = "\n".join(CELL_HEAD.sub("", cell)[:-3] for cell in cells)
        for module in imported(text):
            if module not in sys.stdlib_module_names:
                found = {canonicalize_name(n) for n in providers.get(module, [module])}
                assert found & allowed, f"{path.name} imports {module}: declare it"


def imported(code: str) -> set[str]:
    """The first part of each module's name that the code imports."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names.add(str(node.module).partition(".")[0])
    return names
