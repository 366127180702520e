"""Checks run in a process of their own, to the end or not, and say what came of it."""

from __future__ import annotations

import contextlib
import io
import multiprocessing
import os
import queue
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from answers import autoencoder
from jupyter_client.manager import start_new_kernel

from autograder import notebooks
from autograder.course import Course
from autograder.errors import AssignmentError, SandboxError
from autograder.pipeline import examination, examiner, servant, wire
from autograder.pipeline.examiner import Check, Examiner, NoAnswer, Verdict
from autograder.pipeline.servant import Servant
from autograder.release import load

ROOT = Path(__file__).resolve().parents[1]
FORK = multiprocessing.get_context("fork")
LIMIT = 20  # seconds; nothing here takes as long, unless it hangs


class Forked:
    """A process as an examiner wants it."""

    def __init__(self, target: Any, *args: Any) -> None:
        self.process = FORK.Process(target=target, args=args)
        self.process.start()

    def send_signal(self, signum: int) -> None:
        os.kill(self.process.pid, signum)

    def kill(self) -> None:
        self.process.kill()

    def close(self) -> None:
        self.process.join()
        self.process.close()


def serve(connection: Any) -> None:
    """Be the examiner's process; its parent has threads of torch's, and it has none."""
    torch.set_num_threads(1)
    examination.serve(connection)


@contextlib.contextmanager
def examining(relay: Any) -> Iterator[Examiner]:
    ours, theirs = FORK.Pipe()
    process = Forked(serve, theirs)
    theirs.close()
    driver = Examiner(process, ours, relay)
    try:
        yield driver
    finally:
        driver.close()


class Room:
    """An examiner, and a candidate in this process."""

    def __init__(self, answer: str = "") -> None:
        self.namespace: dict[str, Any] = {"__name__": "__main__"}
        exec(answer, self.namespace)
        self.servant = Servant(self.namespace)
        self.requests: list[dict[str, Any]] = []
        self.reply: Any = None  # what is answered in place of the truth

    def relay(
        self, header: dict[str, Any], buffers: list[bytes], seconds: float
    ) -> Any:
        assert seconds > 0  # nothing is asked when the time is up
        self.requests.append(header)
        return self.reply or self.servant.answer(header, buffers)


@pytest.fixture(scope="module")
def shared():
    """One room for all tests that leave it as it was."""
    room = Room()
    with examining(lambda *request: room.relay(*request)) as driver:
        yield room, driver


@pytest.fixture
def mark(shared):
    """Run a check against an answer; return the verdicts on its two parts."""
    room, driver = shared

    def mark(
        source: str, answer: str = "", seconds: float = LIMIT
    ) -> tuple[Verdict, Verdict]:
        room.__init__(answer)
        names = tuple(name for name in room.namespace if not name.startswith("_"))
        check = Check("q", source, names, 5)
        visible = driver.visible(check, seconds)
        return visible, driver.hidden(check, seconds)

    return mark


HIDDEN = """\
three = total([1, 2])
assert three == 3, f"total([1, 2]) must be 3, got {three!r}"
### BEGIN HIDDEN TESTS
secret = [86028121, three]
assert total(secret) == 86028124, "larger numbers count too"
### END HIDDEN TESTS
print("done")
"""
TOTAL = "def total(numbers):\n    return sum(numbers)"


def test_a_right_answer_comes_to_the_end_of_both_parts(mark):
    visible, hidden = mark(HIDDEN, TOTAL)
    assert visible == Verdict(True)
    assert hidden == Verdict(True, stdout="done\n")


DRAWN = """\
import random
from autograder.testing import hidden_seed, in_candidate
visible = hidden_seed(7), random.random()
assert total([1]) == 1
### BEGIN HIDDEN TESTS
assert total([1]) == 1
print(visible[0], visible[1], hidden_seed(7), random.random())
### END HIDDEN TESTS
"""


