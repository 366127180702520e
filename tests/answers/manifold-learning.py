"""Answers to the assignment ``manifold-learning``."""

from __future__ import annotations

from answers import Answer, swap

# Question 1 · Relative contrast -----------------------------------------------------

CONTRAST = """
def relative_contrast(queries, points):
    r = torch.cdist(queries, points)
    nearest, farthest = r.amin(dim=1), r.amax(dim=1)
    return (farthest - nearest) / nearest
"""
QUOTIENT = "(farthest - nearest) / nearest"


def _contrast(marks: int, note: str, *pairs: tuple[str, str], says: str = "") -> Answer:
    return Answer("contrast", marks, note, swap(CONTRAST, *pairs), says)


CONTRAST_ANSWERS = [
    _contrast(4, "the ratio, less one", (QUOTIENT, "farthest / nearest - 1")),
    Answer(
        "contrast",
        4,
        "loops and Python numbers",
        """
def relative_contrast(queries, points):
    found = []
    for a in queries.tolist():
        r = sorted(math.dist(a, b) for b in points.tolist())
        found.append((r[-1] - r[0]) / r[0])
    return found
""",
    ),
    Answer(
        "contrast",
        4,
        "NumPy, differences of all pairs",
        """
import numpy as np


def relative_contrast(queries, points):
    gap = queries.numpy()[:, None, :] - points.numpy()[None, :, :]
    r = np.sqrt((gap ** 2).sum(axis=2))
    return (r.max(axis=1) - r.min(axis=1)) / r.min(axis=1)
""",
    ),
    Answer(
        "contrast",
        4,
        "sorted distances, in double precision",
        """
def relative_contrast(queries, points):
    r = torch.cdist(queries.double(), points.double()).sort(dim=1).values
    return (r[:, -1] - r[:, 0]).div(r[:, 0])
""",
    ),
    _contrast(0, "the range alone", (QUOTIENT, "farthest - nearest"), says="range"),
    _contrast(0, "the ratio alone", (QUOTIENT, "farthest / nearest"), says="ratio"),
    _contrast(
        0,
        "divides by the largest distance",
        (") / nearest", ") / farthest"),
        says="divide by the largest",
    ),
    _contrast(
        0,
        "divides by the mean distance",
        (") / nearest", ") / r.mean(dim=1)"),
        says="divide by the mean",
    ),
    _contrast(
        0,
        "squared distances",
        ("torch.cdist(queries, points)", "torch.cdist(queries, points) ** 2"),
        says="squared",
    ),
    _contrast(
        0,
        "exchanges nearest and farthest",
        ("nearest, farthest =", "farthest, nearest ="),
        says="exchanged",
    ),
    _contrast(
        0,
        "one contrast for each point",
        ("amin(dim=1)", "amin(dim=0)"),
        ("amax(dim=1)", "amax(dim=0)"),
        says="one number for each point",
    ),
    _contrast(
        0,
        "one contrast over all pairs",
        ("amin(dim=1)", "min()"),
        ("amax(dim=1)", "max()"),
        says="one contrast for each query",
    ),
    _contrast(
        0, "averages", (QUOTIENT, f"({QUOTIENT}).mean()"), says="mean is for later"
    ),
    _contrast(
        0,
        "city-block distances",
        ("cdist(queries, points)", "cdist(queries, points, p=1)"),
        says="should be 9 and 1.7019",
    ),
    _contrast(0, "no return", ("return ", "answer = "), says="`return`"),
    _contrast(
        0,
        "returns both distances",
        (QUOTIENT, "nearest, farthest"),
        says="must be a number or a tensor",
    ),
    _contrast(
        0,
        "takes the nearest point for the query itself",
        ("r.amin(dim=1)", "r.sort(dim=1).values[:, 1]"),
        says="leave out the nearest",
    ),
    _contrast(
        0,
        "one nearest distance for all queries",
        ("amin(dim=1)", "min()"),
        says="its own nearest",
    ),
    Answer(
        "contrast",
        0,
        "answers with the numbers that the visible check shows",
        """
def relative_contrast(queries, points):
    return torch.tensor([9.0, 1.7019])
""",
        says="must have shape (5,)",
    ),
    Answer(
        "contrast",
        0,
        "looks at three points only, as many as the example has",
        """
def relative_contrast(queries, points):
    r = torch.cdist(queries, points)[:, :3]
    return (r.amax(1) - r.amin(1)) / r.amin(1)
""",
        says="random queries",
    ),
]

