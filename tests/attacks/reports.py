"""Attacks on whoever reads a report, and on the browser, spreadsheet or terminal."""

from __future__ import annotations

import base64
import re

from nbformat import NotebookNode

from attacks import Attack, Outcome, World, cells, live
from attacks.assignment import NUMBERS
from autograder import notebooks

ALERT = "alert('attacked')"
MARKUP = (
    f"""<script>{ALERT}</script><img src=x onerror="{ALERT}"><svg onload={ALERT}>"""
)
BREAK = f'x" onerror="{ALERT}"><script>{ALERT}</script>'


class Shows(Attack):
    """Puts something into a page that a browser would run."""

    def holds(self, outcome: Outcome) -> None:
        """What runs in the page is what runs in an honest student's, and no more."""
        assert live(outcome.page) == live(outcome.honest_page)
        # Its own: what it is written in, its width, its policy, its style, one figure.
        assert len(live(outcome.report)) == 5
        for cell in outcome.notebook.cells:
            if cell.cell_type == "markdown" and notebooks.is_answer(cell):
                assert not live(cell.source), cell.source
            for output in cell.get("outputs", []):
                kinds = set(output.get("data", {}))
                assert kinds <= {"text/plain", "image/png"}, kinds


class ScriptInOutputs(Shows):
    """Displays scripts as HTML, SVG, JavaScript, Markdown and LaTeX.

    Stock: the scripts are in the student's page as they came, those in HTML, SVG and
    JavaScript among them.
    """

    answers = cells(
        total=f"""
            from IPython.display import display

            for kind in ("text/html", "image/svg+xml", "application/javascript",
                         "text/markdown", "text/latex", "application/pdf",
                         "application/x-attack", "text/plain"):
                display({{kind: {MARKUP!r}}}, raw=True)
        """
    )


class BreaksThePage(Shows):
    """Displays what is no widget as a widget, so that no page can be made of it.

    Stock: a picture that is no text makes the submission fail; it has no marks.
    """

    answers = cells(
        total="""
            from IPython.display import display

            for value in ("", [], {"model_id": "x"}, {"state": 1}):
                display({"application/vnd.jupyter.widget-view+json": value}, raw=True)
            display({"application/vnd.jupyter.widget-state+json": {"x": 1}}, raw=True)
            display({"image/svg+xml": [1, {"x": 2}], "text/latex": 3}, raw=True)
        """
    )


class ScriptInResult(Shows):
    """Has a cell's last value show itself as a page that runs.

    Stock: the student's page has it in a frame, as an address with the script in it.
    """

    answers = cells(
        total=f"""
            class Page:
                def _repr_html_(self):
                    return {MARKUP!r}
                def _repr_mimebundle_(self, **kwargs):
                    kind = "text/html"
                    return {{kind: {MARKUP!r}}}, {{kind: {{"isolated": True}}}}
                def __repr__(self):
                    return {MARKUP!r}

            Page()
        """
    )


class ScriptInAnswer(Shows):
    """Writes scripts, handlers and links that run into the written answer.

    Stock: all of it is in the student's page as it came.
    """

    answers = cells(
        why=f"""
            Because {MARKUP}

            [a link](javascript:{ALERT}) <a href="java&#10;script:{ALERT}">another</a>
            <a href="data:text/html,<script>{ALERT}</script>">a third</a>

            ![a picture](javascript:{ALERT}) <iframe src="javascript:{ALERT}"></iframe>
            <form action="https://example.org"><input name=password><button>OK</button>
            </form> <style>body {{ display: none }}</style> <base href="//example.org">
            <meta http-equiv=refresh content="0; url=//example.org"> <math><mtext>
            <table><mglyph><style><!--</style><img title="--&gt;&lt;img src=1
            onerror={ALERT}&gt;">

            <div style="position: fixed; background: url(//example.org)">x</div>
        """
    )


class LinkInFormula(Shows):
    """Hides a link that runs in a formula, which MathJax makes clickable.

    Stock: the formula is in the page as it came; the page asks for MathJax with its
    safe mode, which is there to take such links out.
    """

    answers = cells(
        why=rf"""
            $\href{{javascript:{ALERT}}}{{x}}$

            $$\style{{position: fixed; inset: 0}}{{\href{{javascript:{ALERT}}}{{y}}}}$$
        """
    )

    def holds(self, outcome: Outcome) -> None:
        r"""MathJax is off, or finds no \href in what the student wrote."""
        super().holds(outcome)
        if "mathjax" in outcome.page.lower():
            assert not re.search(r"\\href\s*\{\s*javascript", outcome.page)
            assert not re.search(r"\\style\s*\{", outcome.page)
        for cell in outcome.notebook.cells:
            if notebooks.is_answer(cell) and cell.cell_type == "markdown":
                assert not re.search(r"\\href\s*\{\s*javascript", cell.source)


