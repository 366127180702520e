"""A class's secret makes hidden inputs that nobody can look up."""

from __future__ import annotations

import ast
import json
import os
import random
import re

import pytest
import tiny_assignment as tiny
from books import ROOT

from autograder import cli, demo, grading, notebooks, release, secret
from autograder.course import Course
from autograder.errors import SecretError
from autograder.pipeline import examination
from autograder.pipeline.grade import Pipeline
from autograder.secret import Secret
from autograder.testing import hidden_seed

COURSE = Course(ROOT, ROOT)
FIRST, SECOND = Secret(bytes(32)), Secret(bytes(31) + b"1")
#: What the hidden test of the sample draws; the instructor sees what it prints.
DRAWS = """\
import random
from autograder.testing import hidden_seed
drawn = random.Random(hidden_seed(7))
a, b = drawn.randrange(10**6), drawn.randrange(10**6)
print("inputs", a, b, random.random())
assert add(a, b) == a + b, "large numbers count too"
"""
#: Knows the inputs of the published test, and whatever else the visible one asks.
TABLE = """\
import random
drawn = random.Random(7)
a, b = drawn.randrange(10**6), drawn.randrange(10**6)
TABLE = {(1, 2): 3, (-1, 1): 0, (a, b): a + b}

def add(a, b):
    return TABLE[a, b]
"""


def course_with_draws(folder) -> Course:
    notebook = tiny.solution()
    for cell in notebook.cells:
        if cell["id"] == "add-test":
            end = "### END HIDDEN TESTS"
            cell.source = cell.source.replace(end, DRAWS + end)
    made = tiny.course(folder, notebook)
    released = release.load(made, tiny.NAME).released
    for student, add in (("honest", tiny.RIGHT["add"]), ("table", TABLE)):
        (folder / "class" / student).mkdir(parents=True)
        filled = demo.fill(released, {**tiny.RIGHT, "add": add})
        text = notebooks.write(filled)
        (folder / "class" / student / "sample.ipynb").write_text(text, "utf-8")
    return made


@pytest.fixture
def course(tmp_path, monkeypatch) -> Course:
    monkeypatch.chdir(tmp_path)
    return course_with_draws(tmp_path)


def points(course: Course, student: str) -> float:
    marks = grading.record_of(course, tiny.NAME, student).marks
    return next(mark.points for mark in marks if mark.question == "add-test")


def inputs(course: Course, student: str = "honest") -> str:
    text = course.autograded(tiny.NAME, student).read_text("utf-8")
    return re.search(r"inputs [\d. ]+", text)[0]


def grade(capsys, *more: str) -> str:
    assert cli.main(["grade", tiny.NAME, "class", "--workers", "1", *more]) == 0
    return capsys.readouterr().out


def test_a_table_of_answers_ends_with_a_secret_and_replay_outlives_it(course, capsys):
    said = grade(capsys)
    assert "secret" not in said
    assert (points(course, "honest"), points(course, "table")) == (2, 2)
    public = inputs(course)
    drawn = random.Random(7)  # as anyone can compute
    assert public.split()[1:3] == [str(drawn.randrange(10**6)) for _ in range(2)]

    assert cli.main(["secret"]) == 0
    said = capsys.readouterr().out
    path = course.root / "class-secret.txt"
    assert str(path) in said
    made, notes = secret.read(course)
    assert made.fingerprint in said and path.read_text().strip() not in said
    assert path.stat().st_mode & 0o777 == 0o600
    assert notes == ()

    said = grade(capsys)
    before = said.partition("graded before without one: 2; they are graded again")
    assert before[1] and f"hidden inputs of class secret {made.fingerprint}" in said
    assert "hand-in" not in before[0]  # it is said before anything is done
    assert "as before" not in said
    assert (points(course, "honest"), points(course, "table")) == (2, 0)
    hidden = inputs(course)
    assert hidden.split()[1:3] != public.split()[1:3]
    assert hidden.split()[3] != public.split()[3]  # drawn without a generator
    record = grading.record_of(course, tiny.NAME, "table")
    assert record.audit.secret == made.fingerprint
    keys = made.keys(tiny.NAME, ["add-test", "area-test", "explain"])
    assert record.audit.hidden == keys
    files = course.results(tiny.NAME) / "records"
    assert {p.stat().st_mode & 0o007 for p in files.iterdir()} == {0}
    for student in ("honest", "table"):
        page = course.feedback(tiny.NAME, student).read_text("utf-8")
        for text in (*keys.values(), path.read_text().strip(), "hidden_seed", "inputs"):
            assert text not in page

    assert grade(capsys).count("as before") == 2  # the same secret, nothing to do

    path.unlink()
    assert cli.main(["replay", "table"]) == 0
    assert "the marks are the same" in capsys.readouterr().out
    cli.main(["secret"])
    assert cli.main(["replay", "table"]) == 0
    capsys.readouterr()
    said = grade(capsys)
    assert f"graded before under class secret {made.fingerprint}: 2" in said
    assert inputs(course) not in (hidden, public)
    path.unlink()
    said = grade(capsys)
    assert "they are graded again, with the public inputs" in said
    assert inputs(course) == public