# Question 2 · Two neighbours tell the dimension -------------------------------------

DIMENSION = """
def two_nn(x):
    x = x.double()
    r = torch.cdist(x, x).topk(3, largest=False).values
    return (len(x) - 1) / (r[:, 2] / r[:, 1]).log().sum()
"""
LOG = "(r[:, 2] / r[:, 1]).log()"


def _dimension(note: str, *pairs: tuple[str, str], says: str = "") -> Answer:
    return Answer("dimension", 0, note, swap(DIMENSION, *pairs), says)


DIMENSION_ANSWERS = [
    Answer(
        "dimension",
        6,
        "cdist without matrix products, in single precision",
        """
def two_nn(x):
    x = x - x.mean(dim=0)
    r = torch.cdist(x, x, compute_mode="donot_use_mm_for_euclid_dist")
    r = r.sort(dim=1).values
    log_ratio = torch.log(r[:, 2]) - torch.log(r[:, 1])
    return (len(x) - 1) / log_ratio.sum()
""",
    ),
    Answer(
        "dimension",
        6,
        "a loop over the points, and a Python number",
        """
def two_nn(x):
    total = 0.0
    for i in range(len(x)):
        r = (x.double() - x[i].double()).norm(dim=1)
        r[i] = math.inf
        first, second = r.topk(2, largest=False).values.tolist()
        total += math.log(second / first)
    return (len(x) - 1) / total
""",
    ),
    Answer(
        "dimension",
        6,
        "NumPy, the diagonal taken out",
        """
import numpy as np


def two_nn(x):
    x = x.numpy().astype(float)
    square = (x ** 2).sum(1)
    r2 = square[:, None] + square[None] - 2 * x @ x.T
    np.fill_diagonal(r2, np.inf)
    r2 = np.partition(r2, 1, axis=1)
    return 2 * (len(x) - 1) / np.log(r2[:, 1] / r2[:, 0]).sum()
""",
    ),
    Answer(
        "dimension",
        6,
        "the mean of the logarithms, and its correction",
        swap(
            DIMENSION,
            (f"(len(x) - 1) / {LOG}.sum()", f"(1 - 1 / len(x)) / {LOG}.mean()"),
        ),
    ),
    _dimension(
        "takes the point itself for its nearest neighbour",
        (LOG, "(r[:, 1] / r[:, 0]).log()"),
        says="its own nearest neighbour",
    ),
    _dimension("the biased form", ("(len(x) - 1)", "len(x)"), says="not n"),
    _dimension(
        "squared distances", (".values", ".values ** 2"), says="squared distances"
    ),
    _dimension("base 10", (".log()", ".log10()"), says="base 10"),
    _dimension("base 2", (".log()", ".log2()"), says="base 2"),
    _dimension(
        "the ratio upside down", (LOG, "(r[:, 1] / r[:, 2]).log()"), says="negative"
    ),
    _dimension(
        "averages the estimates of the points",
        (f"(len(x) - 1) / {LOG}.sum()", f"(1 / {LOG}).mean()"),
        says="divide once",
    ),
    _dimension(
        "the formula upside down",
        (f"(len(x) - 1) / {LOG}.sum()", f"{LOG}.sum() / (len(x) - 1)"),
        says="upside down",
    ),
    _dimension(
        "forgets the logarithm", (LOG, "(r[:, 2] / r[:, 1])"), says="is missing"
    ),
    _dimension(
        "single precision", ("x = x.double()", "x = x.float()"), says="how precise"
    ),
    _dimension(
        "double precision too late",
        (
            "x = x.double()\n    r = torch.cdist(x, x)",
            "r = torch.cdist(x, x).double()",
        ),
        says="how precise",
    ),
    _dimension(
        "counts one neighbour too far",
        ("topk(3", "topk(4"),
        (LOG, "(r[:, 3] / r[:, 2]).log()"),
        says="second and the third",
    ),
    _dimension(
        "sorts along the wrong dimension",
        ("topk(3, largest=False).values", "sort(dim=0).values"),
        says="wrong dimension",
    ),
    _dimension(
        "leaves out small distances instead of measuring them well",
        ("    x = x.double()\n", ""),
        (".values\n", ".values\n    r = r[r[:, 1] > 0.01]\n"),
        ("len(x)", "len(r)"),
        says="how precise",
    ),
    _dimension(
        "returns the number of points as well",
        (".sum()", ".sum(), len(x)"),
        says="return one number",
    ),
    _dimension(
        "does not add up", (".log().sum()", ".log()"), says="one number, got shape (4,)"
    ),
    _dimension(
        "answers with a whole number",
        (
            "return (len(x) - 1) / (r[:, 2] / r[:, 1]).log().sum()",
            "k = (len(x) - 1) / (r[:, 2] / r[:, 1]).log().sum()\n"
            "    return k if len(x) < 10 else k.round()",
        ),
        says="should be",
    ),
    Answer(
        "dimension",
        0,
        "knows the answers that the visible check shows",
        """
def two_nn(x):
    return {4: 1.1527, 1500: 2.0}.get(len(x), 1.0)
""",
        says="for 700 points",
    ),
]

