"""Answers to the assignment ``anomaly-detection``."""

from __future__ import annotations

from answers import Answer, swap


def _returns(name: str, value: str) -> str:
    return f"def {name}():\n    return {value}\n"


# Question 1 · A threshold that keeps its promise ------------------------------------

THRESHOLD = """
def threshold_for(s_normal, alpha):
    m = len(s_normal)
    r = math.ceil((1 - alpha) * (m + 1))
    if r > m:
        return math.inf
    return s_normal.sort().values[r - 1].item()
"""

THRESHOLD_ANSWERS = [
    Answer(
        "threshold",
        5,
        "kthvalue",
        """
def threshold_for(s_normal, alpha):
    rank = math.ceil((1 - alpha) * (s_normal.numel() + 1))
    enough = rank <= s_normal.numel()
    return torch.kthvalue(s_normal, rank).values if enough else torch.tensor(math.inf)
""",
    ),
    Answer(
        "threshold",
        5,
        "a sorted list with infinity as its last element",
        """
def threshold_for(s_normal, alpha):
    queue = sorted(s_normal.tolist()) + [float("inf")]
    return queue[math.ceil((1 - alpha) * len(queue)) - 1]
""",
    ),
    Answer(
        "threshold",
        5,
        "counts from above: at most floor(alpha (m + 1)) places may be flagged",
        """
def threshold_for(s_normal, alpha):
    n = len(s_normal) + 1
    allowed = math.floor(alpha * n)
    if allowed == 0:
        return math.inf
    return s_normal.sort(descending=True).values[allowed - 1].reshape(1)
""",
    ),
    Answer(
        "threshold",
        0,
        "forgets the new reading",
        swap(THRESHOLD, ("(m + 1)", "m")),
        says="+ 1 for the new reading",
    ),
    Answer(
        "threshold",
        0,
        "rounds the rank down",
        swap(THRESHOLD, ("math.ceil", "math.floor")),
        says="rounding up",
    ),
    Answer(
        "threshold",
        0,
        "returns the rank in place of the score",
        swap(THRESHOLD, ("s_normal.sort().values[r - 1].item()", "r")),
        says="not its rank",
    ),
    Answer(
        "threshold",
        0,
        "a ready-made quantile, which interpolates",
        """
def threshold_for(s_normal, alpha):
    return torch.quantile(s_normal, 1 - alpha).item()
""",
        says="interpolates",
    ),
    Answer(
        "threshold",
        0,
        "takes the rank for an index",
        swap(THRESHOLD, ("[r - 1]", "[r]")),
        says="ranks count from 1",
    ),
    Answer(
        "threshold",
        0,
        "cuts at the lower end",
        swap(THRESHOLD, ("(1 - alpha)", "alpha")),
        says="at the upper end",
    ),
    Answer(
        "threshold",
        0,
        "the largest score where no score can promise the rate",
        swap(THRESHOLD, ("return math.inf", "return s_normal.max().item()")),
        says="return math.inf",
    ),
    Answer(
        "threshold",
        0,
        "does not sort",
        swap(THRESHOLD, (".sort().values", "")),
        says="sort the scores first",
    ),
    Answer(
        "threshold",
        0,
        "mean plus one standard deviation",
        """
def threshold_for(s_normal, alpha):
    return (s_normal.mean() + s_normal.std()).item()
""",
        says="the threshold is 9",
    ),
    Answer(
        "threshold",
        0,
        "infinity for every small rate",
        swap(THRESHOLD, ("if r > m", "if alpha < 0.1")),
        says="random scores",
    ),
    Answer(
        "threshold",
        0,
        "answers with the numbers that the visible check shows",
        """
def threshold_for(s_normal, alpha):
    return 0.9 * s_normal.max().item() if alpha == 0.25 else math.inf
""",
        says="random scores",
    ),
]

# Question 2 · Rates, and what they become -------------------------------------------

RATES = """
def rates(s, positive, tau):
    flagged = s > tau
    recall = flagged[positive].float().mean().item()
    false_alarms = flagged[~positive].float().mean().item()
    return recall, false_alarms


def precision_at(recall, false_alarms, prevalence):
    true = prevalence * recall
    false = (1 - prevalence) * false_alarms
    return true / (true + false) if true + false > 0 else 1.0
"""

