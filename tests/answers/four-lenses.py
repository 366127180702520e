"""Answers to the assignment ``four-lenses``."""

from __future__ import annotations

from answers import Answer, swap

POINTS = {
    "poisson": 6,
    "histogram": 4,
    "loo": 5,
    "em": 6,
    "sample": 4,
    "diagnosis": 2,
    "repair": 4,
    "statements": 4,
}


def _right(question: str, note: str, source: str) -> Answer:
    return Answer(question, POINTS[question], note, source)


def _wrong(question: str, note: str, source: str, says: str) -> Answer:
    return Answer(question, 0, note, source, says)


def _returns(name: str, value: str) -> str:
    return f"\ndef {name}():\n    return {value}\n"


# Question 1 · A loss for counts -----------------------------------------------------

POISSON = """
def poisson_loss(x, a):
    loss = a.exp() - x * a + torch.lgamma(x + 1)
    return loss.sum(dim=1).mean()


def best_log_rate(x):
    return x.mean(dim=0).log()
"""

POISSON_ANSWERS = [
    _right(
        "poisson",
        "torch.distributions",
        """
def poisson_loss(x, a):
    model = torch.distributions.Poisson(a.exp())
    return -model.log_prob(x).sum() / x.shape[0]


def best_log_rate(x):
    return torch.log(x.sum(0) / len(x))
""",
    ),
    _right(
        "poisson",
        "loops and Python's lgamma",
        """
def poisson_loss(x, a):
    total = 0.0
    for counts, logs in zip(x.tolist(), a.tolist()):
        for count, log_rate in zip(counts, logs):
            total += math.exp(log_rate) - count * log_rate + math.lgamma(count + 1)
    return total / len(x)


def best_log_rate(x):
    return torch.tensor([math.log(sum(c) / len(c)) for c in x.T.tolist()])
""",
    ),
    _right(
        "poisson",
        "PyTorch's loss without its constant, which is added; found by descent",
        """
def poisson_loss(x, a):
    short = F.poisson_nll_loss(a, x, log_input=True, full=False, reduction="none")
    return (short + (x + 1).lgamma()).flatten(1).sum(1).mean(0, keepdim=True)


def best_log_rate(x):
    a = x.double().mean(0).sqrt().log().requires_grad_()
    optimizer = torch.optim.LBFGS([a], max_iter=200, line_search_fn="strong_wolfe")

    def closure():
        optimizer.zero_grad()
        loss = (a.exp() - x.double() * a).mean(0).sum()
        loss.backward()
        return loss

    for _ in range(5):
        optimizer.step(closure)
    return a.detach()
""",
    ),
    _wrong(
        "poisson",
        "averages over everything",
        swap(POISSON, ("loss.sum(dim=1).mean()", "loss.mean()")),
        "averages over the numbers of a sample",
    ),
    _wrong(
        "poisson",
        "sums over the batch",
        swap(POISSON, ("loss.sum(dim=1).mean()", "loss.sum()")),
        "sums over the batch",
    ),
    _wrong(
        "poisson",
        "leaves x! out, as PyTorch does by default",
        """
def poisson_loss(x, a):
    return F.poisson_nll_loss(a, x, reduction="sum") / len(x)


def best_log_rate(x):
    return x.mean(dim=0).log()
""",
        "lacks the term of x!",
    ),
    _wrong(
        "poisson",
        "PyTorch's full=True, which is Stirling's approximation",
        """
def poisson_loss(x, a):
    return F.poisson_nll_loss(a, x, full=True, reduction="sum") / len(x)


def best_log_rate(x):
    return x.mean(dim=0).log()
""",
        "Stirling",
    ),
    _wrong(
        "poisson",
        "loses the minus sign of the exponent, so the rate's sign is wrong",
        swap(POISSON, ("loss = a.exp() - x * a", "loss = -a.exp() - x * a")),
        "",
    ),
    _wrong(
        "poisson",
        "the sum of the batch in both directions, divided by the wrong one",
        swap(POISSON, ("loss.sum(dim=1).mean()", "loss.sum(dim=0).mean()")),
        "with one of 300",
    ),
    _wrong(
        "poisson",
        "returns the log-likelihood",
        swap(POISSON, ("return loss.sum", "return -loss.sum")),
        "minus sign",
    ),
    _wrong(
        "poisson",
        "takes a for the rate",
        swap(POISSON, ("a.exp() - x * a", "a - x * a.abs().log()")),
        "contains inf or nan",
    ),
    _wrong(
        "poisson",
        "Gamma of x in place of x + 1",
        swap(POISSON, ("torch.lgamma(x + 1)", "torch.lgamma(x.clamp(min=1))")),
        "(x - 1)!",
    ),
    _wrong(
        "poisson",
        "computes the factorial, which overflows",
        swap(POISSON, ("torch.lgamma(x + 1)", "torch.lgamma(x + 1).exp().log()")),
        "contains inf or nan",
    ),
    _wrong(
        "poisson",
        "the factorial, kept from overflowing by a clamp",
        swap(
            POISSON,
            ("torch.lgamma(x + 1)", "torch.lgamma(x + 1).exp().clamp(max=1e30).log()"),
        ),
        "with one of 300",
    ),
    _wrong(
        "poisson",
        "returns the rate, not its logarithm",
        swap(POISSON, ("x.mean(dim=0).log()", "x.mean(dim=0)")),
        "return its logarithm",
    ),
    _wrong(
        "poisson",
        "the median",
        swap(POISSON, ("x.mean(dim=0).log()", "x.median(dim=0).values.log()")),
        "median",
    ),
    _wrong(
        "poisson",
        "the mean of logarithms, kept finite by adding 1",
        swap(POISSON, ("x.mean(dim=0).log()", "(x + 1).log().mean(dim=0)")),
        "mean of logarithms",
    ),
    _wrong(
        "poisson",
        "one rate for all columns",
        swap(POISSON, ("x.mean(dim=0).log()", "x.mean().log()")),
        "must have shape (2,)",
    ),
]