# Question 3 · Geodesics on a graph --------------------------------------------------

GEODESICS = """
def graph_geodesics(x, m):
    x = x.double()
    d = torch.cdist(x, x).fill_diagonal_(0)
    neighbours = d.argsort(dim=1)[:, 1 : m + 1]
    g = torch.full_like(d, math.inf).fill_diagonal_(0)
    g.scatter_(1, neighbours, d.gather(1, neighbours))
    g = torch.minimum(g, g.T)
    for step in range(len(x)):
        g = torch.minimum(g, g[:, step : step + 1] + g[step : step + 1])
    return g
"""


def _geodesics(note: str, *pairs: tuple[str, str], says: str = "") -> Answer:
    return Answer("geodesics", 0, note, swap(GEODESICS, *pairs), says)


GEODESICS_ANSWERS = [
    Answer(
        "geodesics",
        6,
        "Dijkstra's algorithm with a heap, lists of lists",
        """
import heapq


def graph_geodesics(x, m):
    points = x.tolist()
    n = len(points)
    edges = [{} for _ in range(n)]
    for i in range(n):
        r = sorted((math.dist(points[i], points[j]), j) for j in range(n) if j != i)
        for length, j in r[:m]:
            edges[i][j] = edges[j][i] = length
    rows = []
    for start in range(n):
        row = [math.inf] * n
        row[start] = 0.0
        heap = [(0.0, start)]
        while heap:
            walked, i = heapq.heappop(heap)
            if walked > row[i]:
                continue
            for j, length in edges[i].items():
                if walked + length < row[j]:
                    row[j] = walked + length
                    heapq.heappush(heap, (row[j], j))
        rows.append(row)
    return rows
""",
    ),
    Answer(
        "geodesics",
        6,
        "paths of twice as many edges, until nothing changes",
        """
def graph_geodesics(x, m):
    x = x.double()
    d = (x[:, None] - x[None]).norm(dim=2)
    near = d.argsort(dim=1).argsort(dim=1) <= m
    g = torch.where(near | near.T, d, math.inf)
    while True:
        shorter = torch.stack([(row[:, None] + g).amin(0) for row in g])
        shorter = torch.minimum(shorter, shorter.T)
        if torch.equal(shorter, g):
            return g
        g = shorter
""",
    ),
    Answer(
        "geodesics",
        6,
        "NumPy, the threshold of the m-th neighbour",
        """
import numpy as np


def graph_geodesics(x, m):
    x = x.numpy().astype(float)
    d = np.linalg.norm(x[:, None] - x[None], axis=2)
    reach = np.sort(d, axis=1)[:, m]
    edge = (d <= reach[:, None]) | (d <= reach[None])
    g = np.where(edge, d, np.inf)
    for k in range(len(g)):
        g = np.minimum(g, g[:, [k]] + g[[k], :])
    return torch.from_numpy(np.minimum(g, g.T))
""",
    ),
    Answer(
        "geodesics",
        6,
        "single precision, with zeros on the diagonal",
        swap(GEODESICS, ("    x = x.double()\n", "")),
    ),
    _geodesics(
        "leaves on the diagonal what torch.cdist puts there",
        ("    x = x.double()\n", ""),
        ("torch.cdist(x, x).fill_diagonal_(0)", "torch.cdist(x, x)"),
        ("math.inf).fill_diagonal_(0)", "math.inf)"),
        (
            "d.gather(1, neighbours))",
            "d.gather(1, neighbours))\n    g.diagonal().copy_(d.diagonal())",
        ),
        says="torch.cdist rounds",
    ),
    _geodesics(
        "adds two rows",
        ("g[:, step : step + 1] + ", "g[step : step + 1] + "),
        says="no path leads",
    ),
    _geodesics(
        "infinity times zero",
        (
            "    g = torch.full_like(d, math.inf).fill_diagonal_(0)\n"
            "    g.scatter_(1, neighbours, d.gather(1, neighbours))\n",
            "    near = torch.zeros_like(d).scatter_(1, neighbours, 1)\n"
            "    g = near * d + (1 - near) * math.inf\n",
        ),
        says="contains nan",
    ),
    _geodesics(
        "an edge only where both are neighbours",
        ("torch.minimum(g, g.T)", "torch.maximum(g, g.T)"),
        says="need not be mutual",
    ),
    _geodesics(
        "edges in one direction",
        ("    g = torch.minimum(g, g.T)\n", ""),
        says="not symmetric",
    ),
    _geodesics(
        "counts the point itself as a neighbour",
        ("[:, 1 : m + 1]", "[:, :m]"),
        says="own nearest neighbour",
    ),
    _geodesics(
        "m - 1 neighbours, but at least one",
        ("[:, 1 : m + 1]", "[:, 1 : max(m, 2)]"),
        says="m neighbours besides itself",
    ),
    _geodesics(
        "counts edges",
        ("d.gather(1, neighbours)", "torch.ones_like(d.gather(1, neighbours))"),
        says="counts edges",
    ),
    _geodesics(
        "paths of at most two edges",
        (
            "    for step in range(len(x)):\n"
            "        g = torch.minimum(g, g[:, step : step + 1] + "
            "g[step : step + 1])\n",
            "    g = (g[:, :, None] + g[None]).amin(1)\n",
        ),
        says="any number of them",
    ),
    _geodesics(
        "paths of at most four edges",
        (
            "    for step in range(len(x)):\n"
            "        g = torch.minimum(g, g[:, step : step + 1] + "
            "g[step : step + 1])\n",
            "    for _ in range(2):\n        g = (g[:, :, None] + g[None]).amin(1)\n",
        ),
        says="pairs have no path",
    ),
    _geodesics(
        "a large number instead of infinity",
        ("math.inf", "1e6"),
        says="is math.inf",
    ),
    _geodesics(
        "0 where there is no path",
        ("return g", "return torch.where(g.isinf(), 0.0, g)"),
        says="is math.inf",
    ),
    _geodesics(
        "infinite distance from itself",
        ("math.inf).fill_diagonal_(0)", "math.inf)"),
        says="from itself is 0",
    ),
    Answer(
        "geodesics",
        0,
        "straight distances",
        """
def graph_geodesics(x, m):
    return torch.cdist(x, x).fill_diagonal_(0)
""",
        says="straight distance",
    ),
    _geodesics(
        "squared lengths",
        ("torch.cdist(x, x)", "torch.cdist(x, x).square()"),
        says="2.1",
    ),
    Answer(
        "geodesics",
        0,
        "Floyd and Warshall with the loops in the wrong order",
        """
def graph_geodesics(x, m):
    d = torch.cdist(x, x).fill_diagonal_(0)
    near = d.argsort(dim=1).argsort(dim=1) <= m
    g = torch.where(near | near.T, d, math.inf).tolist()
    n = len(g)
    for i in range(n):
        for j in range(n):
            for l in range(n):
                g[i][j] = g[j][i] = min(g[i][j], g[i][l] + g[l][j])
    return g
""",
        says="pairs have no path",
    ),
    Answer(
        "geodesics",
        0,
        "answers with the numbers that the visible check shows",
        """
def graph_geodesics(x, m):
    line = torch.tensor([0, 1, 2.1, 3.5, 0, 1.2])
    g = (line[:, None] - line[None]).abs()
    g[:4, 4:] = g[4:, :4] = math.inf if m == 1 else 9.0
    if m == 3:
        g[0, 3] = g[3, 0] = 2.5239
    return g
""",
        says="must have shape (60, 60)",
    ),
]