RATES_ANSWERS = [
    Answer(
        "rates",
        5,
        "counts with Python",
        """
def rates(s, positive, tau):
    hits = [a > tau for a, p in zip(s.tolist(), positive.tolist()) if p]
    alarms = [a > tau for a, p in zip(s.tolist(), positive.tolist()) if not p]
    return [sum(hits) / len(hits), sum(alarms) / len(alarms)]


def precision_at(recall, false_alarms, prevalence):
    if recall == false_alarms == 0:
        return 1
    odds = prevalence * recall
    return odds / (odds + false_alarms - prevalence * false_alarms)
""",
    ),
    Answer(
        "rates",
        5,
        "products of masks, tensors of one element",
        """
def rates(s, positive, tau):
    flagged, sick = (s > tau).double(), positive.double()
    healthy = 1 - sick
    return torch.stack([flagged @ sick / sick.sum(), flagged @ healthy / healthy.sum()])


def precision_at(recall, false_alarms, prevalence):
    a = torch.tensor([prevalence * recall, (1 - prevalence) * false_alarms])
    return a[:1] / a.sum() if a.sum() > 0 else torch.ones(1)
""",
    ),
    Answer(
        "rates",
        5,
        "a million readings, as in the hint",
        """
def rates(s, positive, tau):
    flagged = s.gt(tau)
    hits = torch.logical_and(flagged, positive).sum() / positive.sum()
    alarms = torch.logical_and(flagged, positive.logical_not()).sum()
    return hits, alarms / (len(s) - positive.sum())


def precision_at(recall, false_alarms, prevalence):
    million = 1_000_000
    true = million * prevalence * recall
    alarms = true + million * (1 - prevalence) * false_alarms
    return 1.0 if not alarms else true / alarms
""",
    ),
    Answer(
        "rates",
        0,
        "flags a score equal to the threshold",
        swap(RATES, ("s > tau", "s >= tau")),
        says="use >, not >=",
    ),
    Answer(
        "rates",
        0,
        "returns the false-alarm rate first",
        swap(RATES, ("return recall, false_alarms", "return false_alarms, recall")),
        says="recall comes first",
    ),
    Answer(
        "rates",
        0,
        "returns precision in place of the false-alarm rate",
        swap(
            RATES,
            (
                "flagged[~positive].float().mean().item()\n",
                "positive[flagged].float().mean().item()\n",
            ),
        ),
        says="share of healthy readings",
    ),
    Answer(
        "rates",
        0,
        "returns the precision for the recall",
        swap(
            RATES,
            (
                "flagged[positive].float().mean().item()\n    false",
                "positive[flagged].float().mean().item()\n    false",
            ),
        ),
        says="that is the precision",
    ),
    Answer(
        "rates",
        0,
        "divides the false alarms by the alarms",
        swap(
            RATES,
            (
                "flagged[~positive].float().mean().item()",
                "(~positive)[flagged].float().mean().item()",
            ),
        ),
        says="not of alarms",
    ),
    Answer(
        "rates",
        0,
        "divides the false alarms by all readings",
        swap(
            RATES,
            (
                "flagged[~positive].float().mean().item()",
                "(flagged & ~positive).float().mean().item()",
            ),
        ),
        says="not by all",
    ),
    Answer(
        "rates",
        0,
        "flags the small scores",
        swap(RATES, ("s > tau", "s < tau")),
        says="above tau, not below",
    ),
    Answer(
        "rates",
        0,
        "ignores the prevalence",
        swap(
            RATES,
            ("true = prevalence * recall", "true = recall"),
            ("(1 - prevalence) * false_alarms", "false_alarms"),
        ),
        says="ignores the prevalence",
    ),
    Answer(
        "rates",
        0,
        "weights the false alarms by one",
        swap(RATES, ("(1 - prevalence) * false_alarms", "false_alarms")),
        says="0.9474",
    ),
    Answer(
        "rates",
        0,
        "divides by zero where nothing is flagged, and catches it as 0",
        swap(RATES, ("else 1.0", "else 0.0")),
        says="return 1",
    ),
    Answer(
        "rates",
        0,
        "1 wherever the recall is 0",
        swap(RATES, ("if true + false > 0", "if recall > 0")),
        says="some false alarms",
    ),
    Answer(
        "rates",
        0,
        "answers with the numbers that the visible check shows",
        """
def rates(s, positive, tau):
    return 0.6, 0.2


def precision_at(recall, false_alarms, prevalence):
    return {0.5: 0.9474, 0.01: 0.1538}.get(prevalence, 1)
""",
        says="random scores",
    ),
]

# Question 3 · A ROC curve with ties -------------------------------------------------

ROC = """
def roc_curve(s, positive):
    levels = s.unique().flip(0)
    flagged = (s[None, :] >= levels[:, None]).double()
    start = torch.zeros(1, dtype=torch.float64)
    recall = torch.cat([start, flagged[:, positive].mean(1)])
    false_alarms = torch.cat([start, flagged[:, ~positive].mean(1)])
    return false_alarms, recall


def auroc(s, positive):
    difference = s[positive][:, None] - s[~positive][None, :]
    wins = (difference > 0).double() + 0.5 * (difference == 0).double()
    return wins.mean().item()
"""