def test_a_hidden_key_changes_the_hidden_part_and_never_reaches_the_answer(shared):
    room, driver = shared
    said = {}
    for key in ("", "5a" * 32, "c3" * 32):
        room.__init__(TOTAL)
        check = Check("q", DRAWN, ("total",), 5, key)
        assert driver.visible(check, LIMIT).finished
        said[key] = driver.hidden(check, LIMIT).stdout.split()
        assert {r["seed"] for r in room.requests if "seed" in r} == {5}
        assert not key or key not in str(room.requests)
        if key:
            drawn = examination.draw(bytes.fromhex(key), 7)
            assert said[key][2] == str(drawn)
            assert str(examination.draw(bytes.fromhex(key), 5)) not in str(
                room.requests
            )
    assert {text[0] for text in said.values()} == {"7"}
    assert len({text[1] for text in said.values()}) == 1
    assert said[""][:2] == said[""][2:]  # seeded alike before both parts
    assert len({text[2] for text in said.values()}) == 3
    assert len({text[3] for text in said.values()}) == 3
    check = Check("q", DRAWN, ("total",), 5)  # the next one is as it was
    assert driver.visible(check, LIMIT).finished
    assert driver.hidden(check, LIMIT).stdout.split() == said[""]


def test_a_draw_of_hidden_inputs_in_the_students_process_is_refused(mark):
    source = (
        "from autograder.testing import hidden_seed, in_candidate\n"
        "def drawn(f):\n    return f([hidden_seed(7)])\n"
        "in_candidate(drawn, total)"
    )
    visible, _ = mark(source, TOTAL)
    assert visible.problem.kind == "CannotCross"
    assert "draw beside the check" in visible.problem.traceback


def test_a_wrong_answer_stops_with_the_checks_own_words(mark):
    visible, hidden = mark(HIDDEN, "def total(numbers):\n    return 4")
    assert not visible.finished
    assert visible.problem.kind == "AssertionError"
    assert visible.problem.hint == "total([1, 2]) must be 3, got 4"
    assert not visible.problem.candidate
    assert 'assert three == 3, f"total' in visible.problem.traceback
    assert "examiner.py" not in visible.problem.traceback
    assert not hidden.finished  # whatever is asked


def test_an_answer_to_what_is_visible_is_not_enough(mark):
    visible, hidden = mark(HIDDEN, "def total(numbers):\n    return 3")
    assert visible.finished
    assert hidden.problem.hint == "larger numbers count too"


def test_no_hidden_input_reaches_the_candidate_before_its_time(shared, mark):
    room, driver = shared
    room.__init__(TOTAL)
    check = Check("q", HIDDEN, ("total",), 5)
    driver.visible(check, LIMIT)
    assert "86028121" not in str(room.requests)
    driver.hidden(check, LIMIT)
    assert "86028121" in str(room.requests)


@pytest.mark.parametrize(
    ("source", "first"),
    [
        ("a\nb", 2),
        ("", 0),
        ("a\n### BEGIN HIDDEN TESTS\nb\n### END HIDDEN TESTS\nc", 1),
        ("### BEGIN HIDDEN TESTS\na\n### END HIDDEN TESTS", 0),
        ("a\n\n### BEGIN HIDDEN TESTS\n### END HIDDEN TESTS\n\nb", 2),
        (
            "a\nfor x in y:\n  p\n  # BEGIN HIDDEN TESTS\n  q\n  # END HIDDEN TESTS",
            1,
        ),
        ("a\nx = 1; ### BEGIN HIDDEN TESTS\nb\n### END HIDDEN TESTS", 1),
        ("a\n@b\n#BEGIN HIDDEN TESTS\n@c\ndef f(): pass\n#END HIDDEN TESTS", 1),
        ("a\n@b(\n#BEGIN HIDDEN TESTS\n1\n#END HIDDEN TESTS\n)\ndef f(): pass", 1),
        ("a\n### BEGIN HIDDEN TESTS\nb", 1),
        ("a\nb = '''\nBEGIN HIDDEN TESTS\n'''\nc", 1),
    ],
    ids=range(11),
)
def test_the_hidden_part_begins_with_the_first_statement_in_it(source, first):
    statements = examination._parse(source, "<check>")
    assert examination._first_hidden(source, statements) == first