# Question 4 · From distances to a map -----------------------------------------------

SCALING = """
def classical_scaling(distances, k):
    n = len(distances)
    j = torch.eye(n, dtype=torch.float64) - 1 / n
    b = -0.5 * j @ distances.double() ** 2 @ j
    values, vectors = torch.linalg.eigh(b)
    values, vectors = values.flip(0)[:k], vectors.flip(1)[:, :k]
    return vectors * values.clamp(min=0).sqrt()
"""


def _scaling(note: str, *pairs: tuple[str, str], says: str = "") -> Answer:
    return Answer("scaling", 0, note, swap(SCALING, *pairs), says)


SCALING_ANSWERS = [
    Answer(
        "scaling",
        6,
        "row means and column means subtracted",
        """
def classical_scaling(distances, k):
    s = distances.double().square()
    b = s - s.mean(dim=0) - s.mean(dim=1, keepdim=True) + s.mean()
    values, vectors = torch.linalg.eigh(b / -2)
    order = values.argsort(descending=True)[:k]
    return vectors[:, order] @ torch.diag(values[order].clamp(min=0) ** 0.5)
""",
    ),
    Answer(
        "scaling",
        6,
        "NumPy, one column after the other",
        """
import numpy as np


def classical_scaling(distances, k):
    s = distances.numpy().astype(float) ** 2
    n = len(s)
    j = np.eye(n) - np.ones((n, n)) / n
    values, vectors = np.linalg.eigh(-j @ s @ j / 2)
    columns = []
    for i in range(k):
        value, vector = values[n - 1 - i], vectors[:, n - 1 - i]
        columns.append(vector * max(value, 0) ** 0.5)
    return np.stack(columns, axis=1)
""",
    ),
    Answer(
        "scaling",
        6,
        "the general eigenvalue solver, sorted",
        """
def classical_scaling(distances, k):
    s = distances.double() ** 2
    s = s - s.mean(dim=0, keepdim=True)
    s = s - s.mean(dim=1, keepdim=True)
    b = -(s + s.T) / 4
    values, vectors = torch.linalg.eigh(b)
    best = torch.sort(values, descending=True).indices[:k]
    z = torch.zeros(len(b), k, dtype=torch.float64)
    for column, i in enumerate(best):
        if values[i] > 0:
            z[:, column] = values[i].sqrt() * vectors[:, i]
    return z
""",
    ),
    _scaling(
        "squares the matrix, not its entries",
        ("@ distances.double() ** 2 @", "@ (distances @ distances).double() @"),
        says="*entry*",
    ),
    _scaling(
        "singular values for eigenvalues",
        (
            "values, vectors = torch.linalg.eigh(b)",
            "vectors, values, _ = torch.linalg.svd(b)",
        ),
        (
            "values.flip(0)[:k], vectors.flip(1)[:, :k]",
            "values[:k], vectors[:, :k]",
        ),
        says="a negative eigenvalue",
    ),
    _scaling("does not square the distances", (" ** 2", ""), says="squared"),
    _scaling("forgets the one half", ("-0.5 * j", "-1 * j"), says="factor before J"),
    _scaling("forgets the minus", ("-0.5 * j", "0.5 * j"), says="lie on each other"),
    _scaling("a quarter instead of a half", ("-0.5", "-0.25"), says="0.707"),
    _scaling("twice as large", ("-0.5", "-2"), says="twice as large"),
    _scaling(
        "subtracts column means only",
        (" @ j\n", "\n"),
        says="",
    ),
    _scaling("does not centre", ("- 1 / n", ""), says="is B centred"),
    _scaling(
        "takes the smallest eigenvalues",
        ("values.flip(0)[:k], vectors.flip(1)[:, :k]", "values[:k], vectors[:, :k]"),
        says="lie on each other",
    ),
    _scaling(
        "turns the values and not the vectors",
        ("vectors.flip(1)[:, :k]", "vectors[:, :k]"),
        says="",
    ),
    _scaling(
        "takes rows for eigenvectors",
        ("vectors.flip(1)[:, :k]", "vectors.T.flip(1)[:, :k]"),
        says="",
    ),
    _scaling(
        "multiplies by the eigenvalue, not its root",
        (".clamp(min=0).sqrt()", ".clamp(min=0)"),
        says="*root* of its eigenvalue",
    ),
    _scaling(
        "eigenvectors without their lengths",
        (" * values.clamp(min=0).sqrt()", ""),
        says="*root* of its eigenvalue",
    ),
    _scaling("the root of a negative number", (".clamp(min=0)", ""), says="nan"),
    _scaling(
        "takes the absolute value of negative eigenvalues",
        (".clamp(min=0)", ".abs()"),
        says="last two columns",
    ),
    _scaling(
        "two columns, whatever k is",
        ("[:k]", "[:2]"),
        ("[:, :k]", "[:, :2]"),
        says="must have shape (4, 1)",
    ),
    _scaling(
        "always drops the third column and those after it",
        (
            "values.clamp(min=0).sqrt()",
            "values.clamp(min=0).sqrt() * (torch.arange(k) < 2)",
        ),
        says="random points",
    ),
]