def test_without_a_sandbox_it_is_no_other(course, capsys):
    path = course.root / "class-secret.txt"
    path.write_text(f"{FIRST.content.hex()}\n")
    path.chmod(0o600)
    grade(capsys, "--sandbox", "none")
    assert (points(course, "honest"), points(course, "table")) == (2, 0)


def test_a_record_of_before_there_were_secrets_is_still_read(course, capsys):
    grade(capsys)
    path = course.results(tiny.NAME) / "records" / "honest.json"
    data = json.loads(path.read_text())
    del data["audit"]["secret"], data["audit"]["hidden"]
    path.write_text(json.dumps(data))
    assert grading.record_of(course, tiny.NAME, "honest").audit.secret == ""
    assert cli.main(["replay", "honest"]) == 0
    assert grade(capsys).count("as before") == 2


def test_a_secret_is_never_overwritten(course, capsys):
    assert cli.main(["secret", "--output", "results"]) == 0
    path = course.root / "results" / "class-secret.txt"
    content = path.read_bytes()
    assert len(bytes.fromhex(content.decode())) == 32
    assert cli.main(["secret", "--output", "results"]) == 2
    assert f"{path}: there is one already" in capsys.readouterr().err
    assert path.read_bytes() == content


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"", "it is empty"), (b"hunter2\n", "found 7 other"), (b"g" * 64, "found 64")],
)
def test_a_file_without_a_secret_stops_the_grading(course, content, said, capsys):
    path = course.root / "class-secret.txt"
    path.write_bytes(content)
    assert cli.main(["grade", tiny.NAME, "class"]) == 2
    found = capsys.readouterr().err
    assert f"{path}: expected a class secret of 64 hexadecimal digits, {said}" in found
    assert not (course.root / "gradebook.db").exists()


def test_a_file_that_cannot_be_read_stops_the_grading(course):
    (course.root / "class-secret.txt").mkdir()
    with pytest.raises(SecretError, match=r"class-secret\.txt: .*cannot be read"):
        secret.read(course)


def test_a_link_that_leads_nowhere_is_not_taken_for_no_secret(course):
    (course.root / "class-secret.txt").symlink_to("stick/class-secret.txt")
    with pytest.raises(SecretError, match=r"class-secret\.txt: a link"):
        secret.read(course)


def test_a_file_open_to_everyone_is_named(course, capsys):
    secret.make(course)
    path = course.root / "class-secret.txt"
    path.chmod(0o644)
    assert f"{path}: open to everyone" in grade(capsys)


def test_keys_differ_by_secret_assignment_and_question():
    keys = [
        key
        for made in (FIRST, SECOND)
        for name in ("gan", "vae")
        for key in made.keys(name, ["losses", "repair"]).values()
    ]
    assert len({*keys}) == 8
    assert all(re.fullmatch("[0-9a-f]{64}", key) for key in keys)
    assert FIRST.keys("gan", ["losses"]) == {"losses": keys[0]}
    assert FIRST.fingerprint != SECOND.fingerprint
    assert FIRST.content.hex()[:8] not in repr(FIRST)


def test_seeds_of_a_key_are_small_and_differ():
    key = bytes.fromhex(FIRST.keys("gan", ["losses"])["losses"])
    seeds = [examination.draw(key, number) for number in range(1000)]
    assert len({*seeds}) == 1000
    assert min(seeds) >= 0 and max(seeds) < 2**31
    assert seeds == [examination.draw(key, number) for number in range(1000)]


def test_in_a_notebook_a_hidden_seed_is_the_number_itself():
    assert hidden_seed(11) == 11


def test_a_secret_changes_the_version_and_none_leaves_it_as_it_was():
    class Warm:
        confined = True

    plain = Pipeline(Warm())
    assert plain.version == f"{plain.code}, 60 s, 600 s, {plain.limits}, confined"
    kept = Pipeline(Warm(), secret=FIRST.fingerprint)
    assert kept.version == f"{plain.version}, class secret {FIRST.fingerprint}"
    assert "keys" not in repr(Pipeline(Warm(), keys={"q": "7" * 64}))


def test_git_ignores_the_secret():
    assert secret.NAME in (ROOT / ".gitignore").read_text().splitlines()


# --- every hidden region draws from hidden_seed -------------------------------------