@pytest.mark.parametrize(
    ("last", "value"),
    [
        ("3", 3.0),
        ("2.5", 2.5),
        ("-1", -1.0),
        ("10**400", "nan"),
        ("float('nan')", "nan"),
        ("True", None),
        ("None", None),
        ("'4'", None),
        ("x = 4", None),
        ("print(4)", None),
        ("(4,)", None),
        ("4 if f() else 2", 2.0),
        # What an answer may make of a number, lest it be none:
        ("sum(f() == 1 for _ in range(2))", 0.0),
        ("sum(array() == 1 for _ in range(2))", 2.0),
        ("sum(arrays() == 1 for _ in range(2))", "nan"),
        ("sum(tensor() == 1 for _ in range(2))", 2.0),
        ("sum(tensors() == 1 for _ in range(2))", "nan"),
        ("2 * number()", 2.0),
        ("2 * 1j", "nan"),
        ("f", "nan"),
    ],
)
@pytest.mark.parametrize(
    "region", ["{}", "### BEGIN HIDDEN TESTS\n{}\n### END HIDDEN TESTS"]
)
def test_the_value_of_the_last_expression(mark, last, value, region):
    answer = (
        "import numpy as _np, torch as _torch\n"
        "def f(): return 0\n"
        "def number(): return _np.float32(1)\n"
        "def array(): return _np.ones(1)\n"
        "def arrays(): return _np.ones(2)\n"
        "def tensor(): return _torch.ones(())\n"
        "def tensors(): return _torch.ones(2)"
    )
    verdict = mark("y = 1\n" + region.format(last), answer)[1]
    assert verdict.finished
    assert str(verdict.value) == value if value == "nan" else verdict.value == value


def test_an_error_leaves_no_value(mark):
    visible, hidden = mark("### BEGIN HIDDEN TESTS\n4\n### END HIDDEN TESTS\n1 / 0\n4")
    assert visible.finished
    assert hidden.value is None
    assert not hidden.finished
    visible, hidden = mark("4\n### BEGIN HIDDEN TESTS\n1 / 0\n### END HIDDEN TESTS")
    assert visible.value is None  # it was not the cell's last
    assert not hidden.finished


LEAKY = """
class {word}(Exception):
    pass

def f(x):
    if x > 1000:
        raise {error}(f"the hidden input is {{x}}")
    return x
"""


@pytest.mark.parametrize(
    ("error", "visible_hint", "hidden_hint"),
    [
        ("ValueError", "the check stopped with ValueError: the hidden", "ValueError"),
        ("AssertionError", "the hidden input is 31337", "AssertionError"),
        ("Leak", "the check stopped with Leak: the hidden", "Exception"),
        ("SystemExit", "the check stopped with SystemExit: the hidden", "RuntimeError"),
        (
            "NotImplementedError",
            "the check stopped with NotImplementedError: the hidden",
            "NotImplementedError",
        ),
    ],
)
def test_the_candidates_words_are_repeated_while_nothing_is_hidden(
    mark, error, visible_hint, hidden_hint
):
    answer = LEAKY.format(word="Leak", error=error)
    visible, _ = mark("f(31337)", answer)
    assert visible.problem.hint.startswith(visible_hint)
    assert visible.problem.candidate
    assert "In the student's process" in visible.problem.traceback
    _, hidden = mark("### BEGIN HIDDEN TESTS\nf(31337)\n### END HIDDEN TESTS", answer)
    assert hidden_hint in hidden.problem.hint
    for said in (hidden.problem.hint, hidden.problem.kind):
        assert "31337" not in said and "the hidden input" not in said
        assert "Leak" not in said
    assert "31337" in hidden.problem.traceback  # the instructor reads all