# Question 5 · Trustworthiness -------------------------------------------------------

TRUST = """
def trustworthiness(x, z, m):
    n = len(x)
    x, z = x.double(), z.double()
    rank = torch.cdist(x, x).fill_diagonal_(-1).argsort(1).argsort(1)
    near = torch.cdist(z, z).fill_diagonal_(-1).argsort(1)[:, 1 : m + 1]
    intruders = (rank.gather(1, near) - m).clamp(min=0).sum()
    return 1 - 2 / (n * m * (2 * n - 3 * m - 1)) * intruders
"""


def _trust(note: str, *pairs: tuple[str, str], says: str = "") -> Answer:
    return Answer("trust", 0, note, swap(TRUST, *pairs), says)


TRUST_ANSWERS = [
    Answer(
        "trust",
        5,
        "loops and sorted lists",
        """
def trustworthiness(x, z, m):
    x, z, n = x.tolist(), z.tolist(), len(x)
    cost = 0
    for i in range(n):
        others = [j for j in range(n) if j != i]
        in_data = sorted(others, key=lambda j: math.dist(x[i], x[j]))
        on_map = sorted(others, key=lambda j: math.dist(z[i], z[j]))
        for j in on_map[:m]:
            rank = in_data.index(j) + 1
            if rank > m:
                cost += rank - m
    return 1 - 2 * cost / (n * m * (2 * n - 3 * m - 1))
""",
    ),
    Answer(
        "trust",
        5,
        "ranks by counting who is nearer",
        """
def trustworthiness(x, z, m):
    n = len(x)
    dx = (x[:, None] - x[None]).double().norm(dim=2)
    dz = (z[:, None] - z[None]).double().norm(dim=2)
    dz.fill_diagonal_(math.inf)
    near = dz.topk(m, largest=False).indices
    rank = (dx[:, None, :] < dx.gather(1, near)[:, :, None]).sum(2)
    cost = (rank - m).clamp(min=0).sum().item()
    return 1 - 2 * cost / n / m / (2 * n - 3 * m - 1)
""",
    ),
    Answer(
        "trust",
        5,
        "NumPy, a matrix of ranks and a mask of map neighbours",
        """
import numpy as np


def trustworthiness(x, z, m):
    def ranks(a):
        a = a.numpy().astype(float)
        d = np.linalg.norm(a[:, None] - a[None], axis=2)
        np.fill_diagonal(d, -1)
        return d.argsort(axis=1).argsort(axis=1)

    r, s = ranks(x), ranks(z)
    n = len(r)
    cost = np.where((s >= 1) & (s <= m) & (r > m), r - m, 0).sum()
    return 1 - 2 * cost / (n * m * (2 * n - 3 * m - 1))
""",
    ),
    _trust(
        "exchanges data and map",
        ("x, z = x.double(), z.double()", "x, z = z.double(), x.double()"),
        says="exchanged",
    ),
    _trust(
        "ranks from 0",
        (".argsort(1).argsort(1)", ".argsort(1).argsort(1) - 1"),
        says="has rank 1",
    ),
    _trust(
        "ranks from 2",
        (".argsort(1).argsort(1)", ".argsort(1).argsort(1) + 1"),
        says="the rank 1",
    ),
    _trust(
        "a point is its own map neighbour",
        ("[:, 1 : m + 1]", "[:, :m]"),
        says="not its own neighbour",
    ),
    _trust("the penalty alone", ("return 1 - ", "return "), says="penalty alone"),
    _trust(
        "the share of neighbours kept",
        ("rank.gather(1, near) - m).clamp(min=0)", "rank.gather(1, near) <= m)"),
        ("1 - 2 / (n * m * (2 * n - 3 * m - 1)) * ", "1 / (n * m) * "),
        says="share of neighbours kept",
    ),
    _trust(
        "the rank of i among the neighbours of j",
        (".argsort(1).argsort(1)", ".argsort(1).argsort(1).T"),
        says="T = 1",
    ),
    _trust(
        "one number for each point",
        (".clamp(min=0).sum()", ".clamp(min=0).sum(1)"),
        says="must have shape ()",
    ),
    _trust("forgets the 2", ("1 - 2 /", "1 - 1 /"), says="numerator"),
    _trust(
        "the mean penalty",
        ("2 / (n * m * (2 * n - 3 * m - 1))", "1 / (n * m)"),
        says="look at the factor",
    ),
    _trust("forgets m in the factor", ("(n * m * (", "(n * ("), says="also has m"),
    _trust("lets true neighbours earn something", (".clamp(min=0)", ""), says=""),
    _trust(
        "argsort once: which point, not which rank",
        ("fill_diagonal_(-1).argsort(1).argsort(1)", "fill_diagonal_(-1).argsort(1)"),
        says="T = 1",
    ),
    _trust(
        "always two neighbours",
        ("    n = len(x)\n", "    n, m = len(x), 2\n"),
        says="random points and m = 5",
    ),
    _trust(
        "counts intruders, not how far they came",
        (
            "(rank.gather(1, near) - m).clamp(min=0).sum()",
            "(rank.gather(1, near) > m).sum()",
        ),
        says="should be 0.4694",
    ),
]

