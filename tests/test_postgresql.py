"""The gradebook on a PostgreSQL server: the same marks, and none lost when it goes."""

from __future__ import annotations

import csv
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import tiny_assignment as tiny
from browser import succeeds
from nbgrader.api import Gradebook

from autograder import (
    cli,
    demo,
    gradebook,
    grading,
    lateness,
    notebooks,
    release,
    report,
)
from autograder.course import MARK, Course
from autograder.errors import GradebookError
from autograder.execution import Mark, Outcome, Status, Submission, failure

psycopg = pytest.importorskip("psycopg", reason="no psycopg: pip install psycopg")

ROOT = Path(__file__).resolve().parents[1]
USER, PASSWORD = "instructor", "not-to-be-printed"
PATIENCE = 60  # seconds, on a busy machine
# No service is started with the package: the tests have a server of their own.
INSTALL = "apt-get update -qq; RUNLEVEL=1 apt-get install --yes -qq postgresql"


@dataclass
class Server:
    """A server that only listens at a socket in its own folder."""

    programs: Path
    folder: Path
    process: subprocess.Popen[bytes] | None = None
    who: dict[str, object] = field(default_factory=dict)  # the server refuses root

    def create(self) -> None:
        """Make the database cluster, with a password."""
        (self.folder / "password").write_text(PASSWORD)
        if os.geteuid() == 0:
            names = {user.pw_name: user for user in pwd.getpwall()}
            user = names.get("postgres") or names["nobody"]
            self.who = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
            for path in (self.folder, self.folder / "password"):
                os.chown(path, user.pw_uid, user.pw_gid)
        command = [self.programs / "initdb", "-D", self.folder / "data", "-U", USER]
        command += ["--pwfile", self.folder / "password", "--auth", "scram-sha-256"]
        command += ["--encoding", "UTF8", "--locale", "C", "--no-sync"]
        subprocess.run(command, check=True, capture_output=True, **self._settings)

    @property
    def _settings(self) -> dict[str, object]:
        return {"cwd": self.folder, "env": {"LC_ALL": "C"}, **self.who}

    def start(self) -> None:
        command = [self.programs / "postgres", "-D", self.folder / "data", "-F"]
        command += ["-k", self.folder, "-c", "listen_addresses="]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                command, stdout=log, stderr=log, **self._settings
            )
        end = time.monotonic() + PATIENCE
        while True:
            try:
                return self.ask("postgres", "SELECT 1")
            except psycopg.OperationalError:
                if time.monotonic() > end or self.process.poll() is not None:
                    raise
                time.sleep(0.05)

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """End it and its connections, as when its machine is restarted."""
        if self.process is not None:
            self.process.send_signal(how)
            self.process.wait(PATIENCE)
            self.process = None

    def ask(self, database: str, command: str) -> None:
        where = {"host": str(self.folder), "user": USER, "password": PASSWORD}
        with psycopg.connect(dbname=database, autocommit=True, **where) as connection:
            connection.execute(command)

    def url(self, database: str, password: str = "") -> str:
        name = f"{USER}:{password}" if password else USER
        return f"postgresql+psycopg://{name}@/{database}?host={self.folder}"


def programs() -> Path | None:
    """The folder of an installed server's programs."""
    here = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    found = sorted(here, key=lambda path: float(path.parts[-3]))
    if not found and (path := shutil.which("initdb")):
        found = [Path(path)]
    return found[-1].resolve().parent if found else None


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """An installed server, else Debian's package, else skip."""
    root = hasattr(os, "geteuid") and os.geteuid() == 0 and shutil.which("apt-get")
    found = programs() or (root and succeeds(["sh", "-c", INSTALL]) and programs())
    if not found:
        pytest.skip("no PostgreSQL server: install the package postgresql")
    with (
        tempfile.TemporaryDirectory(prefix="pg-") as folder,  # a socket's path is short
        pytest.MonkeyPatch.context() as patch,
    ):
        Path(folder).chmod(0o711)
        words = Path(folder) / "pgpass"
        words.write_text(f"*:*:*:{USER}:{PASSWORD}\n")
        words.chmod(0o600)
        patch.setenv("PGPASSFILE", str(words))
        made = Server(found, Path(folder))
        try:
            made.create()
            made.start()
            yield made
        finally:
            made.stop(signal.SIGQUIT)  # nothing is kept


def configure(course: Course, url: str) -> Course:
    """Name a database in the course's nbgrader_config.py, as the page says."""
    text = (ROOT / MARK).read_text()
    text += f'\nc.CourseDirectory.db_url = "{url}"\n'
    (course.root / MARK).write_text(text)
    return Course(course.root, course.output)


@pytest.fixture
def course(server, tmp_path, request) -> Course:
    """A course with a database of its own."""
    name = f"test{abs(hash(request.node.name))}"
    server.ask("postgres", f"CREATE DATABASE {name}")
    return configure(tiny.course(tmp_path), server.url(name))