ROC_ANSWERS = [
    Answer(
        "roc",
        6,
        "a loop over the levels, and trapezia",
        """
def roc_curve(s, positive):
    x, y = [0.0], [0.0]
    for level in sorted(set(s.tolist()), reverse=True):
        flagged = s >= level
        x.append(flagged[~positive].float().mean().item())
        y.append(flagged[positive].float().mean().item())
    return torch.tensor(x), torch.tensor(y)


def auroc(s, positive):
    x, y = roc_curve(s, positive)
    return torch.trapezoid(y, x).item()
""",
    ),
    Answer(
        "roc",
        6,
        "cumulative counts, keeping the last of each level; the sign of differences",
        """
def roc_curve(s, positive):
    order = s.argsort(descending=True)
    s, hit = s[order], positive[order].double()
    last = torch.cat([s[1:] != s[:-1], torch.tensor([True])])
    recall = (hit.cumsum(0) / hit.sum())[last]
    alarms = ((1 - hit).cumsum(0) / (1 - hit).sum())[last]
    zero = torch.zeros(1)
    return [torch.cat([zero, alarms]), torch.cat([zero, recall])]


def auroc(s, positive):
    signs = (s[positive][:, None] - s[~positive][None, :]).sign()
    return 0.5 + 0.5 * signs.mean()
""",
    ),
    Answer(
        "roc",
        6,
        "counts of each level, and mean ranks as Mann and Whitney have them",
        """
def roc_curve(s, positive):
    levels, which = torch.unique(s, return_inverse=True)
    ups = torch.bincount(which[positive], minlength=len(levels)).flip(0).cumsum(0)
    rights = torch.bincount(which[~positive], minlength=len(levels)).flip(0).cumsum(0)
    start = torch.zeros(1)
    return (
        torch.cat([start, rights / (~positive).sum()]),
        torch.cat([start, ups / positive.sum()]),
    )


def auroc(s, positive):
    below = (s[None, :] < s[:, None]).sum(1).double()
    equal = (s[None, :] == s[:, None]).sum(1).double()
    rank = below + (equal + 1) / 2
    n_1 = int(positive.sum())
    n_0 = len(s) - n_1
    return (rank[positive].sum() - n_1 * (n_1 + 1) / 2) / (n_1 * n_0)
""",
    ),
    Answer(
        "roc",
        0,
        "a point for each reading",
        """
def roc_curve(s, positive):
    hit = positive[s.argsort(descending=True, stable=True)].double()
    zero = torch.zeros(1)
    x = torch.cat([zero, (1 - hit).cumsum(0) / (1 - hit).sum()])
    return x, torch.cat([zero, hit.cumsum(0) / hit.sum()])


def auroc(s, positive):
    x, y = roc_curve(s, positive)
    return torch.trapezoid(y, x).item()
""",
        says="share one point",
    ),
    Answer(
        "roc",
        0,
        "leaves the point (0, 0) out",
        swap(
            ROC,
            (
                "torch.cat([start, flagged[:, positive].mean(1)])",
                "flagged[:, positive].mean(1)",
            ),
            (
                "torch.cat([start, flagged[:, ~positive].mean(1)])",
                "flagged[:, ~positive].mean(1)",
            ),
        ),
        says="starts at (0, 0)",
    ),
    Answer(
        "roc",
        0,
        "a point for each different score, but flags only what is above it",
        swap(
            ROC,
            (">= levels", "> levels"),
            (
                "torch.cat([start, flagged[:, positive].mean(1)])",
                "flagged[:, positive].mean(1)",
            ),
            (
                "torch.cat([start, flagged[:, ~positive].mean(1)])",
                "flagged[:, ~positive].mean(1)",
            ),
        ),
        says="ends at (1, 1)",
    ),
    Answer(
        "roc",
        6,
        "scikit-learn, told to keep all points",
        """
from sklearn import metrics


def roc_curve(s, positive):
    x, y, _ = metrics.roc_curve(positive, s, drop_intermediate=False)
    return torch.tensor(x), torch.tensor(y)


def auroc(s, positive):
    return metrics.roc_auc_score(positive, s)
""",
    ),
    Answer(
        "roc",
        0,
        "scikit-learn, which drops points on straight lines",
        """
from sklearn import metrics


def roc_curve(s, positive):
    x, y, _ = metrics.roc_curve(positive, s)
    return torch.tensor(x), torch.tensor(y)


def auroc(s, positive):
    return metrics.roc_auc_score(positive, s)
""",
        says="on a straight line",
    ),
    Answer(
        "roc",
        0,
        "gives (1, 1) twice",
        swap(
            ROC,
            ("s.unique().flip(0)", "torch.cat([s.unique().flip(0), s.min()[None]])"),
        ),
        says="shape (4,), got (5,)",
    ),
    Answer(
        "roc",
        0,
        "exchanges the arguments of the rule of trapezia",
        swap(
            ROC,
            (
                "wins.mean().item()",
                "torch.trapezoid(*roc_curve(s, positive)).item()",
            ),
        ),
        says="above the curve",
    ),
    Answer(
        "roc",
        0,
        "returns recall first",
        swap(ROC, ("return false_alarms, recall", "return recall, false_alarms")),
        says="false_alarms comes first",
    ),
    Answer(
        "roc",
        0,
        "begins with the smallest score",
        swap(
            ROC,
            (
                "return false_alarms, recall",
                "return false_alarms.flip(0), recall.flip(0)",
            ),
        ),
        says="begin with the largest",
    ),
    Answer(
        "roc",
        0,
        "flags only what is above the level",
        swap(ROC, (">= levels", "> levels")),
        says="false_alarms should be",
    ),
    Answer(
        "roc",
        0,
        "counts a tie as lost",
        swap(ROC, (" + 0.5 * (difference == 0).double()", "")),
        says="counts a tie as 0",
    ),
    Answer(
        "roc",
        0,
        "counts a tie as won",
        swap(ROC, ("0.5 * (difference", "(difference")),
        says="counts a tie as 1",
    ),
    Answer(
        "roc",
        0,
        "asks how often the healthy reading wins",
        swap(ROC, ("(difference > 0)", "(difference < 0)")),
        says="who has to outscore whom",
    ),
    Answer(
        "roc",
        0,
        "answers with the numbers that the visible check shows",
        """
def roc_curve(s, positive):
    if len(s) == 4:
        return torch.tensor([0, 0, 0, 0.5, 1]), torch.tensor([0, 0.5, 1, 1, 1])
    return torch.tensor([0, 1 / 3, 2 / 3, 1]), torch.tensor([0, 1 / 3, 1, 1])


def auroc(s, positive):
    return 11 / 18
""",
        says="random scores",
    ),
    Answer(
        "roc",
        0,
        "rounds the scores to whole numbers before comparing",
        swap(
            ROC,
            ("    levels =", "    s = s.round()\n    levels ="),
            ("    difference =", "    s = s.round()\n    difference ="),
        ),
        says="random scores",
    ),
]