# Question 2 · A histogram that is a density -----------------------------------------

HISTOGRAM = """
def histogram(x, edges, extra):
    index = torch.bucketize(x, edges, right=True) - 1
    found = torch.bincount(index, minlength=len(edges) - 1) + extra
    return found / found.sum() / edges.diff()


def histogram_at(x_new, edges, heights):
    index = torch.bucketize(x_new, edges, right=True) - 1
    inside = (x_new >= edges[0]) & (x_new < edges[-1])
    return torch.where(inside, heights[index.clamp(0, len(heights) - 1)], 0.0)
"""

HISTOGRAM_ANSWERS = [
    _right(
        "histogram",
        "a loop over the bins",
        """
def histogram(x, edges, extra):
    heights = []
    n, b = len(x), len(edges) - 1
    for low, high in zip(edges.tolist(), edges.tolist()[1:]):
        found = int(((x >= low) & (x < high)).sum()) + extra
        heights.append(found / (n + extra * b) / (high - low))
    return torch.tensor(heights)


def histogram_at(x_new, edges, heights):
    value = torch.zeros(len(x_new))
    for r in range(len(heights)):
        value[(x_new >= edges[r]) & (x_new < edges[r + 1])] = heights[r]
    return value
""",
    ),
    _right(
        "histogram",
        "a table of points and bins",
        """
def _table(x, edges):
    return ((x[:, None] >= edges[:-1]) & (x[:, None] < edges[1:])).double()


def histogram(x, edges, extra):
    share = _table(x, edges).sum(0) + extra
    return share / (share.sum() * (edges[1:] - edges[:-1]))


def histogram_at(x_new, edges, heights):
    return _table(x_new, edges) @ heights.double()
""",
    ),
    _right(
        "histogram",
        "NumPy's searchsorted, and heights with a zero at each end",
        """
import numpy as np


def histogram(x, edges, extra):
    place = np.searchsorted(edges.numpy(), x.numpy(), side="right") - 1
    found = np.bincount(place, minlength=len(edges) - 1) + extra
    return found / found.sum() / np.diff(edges.numpy())


def histogram_at(x_new, edges, heights):
    padded = np.concatenate([[0.0], heights.numpy(), [0.0]])
    return padded[np.searchsorted(edges.numpy(), x_new.numpy(), side="right")]
""",
    ),
    _wrong(
        "histogram",
        "shares of the points, as bars of probability",
        swap(HISTOGRAM, (" / edges.diff()", "")),
        "the heights add up to 1",
    ),
    _wrong(
        "histogram",
        "divides each count by its width, and by the sum of that",
        swap(
            HISTOGRAM,
            (
                "return found / found.sum() / edges.diff()",
                "found = found / edges.diff()\n    return found / found.sum()",
            ),
        ),
        "add up to 1",
    ),
    _wrong(
        "histogram",
        "bins of equal width between the outermost edges",
        swap(
            HISTOGRAM,
            (
                "torch.bincount(index, minlength=len(edges) - 1)",
                "torch.histc(x, len(edges) - 1, float(edges[0]), float(edges[-1]))",
            ),
        ),
        "the heights should be",
    ),
    _wrong(
        "histogram",
        "bare counts",
        swap(HISTOGRAM, ("found / found.sum() / edges.diff()", "found.double()")),
        "integrates to 140",
    ),
    _wrong(
        "histogram",
        "takes all bins to be as wide as the first",
        swap(HISTOGRAM, ("edges.diff()", "(edges[1] - edges[0])")),
        "integrates to",
    ),
    _wrong(
        "histogram",
        "the mean width for all bins",
        swap(
            HISTOGRAM,
            ("/ edges.diff()", "/ (edges[-1] - edges[0]) * (len(edges) - 1)"),
        ),
        "integrates to",
    ),
    _wrong(
        "histogram",
        "puts a point on an edge into the bin below",
        swap(
            HISTOGRAM,
            (
                "    index = torch.bucketize(x, edges, right=True) - 1",
                "    index = torch.bucketize(x, edges).clamp(min=1) - 1",
            ),
        ),
        "10.0 is in the second",
    ),
    _wrong(
        "histogram",
        "divides by the number of real points only",
        swap(HISTOGRAM, ("found.sum()", "len(x)")),
        "count among all points",
    ),
    _wrong(
        "histogram",
        "adds the extra points once, not to every bin",
        swap(
            HISTOGRAM,
            ("+ extra\n", "+ extra / (len(edges) - 1)\n"),
        ),
        "with one extra point in each bin",
    ),
    _wrong(
        "histogram",
        "new points outside get the outermost bin",
        swap(
            HISTOGRAM,
            (
                "torch.where(inside, heights[index.clamp(0, len(heights) - 1)], 0.0)",
                "heights[index.clamp(0, len(heights) - 1)]",
            ),
        ),
        "outside the edges",
    ),
    _wrong(
        "histogram",
        "new points on an edge get the bin below",
        swap(
            HISTOGRAM,
            (
                "    index = torch.bucketize(x_new, edges, right=True) - 1",
                "    index = torch.bucketize(x_new, edges) - 1",
            ),
        ),
        "which bin does an edge belong to",
    ),
    _wrong(
        "histogram",
        "new points are counted into the histogram",
        """
def histogram(x, edges, extra):
    index = torch.bucketize(x, edges, right=True) - 1
    found = torch.bincount(index, minlength=len(edges) - 1) + extra
    return found / found.sum() / edges.diff()


def histogram_at(x_new, edges, heights):
    inside = x_new[(x_new >= edges[0]) & (x_new < edges[-1])]
    return histogram(inside, edges, 0)
""",
        "must have shape (6,)",
    ),
    _wrong(
        "histogram",
        "three bins, as in the example",
        swap(HISTOGRAM, ("minlength=len(edges) - 1", "minlength=3"))
        .replace(
            "return found / found.sum()",
            "found = found[:3]\n    return found / found.sum()",
        )
        .replace("edges.diff()", "edges.diff()[:3]"),
        "must have shape",
    ),
]