def test_unanswered_cell_is_told_from_an_error_of_torch(mark):
    visible, _ = mark("f(1)", "def f(x): raise NotImplementedError()")
    assert visible.problem.hint == (
        "something in your answer still raises NotImplementedError"
    )
    visible, _ = mark(
        "f(1)", "import torch\n\ndef f(x): return (torch.ones(2) > 0).mean()"
    )
    assert "could not infer output dtype" in visible.problem.hint


def test_hidden_values_are_in_no_message_of_a_library(mark):
    check = "import unittest\n### BEGIN HIDDEN TESTS\n"
    check += "unittest.TestCase().assertEqual(f(1), 31337)\n### END HIDDEN TESTS"
    _, hidden = mark(check, "def f(x): return x")
    assert hidden.problem.hint == "a further check failed"
    assert "31337" in hidden.problem.traceback


@pytest.mark.parametrize(
    ("statement", "hint"),
    [
        ("f(31337) == 3", "the answer is an object, where the check needs plain data"),
        ("int(g(31337))", "the check stopped with ValueError"),
        ("{}[g(31337)]", "the check stopped with KeyError"),
        ("raise Own(g(31337))", "the check stopped with an error"),
        ("assert False, g(31337)", "Word31337"),  # what the check itself says
    ],
)
def test_hidden_inputs_are_in_no_error_of_the_check(mark, statement, hint):
    answer = "def f(x):\n    return type(f'Word{x}', (), {})()\n"
    answer += "def g(x):\n    return f'Word{x}'"
    check = "class Own(Exception): pass\n### BEGIN HIDDEN TESTS\n"
    _, hidden = mark(f"{check}{statement}\n### END HIDDEN TESTS", answer)
    assert hidden.problem.hint == hint
    visible, _ = mark(f"class Own(Exception): pass\n{statement}", answer)
    assert "Word31337" in visible.problem.hint


def test_a_hint_is_one_line_that_can_be_printed(mark):
    answer = "def f(): raise ValueError('a\\n\\x1b[31mb\\ud800' + 'x' * 9999)"
    visible, _ = mark("f()", answer)
    assert visible.problem.hint.startswith(
        "the check stopped with ValueError: a [31mb?x"
    )
    assert len(visible.problem.hint) <= examination.HINT


@pytest.mark.parametrize(
    "check",
    [
        "try:\n    f()\nexcept Exception:\n    pass\n4",
        "try:\n    f()\nexcept BaseException:\n    pass\n4",
        "import contextlib\nwith contextlib.suppress(BaseException):\n    f()\n4",
        "try:\n    f()\nfinally:\n    while True:\n        break\n",
    ],
)
@pytest.mark.parametrize(
    "reply", [({"end": True}, []), ({}, [b"", b""]), ({"value": [1]}, [])]
)
def test_no_evidence_is_no_marks(shared, mark, check, reply):
    room, driver = shared
    room.__init__("def f(): pass")
    relay = room.relay

    def lie(header, buffers, seconds):
        truth = relay(header, buffers, seconds)
        return reply if header["op"] == "call" else truth

    room.relay = lie
    try:
        verdict = driver.visible(Check("q", check, ("f",), 5), LIMIT)
    finally:
        del room.relay
    assert not verdict.finished
    assert verdict.lost
    assert verdict.value is None
    assert verdict.problem.hint.startswith("there was no answer")
    assert mark("f()", "def f(): pass")[1].finished  # the next one is not concerned


def test_a_candidate_that_is_gone_costs_the_question(shared):
    room, driver = shared
    room.__init__()

    def gone(*_):
        raise NoAnswer("the process ended")

    room.relay = gone
    verdict = driver.visible(Check("q", "pass", (), 5), LIMIT)
    del room.relay
    assert not verdict.finished and verdict.lost
    assert verdict.problem.hint == "there was no answer: the process ended"