# Question 4 · Off the plane, and along it -------------------------------------------

PLANE = """
def off_and_along(x_train, x, k):
    mean = x_train.mean(dim=0)
    centred = x_train - mean
    values, vectors = torch.linalg.eigh(centred.T @ centred / len(x_train))
    values, vectors = values.flip(0)[:k], vectors.flip(1)[:, :k]
    z = (x - mean) @ vectors
    off = (x - mean - z @ vectors.T).square().sum(dim=1)
    along = (z.square() / values).sum(dim=1)
    return off, along
"""

PLANE_ANSWERS = [
    Answer(
        "plane",
        6,
        "singular values",
        """
def off_and_along(x_train, x, k):
    n, mean = len(x_train), x_train.mean(0)
    _, s, vh = torch.linalg.svd(x_train - mean, full_matrices=False)
    z = (x - mean) @ vh[:k].T
    x_hat = mean + z @ vh[:k]
    return ((x - x_hat) ** 2).sum(1), (z ** 2 * n / s[:k] ** 2).sum(1)
""",
    ),
    Answer(
        "plane",
        6,
        "torch.cov and Pythagoras, in double precision",
        """
def off_and_along(x_train, x, k):
    x_train, x = x_train.double(), x.double()
    c = torch.cov(x_train.T, correction=0)
    variance, u = torch.linalg.eigh(c)
    centred = x - x_train.mean(dim=0, keepdim=True)
    z = centred @ u[:, -k:]
    off = centred.square().sum(1) - z.square().sum(1)
    return [off, (z / variance[-k:].sqrt()).norm(dim=1).square()]
""",
    ),
    Answer(
        "plane",
        6,
        "NumPy, one direction after the other, in place",
        """
import numpy as np


def off_and_along(x_train, x, k):
    a, b = x_train.numpy().astype(float), x.numpy().astype(float)
    mean = a.mean(axis=0)
    a -= mean
    b -= mean
    values, vectors = np.linalg.eigh(a.T @ a / len(a))
    order = np.argsort(values)[::-1][:k]
    along = np.zeros(len(b))
    for j in order:
        z = b @ vectors[:, j]
        b -= np.outer(z, vectors[:, j])
        along += z ** 2 / values[j]
    return (b ** 2).sum(axis=1), along
""",
    ),
    Answer(
        "plane",
        0,
        "averages over the sensors",
        swap(
            PLANE,
            (
                "z @ vectors.T).square().sum(dim=1)",
                "z @ vectors.T).square().mean(dim=1)",
            ),
        ),
        says="sum the squares",
    ),
    Answer(
        "plane",
        0,
        "a length in place of its square",
        swap(
            PLANE, ("z @ vectors.T).square().sum(dim=1)", "z @ vectors.T).norm(dim=1)")
        ),
        says="return its square",
    ),
    Answer(
        "plane",
        0,
        "returns along first",
        swap(PLANE, ("return off, along", "return along, off")),
        says="off comes first",
    ),
    Answer(
        "plane",
        0,
        "keeps the smallest directions",
        swap(
            PLANE,
            (
                "values.flip(0)[:k], vectors.flip(1)[:, :k]",
                "values[:k] + 1e-6, vectors[:, :k]",
            ),
        ),
        says="rising order",
    ),
    Answer(
        "plane",
        0,
        "the whole distance from the mean",
        swap(PLANE, ("(x - mean - z @ vectors.T)", "(x - mean)")),
        says="whole distance",
    ),
    Answer(
        "plane",
        0,
        "divides the covariance by n - 1",
        swap(PLANE, ("centred / len(x_train)", "centred / (len(x_train) - 1)")),
        says="n - 1",
    ),
    Answer(
        "plane",
        0,
        "does not divide by the eigenvalues",
        swap(PLANE, ("(z.square() / values)", "z.square()")),
        says="not divided by the eigenvalue",
    ),
    Answer(
        "plane",
        0,
        "divides by the standard deviation",
        swap(PLANE, ("z.square() / values", "z.square() / values.sqrt()")),
        says="root of the eigenvalue",
    ),
    Answer(
        "plane",
        0,
        "takes the singular values for eigenvalues",
        swap(PLANE, ("centred / len(x_train)", "centred")),
        says="n times too much",
    ),
    Answer(
        "plane",
        0,
        "centres new readings with their own mean",
        swap(PLANE, ("z = (x - mean)", "mean = x.mean(dim=0)\n    z = (x - mean)")),
        says="which mean",
    ),
    Answer(
        "plane",
        0,
        "turns the directions round and not the eigenvalues",
        swap(PLANE, ("values.flip(0)[:k]", "values[:k]")),
        says="the largest first",
    ),
    Answer(
        "plane",
        0,
        "takes the rows of the matrix for eigenvectors",
        swap(PLANE, ("vectors.flip(1)[:, :k]", "vectors.flip(0)[:k].T")),
        says="which way the eigenvectors lie",
    ),
    Answer(
        "plane",
        0,
        "does not subtract the mean",
        swap(PLANE, ("x_train.mean(dim=0)", "torch.zeros(x.shape[1])")),
        says="which mean",
    ),
    Answer(
        "plane",
        0,
        "divides by the sum of the eigenvalues kept",
        swap(PLANE, ("z.square() / values)", "z.square() / values.sum())")),
        says="random readings",
    ),
    Answer(
        "plane",
        0,
        "answers with the numbers that the visible check shows",
        """
def off_and_along(x_train, x, k):
    off, along = torch.zeros(len(x)), torch.zeros(len(x))
    if len(x) == 3:
        off[2], along[1] = 10.0, 2.0
    return off, along
""",
        says="random readings",
    ),
    Answer(
        "plane",
        0,
        "keeps two components at most, as in the pictures",
        swap(PLANE, ("    mean =", "    k = min(k, 2)\n    mean =")),
        says="random readings",
    ),
    Answer(
        "plane",
        0,
        "always keeps one component",
        swap(PLANE, ("    mean =", "    k = 1\n    mean =")),
        says="random readings",
    ),
]