# Question 3 · Leave one out ---------------------------------------------------------

LOO = """
def loo(x, h):
    n, d = x.shape
    square = (x[:, None] - x).square().sum(dim=2)
    log_hill = -square / (2 * h**2) - d / 2 * math.log(2 * math.pi * h**2)
    log_hill.fill_diagonal_(-math.inf)
    return (log_hill.logsumexp(dim=1) - math.log(n - 1)).mean()


def best_bandwidth(x, candidates):
    return max(candidates, key=lambda h: float(loo(x, h)))
"""

LOO_ANSWERS = [
    _right(
        "loo",
        "a loop that takes each point out",
        """
def loo(x, h):
    scores = []
    for i in range(len(x)):
        rest = torch.cat([x[:i], x[i + 1:]])
        exponent = -((rest - x[i]) ** 2).sum(1) / (2 * h * h)
        log_p = torch.logsumexp(exponent, 0) - math.log(len(rest))
        scores.append(log_p - x.shape[1] * math.log(h * math.sqrt(2 * math.pi)))
    return torch.stack(scores).mean()


def best_bandwidth(x, candidates):
    scores = torch.stack([loo(x, h) for h in candidates])
    return candidates[int(scores.argmax())]
""",
    ),
    _right(
        "loo",
        "MultivariateNormal and a mask",
        """
from torch.distributions import MultivariateNormal


def loo(x, h):
    x = x.double()
    cov = h**2 * torch.eye(x.shape[1], dtype=torch.double)
    log_hill = MultivariateNormal(x, cov).log_prob(x[:, None])
    others = ~torch.eye(len(x), dtype=torch.bool)
    log_hill = log_hill[others].view(len(x), len(x) - 1)
    return (log_hill.logsumexp(1) - math.log(len(x) - 1)).mean().item()


def best_bandwidth(x, candidates):
    best = None
    for h in candidates:
        if best is None or loo(x, h) > loo(x, best):
            best = h
    return best
""",
    ),
    _right(
        "loo",
        "the largest exponent taken out by hand",
        """
def loo(x, h):
    n, d = x.shape
    e = -torch.cdist(x.double(), x.double()).pow(2) / (2 * h**2)
    e = e - 2 * torch.diag(torch.full((n,), float("inf"), dtype=torch.double))
    e = torch.nan_to_num(e, nan=0.0)
    e[range(n), range(n)] = float("-inf")
    top = e.max(1, keepdim=True).values
    log_sum = top[:, 0] + (e - top).exp().sum(1).log()
    log_front = -d / 2 * math.log(2 * math.pi * h**2) - math.log(n - 1)
    return log_sum.mean() + log_front


def best_bandwidth(x, candidates):
    return sorted(candidates, key=lambda h: loo(x, h).item())[-1]
""",
    ),
    _wrong(
        "loo",
        "every point still vouches for itself",
        swap(
            LOO,
            ("    log_hill.fill_diagonal_(-math.inf)\n", ""),
            ("math.log(n - 1)", "math.log(n)"),
        ),
        "leave its own hill out",
    ),
    _wrong(
        "loo",
        "divides by n",
        swap(LOO, ("math.log(n - 1)", "math.log(n)")),
        "divide by their number",
    ),
    _wrong(
        "loo",
        "sums over the points",
        swap(LOO, ("- math.log(n - 1)).mean()", "- math.log(n - 1)).sum()")),
        "average",
    ),
    _wrong(
        "loo",
        "the own exponent is 0, so the own hill stands",
        swap(LOO, ("fill_diagonal_(-math.inf)", "fill_diagonal_(0.0)")),
        "loo should be -2.5126",
    ),
    _wrong(
        "loo",
        "forgets the square of the bandwidth",
        swap(LOO, ("(2 * h**2)", "(2 * h)")),
        "where does h occur",
    ),
    _wrong(
        "loo",
        "the factor of one dimension",
        swap(LOO, ("d / 2 * math.log", "1 / 2 * math.log")),
        "depends on d",
    ),
    _wrong(
        "loo",
        "exponentials first, logarithm afterwards",
        swap(
            LOO,
            ("log_hill.logsumexp(dim=1)", "log_hill.exp().sum(dim=1).log()"),
        ),
        "contains inf or nan",
    ),
    _wrong(
        "loo",
        "adds 1e-12 to keep the logarithm finite",
        swap(
            LOO,
            ("log_hill.logsumexp(dim=1)", "(log_hill.exp().sum(dim=1) + 1e-12).log()"),
        ),
        "kept from being 0",
    ),
    _wrong(
        "loo",
        "the mean of the logarithms of the hills",
        swap(
            LOO,
            ("fill_diagonal_(-math.inf)", "fill_diagonal_(0.0)"),
            (
                "(log_hill.logsumexp(dim=1) - math.log(n - 1)).mean()",
                "(log_hill.sum(dim=1) / (n - 1)).mean()",
            ),
        ),
        "loo should be -2.5126",
    ),
    _wrong(
        "loo",
        "leaves out every hill at the same place, by its distance of 0",
        swap(
            LOO,
            (
                "log_hill.fill_diagonal_(-math.inf)",
                "log_hill = log_hill.masked_fill(square == 0, -math.inf)",
            ),
        ),
        "its own hill only",
    ),
    _wrong(
        "loo",
        "takes one hill away from the finished density",
        """
def loo(x, h):
    n, d = x.shape
    square = (x[:, None] - x).square().sum(dim=2)
    top = (2 * math.pi * h**2) ** (-d / 2)
    hills = top * torch.exp(-square / (2 * h**2))
    return ((hills.sum(dim=1) - top) / (n - 1)).log().mean()


def best_bandwidth(x, candidates):
    return max(candidates, key=lambda h: float(loo(x, h)))
""",
        "contains inf or nan",
    ),
    _wrong(
        "loo",
        "takes the worst bandwidth",
        swap(LOO, ("max(candidates", "min(candidates")),
        "takes the narrowest",
    ),
    _wrong(
        "loo",
        "chooses by the training likelihood",
        LOO
        + """

def _training(x, h):
    square = (x[:, None] - x).square().sum(dim=2)
    log_hill = -square / (2 * h**2) - x.shape[1] / 2 * math.log(h**2)
    return log_hill.logsumexp(dim=1).mean().item()


def best_bandwidth(x, candidates):
    return max(candidates, key=lambda h: _training(x, h))
""",
        "takes the narrowest",
    ),
    _wrong(
        "loo",
        "the third candidate, as in the example",
        swap(LOO, ("max(candidates, key=lambda h: float(loo(x, h)))", "candidates[2]")),
        "has the larger leave-one-out",
    ),
]

