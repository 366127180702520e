"""Attacks that forge the verdict: points for answers that are wrong."""

from __future__ import annotations

from attacks import Attack, Outcome, cells


class AlwaysEqual(Attack):
    """Returns an object that is equal to everything.

    Stock: full marks for the question.
    """

    answers = cells(
        total="""
            class Anything:
                def __eq__(self, other):
                    return True

            def total(numbers):
                return Anything()
        """
    )


class EqualNumber(Attack):
    """Returns an int whose comparisons all come out right.

    Stock: full marks for the question.
    """

    answers = cells(
        total="""
            class Right(int):
                __eq__ = __ge__ = __le__ = lambda self, other: True
                __hash__ = int.__hash__

            def total(numbers):
                return Right(0)
        """
    )


class EqualTensor(Attack):
    """Returns a tensor whose ``__torch_function__`` says yes to every question.

    Stock: full marks for the question.
    """

    answers = cells(
        halve="""
            class Agreeable(torch.Tensor):
                @classmethod
                def __torch_function__(cls, func, types, args=(), kwargs=None):
                    if func is torch.allclose:
                        return True
                    return super().__torch_function__(func, types, args, kwargs or {})

            def halve(x):
                return torch.zeros_like(x).as_subclass(Agreeable)
        """
    )


class CountsForMore(Attack):
    """Returns objects that count as 1 whatever they are compared with.

    Stock: full marks for the question.
    """

    answers = cells(
        is_prime="""
            class One:
                def __eq__(self, other):
                    return 1

            def is_prime(n):
                return One()
        """
    )


class CountsForThousands(Attack):
    """Returns objects that count as a thousand points each.

    Stock: a score above the most there is ends the grading of this submission with an
    error: it has no marks, and waits for a person.
    """

    answers = cells(
        is_prime="""
            class Thousand:
                def __eq__(self, other):
                    return 1000

            def is_prime(n):
                return Thousand()
        """
    )


class ShowsAsFour(Attack):
    """Makes the check's last value an object that is shown as ``4``.

    Stock: full marks for the question: the points are read from what is displayed.
    """

    answers = cells(
        is_prime="""
            class Shown:
                def __eq__(self, other):
                    return self
                def __add__(self, other):
                    return self
                __radd__ = __add__
                def __repr__(self):
                    return "4"

            def is_prime(n):
                return Shown()
        """
    )


class LyingModule(Attack):
    """Is no module and learns nothing, but says that ``nn.Module`` is its class.

    Stock: full marks for the question.
    """

    answers = cells(
        Doubler="""
            class Parameter:
                def numel(self):
                    return 1

            class Doubler:
                __class__ = property(lambda self: nn.Module)
                def parameters(self):
                    return [Parameter()]
                def __call__(self, x):
                    return 2 * x
        """
    )


class DropsAssertLines(Attack):
    """Has IPython rewrite every cell that comes later: ``pass`` for an assertion.

    Stock: full marks for this question and the next; later ones fail on other errors.
    """

    answers = cells(
        total="""
            def drop(lines):
                return [re.sub(r"^(\\s*)assert .*", r"\\1pass", line) for line in lines]

            get_ipython().input_transformers_cleanup.append(drop)

            def total(numbers):
                return 0
        """,
        is_prime="""
            def is_prime(n):
                return "neither"
        """,
    )


class DropsAssertNodes(Attack):
    """Takes the assertions out of the syntax tree of every later cell.

    Stock: full marks for this question and the next; later ones fail on other errors.
    """

    answers = cells(
        total="""
            import ast

            class Drop(ast.NodeTransformer):
                def visit_Assert(self, node):
                    return ast.copy_location(ast.Pass(), node)

            get_ipython().ast_transformers.append(Drop())

            def total(numbers):
                return 0
        """
    )


class SwallowsErrors(Attack):
    """Registers a handler for AssertionError that shows nothing.

    Stock: no points, since the kernel's reply still says that the cell failed; but no
    error is shown to anybody.
    """

    answers = cells(
        total="""
            def handle(shell, kind, error, traceback, tb_offset=None):
                return []

            get_ipython().set_custom_exc((AssertionError,), handle)

            def total(numbers):
                return 0
        """
    )


class HushesTracebacks(Attack):
    """Replaces the functions of IPython that show an error.

    Stock: no points, since the kernel's reply still says that the cell failed; but no
    error is shown to anybody.
    """

    answers = cells(
        total="""
            shell = get_ipython()
            shell.showtraceback = lambda *args, **kwargs: None
            shell._showtraceback = lambda *args, **kwargs: None

            def total(numbers):
                return 0
        """
    )


class KernelSaysOk(Attack):
    """Replaces the kernel's method that runs a cell: it runs nothing any more.

    Stock: full marks for the whole assignment: a test that put out nothing has passed.
    """

    answers = cells(
        total="""
            def run(code, *args, **kwargs):
                return {
                    "status": "ok",
                    "execution_count": 1,
                    "payload": [],
                    "user_expressions": {},
                }

            async def run_later(code, *args, **kwargs):
                return run(code)

            get_ipython().kernel.do_execute = run_later
        """
    )


class RewritesCells(Attack):
    """Replaces ``run_cell`` so that a cell with an assertion is not run.

    Stock: full marks for the whole assignment: a test that put out nothing has passed.
    """

    answers = cells(
        total="""
            shell = get_ipython()
            for name in ("run_cell", "run_cell_async"):
                def wrap(inner):
                    def run(code, *args, **kwargs):
                        return inner("" if "assert" in code else code, *args, **kwargs)
                    return run
                setattr(shell, name, wrap(getattr(shell, name)))

            def total(numbers):
                return 0
        """
    )