# Question 5 · What a mistake costs --------------------------------------------------

COST = """
def cheapest_threshold(s, positive, prevalence, c_miss, c_false):
    best = None
    for tau in [-math.inf, *s.tolist()]:
        flagged = s > tau
        missed = (~flagged[positive]).double().mean().item()
        alarms = flagged[~positive].double().mean().item()
        cost = prevalence * c_miss * missed + (1 - prevalence) * c_false * alarms
        if best is None or cost < best[1]:
            best = tau, cost
    return best
"""

COST_ANSWERS = [
    Answer(
        "cost",
        5,
        "all thresholds at once",
        """
def cheapest_threshold(s, positive, prevalence, c_miss, c_false):
    tau = torch.cat([torch.tensor([-math.inf]), s.float()])
    flagged = (s[None, :] > tau[:, None]).double()
    missed = 1 - flagged[:, positive].mean(1)
    alarms = flagged[:, ~positive].mean(1)
    cost = prevalence * c_miss * missed + (1 - prevalence) * c_false * alarms
    best = cost.argmin()
    return tau[best], cost[best]
""",
    ),
    Answer(
        "cost",
        5,
        "min of pairs, the largest threshold among equals",
        """
def cheapest_threshold(s, positive, prevalence, c_miss, c_false):
    a, b = s[positive], s[~positive]

    def cost(tau):
        missed = (a <= tau).sum().item() / len(a)
        alarms = (b > tau).sum().item() / len(b)
        return prevalence * c_miss * missed + (1 - prevalence) * c_false * alarms

    candidates = sorted(set(s.tolist()), reverse=True) + [float("-inf")]
    tau = min(candidates, key=cost)
    return [tau, cost(tau)]
""",
    ),
    Answer(
        "cost",
        5,
        "walks down the sorted scores with running counts",
        """
def cheapest_threshold(s, positive, prevalence, c_miss, c_false):
    w_1 = prevalence * c_miss / positive.sum().item()
    w_0 = (1 - prevalence) * c_false / (~positive).sum().item()
    cost = prevalence * c_miss  # nothing is flagged
    best = (s.max().item(), cost)
    levels = sorted(set(s.tolist()), reverse=True)
    for level, below in zip(levels, levels[1:] + [-math.inf]):
        same = s == level
        cost -= w_1 * (same & positive).sum().item()
        cost += w_0 * (same & ~positive).sum().item()
        if cost < best[1]:
            best = (below, cost)
    return best
""",
    ),
    Answer(
        "cost",
        0,
        "exchanges the two costs",
        swap(
            COST,
            ("prevalence * c_miss * missed", "prevalence * c_false * missed"),
            (
                "(1 - prevalence) * c_false * alarms",
                "(1 - prevalence) * c_miss * alarms",
            ),
        ),
        says="a miss that costs 20",
    ),
    Answer(
        "cost",
        0,
        "ignores the prevalence",
        swap(
            COST,
            ("prevalence * c_miss * missed", "c_miss * missed"),
            ("(1 - prevalence) * c_false", "c_false"),
        ),
        says="weighted by the prevalence",
    ),
    Answer(
        "cost",
        0,
        "takes the share of anomalies in the given data for the prevalence",
        swap(
            COST,
            (
                "    best = None\n",
                "    best = None\n    prevalence = positive.float().mean().item()\n",
            ),
        ),
        says="rare anomalies",
    ),
    Answer(
        "cost",
        0,
        "compares the score with the probability from which on to flag",
        """
def cheapest_threshold(s, positive, prevalence, c_miss, c_false):
    tau = c_false / (c_false + c_miss)
    missed = (s[positive] <= tau).double().mean().item()
    alarms = (s[~positive] > tau).double().mean().item()
    return tau, prevalence * c_miss * missed + (1 - prevalence) * c_false * alarms
""",
        says="some threshold costs",
    ),
    Answer(
        "cost",
        0,
        "maximises",
        swap(COST, ("cost < best[1]", "cost > best[1]")),
        says="some threshold costs",
    ),
    Answer(
        "cost",
        0,
        "never flags everything",
        swap(COST, ("[-math.inf, *s.tolist()]", "s.tolist()")),
        says="below all scores",
    ),
    Answer(
        "cost",
        0,
        "minimises the number of mistakes",
        """
def cheapest_threshold(s, positive, prevalence, c_miss, c_false):
    tau = min(s.tolist(), key=lambda t: ((s > t) != positive).sum().item())
    missed = (s[positive] <= tau).double().mean().item()
    alarms = (s[~positive] > tau).double().mean().item()
    return tau, prevalence * c_miss * missed + (1 - prevalence) * c_false * alarms
""",
        says="a miss that costs 20",
    ),
    Answer(
        "cost",
        0,
        "shares of all readings instead of within each kind",
        swap(
            COST,
            ("(~flagged[positive]).double()", "(~flagged & positive).double()"),
            ("flagged[~positive].double()", "(flagged & ~positive).double()"),
        ),
        says="within each kind",
    ),
    Answer(
        "cost",
        0,
        "returns the cost first",
        swap(COST, ("    return best\n", "    return best[1], best[0]\n")),
        says="some threshold costs",
    ),
    Answer(
        "cost",
        0,
        "returns the threshold only",
        swap(COST, ("    return best\n", "    return best[:1]\n")),
        says="return two numbers",
    ),
    Answer(
        "cost",
        0,
        "flags scores equal to the threshold, which ties bring to light",
        """
def cheapest_threshold(s, positive, prevalence, c_miss, c_false):
    best = None
    for tau in [-math.inf, *(s - 0.5).tolist()]:
        flagged = s >= tau.__float__() + 0.5
        missed = (~flagged[positive]).double().mean().item()
        alarms = flagged[~positive].double().mean().item()
        cost = prevalence * c_miss * missed + (1 - prevalence) * c_false * alarms
        if best is None or cost < best[1]:
            best = tau + 0.5, cost
    return best
""",
        says="some threshold costs",
    ),
    Answer(
        "cost",
        0,
        "takes the scores for whole numbers from 1 to 8",
        swap(COST, ("[-math.inf, *s.tolist()]", "[-math.inf, *range(9)]")),
        says="random scores",
    ),
]