# Question 6a · Name what happened ---------------------------------------------------


def _returns(function: str, value: str) -> str:
    return f"\ndef {function}():\n    return {value}\n"


RUNS_ANSWERS = [
    Answer("runs", 2, "capitals", _returns("runs", '"ACD"')),
    Answer("runs", 2, "a list", _returns("runs", '["a", "c", "d"]')),
    Answer("runs", 2, "a tuple, with blanks", _returns("runs", '("a ", " c", "d")')),
    Answer(
        "runs",
        0,
        "the example of the task",
        _returns("runs", '"aab"'),
        "1 of the three",
    ),
    Answer(
        "runs",
        0,
        "takes zigzag for a fault",
        _returns("runs", '"abd"'),
        says="2 of the three",
    ),
    Answer(
        "runs",
        0,
        "takes 40 neighbours for all of 300",
        _returns("runs", '"ace"'),
        says="2 of the three",
    ),
    Answer(
        "runs",
        0,
        "believes that a bent strip cannot be mapped",
        _returns("runs", '"acf"'),
        says="2 of the three",
    ),
    Answer(
        "runs",
        0,
        "reads the runs backwards",
        _returns("runs", '"dca"'),
        "1 of the three",
    ),
    Answer("runs", 0, "one letter for all", _returns("runs", '"d"'), says="got 1"),
    Answer("runs", 0, "numbers", _returns("runs", "[1, 3, 4]"), says="letters a to f"),
]

