"""An environment with the course's wheel and what it declares, and nothing else.

Installing PyTorch takes minutes and 5 GB. So the packages that the wheel depends on,
and theirs, are links to the files of the running environment, file by file as their
records list them; pip then installs the wheel itself without an index, and refuses if
any dependency is missing or of another version than the wheel asks for. No other
package of the running environment can be imported.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from email.parser import HeaderParser
from importlib.metadata import (
    Distribution,
    PackageNotFoundError,
    distribution,
    distributions,
)
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]


def build_wheel(folder: Path) -> Path:
    """The wheel of this tree, built in ``folder``."""
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps"]
    subprocess.run([*command, "--wheel-dir", str(folder), str(ROOT)], check=True)
    (wheel,) = folder.glob("latentspaces-*.whl")
    return wheel


def requirements(wheel: Path) -> list[str]:
    """What a wheel needs without its extras."""
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (n for n in archive.namelist() if n.endswith(".dist-info/METADATA"))
        metadata = HeaderParser().parsestr(archive.read(name).decode())
    return applicable(metadata.get_all("Requires-Dist", []))


def applicable(lines: Iterable[str], extras: Iterable[str] = ()) -> list[str]:
    """Those requirements that hold on this machine, with the extras asked for."""
    wanted = []
    for line in lines:
        marker = Requirement(line).marker
        if marker is None or any(
            marker.evaluate({"extra": extra}) for extra in ("", *extras)
        ):
            wanted.append(line)
    return wanted


def closure(wanted: Iterable[str]) -> dict[str, Distribution]:
    """The installed distributions that meet some requirements, and theirs."""
    found: dict[str, Distribution] = {}
    asked: set[str] = set()
    queue = list(wanted)
    while queue:
        requirement = Requirement(queue.pop())
        name = canonicalize_name(requirement.name)
        key = f"{name}{sorted(requirement.extras)}"
        if key in asked:
            continue
        asked.add(key)
        try:
            found[name] = distribution(requirement.name)
        except PackageNotFoundError:
            continue  # pip will say so, and for whom
        queue += applicable(found[name].requires or [], requirement.extras)
    return found


@dataclass
class Bare:
    """A virtual environment in a folder of its own.

    Attributes
    ----------
    folder
        Where it is.
    """

    folder: Path

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.folder / "bin" / "python"

    @property
    def packages(self) -> Path:
        """Its site-packages."""
        (folder,) = self.folder.glob("lib/python3*/site-packages")
        return folder

    @classmethod
    def create(cls, folder: Path, wanted: Iterable[str]) -> Bare:
        """Make it, with pip and links to what meets these requirements."""
        command = [sys.executable, "-m", "venv", "--without-pip", str(folder)]
        subprocess.run(command, check=True)
        bare = cls(folder)
        for found in closure([*wanted, "pip"]).values():
            for part in found.files or []:
                if ".." in part.parts:  # a command or a manual page
                    continue
                link = bare.packages / part
                link.parent.mkdir(parents=True, exist_ok=True)
                link.symlink_to(Path(found.locate_file(part)).absolute())
        return bare

    def installed(self) -> dict[str, str]:
        """The version of each package in it."""
        found = distributions(path=[str(self.packages)])
        return {canonicalize_name(each.name): each.version for each in found}

    def environment(self) -> dict[str, str]:
        """The variables of a process in it: offline, without this tree or its data."""
        hidden = re.compile(
            r"PYTHON|PIP_|LATENTSPACES_|XDG_|JUPYTER|IPYTHON|MPL|VIRTUAL_ENV|GIT"
        )
        inherited = {
            name: value for name, value in os.environ.items() if not hidden.match(name)
        }
        return inherited | {
            "HOME": str(self.folder / "home"),
            "LATENTSPACES_OFFLINE": "1",
            "OMP_NUM_THREADS": "1",
            "PATH": f"{self.python.parent}{os.pathsep}{os.environ['PATH']}",
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "PIP_NO_INDEX": "1",
        }

    def run(self, *arguments: str, cwd: Path, **environment: str):
        """Run its Python; what it printed is in ``stdout``."""
        return subprocess.run(
            [str(self.python), *arguments],
            cwd=cwd,
            env=self.environment() | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