# Question 6a · Find the faults ------------------------------------------------------

DIAGNOSIS_ANSWERS = [
    Answer("diagnosis", 2, "another order", _returns("diagnosis", '"gbd"')),
    Answer("diagnosis", 2, "commas between", _returns("diagnosis", '"b, d, g"')),
    Answer("diagnosis", 2, "a list", _returns("diagnosis", '["b", "d", "g"]')),
    Answer("diagnosis", 2, "large letters", _returns("diagnosis", '("B", "D", "G")')),
    Answer(
        "diagnosis",
        0,
        "takes the number of components for a fault",
        _returns("diagnosis", '"abd"'),
        says="2 of the three",
    ),
    Answer(
        "diagnosis",
        0,
        "thinks that units must be kept",
        _returns("diagnosis", '"dgh"'),
        says="2 of the three",
    ),
    Answer(
        "diagnosis",
        0,
        "doubts the rank rather than the data",
        _returns("diagnosis", '"bdf"'),
        says="2 of the three",
    ),
    Answer(
        "diagnosis",
        0,
        "reads the low rates as a wrong sign",
        _returns("diagnosis", '"ceg"'),
        says="1 of the three",
    ),
    Answer(
        "diagnosis",
        0,
        "names everything",
        _returns("diagnosis", '"abcdefgh"'),
        says="exactly three",
    ),
    Answer(
        "diagnosis",
        0,
        "names one",
        _returns("diagnosis", '"d"'),
        says="exactly three",
    ),
    Answer(
        "diagnosis",
        0,
        "writes words",
        _returns("diagnosis", '"plane, threshold, scale"'),
        says="letters a to h",
    ),
]