def test_a_reply_that_is_too_large_is_not_passed_on(shared):
    room, driver = shared
    room.reply = {"value": "x" * (wire.LARGEST + 1)}, []
    verdict = driver.visible(Check("q", "pass", (), 5), LIMIT)
    assert verdict.lost and not verdict.died
    room.reply = {"value": 1}, [bytes(wire.LARGEST)]
    assert driver.visible(Check("q", "pass", (), 5), LIMIT).lost
    room.reply = None


def test_a_value_of_the_largest_size_crosses(mark):
    answer = "import torch\ndef f(): return torch.ones(8 * 2**20 - 2**10)"
    assert mark("assert f().sum() > 8e6", answer)[1].finished


@pytest.mark.parametrize(
    "check",
    [
        *(
            "exit()",
            "raise SystemExit",
            "raise KeyboardInterrupt",
            "raise StopIteration",
        ),
        *("import os; os.kill(os.getpid(), 2)\nwhile True: pass", "def f(:", "\x00"),
    ],
)
def test_however_a_check_ends_it_has_not_finished(mark, check):
    for verdict in mark(check):
        assert not verdict.finished
        assert not verdict.died
        assert verdict.problem.hint
    assert mark("assert 1")[1].finished


def test_a_check_is_interrupted_when_its_time_is_up(shared, mark):
    start = time.monotonic()
    visible, _ = mark("while True: pass", seconds=0.3)
    assert visible.timed_out and not visible.finished and not visible.died
    assert visible.problem.kind == "KeyboardInterrupt"
    assert time.monotonic() - start < examiner.PATIENCE
    assert mark("assert 1")[1].finished


def test_a_check_that_asks_for_ever_is_interrupted(shared, mark):
    visible, _ = mark(
        "while True:\n    try:\n        f()\n    except Exception: pass",
        "def f(): pass",
        seconds=0.3,
    )
    assert visible.timed_out and not visible.finished and not visible.died
    assert mark("assert 1")[1].finished


def test_a_check_that_waits_for_the_candidate_is_interrupted(shared, mark):
    room, driver = shared
    room.__init__("def f(): import time; time.sleep(0.5)")
    verdict = driver.visible(Check("q", "f()\nf()\nassert 1", ("f",), 5), 0.3)
    assert verdict.timed_out and not verdict.finished and not verdict.died
    assert mark("assert 1")[1].finished


def test_a_late_end_is_an_end(shared, mark):
    room, driver = shared
    room.__init__("def f(): import time; time.sleep(0.5); return 1")
    verdict = driver.visible(Check("q", "assert f() == 1", ("f",), 5), 0.3)
    assert verdict == Verdict(True)


def test_a_check_means_what_its_source_says(mark):
    # Not what the examiner's own source has imported from the future.
    assert mark("def f(x: 1 + 1): pass\nassert f.__annotations__ == {'x': 2}")[
        1
    ].finished


def test_a_check_that_does_not_stop_is_killed(monkeypatch):
    monkeypatch.setattr(examiner, "PATIENCE", 0.3)
    stubborn = "import signal; signal.signal(2, signal.SIG_IGN)\nwhile True: pass"
    with examining(Room().relay) as driver:
        verdict = driver.visible(Check("q", stubborn, (), 5), 0.3)
        assert verdict == Verdict(False, timed_out=True, died=True)
        assert not driver.alive
        assert driver.visible(Check("q", "pass", (), 5), LIMIT) == (
            Verdict(False, died=True)
        )


def test_an_examiner_that_dies_says_so():
    with examining(Room().relay) as driver:
        verdict = driver.visible(Check("q", "import os; os._exit(0)", (), 5), LIMIT)
        assert verdict == Verdict(False, died=True)
        assert not driver.alive


def test_an_examiner_ends_with_its_worker():
    ours, theirs = FORK.Pipe()
    process = FORK.Process(target=lambda: (ours.close(), serve(theirs)))
    process.start()
    ours.close()
    theirs.close()
    process.join(LIMIT)
    assert process.exitcode == 0
    process.close()


