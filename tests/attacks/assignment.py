"""The assignment that the attacks are handed in for: four tests, one written answer.

Each kind of check that a course uses is here: plain values, tensors, a module and its
parameters, and a number for a part of the points. What is hidden can be recognised
where it must not be: a word, and numbers.
"""

from __future__ import annotations

from nbformat import NotebookNode
from tiny_assignment import cell

from autograder import notebooks

#: What only the hidden tests hold; no student's page and no output may show it.
WORD = "xylophone"
NUMBERS = ("86028121", "31337", "104729")
#: What a hidden test draws from where the class has no secret: everyone can read it.
SEED = 271

POINTS = {"total": 2.0, "halve": 3.0, "Doubler": 2.0, "is_prime": 4.0}

RIGHT = {
    "total": "def total(numbers):\n    return sum(numbers)",
    "halve": "def halve(x):\n    return x / 2",
    "Doubler": (
        "class Doubler(nn.Module):\n"
        "    def __init__(self):\n"
        "        super().__init__()\n"
        "        self.weight = nn.Parameter(torch.tensor(2.0))\n\n"
        "    def forward(self, x):\n"
        "        return self.weight * x"
    ),
    "is_prime": (
        "def is_prime(n):\n"
        "    return n > 1 and all(n % k for k in range(2, n // 2 + 1))"
    ),
    "why": "Because it is so.",
}

#: Answers that run, and earn nothing.
WRONG = {
    "total": "def total(numbers):\n    return None",
    "halve": "def halve(x):\n    return 1 + x",
    "Doubler": "class Doubler(nn.Module):\n    pass",
    "is_prime": "def is_prime(n):\n    return None",
}

TESTS = {
    "total": f"""\
three = total([1, 2, 3])
assert three == 6, f"total([1, 2, 3]) must be 6, got {{three!r}}"
### BEGIN HIDDEN TESTS
word = "the hidden word is {WORD}"
assert total([{NUMBERS[0]}, 7, len(word)]) == 86028156, "larger numbers count too"
import random

from autograder.testing import hidden_seed

drawn = random.Random(hidden_seed({SEED}))
numbers = [drawn.randrange(10**6) for _ in range(4)]
assert total(numbers) == sum(numbers), "any numbers can be added"
### END HIDDEN TESTS""",
    "halve": f"""\
x = torch.arange(6.0)
halved = halve(x)
assert halved.shape == x.shape, "halve must keep the shape"
assert torch.allclose(halved, x / 2), "halve(x) must be x / 2"
### BEGIN HIDDEN TESTS
wide = torch.full((2, 3), {NUMBERS[1]}.0)
assert torch.allclose(halve(wide), wide / 2), "any shape can be halved"
### END HIDDEN TESTS""",
    "Doubler": f"""\
model = Doubler()
assert isinstance(model, nn.Module), "Doubler must be an nn.Module"
learned = sum(p.numel() for p in model.parameters())
assert learned == 1, f"Doubler must have one parameter, got {{learned}}"
assert torch.allclose(model(torch.ones(3)), 2 * torch.ones(3)), "1 becomes 2"
### BEGIN HIDDEN TESTS
with torch.no_grad():
    large = float(model(torch.tensor([{NUMBERS[1]}.0])))
assert abs(large - 62674) < 1, "large numbers are doubled too"
### END HIDDEN TESTS""",
    "is_prime": f"""\
assert is_prime(7) in (True, False), "is_prime must answer True or False"
### BEGIN HIDDEN TESTS
known = {{1: False, 2: True, 9: False, {NUMBERS[2]}: True}}
sum(is_prime(n) == answer for n, answer in known.items())
### END HIDDEN TESTS""",
}


def solution() -> NotebookNode:
    """Return the instructor's notebook."""
    imports = "import math\n\nimport torch\nfrom torch import nn"
    cells = [cell("markdown", "# A sample", "title"), cell("code", imports, "imports")]
    for name, points in POINTS.items():
        stub = f"### BEGIN SOLUTION\n{RIGHT[name]}\n### END SOLUTION"
        cells += [
            cell("markdown", f"## {name}\n\nWrite `{name}`.", f"{name}-task"),
            cell("code", stub, name, solution=True),
            cell(
                "code",
                TESTS[name],
                f"{name}-test",
                grade=True,
                locked=True,
                points=points,
            ),
        ]
    stub = f"### BEGIN SOLUTION\n{RIGHT['why']}\n### END SOLUTION"
    cells += [
        cell("markdown", "## why\n\nIn words.", "why-task"),
        cell("markdown", stub, "why", grade=True, solution=True, points=5),
    ]
    return notebooks.from_parts(cells)