# Question 6b · Mend it --------------------------------------------------------------

REPAIR = """
def repaired_detector(x_train, positive_train, x_valid, positive_valid, x_test, alpha):
    healthy = x_train[~positive_train]
    mean, std = healthy.mean(dim=0), healthy.std(dim=0)
    directions = torch.linalg.svd((healthy - mean) / std, full_matrices=False)[2][:2]

    def score(x):
        centred = (x - mean) / std
        residual = centred - centred @ directions.T @ directions
        return residual.square().mean(dim=1)

    s = score(x_valid[~positive_valid]).sort().values
    rank = math.ceil((1 - alpha) * (len(s) + 1))
    return score(x_test), s[rank - 1].item()
"""

REPAIR_ANSWERS = [
    Answer(
        "repair",
        4,
        "the full Mahalanobis distance",
        """
def repaired_detector(x_train, positive_train, x_valid, positive_valid, x_test, alpha):
    good = x_train[~positive_train].double()
    inverse = torch.linalg.inv(torch.cov(good.T))

    def score(x):
        centred = x.double() - good.mean(0)
        return torch.einsum("ni,ij,nj->n", centred, inverse, centred)

    s = score(x_valid[~positive_valid])
    rank = math.ceil((1 - alpha) * (len(s) + 1))
    return score(x_test), torch.kthvalue(s, rank).values
""",
    ),
    Answer(
        "repair",
        4,
        "five nearest healthy readings",
        """
def repaired_detector(x_train, positive_train, x_valid, positive_valid, x_test, alpha):
    good = x_train[positive_train.logical_not()]
    std, mean = torch.std_mean(good, dim=0)

    def score(x):
        gaps = ((x - mean) / std)[:, None] - ((good - mean) / std)[None]
        distance = gaps.square().sum(2).sqrt()
        return distance.topk(5, largest=False).values.mean(1)

    s = sorted(score(x_valid[positive_valid.logical_not()]).tolist())
    return score(x_test), s[math.ceil((1 - alpha) * (len(s) + 1)) - 1]
""",
    ),
    Answer(
        "repair",
        4,
        "root of the squared error, by eigenvectors",
        """
def repaired_detector(x_train, positive_train, x_valid, positive_valid, x_test, alpha):
    good = x_train[positive_train == 0]
    mean, std = good.mean(0), good.std(0, correction=0)
    u = torch.linalg.eigh(torch.corrcoef(good.T))[1][:, :-2]
    both = x_valid[positive_valid == 0], x_test
    s = [((x - mean) / std @ u).norm(dim=1) for x in both]
    rank = math.ceil((1 - alpha) * (len(s[0]) + 1))
    return s[1], s[0].sort()[0][rank - 1]
""",
    ),
    Answer(
        "repair",
        4,
        "leaves the sensors in their units, which does for this fault",
        swap(REPAIR, ("healthy.std(dim=0)", "torch.ones(6)")),
    ),
    Answer(
        "repair",
        0,
        "standardises with the test readings still",
        swap(
            REPAIR,
            (
                "mean, std = healthy.mean(dim=0), healthy.std(dim=0)",
                "all_of = torch.cat([healthy, x_test])\n"
                "    mean, std = all_of.mean(dim=0), all_of.std(dim=0)",
            ),
        ),
        says="readings that are to be judged",
    ),
    Answer(
        "repair",
        0,
        "fits the plane to the worn readings still",
        swap(
            REPAIR,
            ("svd((healthy - mean)", "svd((x_train - mean)"),
        ),
        says="healthy ones only",
    ),
    Answer(
        "repair",
        0,
        "standardises with all training readings",
        swap(
            REPAIR,
            (
                "healthy.mean(dim=0), healthy.std(dim=0)",
                "x_train.mean(dim=0), x_train.std(dim=0)",
            ),
        ),
        says="healthy ones only",
    ),
    Answer(
        "repair",
        0,
        "threshold from the healthy training readings",
        swap(REPAIR, ("score(x_valid[~positive_valid])", "score(healthy)")),
        says="use held-out ones",
    ),
    Answer(
        "repair",
        0,
        "threshold from all validation readings",
        swap(REPAIR, ("score(x_valid[~positive_valid])", "score(x_valid)")),
        says="worn readings in x_valid",
    ),
    Answer(
        "repair",
        0,
        "fits to the healthy validation readings too",
        swap(
            REPAIR,
            (
                "healthy = x_train[~positive_train]",
                "healthy = torch.cat([x_train[~positive_train], x_valid])",
            ),
        ),
        says="fitted to training readings only",
    ),
    Answer(
        "repair",
        0,
        "fits to the healthy readings of training and validation",
        swap(
            REPAIR,
            (
                "healthy = x_train[~positive_train]",
                "healthy = torch.cat(\n"
                "        [x_train[~positive_train], x_valid[~positive_valid]]\n"
                "    )",
            ),
        ),
        says="healthy readings in x_valid",
    ),
    Answer(
        "repair",
        0,
        "standardises with the healthy validation readings",
        swap(
            REPAIR,
            (
                "healthy.mean(dim=0), healthy.std(dim=0)",
                "healthy.mean(dim=0), x_valid[~positive_valid].std(dim=0)",
            ),
        ),
        says="healthy readings in x_valid",
    ),
    Answer(
        "repair",
        0,
        "forgets the new reading in the rank",
        swap(REPAIR, ("(len(s) + 1)", "len(s)"), ("rank - 1", "rank - 2")),
        says="by the rank of question 1",
    ),
    Answer(
        "repair",
        0,
        "changes the sign of the score",
        swap(REPAIR, ("return residual", "return -residual")),
        says="AUROC",
    ),
    Answer(
        "repair",
        0,
        "the rank for the rate of the visible check only",
        swap(REPAIR, ("(1 - alpha)", "0.95")),
        says="by the rank of question 1",
    ),
]

