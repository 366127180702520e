"""Execute and build the book: ``python book/build.py``, or ``make book``.

Jupyter Book does the work. This script adds the three things that it does not know:

* which library, packages and data the chapters are executed with. Jupyter Book's
  cache is keyed by the cells' source alone; here it sits in a folder named by a digest
  of all that, so a change in ``latentspaces/`` never leaves a stale page;
* where the repository is, so that a fork's buttons lead to the fork;
* that a failed build leaves nothing behind that the next one would take for good.

Pages land in ``_build/html/``, the chapters' notebooks in ``_build/html/notebooks/``.
With ``--pdf`` the whole book is printed into ``latent-spaces.pdf`` there as well, and
the pages link to it.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import yaml

from autograder.course import repository_address

ROOT = Path(__file__).resolve().parents[1]
BUILD = ROOT / "_build"
CACHES = BUILD / ".jupyter_cache"
PDF = "latent-spaces.pdf"

# A new version of one of these may change a number or a figure.
PACKAGES = ("torch", "torchvision", "matplotlib", "numpy", "scikit-learn")
# Going back and forth between real data and stand-ins should not execute all again.
CACHES_KEPT = 2
# What a kernel says about itself whenever it starts.
NOISE = re.compile(r"^\[IPKernelApp\] WARNING \| Kernel is running over TCP")


def main() -> int:
    """Build; return the exit status."""
    started = time.monotonic()
    printing = "--pdf" in sys.argv[1:]
    environment = kernel_environment()
    data = data_sources(environment)
    if "drawn" in data.values():
        # What is missing now stays missing: no chapter may find real data halfway.
        environment["LATENTSPACES_OFFLINE"] = "1"
    cache = CACHES / execution_digest(data)
    config = write_config(cache, data, repository(), PDF if printing else "")
    succeeded = run_jupyter_book(config, environment)
    prune_caches(keep=cache)
    if not succeeded:
        # Sphinx would take the pages that it has read for good, warnings and all.
        shutil.rmtree(BUILD / ".doctrees", ignore_errors=True)
        print("book: FAILED, see the messages above", file=sys.stderr)
        return 1
    (BUILD / "html" / PDF).unlink(missing_ok=True)  # of an earlier state
    if printing:
        from pdf import write_pdf

        try:
            write_pdf(BUILD / "html", ROOT / "book" / "_toc.yml", BUILD / "html" / PDF)
        except RuntimeError as error:
            sys.exit(f"book: FAILED, {error}")
        print(f"book: printed into {BUILD / 'html' / PDF}")
    index = BUILD / "html" / "index.html"
    print(f"book: built in {time.monotonic() - started:.0f} s, open {index.as_uri()}")
    return 0


# --- what the chapters are executed with ----------------------------------------


def kernel_environment() -> dict[str, str]:
    """The environment in which chapters run: this tree's library, this Python."""
    environment = dict(os.environ)
    paths = [str(ROOT), *filter(None, [environment.get("PYTHONPATH")])]
    environment["PYTHONPATH"] = os.pathsep.join(paths)
    environment["JUPYTER_PREFER_ENV_PATH"] = "1"
    # Small layers gain nothing from a second thread, and on a busy machine two threads
    # that wait for each other can take ten times as long as one.
    environment.setdefault("OMP_NUM_THREADS", "1")
    if folder := environment.get("LATENTSPACES_DATA"):
        environment["LATENTSPACES_DATA"] = str(Path(folder).expanduser().resolve())
    return environment


def data_sources(environment: dict[str, str]) -> dict[str, str]:
    """Real or drawn, for each data set; downloads them where that is possible."""
    program = (
        "import json, latentspaces.data; print(json.dumps(latentspaces.data.sources()))"
    )
    answer = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    if answer.returncode:
        sys.exit("book: FAILED, the data could not be looked up (see above)")
    return json.loads(answer.stdout.splitlines()[-1])


