"""Addresses made from the repository's name, ``OWNER/NAME`` (see book/build.py)."""

from __future__ import annotations

#: The branch to which the publishing workflow pushes the generated notebooks.
BRANCH = "notebooks"


def site(repository: str) -> str:
    """Where GitHub Pages serves the built book, with a final slash."""
    owner, name = repository.split("/")
    return f"https://{owner.lower()}.github.io/{name}/"


def colab(repository: str, notebook: str, branch: str = BRANCH) -> str:
    return f"https://colab.research.google.com/github/{repository}/blob/{branch}/{notebook}"


def exercise_on_colab(repository: str, name: str) -> str:
    """The exercise of this name; what is released is committed on ``main``."""
    return colab(repository, f"exercises/{name}/{name}.ipynb", "main")


def binder(repository: str, notebook: str) -> str:
    return (
        f"https://mybinder.org/v2/gh/{repository}/{BRANCH}?urlpath=lab/tree/{notebook}"
    )


def install(repository: str) -> str:
    """What pip installs the course from."""
    return f"git+https://github.com/{repository}"
