"""Running a notebook's cells, one after the other, whatever they do."""

from __future__ import annotations

import logging
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbformat import NotebookNode

TIMED_OUT = "CellTimeoutError"
RUNNING = "AUTOGRADER_RUNNING"  # in the environment of the kernel
PATIENCE = 10  # seconds for an interrupted kernel to answer before it is given up

quiet = logging.getLogger("autograder.kernel")
quiet.addHandler(logging.NullHandler())
quiet.propagate = False


def run(
    notebook: NotebookNode,
    folder: Path,
    *,
    timeout: int,
    before: Callable[[NotebookNode], None] = lambda cell: None,
) -> tuple[set[str], str]:
    """Run every code cell in a fresh kernel; an error does not stop the rest.

    Parameters
    ----------
    notebook
        The notebook; its outputs are filled in place.
    folder
        The kernel's working directory.
    timeout
        Seconds for a cell, after which it is interrupted.
    before
        Called with each code cell before it runs.

    Returns
    -------
    The ids of the cells that came to an end, well or not; and why the rest did not
    run, or an empty string. A kernel that died, or that went on after it was
    interrupted, ends the run.
    """
    client = NotebookClient(
        notebook,
        log=quiet,
        kernel_name="python3",
        timeout=timeout,
        allow_errors=True,
        interrupt_on_timeout=True,
        error_on_timeout={"ename": TIMED_OUT, "evalue": "", "traceback": []},
        iopub_timeout=PATIENCE,
        raise_on_iopub_timeout=True,
        shutdown_kernel="immediate",
        record_timing=False,
        coalesce_streams=True,
        extra_arguments=["--HistoryManager.hist_file=:memory:"],
        on_cell_executed=_note_timeout,
    )
    done: set[str] = set()
    null = subprocess.DEVNULL
    with client.setup_kernel(cwd=str(folder), env=_env(), stdout=null, stderr=null):
        for index, cell in enumerate(notebook.cells):
            if cell.cell_type != "code":
                continue
            before(cell)
            try:
                client.execute_cell(cell, index)
            except DeadKernelError:
                return done, f"the kernel died in cell {cell['id']}"
            except CellTimeoutError:
                return done, (
                    f"cell {cell['id']} ran over {timeout} s and did not stop when "
                    "it was interrupted"
                )
            done.add(cell["id"])
    return done, ""


def _env() -> dict[str, str]:
    """Return the environment with relative data folders made absolute."""
    env = {**os.environ, RUNNING: "1"}
    if data := env.get("LATENTSPACES_DATA"):
        env["LATENTSPACES_DATA"] = str(Path(data).absolute())
    return env


def _note_timeout(
    *, cell: NotebookNode, execute_reply: dict[str, Any], **_: object
) -> None:
    # The interrupt leaves a KeyboardInterrupt, if the cell did not swallow it. Only
    # the reply tells for certain.
    if execute_reply["content"].get("ename") == TIMED_OUT:
        cell.outputs = [o for o in cell.outputs if o.output_type != "error"]
        stopped = {"ename": TIMED_OUT, "evalue": "", "traceback": [TIMED_OUT]}
        cell.outputs.append(nbformat.v4.new_output("error", **stopped))