class Attaches(Shows):
    """Attaches a page that runs to its written answer, and shows it as a picture.

    Stock: both are put into the page as they are, where a browser would run them if
    they were anything but pictures.
    """

    answers = cells(why="![](attachment:x.svg) ![](attachment:y.png)")

    def change(self, notebook: NotebookNode, world: World) -> None:
        """Attach it."""
        svg = f'<svg xmlns="http://www.w3.org/2000/svg"><script>{ALERT}</script></svg>'
        code = base64.b64encode(svg.encode()).decode()
        notebook.cells[-1]["attachments"] = {
            "x.svg": {"image/svg+xml": code},
            "y.png": {"text/html": f'"><script>{ALERT}</script>'},
        }

    def holds(self, outcome: Outcome) -> None:
        """Attachments are not taken."""
        super().holds(outcome)
        assert "attachments" not in outcome.notebook.cells[-1]


class MarkupInHint(Shows):
    """Raises an error whose text, and whose class, is markup.

    Stock: it is shown as text.
    """

    answers = cells(
        total=f"""
            def total(numbers):
                raise AssertionError({MARKUP!r})
        """,
        halve=f"""
            def halve(x):
                raise type({MARKUP!r}, (Exception,), {{}})("</pre></script>")
        """,
        Doubler=f"""
            raise ValueError({MARKUP!r})
        """,
    )

    def holds(self, outcome: Outcome) -> None:
        """It is there to be read, as text."""
        super().holds(outcome)
        assert "&lt;script&gt;" in outcome.page


class MarkupInNames(Shows):
    """Has a name that is markup.

    Stock: no effect on the page, whose title is the file's.
    """

    @property
    def folder(self) -> str:
        """A folder's name may hold all but a slash."""
        return "<img src=x onerror=alert(1)>"


class FormulaInName(Attack):
    """Has a name that a spreadsheet would run.

    Stock: ``nbgrader export`` writes the name as it is.
    """

    @property
    def folder(self) -> str:
        """A formula."""
        return '=HYPERLINK("http:example.org","marks")'

    def holds(self, outcome: Outcome) -> None:
        """The spreadsheet shows it as text."""
        assert outcome.row["student"].startswith("'=")


class FormulaInHint(Attack):
    """Raises errors whose text a spreadsheet would run.

    Stock: it has no table of hints.
    """

    answers = cells(
        total="""
            def total(numbers):
                raise AssertionError('=cmd|" /C calc"!A0')
        """,
        halve="""
            def halve(x):
                raise AssertionError("\\t@SUM(1)")
        """,
    )

    def holds(self, outcome: Outcome) -> None:
        """No cell of a table begins like one."""
        for value in outcome.row.values():
            assert not value.startswith(("=", "+", "-", "@", "\t", "\r"))
        table = outcome.world.read(f"{outcome.world.results}/report.csv")
        assert not re.search(r'(?m)(^|,)"?[=@\t]', table)


class TerminalInName(Attack):
    """Has a name that clears the terminal and sets its title.

    Stock: its log writes the name as it is to the terminal.
    """

    @property
    def folder(self) -> str:
        """A name with control characters."""
        return "\x1b]0;attacked\x07\x1b[2Jeve"

    def holds(self, outcome: Outcome) -> None:
        """The terminal gets none of them."""
        assert "\x1b]0;" not in outcome.terminal
        assert "\x1b[2J" not in outcome.terminal


class TerminalInHint(Attack):
    """Raises errors, and prints, with what a terminal obeys.

    Stock: the hint goes to the page as it is; the half character breaks the kernel's
    stream, and the cell fails.
    """

    answers = cells(
        total="""
            def total(numbers):
                raise AssertionError(
                    "\\x1b]0;attacked\\x07\\x1b[2J\\x1b[8mhidden\\r\\x08\\x9b2J\\u202etxet"
                )
        """,
        halve="""
            print("\\x1b]0;attacked\\x07\\x1b[2J\\r\\x00\\ud800 and so on")
            raise ValueError("\\x1b]8;;http://example.org\\x07link\\ud800\\x00")
        """,
    )

    def holds(self, outcome: Outcome) -> None:
        """The terminal, the hint and the table get none of them."""
        texts = [outcome.terminal, outcome.report, *outcome.row.values()]
        texts += [mark.hint for mark in outcome.record.marks]
        for text in texts:
            assert not re.search("[\x00\x07\x08\x1b\x7f\x80-\x9f\u202e\ud800]", text)