def execution_digest(data: dict[str, str]) -> str:
    """A short name for everything beside the cells that decides their output."""
    digest = hashlib.sha256(sys.version.encode())
    for package in PACKAGES:
        try:
            digest.update(f"{package} {version(package)}".encode())
        except PackageNotFoundError:
            digest.update(f"{package} absent".encode())
    digest.update(json.dumps(data, sort_keys=True).encode())
    hash_files(digest, files_under(ROOT / "latentspaces"))
    return digest.hexdigest()[:16]


def rendering_digest() -> str:
    """A short name for what decides how an executed page looks."""
    digest = hashlib.sha256()
    hash_files(digest, [Path(__file__)])
    hash_files(digest, files_under(ROOT / "book" / "_ext"))
    hash_files(digest, files_under(ROOT / "book" / "_static"))
    return digest.hexdigest()[:16]


def files_under(folder: Path) -> list[Path]:
    """All files but Python's own caches, in a fixed order."""
    return sorted(
        path
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    )


def hash_files(digest, paths: Iterable[Path]) -> None:
    for path in paths:
        digest.update(path.relative_to(ROOT).as_posix().encode() + b"\0")
        digest.update(hashlib.sha256(path.read_bytes()).digest())


def prune_caches(keep: Path) -> None:
    """Delete all execution caches but ``keep`` and the most recent others."""
    if keep.exists():
        os.utime(keep)
    caches = sorted(CACHES.glob("*/"), key=lambda path: path.stat().st_mtime)
    for stale in caches[:-CACHES_KEPT]:
        shutil.rmtree(stale, ignore_errors=True)


# --- where the repository is ----------------------------------------------------


def repository() -> str:
    """``OWNER/NAME`` on GitHub, or an empty string."""
    address = repository_address(ROOT)
    found = re.fullmatch(r"https://github\.com/([\w.-]+/[\w.-]+)", address)
    return found[1] if found else ""


# --- running Jupyter Book -------------------------------------------------------


def write_config(
    cache: Path, data: dict[str, str], repository: str, pdf: str = ""
) -> Path:
    """``_config.yml`` completed with what depends on this machine."""
    config = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
    config["execute"]["cache"] = str(cache)
    sphinx = config["sphinx"]
    sphinx["local_extensions"] = {
        name: str(ROOT / path) for name, path in sphinx["local_extensions"].items()
    }
    sphinx["config"] |= {
        "coursebook_data": data,
        "coursebook_digest": rendering_digest(),
        "coursebook_pdf": pdf,
        "coursebook_repository": repository,
        "coursebook_root": str(ROOT),
    }
    if repository:
        owner, name = repository.split("/")
        sphinx["config"]["html_baseurl"] = f"https://{owner.lower()}.github.io/{name}/"
        sphinx["config"]["html_theme_options"] |= {
            "repository_url": f"https://github.com/{repository}",
            "repository_branch": "main",
            "path_to_docs": "book",
            "use_edit_page_button": True,
            "use_issues_button": True,
            "use_repository_button": True,
        }
    path = BUILD / "_config.yml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(yaml.safe_dump(config, sort_keys=False), encoding="utf-8")
    return path


def run_jupyter_book(config: Path, environment: dict[str, str]) -> bool:
    """Run it with warnings as errors; its own chatter goes to ``_build/book.log``."""
    program = "from jupyter_book.cli.main import main; main()"
    command = [sys.executable, "-c", program, "build", str(ROOT / "book")]
    command += ["--config", str(config), "--toc", str(ROOT / "book" / "_toc.yml")]
    command += ["--path-output", str(ROOT), "-W", "-n", "--keep-going"]
    with (
        (BUILD / "book.log").open("w", encoding="utf-8") as log,
        subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment,
            stdout=log,
            stderr=subprocess.PIPE,
            text=True,
        ) as process,
    ):
        for line in process.stderr:  # progress, warnings and tracebacks
            if not NOISE.search(line):
                print(line, end="", file=sys.stderr, flush=True)
    return process.returncode == 0


if __name__ == "__main__":
    sys.exit(main())
