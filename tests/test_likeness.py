"""Answers that are alike are found whatever their names; other answers are not."""

from __future__ import annotations

import random

import pytest
import tiny_assignment as tiny

from autograder import demo, likeness, notebooks, release

LONG = '''
def add(first, second):
    """Add two numbers, bit by bit."""
    carry, total, place = 0, 0, 1
    while first or second or carry:
        one, other = first % 2, second % 2
        bit = one ^ other ^ carry
        carry = (one and other) or (carry and (one or other))
        total += bit * place
        place, first, second = place * 2, first // 2, second // 2
    return total
'''
#: The same with other names, texts, comments and layout.
COPIED = """
def add(a,b):
  # my own idea
  "Adds."
  c,t,p=0,0,1
  while a or b or c:
    x,y=a%2,b%2  # bits

    z=x^y^c
    c=(x and y) or (c and (x or y))
    t+=z*p
    p,a,b=p*2,a//2,b//2
  return t
"""
OTHER = """
def add(first, second):
    if second == 0:
        return first
    if second > 0:
        return add(first + 1, second - 1)
    results = [add(first - 1, second + 1) for _ in range(1)]
    return max(results, key=lambda value: abs(value - first)) if results else first
"""
BROKEN = LONG.replace("return total", "return (total")


def prints(source):
    return likeness.fingerprints(likeness.tokens(source))


def share(one, other):
    one, other = prints(one), prints(other)
    return len(one & other) / min(len(one), len(other))


def test_names_comments_and_layout_do_not_count():
    assert share(LONG, COPIED) == 1.0
    assert share(LONG, OTHER) < 0.2


def test_part_of_a_copy_is_found():
    assert share(OTHER + LONG, COPIED) > 0.8


def test_what_libraries_are_asked_for_counts():
    call = "y = torch.{}(x, dim=1).{}(0, 3, keepdim=True).{}()[0] + 1"
    assert share(call.format("exp", "view", "sum"), call.format("log", "a", "b")) == 0


@pytest.mark.parametrize("source", ["", "x", "(", "'''", "\0", "  x\n y", "é = ½"])
def test_what_is_no_python_has_few_fingerprints(source):
    assert len(prints(source)) <= 1


def test_broken_answer_counts_as_far_as_it_is_python():
    assert share(LONG, BROKEN) > 0.8


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    return tiny.course(tmp_path_factory.mktemp("course"))


def hand_in(course, student, **answers):
    assignment = release.load(course, tiny.NAME)
    path = course.submitted(tiny.NAME, student)
    path.parent.mkdir(parents=True)
    notebook = demo.fill(assignment.released, answers)
    path.write_text(notebooks.write(notebook), "utf-8")


class Of:
    """A record as far as it is looked at."""

    def __init__(self, student):
        self.student = student


def test_pair_is_found_among_kept_copies(course):
    assignment = release.load(course, tiny.NAME)
    area = tiny.RIGHT["area"]
    hand_in(course, "s1", add=LONG, area=area)
    hand_in(course, "s2", add=COPIED, area=area)
    hand_in(course, "s3", add=OTHER, area=area)
    hand_in(course, "s4", add=BROKEN, area="def area(r): pass")
    course.submitted(tiny.NAME, "s5").parent.mkdir(parents=True)
    course.submitted(tiny.NAME, "s5").write_bytes(b"{")
    records = [Of(f"s{n}") for n in range(1, 7)]
    found = likeness.find(course, assignment, records)
    pairs = {pair.students: pair for pair in found}
    assert set(pairs) == {("s1", "s2"), ("s1", "s4"), ("s2", "s4")}
    assert pairs["s1", "s2"].share == 1.0
    assert pairs["s1", "s2"].questions["add-test"] == 1.0
    assert "add-test" in pairs["s1", "s4"].questions


def test_what_was_handed_out_does_not_count(course):
    assignment = release.load(course, tiny.NAME)
    given = likeness.prints(assignment, assignment.released)
    stub = demo.fill(assignment.released, {})
    assert likeness.prints(assignment, stub) - given == frozenset()


def test_what_many_wrote_does_not_make_a_pair():
    common = {("q", n) for n in range(30)}
    own = {f"s{n}": frozenset(common | {("q", 1000 + n)}) for n in range(40)}
    assert likeness.compare(own) == []
    rare = {("q", 500 + n) for n in range(6)}
    for student in ("s3", "s7"):
        own[student] |= rare
    [pair] = likeness.compare(own)
    assert (pair.students, pair.rare) == (("s3", "s7"), 6)


def test_class_of_thousands_is_compared_through_an_index():
    """Each has 300 fingerprints, some shared by tenths of the class."""
    draw = random.Random(0)
    common = [("q", n) for n in range(200)]
    own = {
        f"s{n}": frozenset(
            [
                *draw.sample(common, 60),
                *(("q", draw.getrandbits(60)) for _ in range(240)),
            ]
        )
        for n in range(2000)
    }
    own["s1"] = frozenset([*sorted(own["s2"])[:250], *sorted(own["s1"])[:50]])
    [pair] = likeness.compare(own)
    assert pair.students == ("s1", "s2")
