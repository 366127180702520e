"""What the branch ``notebooks`` holds: ``python book/branch.py FOLDER``.

The Colab and Binder buttons lead to that branch; ``.github/workflows/publish.yml``
pushes it. It has the built book's notebooks, and for Binder the list of what to
install: that of ``binder/`` on main, with the course's address at one commit in place
of the dot, since the branch has no course to install.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

from build import BUILD, ROOT, repository

sys.path.insert(0, str(ROOT / "book" / "_ext"))
from coursebook import addresses

README = """\
# {repository}: the chapters as notebooks

Generated from [{repository}](https://github.com/{repository}) at commit {commit}, for
the book's Colab and Binder buttons. Nothing here is edited by hand: the chapters are
Markdown files in the folder `book` of the branch `main`.
"""


def main() -> int:
    if len(sys.argv) != 2:
        sys.exit("usage: python book/branch.py FOLDER")
    name = repository()
    if not name:
        sys.exit("branch: this repository has no address on GitHub, so no buttons")
    command = ["git", "-C", str(ROOT), "rev-parse", "HEAD"]
    commit = subprocess.check_output(command, text=True).strip()
    fill(Path(sys.argv[1]), BUILD / "html" / "notebooks", name, commit)
    return 0


def fill(folder: Path, notebooks: Path, repository: str, commit: str) -> None:
    """Write the branch's files to an empty or new ``folder``."""
    shutil.copytree(notebooks, folder, dirs_exist_ok=True)
    shutil.copy(ROOT / "constraints.txt", folder)
    (folder / "binder").mkdir()
    wanted = (ROOT / "binder" / "requirements.txt").read_text("utf-8")
    course = f"latentspaces @ {addresses.install(repository, commit)}"
    wanted = re.sub(r"^\.$", course, wanted, flags=re.M)
    (folder / "binder" / "requirements.txt").write_text(wanted, "utf-8")
    shutil.copy(ROOT / "binder" / "runtime.txt", folder / "binder")
    readme = README.format(repository=repository, commit=commit)
    (folder / "README.md").write_text(readme, "utf-8")


if __name__ == "__main__":
    sys.exit(main())