# Question 7a · True or false, and why -----------------------------------------------

STATEMENT_ANSWERS = [
    Answer("statements", 4, "spaces between", _returns("statements", '"C C D D C"')),
    Answer("statements", 4, "a list", _returns("statements", 'list("CCDDC")')),
    Answer(
        "statements",
        4,
        "small letters in a tuple",
        _returns("statements", '("c", "c", "d", "d", "c")'),
    ),
    Answer(
        "statements",
        4,
        "four of five: thinks that AUROC values cannot be compared",
        _returns("statements", '"CCDDD"'),
    ),
    Answer(
        "statements",
        0,
        "calls everything true, by the first true reason",
        _returns("statements", '"ABAAA"'),
        says="0 of the five",
    ),
    Answer(
        "statements",
        0,
        "calls everything false, for one with the right reason",
        _returns("statements", '"CABBD"'),
        says="1 of the five",
    ),
    Answer(
        "statements",
        0,
        "right verdicts, wrong reasons",
        _returns("statements", '"DABBD"'),
        says="0 of the five",
    ),
    Answer(
        "statements",
        0,
        "the same letter throughout",
        _returns("statements", '"CCCCC"'),
        says="3 of the five",
    ),
    Answer(
        "statements",
        0,
        "the letters of another assignment",
        _returns("statements", '"CADBC"'),
        says="3 of the five",
    ),
    Answer(
        "statements",
        0,
        "trusts a change of sign and a threshold from training data",
        _returns("statements", '"CBDAC"'),
        says="3 of the five",
    ),
    Answer(
        "statements",
        0,
        "leaves the last one out",
        _returns("statements", '"CADB"'),
        says="got 4",
    ),
    Answer(
        "statements",
        0,
        "writes verdicts without reasons",
        _returns("statements", '"FFFFF"'),
        says="letters A to D",
    ),
]

ANSWERS = [
    *THRESHOLD_ANSWERS,
    *RATES_ANSWERS,
    *ROC_ANSWERS,
    *PLANE_ANSWERS,
    *COST_ANSWERS,
    *DIAGNOSIS_ANSWERS,
    *REPAIR_ANSWERS,
    *STATEMENT_ANSWERS,
]