# Question 4 · One step of EM --------------------------------------------------------

EM = """
def em_step(x, w, rate):
    log_joint = w.log() + x[:, None] * rate.log() - rate
    r = log_joint.softmax(dim=1)
    share = r.sum(dim=0)
    return share / len(x), r.T @ x / share, r
"""

EM_ANSWERS = [
    _right(
        "em",
        "torch.distributions and a log-sum-exp",
        """
def em_step(x, w, rate):
    log_p = torch.distributions.Poisson(rate).log_prob(x.unsqueeze(1)) + w.log()
    r = (log_p - log_p.logsumexp(1, keepdim=True)).exp()
    return r.mean(0), (r * x.unsqueeze(1)).mean(0) / r.mean(0), r
""",
    ),
    _right(
        "em",
        "loops in Python numbers",
        """
def em_step(x, w, rate):
    table = []
    for count in x.tolist():
        logs = [math.log(a) + count * math.log(b) - b
                for a, b in zip(w.tolist(), rate.tolist())]
        top = max(logs)
        parts = [math.exp(v - top) for v in logs]
        table.append([p / sum(parts) for p in parts])
    r = torch.tensor(table)
    w_new = torch.stack([r[:, m].mean() for m in range(len(w))])
    rates = [torch.dot(r[:, m], x) / r[:, m].sum() for m in range(len(w))]
    return [w_new, torch.stack(rates), r]
""",
    ),
    _right(
        "em",
        "cross-entropy shapes: components first, turned at the end, in double",
        """
def em_step(x, w, rate):
    x, w, rate = x.double(), w.double(), rate.double()
    log_joint = w.log()[:, None] + torch.outer(rate.log(), x) - rate[:, None]
    r = F.softmax(log_joint, dim=0)
    total = r.sum(1)
    return total / total.sum(), torch.einsum("mn,n->m", r, x) / total, r.T
""",
    ),
    _wrong(
        "em",
        "each minute goes to its likeliest component",
        swap(
            EM,
            (
                "log_joint.softmax(dim=1)",
                "F.one_hot(log_joint.argmax(1), len(w)).float()",
            ),
        ),
        "not a choice of the likeliest",
    ),
    _wrong(
        "em",
        "forgets the weights",
        swap(EM, ("w.log() + x", "x")),
        "weights w are missing",
    ),
    _wrong(
        "em",
        "forgets the factor e to the minus rate",
        swap(EM, (" - rate\n", "\n")),
        "e to the minus rate",
    ),
    _wrong(
        "em",
        "normalises over the minutes",
        swap(EM, ("softmax(dim=1)", "softmax(dim=0)")),
        "add up to 1 over the components",
    ),
    _wrong(
        "em",
        "weights that are not divided by n",
        swap(EM, ("share / len(x)", "share")),
        "divide by the number of minutes",
    ),
    _wrong(
        "em",
        "rates divided by n",
        swap(EM, ("r.T @ x / share", "r.T @ x / len(x)")),
        "how many belong to a component",
    ),
    _wrong(
        "em",
        "keeps the old weights",
        swap(EM, ("return share / len(x)", "return w")),
        "not the mean of the responsibilities",
    ),
    _wrong(
        "em",
        "returns the responsibilities turned",
        swap(EM, ("/ share, r\n", "/ share, r.T\n")),
        "must have shape (4, 2)",
    ),
    _wrong(
        "em",
        "returns log rates",
        swap(EM, ("r.T @ x / share", "(r.T @ x / share).log()")),
        "rate_new should be",
    ),
    _wrong(
        "em",
        "the weighted geometric mean",
        swap(EM, ("r.T @ x / share", "(r.T @ x.log() / share).exp()")),
        "rate_new should be",
    ),
    _wrong(
        "em",
        "the same new rate for all components: the mean count",
        swap(EM, ("r.T @ x / share", "x.mean().expand(len(w))")),
        "rate_new should be",
    ),
    _wrong(
        "em",
        "uses softmax on the probabilities, not on their logarithms",
        """
def em_step(x, w, rate):
    p = torch.exp(x[:, None] * rate.log() - rate - torch.lgamma(x[:, None] + 1))
    r = (w * p).softmax(dim=1)
    share = r.sum(dim=0)
    return share / len(x), r.T @ x / share, r
""",
        "the first column of r",
    ),
    _wrong(
        "em",
        "returns two things only",
        swap(EM, ("/ share, r\n", "/ share\n")),
        "return three things",
    ),
    _wrong(
        "em",
        "exchanges the components",
        swap(
            EM,
            ("    share = ", "    r = r.flip(1)\n    share = "),
        ),
        "components of r are exchanged",
    ),
    _wrong(
        "em",
        "computes the powers, which are infinite for large counts",
        """
def em_step(x, w, rate):
    joint = w * rate ** x[:, None] * torch.exp(-rate)
    r = joint / joint.sum(1, keepdim=True)
    share = r.sum(dim=0)
    return share / len(x), r.T @ x / share, r
""",
        "contains inf or nan",
    ),
    _wrong(
        "em",
        "two components written out, as in the example",
        """
def em_step(x, w, rate):
    a = w[0].log() + x * rate[0].log() - rate[0]
    b = w[1].log() + x * rate[1].log() - rate[1]
    r = torch.stack([torch.sigmoid(a - b), torch.sigmoid(b - a)], dim=1)
    share = r.sum(dim=0)
    return share / len(x), r.T @ x / share, r
""",
        "must have shape (3,)",
    ),
]