def test_given_cells_are_there_for_every_check():
    with examining(Room("def total(n): return sum(n)").relay) as driver:
        driver.given(
            [("a", "import math"), ("b", "def area(r): return math.pi * r")], LIMIT
        )
        first = Check("q", "assert area(1) > 3; area = total = None; mine = 1", (), 5)
        assert driver.visible(first, LIMIT).finished
        second = "assert area(1) > 3 and total([1]) == 1 and 'mine' not in dir()"
        assert driver.visible(Check("r", second, ("total",), 5), LIMIT).finished


def test_a_given_cell_that_fails_is_the_assignments_fault():
    with examining(Room().relay) as driver:
        with pytest.raises(AssignmentError, match="(?s)cell b.*ZeroDivisionError"):
            driver.given([("a", "x = 0"), ("b", "1 / x")], LIMIT)
        # On a busy machine that is nobody's fault, and tried again.
        with pytest.raises(SandboxError, match=r"did not come to an end in 0\.2 s"):
            driver.given([("a", "while True: pass")], 0.2)


def test_a_name_that_the_answer_lacks_is_not_defined(mark):
    visible, _ = mark("total([1])", "def sums(n): return 0")
    assert "name 'total' is not defined" in visible.problem.hint
    check = Check("q", "total([1])", ("total",), 5)
    assert check.names == ("total",)


def test_names_are_fetched_again_for_the_hidden_part(shared):
    room, driver = shared
    source = "x = f()\n### BEGIN HIDDEN TESTS\nassert f() == 2 and x == 1\n"
    source += "assert g == 3\n### END HIDDEN TESTS"
    room.__init__("def f(): return 1\ng = 0")
    check = Check("q", f"g = 3\n{source}", ("f", "g"), 5)
    assert driver.visible(check, LIMIT).finished
    room.__init__("def f(): return 2\ng = 0")  # in another process, say
    assert driver.hidden(check, LIMIT).finished


def test_both_sides_are_seeded_before_each_part(mark):
    draw = "import random, torch, numpy as np\n"
    draw += "def draw(): return random.random(), torch.rand(1).item(), np.random.rand()"
    check = f"{draw.replace('def draw', 'def mine')}\n"
    check += "first = draw()\nassert first == mine()\nassert draw() != first\n"
    check += "### BEGIN HIDDEN TESTS\nassert draw() == first\n"
    check += "assert mine() == first\n### END HIDDEN TESTS"
    visible, hidden = mark(check, draw)
    assert visible.finished, visible.problem
    assert hidden.finished, hidden.problem


def test_what_a_check_prints_is_kept_for_the_instructor(mark):
    visible, _ = mark("import sys; print('a'); print('b', file=sys.stderr); 1 / 0")
    assert visible.stdout == "a\nb\n"
    visible, _ = mark("for _ in range(10**4): print('x' * 100)")
    assert visible.finished
    assert len(visible.stdout) == examination.PRINTED


def test_functions_of_a_check_run_in_the_candidate(mark):
    answer = "from torch import nn\nmodel = nn.Linear(2, 1)"
    check = (
        "import torch\n"
        "from torch import nn\n"
        "from autograder.testing import in_candidate\n"
        "def gradients(model, x):\n"
        "    model(x).sum().backward()\n"
        "    return [p.grad for p in model.parameters()]\n"
        "assert isinstance(model, nn.Module)\n"
        "found = in_candidate(gradients, model, torch.ones(3, 2))\n"
        "assert found[0].tolist() == [[3, 3]] and found[1].tolist() == [3]\n"
        "class Stub(nn.Module):\n"
        "    def forward(self, x):\n"
        "        return x + 1\n"
        "assert in_candidate(lambda m, x: m(x), Stub(), 1) == 2\n"
    )
    visible, _ = mark(check, answer)
    assert visible.finished, visible.problem
    wrong = "from autograder.testing import in_candidate\n"
    wrong += "def f(m):\n    assert m is None\nin_candidate(f, model)"
    visible, _ = mark(wrong, answer)
    assert "'f' holds an assertion" in visible.problem.hint