# Question 6b · Find it without the truth --------------------------------------------

DIAGNOSE = """
def diagnose(geodesics):
    words, first = [], None
    for g in geodesics:
        longest = float(g.max())
        if math.isinf(longest):
            words.append("disconnected")
            continue
        if first is None:
            first = longest
        words.append("short circuit" if longest < 2 / 3 * first else "fine")
    return words
"""


def _diagnose(note: str, *pairs: tuple[str, str], says: str = "") -> Answer:
    return Answer("diagnose", 0, note, swap(DIAGNOSE, *pairs), says)


DIAGNOSE_ANSWERS = [
    Answer(
        "diagnose",
        4,
        "two passes and a comprehension",
        """
def diagnose(geodesics):
    longest = [g.max().item() for g in geodesics]
    connected = [value for value in longest if value < math.inf]

    def word(value):
        if value == math.inf:
            return "disconnected"
        return "short circuit" if 3 * value < 2 * connected[0] else "fine"

    return [word(value) for value in longest]
""",
    ),
    Answer(
        "diagnose",
        4,
        "next, isinf, a tuple",
        """
def diagnose(geodesics):
    whole = [not bool(torch.isinf(g).any()) for g in geodesics]
    first = next((g for g, ok in zip(geodesics, whole) if ok), None)
    words = []
    for g, ok in zip(geodesics, whole):
        if not ok:
            words.append("disconnected")
        elif g.max() / first.max() < 2 / 3:
            words.append("short circuit")
        else:
            words.append("fine")
    return tuple(words)
""",
    ),
    Answer(
        "diagnose",
        4,
        "a generator",
        """
def diagnose(geodesics):
    def words():
        limit = 0.0
        for g in geodesics:
            top = max(map(max, g.tolist()))
            if top == float("inf"):
                yield "disconnected"
            elif top < limit:
                yield "short circuit"
            else:
                limit = limit or top * 2 / 3
                yield "fine"

    return list(words())
""",
    ),
    _diagnose(
        "compares with the one before",
        (
            'words.append("short circuit" if longest < 2 / 3 * first else "fine")',
            'words.append("short circuit" if longest < 2 / 3 * first else "fine")\n'
            "        first = longest",
        ),
        says="you answer",
    ),
    _diagnose(
        "compares with the first tensor, even if it is infinite",
        (
            "        longest = float(g.max())\n",
            "        longest = float(g.max())\n"
            "        first = longest if first is None else first\n",
        ),
        says="it is fine",
    ),
    _diagnose(
        "starts again after a graph in pieces",
        (
            'words.append("disconnected")\n',
            'words.append("disconnected")\n            first = None\n',
        ),
        says="anywhere",
    ),
    _diagnose(
        "a fall *by* two thirds", ("2 / 3 * first", "first / 3"), says="less than two"
    ),
    _diagnose(
        "any fall is a short circuit",
        ("2 / 3 * first", "first"),
        says="two thirds of 6",
    ),
    _diagnose("half instead of two thirds", ("2 / 3", "1 / 2"), says="less than two"),
    _diagnose(
        "mean distance instead of the largest",
        ("float(g.max())", "float(g.mean())"),
        says="",
    ),
    _diagnose(
        "looks at one corner of the tensor",
        ("float(g.max())", "float(g[0, -1])"),
        says="anywhere",
    ),
    _diagnose(
        "longer is what it calls short",
        ("longest < 2 / 3 * first", "longest > 2 / 3 * first"),
        says="it is fine",
    ),
    _diagnose(
        "leaves the disconnected ones out",
        ('            words.append("disconnected")\n', ""),
        says="4 tensors and 3 words",
    ),
    _diagnose("its own words", ('"fine"', '"connected"'), says="use the three words"),
    _diagnose(
        "one word for all", ("return words", "return words[-1]"), says="return a list"
    ),
    Answer(
        "diagnose",
        0,
        "answers with the words that the visible check shows",
        """
def diagnose(geodesics):
    return ["disconnected", "fine", "fine", "short circuit"]
""",
        says="5 tensors and 4 words",
    ),
]