# Question 5 · Draw from a mixture ---------------------------------------------------

SAMPLE = """
def sample(n, w, rate, seed):
    generator = torch.Generator().manual_seed(seed)
    which = torch.multinomial(w, n, replacement=True, generator=generator)
    return torch.poisson(rate[which], generator=generator)
"""

SAMPLE_ANSWERS = [
    _right(
        "sample",
        "the global seed and torch.distributions",
        """
def sample(n, w, rate, seed):
    torch.manual_seed(seed)
    which = torch.distributions.Categorical(w).sample((n,))
    return torch.distributions.Poisson(rate[which]).sample()
""",
    ),
    _right(
        "sample",
        "uniform numbers among the summed weights",
        """
def sample(n, w, rate, seed):
    generator = torch.Generator().manual_seed(seed)
    u = torch.rand(n, generator=generator)
    which = torch.bucketize(u, w.cumsum(0)).clamp(max=len(w) - 1)
    return torch.poisson(rate[which], generator=generator).long()
""",
    ),
    _right(
        "sample",
        "NumPy, every component drawn and one kept",
        """
import numpy as np


def sample(n, w, rate, seed):
    rng = np.random.default_rng(seed)
    p = w.double().numpy()
    which = rng.choice(len(p), size=n, p=p / p.sum())
    every = rng.poisson(rate.numpy(), size=(n, len(p)))
    return torch.as_tensor(every[np.arange(n), which])
""",
    ),
    _wrong(
        "sample",
        "draws from one Poisson distribution with the mean rate",
        swap(
            SAMPLE,
            ("rate[which]", "(w * rate).sum().expand(n)"),
        ),
        "all from a mean rate",
    ),
    _wrong(
        "sample",
        "adds up weighted draws of all components",
        """
def sample(n, w, rate, seed):
    generator = torch.Generator().manual_seed(seed)
    every = torch.poisson(rate.expand(n, -1), generator=generator)
    return (every @ w).round()
""",
        "all from a mean rate",
    ),
    _wrong(
        "sample",
        "returns the rates",
        swap(
            SAMPLE,
            ("torch.poisson(rate[which], generator=generator)", "rate[which]"),
        ),
        "is a count drawn for each minute",
    ),
    _wrong(
        "sample",
        "ignores the weights",
        swap(SAMPLE, ("torch.multinomial(w,", "torch.multinomial(torch.ones(len(w)),")),
        "the mean should be near",
    ),
    _wrong(
        "sample",
        "one component after the other",
        swap(
            SAMPLE,
            (
                "generator=generator)\n    return",
                "generator=generator)\n    which = which.sort().values\n    return",
            ),
        ),
        "the order",
    ),
    _wrong(
        "sample",
        "does not use the seed",
        swap(SAMPLE, ("torch.Generator().manual_seed(seed)", "None")),
        "the same seed gave other counts",
    ),
    _wrong(
        "sample",
        "uses the seed for the components only",
        swap(
            SAMPLE,
            (
                "torch.poisson(rate[which], generator=generator)",
                "torch.poisson(rate[which])",
            ),
        ),
        "each of the random draws",
    ),
    _wrong(
        "sample",
        "a fixed seed",
        swap(SAMPLE, ("manual_seed(seed)", "manual_seed(0)")),
        "another seed gave the same counts",
    ),
    _wrong(
        "sample",
        "one component for all minutes",
        swap(SAMPLE, ("torch.multinomial(w, n,", "torch.multinomial(w, 1,")).replace(
            "rate[which]", "rate[which].expand(n)"
        ),
        "the mean should be near",
    ),
    _wrong(
        "sample",
        "rounded Gaussian noise with the right mean and a spread of its own",
        swap(
            SAMPLE,
            (
                "torch.poisson(rate[which], generator=generator)",
                "(rate[which] + torch.randn(n, generator=generator)).round().abs()",
            ),
        ),
        "the variance should be near 60",
    ),
    _wrong(
        "sample",
        "two components only, as in the example",
        swap(
            SAMPLE,
            (
                "torch.multinomial(w, n, replacement=True, generator=generator)",
                "(torch.rand(n, generator=generator) > w[0]).long()",
            ),
        ),
        "component 2 of 3",
    ),
    _wrong(
        "sample",
        "just the right number of minutes for each component, shuffled",
        """
def sample(n, w, rate, seed):
    generator = torch.Generator().manual_seed(seed)
    edges = (n * w.double().cumsum(0)).round().long()
    which = torch.bucketize(torch.arange(n), edges, right=True)
    which = which.clamp(max=len(w) - 1)
    which = which[torch.randperm(n, generator=generator)]
    return torch.poisson(rate[which], generator=generator)
""",
        "at random for each minute",
    ),
    _wrong(
        "sample",
        "minutes come in pairs of one component",
        swap(
            SAMPLE,
            (
                "    return",
                "    which = which[: (n + 1) // 2].repeat_interleave(2)[:n]\n"
                "    return",
            ),
        ),
        "not independent",
    ),
]

