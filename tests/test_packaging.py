"""What is installed is what is declared, once."""

import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent


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


def test_the_core_needs_only_what_colab_has():
    names = {Requirement(text).name for text in _project()["dependencies"]}
    assert names == {"torch", "torchvision", "matplotlib", "safetensors"}