@pytest.mark.parametrize(
    ("named", "used"),
    [
        ("", "sqlite:///{root}/gradebook.db"),
        ("sqlite:///marks/of-2026.db", "sqlite:///{root}/marks/of-2026.db"),
        ("sqlite:////elsewhere/marks.db", "sqlite:////elsewhere/marks.db"),
        ("postgresql+psycopg://ann@host/marks", "postgresql+psycopg://ann@host/marks"),
    ],
)
def test_gradebook_is_where_the_settings_say_and_a_trials_is_not(tmp_path, named, used):
    course = tiny.course(tmp_path)
    if named:
        configure(course, named)
    assert Course(tmp_path, tmp_path).db_url == used.format(root=tmp_path)
    trial = tmp_path / "trial"
    assert Course(tmp_path, trial).db_url == f"sqlite:///{trial}/gradebook.db"


@pytest.mark.parametrize(
    "url", ["postgresql+psycopg://ann:{}@host/m", "postgresql+psycopg:///m?password={}"]
)
def test_gradebook_is_named_without_its_password(tmp_path, url):
    course = configure(tiny.course(tmp_path), url.format(PASSWORD))
    assert "postgresql+psycopg://" in gradebook.place(course)
    assert PASSWORD not in gradebook.place(course)


@pytest.fixture(scope="module")
def assignment(tmp_path_factory):
    return release.load(tiny.course(tmp_path_factory.mktemp("given")), tiny.NAME)


# By the command, in the sandbox


CLASS = {
    "right": tiny.RIGHT,
    "half": {"add": tiny.RIGHT["add"]},
    "O'Brien -- Zoë 学生%s": tiny.RIGHT,
    "zero": {**tiny.RIGHT, "explain": "nothing: \0", "add": "print('\\0')"},
}


@pytest.mark.large
def test_class_has_the_same_marks_on_a_server_as_in_a_file(
    server, course, assignment, monkeypatch, capsys
):
    for student, answers in CLASS.items():
        path = course.root / "class" / student / "sample.ipynb"
        path.parent.mkdir(parents=True)
        path.write_text(notebooks.write(demo.fill(assignment.released, answers)))
    monkeypatch.chdir(course.root)
    grade = ["grade", "sample", "class"]

    assert cli.main([*grade, "--output", "trial"]) == 0
    assert str(course.root / "trial" / "gradebook.db") in capsys.readouterr().out
    assert cli.main(grade) == 0
    assert f"\n{gradebook.place(course)}\n" in capsys.readouterr().out
    assert not (course.root / "gradebook.db").exists()
    there = marks(course.root / "trial" / "sample" / "marks.csv")
    here = marks(course.results("sample") / "marks.csv")
    assert set(here) == set(CLASS)
    assert here["right"]["points"] == "5" and here["zero"]["points"] == "3"
    assert here == there

    by_hand(course, "right", 4.5)
    server.stop()
    server.start()
    assert cli.main(grade) == 0
    said = capsys.readouterr().out
    assert said.count(": as before") == len(CLASS)
    assert marks(course.results("sample") / "marks.csv")["right"]["points"] == "9.5"
    path = course.root / "class" / "right" / "sample.ipynb"
    path.write_text(notebooks.write(demo.fill(assignment.released, CLASS["half"])))
    assert cli.main([*grade, "--regrade", "Q1"]) == 0
    assert marks(course.results("sample") / "marks.csv")["right"]["points"] == "6.5"
    assert cli.main(["replay", "right"]) == 0

    # A trial does not know of any of it.
    assert cli.main(["report", "sample", "--output", "trial"]) == 0
    assert marks(course.root / "trial/sample/marks.csv") == there

    for command in ("export", "generate_feedback sample --force", "db upgrade"):
        done = subprocess.run(
            [sys.executable, "-m", "nbgrader", *command.split()],
            cwd=course.root,
            env={**os.environ, "PATH": path_of_this_python()},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        assert PASSWORD not in done.stdout + done.stderr
    exported = marks(course.root / "grades.csv", "student_id")
    assert exported["right"]["score"] == "6.5"
    page = course.feedback("sample", "right").read_text("utf-8")
    assert "You have 6.5 of 10 points" in page


def marks(path: Path, key: str = "student") -> dict[str, dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return {row[key]: row for row in csv.DictReader(file)}


def by_hand(course: Course, student: str, points: float) -> None:
    with Gradebook(course.db_url) as book:
        book.find_grade("explain", "sample", "sample", student).manual_score = points
        book.db.commit()


def path_of_this_python() -> str:
    """PATH of an activated environment, where nbgrader finds alembic."""
    return os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])


# What can go wrong, with an executor that runs nothing


class Executor:
    """Gives everyone two points a question, and calls what a test gives it."""

    version = "1"

    def __init__(self, **calls):
        self.calls = calls
        self.graded = []

    def grade(self, submission, assignment):
        self.graded.append(submission.student)
        if call := self.calls.pop(submission.student, None):
            call()
        marks = tuple(Mark(q.id, 2.0, Outcome.PASSED) for q in assignment.questions)
        made = failure("", assignment)
        notebook = notebooks.from_parts([])
        return replace(made, status=Status.GRADED, marks=marks, notebook=notebook)