# Question 6a · Find the faults ------------------------------------------------------

DIAGNOSIS_ANSWERS = [
    _right("diagnosis", "a string", _returns("diagnosis", '"bcf"')),
    _right("diagnosis", "capitals, another order", _returns("diagnosis", '"FBC"')),
    _right("diagnosis", "a list", _returns("diagnosis", '["c", "b", "f"]')),
    _right("diagnosis", "a set", _returns("diagnosis", '{"b", "c", "f"}')),
    _right("diagnosis", "with commas", _returns("diagnosis", '"b, c, f"')),
    _wrong(
        "diagnosis",
        "overlooks the units",
        _returns("diagnosis", '"abf"'),
        "2 of the three",
    ),
    _wrong(
        "diagnosis",
        "overlooks the test points among the hills",
        _returns("diagnosis", '"bcd"'),
        "2 of the three",
    ),
    _wrong(
        "diagnosis",
        "overlooks how the bandwidth was chosen",
        _returns("diagnosis", '"cfg"'),
        "2 of the three",
    ),
    _wrong(
        "diagnosis",
        "suspects the formula, which is right",
        _returns("diagnosis", '"agh"'),
        "0 of the three",
    ),
    _wrong(
        "diagnosis",
        "names everything",
        _returns("diagnosis", '"abcdefgh"'),
        "exactly three",
    ),
    _wrong(
        "diagnosis",
        "names two",
        _returns("diagnosis", '"bf"'),
        "exactly three",
    ),
    _wrong(
        "diagnosis",
        "numbers in place of letters",
        _returns("diagnosis", '"236"'),
        "use the letters",
    ),
]