class PoisonedComparisons(Attack):
    """Replaces torch's functions that compare.

    Stock: full marks for the question.
    """

    answers = cells(
        halve="""
            torch.allclose = torch.equal = torch.isclose = lambda *args, **kwargs: True
            torch.Tensor.allclose = torch.Tensor.equal = torch.allclose

            def halve(x):
                return x + 1
        """
    )


class PoisonedBuiltins(Attack):
    """Replaces the built-in functions that the checks call.

    Stock: full marks for the question, where half was earned.
    """

    answers = cells(
        is_prime="""
            import builtins

            original = builtins.sum
            builtins.sum = lambda values, *start: 4

            def is_prime(n):
                return False
        """
    )

    @property
    def earns(self) -> dict[str, float]:
        """Saying no to everything is right for two of the four numbers."""
        return {**super().earns, "is_prime": 2.0}


class ReplacesTorch(Attack):
    """Puts an object of its own under the name that the checks use for torch.

    Stock: full marks for the question.
    """

    answers = cells(
        halve="""
            class Fake:
                allclose = equal = staticmethod(lambda *args, **kwargs: True)
                def __getattr__(self, name):
                    return getattr(real, name)

            real, torch = torch, Fake()
            sys.modules["torch"] = torch

            def halve(x):
                return x + 1
        """
    )


class MutatesTheInput(Attack):
    """Changes the test's own tensor, so that the comparison is with the change.

    Stock: full marks for the question.
    """

    answers = cells(
        halve="""
            def halve(x):
                return x.zero_()
        """
    )


class EditsTheCaller(Attack):
    """Replaces, through the caller's frame, what the check compares with.

    Stock: full marks for the question.
    """

    answers = cells(
        halve="""
            def halve(x):
                names = sys._getframe(1).f_globals
                names["x"] = names["wide"] = 2 * (x + 1)
                return x + 1
        """
    )


class LeavesTheCheck(Attack):
    """Leaves a check by SystemExit, which is no error in a notebook.

    Stock: no points: each of these counts as an error.
    """

    answers = cells(
        total="""
            def total(numbers):
                raise SystemExit(0)
        """,
        is_prime="""
            class Leaves:
                def __eq__(self, other):
                    raise SystemExit(0)

            def is_prime(n):
                return Leaves()
        """,
        halve="""
            def halve(x):
                raise KeyboardInterrupt
        """,
        Doubler="""
            def Doubler():
                raise GeneratorExit
        """,
    )


class DiesInTheCheck(Attack):
    """Ends the process when it is called, before the check can fail.

    Stock: the kernel dies, and all marks of this submission are lost, the earned ones
    too; the next is graded.
    """

    answers = cells(
        total="""
            def total(numbers):
                os._exit(0)
        """
    )
    keeps = ("halve", "Doubler", "is_prime")


class ReplacedByAThread(Attack):
    """Has a thread replace functions all the time while the checks run.

    Stock: full marks for this question and the next.
    """

    answers = cells(
        total="""
            import builtins

            class Yes:
                def __eq__(self, other):
                    return True

            def replace():
                while True:
                    globals()["three"] = Yes()
                    globals()["total"] = lambda numbers: Yes()
                    torch.allclose = lambda *args, **kwargs: True
                    time.sleep(0.0001)

            threading.Thread(target=replace, daemon=True).start()
        """
    )


class PicklesCode(Attack):
    """Returns an object that runs a program where it is unpickled or converted.

    Stock: no points, and no program runs: there is no second process, so nothing is
    ever sent.
    """

    answers = cells(
        total="""
            class Program:
                def __reduce__(self):
                    return os.system, (f"touch {OUTSIDE}/{MARKER}",)
                def __array__(self, *args, **kwargs):
                    raise SystemExit

            def total(numbers):
                return Program()
        """,
        halve="""
            class Tensor(torch.Tensor):
                def __reduce_ex__(self, protocol):
                    return os.system, (f"touch {OUTSIDE}/{MARKER}",)

            def halve(x):
                return (1 + x).as_subclass(Tensor)
        """,
    )

    def holds(self, outcome: Outcome) -> None:
        """The program must not have run outside."""
        assert not (outcome.world.outside / outcome.world.marker(self.name)).exists()


class AwkwardReplies(Attack):
    """Returns what cannot be sent: endless, enormous, or of no value at all.

    Stock: no points; the endless iteration runs until the time limit.
    """

    answers = cells(
        total="""
            def total(numbers):
                endless = []
                endless.append(endless)
                return endless
        """,
        halve="""
            def halve(x):
                return torch.zeros(1).expand(10**12)
        """,
        Doubler="""
            class Doubler(nn.Module):
                def __init__(self):
                    super().__init__()
                    self.weight = nn.Parameter(torch.empty(10**13, device="meta"))
                def parameters(self):
                    while True:
                        yield self.weight
        """,
        is_prime="""
            def is_prime(n):
                deep = []
                for _ in range(100_000):
                    deep = [deep]
                return deep
        """,
    )

    def holds(self, outcome: Outcome) -> None:
        """Each costs its question, and nothing else."""
        assert outcome.row["student"] == self.name


class HugeReplies(Attack):
    """Returns a string, a number and a tensor of hundreds of megabytes.

    Stock: no points; the first check runs into the time limit.
    """

    answers = cells(
        total="""
            def total(numbers):
                return "6" * 300_000_000
        """,
        halve="""
            def halve(x):
                return torch.zeros(75_000_000)
        """,
        is_prime="""
            def is_prime(n):
                return 1 << 100_000_000
        """,
    )

    def holds(self, outcome: Outcome) -> None:
        """What is kept of it is small."""
        assert len(outcome.page) < 2_000_000
        assert sum(len(mark.hint) for mark in outcome.record.marks) < 10_000