# The real assignment ----------------------------------------------------------------


@pytest.fixture(scope="module")
def assignment():
    release = load(Course(ROOT, ROOT), "autoencoder")
    graded = {cell["id"]: cell.source for cell in release.graded.cells}
    solved = notebooks.read(Course(ROOT, ROOT).solution("autoencoder"))
    return graded, {cell["id"]: cell.source for cell in solved.cells}


LIGHT = {
    "losses": ("l2_loss", "l1_loss", "cross_entropy"),
    "gradient": ("linear_gradients",),
    "pca": ("pca_reconstruct",),
    "start": ("dead_codes", "starting_bias"),
    "tied": ("tied_parameters", "tied_run"),
    "statements": ("statements",),
}


def test_answers_get_the_same_marks_across_the_wall(assignment):
    graded, reference = assignment
    given: dict[str, Any] = {"__name__": "__main__"}
    with contextlib.redirect_stdout(io.StringIO()):
        for name in ("setup", "data"):
            exec(graded[name], given)
    room = Room()
    tried = 0
    with examining(lambda *request: room.relay(*request)) as driver:
        driver.given([(name, graded[name]) for name in ("setup", "data")], LIMIT)
        answers = [(a.question, a.source, a.marks, a.says) for a in autoencoder.ANSWERS]
        answers += [(name, reference[name], 1, "") for name in LIGHT]
        for question, source, marks, says in answers:
            if question not in LIGHT:
                continue
            room.__init__()
            room.namespace.update(given)
            with contextlib.suppress(NotImplementedError):
                exec(source, room.namespace)
            name = f"{question}-check"
            check = Check(name, graded[name], LIGHT[question], 0)
            verdict = driver.visible(check, LIMIT)
            if verdict.finished:
                verdict = driver.hidden(check, LIMIT)
            assert verdict.finished == bool(marks), (source, verdict.problem)
            assert marks or says in verdict.problem.hint, (says, verdict.problem)
            tried += 1
    assert tried > 50


INSTALLING = """
from autograder.pipeline import servant
servant.install(get_ipython().kernel, "inproc://requests")
import threading

def f(x):
    return x + 1, threading.current_thread().name

def hang():
    started = True
    while started:
        pass

def fail():
    raise ValueError("\\ud800")
"""


def test_a_kernel_answers_requests_in_its_main_thread():
    manager, client = start_new_kernel(kernel_name="python3")
    interrupting = False

    def relay(header, buffers, _):
        message = client.session.msg(servant.REQUEST, header)
        client.session.send(client.shell_channel.socket, message, buffers=buffers)
        for _ in range(LIMIT):
            with contextlib.suppress(queue.Empty):
                reply = client.get_shell_msg(timeout=1)
                if reply["msg_type"] == servant.REPLY:
                    return reply["content"], [bytes(b) for b in reply["buffers"]]
            if interrupting:
                manager.interrupt_kernel()
        raise NoAnswer("it hangs")

    try:
        client.execute_interactive(INSTALLING, timeout=60)
        with examining(relay) as driver:
            source = "import torch\nx, thread = f(torch.ones(3))\n"
            source += "assert x.tolist() == [2, 2, 2] and thread == 'MainThread'"
            verdict = driver.visible(Check("q", source, ("f",), 5), LIMIT)
            assert verdict.finished, verdict.problem
            verdict = driver.visible(Check("q", "fail()", ("fail",), 5), LIMIT)
            assert verdict.problem.hint == "the check stopped with ValueError: ?"
            interrupting = True
            verdict = driver.visible(Check("r", "hang()", ("hang",), 5), LIMIT)
            assert verdict.problem.hint == "the check stopped with KeyboardInterrupt"
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def test_the_signal_of_a_worker_is_not_the_end_of_a_waiting_examiner(shared, mark):
    _, driver = shared
    driver.process.send_signal(signal.SIGINT)
    time.sleep(0.1)
    assert mark("assert 1")[1].finished