# Question 6b · Evaluate it honestly -------------------------------------------------

REPAIR = """
def honest_density(x_train, x_valid, x_test):
    mean, std = x_train.mean(), x_train.std()
    u_train, u_valid, u_test = ((x - mean) / std for x in (x_train, x_valid, x_test))
    scores = {h: log_kde(u_valid, u_train, h).mean().item() for h in BANDWIDTHS}
    h = max(scores, key=scores.get)
    log_p = log_kde(u_test, u_train, h) - std.log()
    return h, log_p.mean().item()
"""

REPAIR_ANSWERS = [
    _right(
        "repair",
        "bandwidths stretched instead of speeds",
        """
def honest_density(x_train, x_valid, x_test):
    std = x_train.std().item()
    best = max(BANDWIDTHS, key=lambda h: log_kde(x_valid, x_train, h * std).mean())
    return best, log_kde(x_test, x_train, best * std).mean()
""",
    ),
    _right(
        "repair",
        "a loop, with the density itself",
        """
def honest_density(x_train, x_valid, x_test):
    mu, sigma = x_train.double().mean(), x_train.double().std()
    u = (x_train.double() - mu) / sigma
    best_h, best_score = None, -math.inf
    for h in BANDWIDTHS:
        score = log_kde((x_valid.double() - mu) / sigma, u, h).mean()
        if score > best_score:
            best_h, best_score = h, score
    q = log_kde((x_test.double() - mu) / sigma, u, best_h)
    return [best_h, q.mean() - math.log(sigma)]
""",
    ),
    _right(
        "repair",
        "torch.distributions in km/h",
        """
def honest_density(x_train, x_valid, x_test):
    def score(x, h):
        hills = torch.distributions.Normal(x_train, h * x_train.std())
        log_p = hills.log_prob(x[:, None]).logsumexp(1) - math.log(len(x_train))
        return log_p.mean()

    table = torch.stack([score(x_valid, h) for h in BANDWIDTHS])
    h = BANDWIDTHS[int(table.argmax())]
    return h, score(x_test, h)
""",
    ),
    _wrong(
        "repair",
        "still chooses on the training speeds",
        swap(REPAIR, ("log_kde(u_valid, u_train, h)", "log_kde(u_train, u_train, h)")),
        "narrowest bandwidth",
    ),
    _wrong(
        "repair",
        "still has the test speeds among the hills",
        swap(
            REPAIR,
            (
                "log_kde(u_test, u_train, h)",
                "log_kde(u_test, torch.cat([u_train, u_test]), h)",
            ),
        ),
        "",
    ),
    _wrong(
        "repair",
        "forgets the units",
        swap(REPAIR, (" - std.log()", "")),
        "per km/h",
    ),
    _wrong(
        "repair",
        "the wrong sign of the units",
        swap(REPAIR, (" - std.log()", " + std.log()")),
        "per km/h",
    ),
    _wrong(
        "repair",
        "the units twice",
        swap(REPAIR, ("- std.log()", "- 2 * std.log()")),
        "once",
    ),
    _wrong(
        "repair",
        "divides the logarithm by sigma",
        swap(REPAIR, ("h) - std.log()", "h) / std")),
        "per km/h",
    ),
    _wrong(
        "repair",
        "chooses on the test speeds",
        swap(REPAIR, ("log_kde(u_valid, u_train, h)", "log_kde(u_test, u_train, h)")),
        "",
    ),
    _wrong(
        "repair",
        "scores the validation speeds",
        swap(REPAIR, ("log_kde(u_test, u_train, h)", "log_kde(u_valid, u_train, h)")),
        "",
    ),
    _wrong(
        "repair",
        "fits the final hills on training and validation speeds",
        swap(
            REPAIR,
            (
                "log_kde(u_test, u_train, h)",
                "log_kde(u_test, torch.cat([u_train, u_valid]), h)",
            ),
        ),
        "with 60 other speeds",
    ),
    _wrong(
        "repair",
        "does not standardise at all",
        """
def honest_density(x_train, x_valid, x_test):
    h = max(BANDWIDTHS, key=lambda h: log_kde(x_valid, x_train, h).mean())
    return h, log_kde(x_test, x_train, h).mean()
""",
        "in standard deviations",
    ),
    _wrong(
        "repair",
        "the deviation of the test speeds for the units",
        swap(REPAIR, ("- std.log()", "- x_test.std().log()")),
        "",
    ),
    _wrong(
        "repair",
        "each set standardised by itself",
        swap(
            REPAIR,
            ("((x - mean) / std for", "((x - x.mean()) / x.std() for"),
        ),
        "",
    ),
    _wrong(
        "repair",
        "the bandwidth in km/h",
        swap(REPAIR, ("return h,", "return h * std.item(),")),
        "h = 0.2 is best here",
    ),
    _wrong(
        "repair",
        "a bandwidth of 0.2 for all data",
        swap(REPAIR, ("h = max(scores, key=scores.get)", "h = 0.2")),
        "the validation speeds choose",
    ),
    _wrong(
        "repair",
        "the sum over the test speeds",
        swap(REPAIR, ("log_p.mean()", "log_p.sum()")),
        "far below",
    ),
]