# Question 7a · True or false, and why -----------------------------------------------


def _letters(marks: int, note: str, value: str, says: str = "") -> Answer:
    return Answer("statements", marks, note, _returns("statements", value), says)


STATEMENTS_ANSWERS = [
    _letters(4, "all five, small letters", '"dacbb"'),
    _letters(4, "a list", 'list("DACBB")'),
    _letters(4, "four of five", '"DACBD"'),
    _letters(4, "four of five, another one", '("A", "A", "C", "B", "B")'),
    _letters(0, "the example of the task", '"ABCDA"', "1 of the five"),
    _letters(0, "believes in distances on a map", '"BACAB"', "3 of the five"),
    _letters(0, "believes the estimator", '"DBCAB"', "3 of the five"),
    _letters(0, "right verdicts, wrong reasons", '"CCDDD"', "0 of the five"),
    _letters(0, "takes over-fitting for under-fitting", '"DAACC"', "2 of the five"),
    _letters(0, "everything is true", '"ABAAA"', "0 of the five"),
    _letters(0, "four letters", '"DACB"', "got 4"),
    _letters(0, "truth values", "[False, False, False, False, False]", "A to D"),
]

ANSWERS = (
    CONTRAST_ANSWERS
    + DIMENSION_ANSWERS
    + GEODESICS_ANSWERS
    + SCALING_ANSWERS
    + TRUST_ANSWERS
    + RUNS_ANSWERS
    + DIAGNOSE_ANSWERS
    + STATEMENTS_ANSWERS
)