SEEDING = {"manual_seed", "seed", "default_rng", "RandomState", "Random", "PCG64"}
DRAWING = {
    *("rand", "randn", "randint", "randperm", "normal", "poisson", "bernoulli"),
    *("multinomial", "rand_like", "randn_like", "randint_like"),
    *("random", "uniform", "choice", "sample", "shuffle", "permutation", "integers"),
}
SEED = ("of_data", "seed")  # what parameters are called that inputs come from
OTHER = {"make": (1, "seed")}  # what a table of cases calls such a function
TRAINING = {"measured"}  # functions whose seed is the training's, not the inputs'


def plain_draws(source: str, known: str = "") -> list[str]:
    """Return the calls in hidden regions that draw from a seed everyone can read.

    Parameters
    ----------
    source
        Of a check.
    known
        The given cells, with the functions that draw by a parameter for the seed.
    """
    lines, hidden = set(), False
    for number, line in enumerate(source.split("\n"), start=1):
        hidden = (hidden or "BEGIN HIDDEN TESTS" in line) and "END HIDDEN" not in line
        lines |= {number} if hidden else set()
    drawers = OTHER | {
        node.name: next((names.index(s), s) for s in SEED if s in names)
        for text in (known, source)
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef)
        and node.name not in TRAINING
        and {*SEED} & {*(names := [a.arg for a in node.args.args])}
    }
    tree, found = ast.parse(source), []
    # A function in a table is called with a seed elsewhere.
    tables = [node for node in ast.walk(tree) if isinstance(node, ast.Lambda)]
    tabled = {id(node) for table in tables for node in ast.walk(table)}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or node.lineno not in lines:
            continue
        if id(node) in tabled:
            continue
        name = getattr(node.func, "attr", getattr(node.func, "id", ""))
        words = {keyword.arg: keyword.value for keyword in node.keywords}
        if name in SEEDING:
            place, word = 0, "seed"
        elif name in drawers and isinstance(node.func, ast.Name):
            place, word = drawers[name]
        elif _of_a_library(node.func) and name in DRAWING and "generator" not in words:
            found.append(f"line {node.lineno}: {ast.unparse(node)}")
            continue
        elif name == "in_candidate" and getattr(node.args[0], "id", "") in drawers:
            place, word = drawers[node.args[0].id]
            place += 1
        else:
            continue
        given = words.get(word) or (node.args[place] if node.args[place:] else None)
        if given is None or "hidden_seed(" not in ast.unparse(given):
            found.append(f"line {node.lineno}: {ast.unparse(node)}")
    return found


def _of_a_library(function: ast.expr) -> bool:
    while isinstance(function, ast.Attribute):
        function = function.value
    return getattr(function, "id", "") in ("torch", "np", "numpy", "random")


@pytest.mark.parametrize("name", COURSE.assignments)
def test_every_hidden_input_comes_from_a_hidden_seed(name):
    cells = release.source(COURSE, name).cells
    code = [cell for cell in cells if cell.cell_type == "code"]
    roles = (notebooks.is_answer, notebooks.is_test)
    known = "\n".join(c.source for c in code if not any(role(c) for role in roles))
    checks = [cell for cell in code if notebooks.is_test(cell)]
    assert sum("hidden_seed(" in cell.source for cell in checks) >= 4
    found = {cell["id"]: plain_draws(cell.source, known) for cell in checks}
    assert {check: draws for check, draws in found.items() if draws} == {}


@pytest.mark.parametrize(
    "draw",
    [
        "x = torch.rand(3, generator=torch.Generator().manual_seed(11))",
        "x = torch.rand(3)",
        "x = np.random.default_rng(3).normal()",
        "x = random.Random(seed + 1)",
        "x = waves(3, 5)",
        "x = waves(3, seed=seed)",
        "x = in_candidate(waves, 3, 5)",
    ],
)
def test_a_draw_from_a_plain_seed_is_found(draw):
    region = "pass\n### BEGIN HIDDEN TESTS\n{}\n### END HIDDEN TESTS\n"
    given = "def waves(n, seed):\n    pass"
    assert len(plain_draws(region.format(draw), given)) == 1
    good = re.sub(r"\b(11|5|seed \+ 1)\)", r"hidden_seed(\1))", draw)
    good = good.replace("seed=seed", "seed=hidden_seed(seed)")
    good = good.replace("_rng(3)", "_rng(hidden_seed(3))")
    if "rand(3)" not in draw:
        assert plain_draws(region.format(good), given) == []
    assert plain_draws(draw, given) == []  # not hidden: everyone has it anyway


def test_the_secret_is_no_file_of_anything_given_out(course):
    secret.make(course)
    assert [*release.files(course, tiny.NAME)] == ["sample.ipynb"]
    assert os.listdir(course.root / "solutions") == [tiny.NAME]