# Question 7a · True or false, and why -----------------------------------------------

STATEMENT_ANSWERS = [
    _right("statements", "a string", _returns("statements", '"BCADB"')),
    _right("statements", "a list", _returns("statements", 'list("bcadb")')),
    _right("statements", "four of five", _returns("statements", '"BCAAB"')),
    _right("statements", "with spaces", _returns("statements", '"B C A D B"')),
    _wrong(
        "statements",
        "believes that codes are adjusted, and that codes become normal",
        _returns("statements", '"ACADC"'),
        "3 of the five",
    ),
    _wrong(
        "statements",
        "takes the likelihood for minus the divergence, and the mean for all losses",
        _returns("statements", '"BACDB"'),
        "3 of the five",
    ),
    _wrong(
        "statements",
        "right verdicts, wrong reasons",
        _returns("statements", '"DDCCD"'),
        "0 of the five",
    ),
    _wrong(
        "statements",
        "calls everything true",
        _returns("statements", '"AAAAA"'),
        "1 of the five",
    ),
    _wrong(
        "statements",
        "leaves the last one out",
        _returns("statements", '"BCAD"'),
        "got 4",
    ),
    _wrong(
        "statements",
        "writes verdicts without reasons",
        _returns("statements", '"FFTFF"'),
        "letters A to D",
    ),
]

ANSWERS = [
    *POISSON_ANSWERS,
    *HISTOGRAM_ANSWERS,
    *LOO_ANSWERS,
    *EM_ANSWERS,
    *SAMPLE_ANSWERS,
    *DIAGNOSIS_ANSWERS,
    *REPAIR_ANSWERS,
    *STATEMENT_ANSWERS,
]