def handed_in(*students: str) -> list[Submission]:
    return [Submission(student, student.encode()) for student in students]


def test_server_that_is_restarted_meanwhile_costs_nobody_anything(
    server, course, assignment
):
    def restart():
        server.stop()
        server.start()

    found = grading.grade(
        course, assignment, handed_in("ann", "ben", "eve"), Executor(ben=restart)
    )
    assert [record.status for record in found] == [Status.GRADED] * 3
    assert {row.total for row in report.make(course, assignment).rows} == {6.0}


def test_connection_lost_while_marks_are_written_is_made_anew(
    server, course, assignment, monkeypatch
):
    enter, lost = gradebook.enter, []

    def lose(book, *arguments):
        if not lost:
            lost.append(book.db.connection().connection.driver_connection.close())
        enter(book, *arguments)

    monkeypatch.setattr(gradebook, "enter", lose)
    executor = Executor()
    found = grading.grade(course, assignment, handed_in("ann", "ben"), executor)
    assert lost and [record.status for record in found] == [Status.GRADED] * 2
    assert executor.graded == ["ann", "ben"]


def test_server_that_goes_away_is_named_and_the_same_command_goes_on(
    server, course, assignment
):
    everyone = handed_in("ann", "ben", "eve")
    with pytest.raises(GradebookError, match="same command goes on") as raised:
        grading.grade(course, assignment, everyone, Executor(ben=server.stop))
    assert gradebook.place(course) in str(raised.value)
    with pytest.raises(GradebookError, match="is the server running"):
        grading.grade(course, assignment, everyone, Executor())
    server.start()
    assert [r.student for r in grading.records(course, "sample")] == ["ann"]
    executor = Executor()
    found = grading.grade(course, assignment, everyone, executor)
    assert executor.graded == ["ben", "eve"]
    assert [record.status for record in found] == [Status.GRADED] * 3


def test_lateness_is_the_same_as_in_a_file(server, course, assignment, tmp_path):
    text = (course.root / MARK).read_text()
    line = 'c.LateSubmissionPlugin.penalty_method = "zero"\n'
    (course.root / MARK).write_text(text + line)
    due = datetime(2026, 12, 1, 23)
    times = {"in-time": -1, "late": 2, "allowed": 2}
    in_a_file = Course(course.root, tmp_path / "trial")
    said = []
    for one in (Course(course.root, course.root), in_a_file):
        gradebook.register(one, assignment, due)
        late = lateness.Lateness(one, {"allowed": timedelta(hours=3)})
        late.check(due)
        grading.grade(
            one,
            assignment,
            [
                Submission(name, b"", submitted=due + timedelta(hours=hours))
                for name, hours in times.items()
            ],
            Executor(),
            late=late,
        )
        rows = report.make(one, assignment).rows
        said.append({row.record.student: (row.total, row.late) for row in rows})
    on_server, in_file = said
    assert on_server == in_file
    assert on_server["late"][0] == 0 and on_server["allowed"][0] == 6


def test_no_session_idles_in_a_transaction_while_a_submission_runs(
    server, course, assignment
):
    where = {"host": str(server.folder), "user": USER, "password": PASSWORD}
    seen = []

    def look():
        with psycopg.connect(dbname="postgres", **where) as connection:
            seen.extend(
                connection.execute(
                    "SELECT datname FROM pg_stat_activity "
                    "WHERE state LIKE 'idle in transaction%'"
                )
            )

    grading.grade(
        course, assignment, handed_in("ann", "ben"), Executor(ann=look, ben=look)
    )
    assert seen == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda url: url.replace(f"{USER}@", f"{USER}:guess@"), "authentication"),
        (lambda url: url.replace("/test", "/nowhere"), "does not exist"),
        (lambda url: f"{url}/elsewhere", "is the server running"),
        (lambda url: url.replace("psycopg:", "pg9000:"), "needs psycopg: pip install"),
        (lambda url: url.replace("@/", "@host:guess/"), "write it as postgresql"),
    ],
    ids=["password", "database", "server", "driver", "address"],
)
def test_database_that_cannot_be_had_is_named_without_its_password(
    course, change, said
):
    message = refusal(configure(course, change(course.db_url)))
    assert said in message
    assert MARK in message or "+pg9000" in message
    assert "guess" not in message


def test_password_that_is_missing_is_asked_for_by_file(course, monkeypatch):
    monkeypatch.setenv("PGPASSFILE", os.devnull)
    assert "PGPASSFILE" in refusal(course)


def test_database_of_another_program_or_version_is_left_alone(server, course):
    name = course.db_url.rpartition("@/")[2].partition("?")[0]
    server.ask(name, "CREATE TABLE users (id INT)")
    assert "it holds other tables (users)" in refusal(course)
    server.ask(name, "DROP TABLE users")
    assert refusal(course) == ""
    server.ask(name, "UPDATE alembic_version SET version_num = 'older'")
    assert "its tables are of version older, " in refusal(course)


def refusal(course: Course) -> str:
    """What is said instead of opening a gradebook, nothing if it can be opened."""
    try:
        with gradebook.opened(course):
            return ""
    except GradebookError as error:
        return str(error)