class ImageBomb(Attack):
    """Displays a picture that is small as a file and takes gigabytes when it is shown.

    Stock: the picture is in the student's page.
    """

    answers = cells(
        total=r"""
            import base64, struct, zlib
            from IPython.display import display

            def chunk(kind, data):
                check = struct.pack(">I", zlib.crc32(kind + data))
                return struct.pack(">I", len(data)) + kind + data + check

            side = 30_000
            head = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
            rows = zlib.compress(bytes(side * (side // 8 + 1)), 9)
            data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head)
            data += chunk(b"IDAT", rows) + chunk(b"IEND", b"")
            print("bytes:", len(data))
            display({"image/png": base64.b64encode(data).decode()}, raw=True)
        """
    )

    def holds(self, outcome: Outcome) -> None:
        """No page has it."""
        assert "bytes:" in outcome.printed
        for cell in outcome.notebook.cells:
            for output in cell.get("outputs", []):
                assert "image/png" not in output.get("data", {})


class BrokenImage(Shows):
    """Displays pictures that are none, to break out of the page's attribute.

    Stock: the page has a picture with the handler for its attribute.
    """

    answers = cells(
        total=f"""
            from IPython.display import display

            for text in ({BREAK!r}, ["x", {BREAK!r}], "PHN2Zz48L3N2Zz4="):
                display({{"image/png": text, "image/jpeg": text}}, raw=True,
                        metadata={{"image/png": {{"width": {BREAK!r}}}}})
        """
    )


class GiantHint(Attack):
    """Raises errors with texts, names and causes of many megabytes.

    Stock: all of it is kept: a notebook of 115 MB and a page of 60 MB.
    """

    answers = cells(
        total="""
            def total(numbers):
                raise AssertionError("x" * 50_000_000)
        """,
        halve="""
            def halve(x):
                raise type("E" * 5_000_000, (Exception,), {})
        """,
        Doubler="""
            error = None
            for number in range(3000):
                made = ValueError(str(number) + "x" * 10_000)
                made.__cause__, error = error, made
            raise error
        """,
    )

    def holds(self, outcome: Outcome) -> None:
        """Of each there is a line."""
        assert all(len(mark.hint) <= 400 for mark in outcome.record.marks)
        assert len(outcome.page) < 2_000_000
        assert len(str(outcome.notebook)) < 2_000_000


class Smuggles(Attack):
    """Sends the hidden inputs home in the hint."""

    keeps = ()

    def holds(self, outcome: Outcome) -> None:
        """No page, hint or output has them."""
        texts = [outcome.page, outcome.printed, outcome.record.message]
        texts += [mark.hint for mark in outcome.record.marks]
        for number in NUMBERS:
            for text in texts:
                assert number not in text
                assert number[::-1] not in text


class SmugglesByText(Smuggles):
    """Raises an error whose text holds the hidden inputs, forwards or backwards.

    Stock: the page has the hidden inputs in the error, and the hidden tests themselves.
    """

    answers = cells(
        total="""
            def total(numbers):
                if numbers == [1, 2, 3]:
                    return 6
                raise AssertionError(f"got {numbers}")
        """,
        halve="""
            def halve(x):
                if x.dim() == 1:
                    return x / 2
                raise ValueError(str(int(x[0, 0]))[::-1])
        """,
    )


class SmugglesByClass(Smuggles):
    """Raises an error whose class is named by the hidden inputs.

    Stock: the page has the hidden inputs in the error, and the hidden tests themselves.
    """

    answers = cells(
        total="""
            def total(numbers):
                if numbers == [1, 2, 3]:
                    return 6
                raise type(f"E{numbers[0]}", (AssertionError,), {})
        """,
        is_prime="""
            def is_prime(n):
                if n == 7:
                    return True
                kind = type(f"E{n}", (Exception,), {"__module__": f"m{n}"})
                if n > 9:
                    raise ExceptionGroup(f"group {n}", [kind(n)])
                return False
        """,
    )


class SmugglesByValue(Smuggles):
    """Returns the hidden inputs where a number is expected, for the error to quote.

    Stock: the page has the hidden inputs in the error, and the hidden tests themselves.
    """

    answers = cells(
        Doubler="""
            class Doubler(nn.Module):
                def __init__(self):
                    super().__init__()
                    self.weight = nn.Parameter(torch.tensor(2.0))
                def forward(self, x):
                    if len(x) == 3:
                        return 2 * x
                    return f"the input was {x.tolist()}"
        """,
        halve="""
            def halve(x):
                return x / 2 if x.dim() == 1 else f"the input was {x}"
        """,
    )


class SmugglesByDeath(Smuggles):
    """Dies of the hidden inputs: signals, codes and last words carry them.

    Stock: the kernel dies, and all marks of this submission are lost; the grader's log
    has the words.
    """

    answers = cells(
        total="""
            def total(numbers):
                if numbers == [1, 2, 3]:
                    return 6
                os.write(2, str(numbers).encode())
                os.write(1, str(numbers).encode())
                sys.__stderr__.write(str(numbers))
                os._exit(numbers[0] % 256)
        """
    )
