"""Answers to the assignment ``vae-limits``."""

from __future__ import annotations

from answers import Answer, swap


def _returns(name: str, value: str) -> str:
    return f"def {name}():\n    return {value}\n"


# Question 1 · A tighter bound -------------------------------------------------------

BOUND = """
def weighted_bound(log_w):
    total = torch.logsumexp(log_w, dim=0)
    bound = total - math.log(len(log_w))
    size = (2 * total - torch.logsumexp(2 * log_w, dim=0)).exp()
    return bound, size
"""

BOUND_ANSWERS = [
    Answer(
        "bound",
        5,
        "subtracts the largest log weight first",
        """
def weighted_bound(log_w):
    top = log_w.max(dim=0).values
    w = torch.exp(log_w - top)
    return top + w.mean(0).log(), w.sum(0) ** 2 / (w**2).sum(0)
""",
    ),
    Answer(
        "bound",
        5,
        "softmax gives the normalised weights",
        """
def weighted_bound(log_w):
    samples, n = log_w.shape
    share = log_w.softmax(dim=0)
    bound = log_w.logsumexp(0) - torch.tensor(float(samples)).log()
    return [bound, 1 / share.square().sum(0)]
""",
    ),
    Answer(
        "bound",
        5,
        "a loop over the examples, in Python",
        """
def weighted_bound(log_w):
    bounds, sizes = [], []
    for column in log_w.T.tolist():
        top = max(column)
        w = [math.exp(value - top) for value in column]
        bounds.append(top + math.log(sum(w) / len(w)))
        sizes.append(sum(w) ** 2 / sum(v * v for v in w))
    return bounds, sizes
""",
    ),
    Answer(
        "bound",
        0,
        "the mean of the logs",
        swap(
            BOUND,
            ("bound = total - math.log(len(log_w))", "bound = log_w.mean(dim=0)"),
        ),
        says="the log of the mean",
    ),
    Answer(
        "bound",
        0,
        "the log of the sum",
        swap(BOUND, (" - math.log(len(log_w))", "")),
        says="the log of the sum",
    ),
    Answer(
        "bound",
        0,
        "takes the examples for the samples",
        swap(BOUND, ("dim=0", "dim=1"), ("len(log_w)", "log_w.shape[1]")),
        says="along dim 0",
    ),
    Answer(
        "bound",
        0,
        "divides by the number of examples",
        swap(BOUND, ("len(log_w)", "log_w.shape[1]")),
        says="for the weights 1, 1, 1, 5",
    ),
    Answer(
        "bound",
        0,
        "exp of the log weights as they are",
        """
def weighted_bound(log_w):
    w = log_w.exp()
    return w.mean(0).log(), w.sum(0) ** 2 / (w**2).sum(0)
""",
        says="inf or nan",
    ),
    Answer(
        "bound",
        0,
        "a small number in the log",
        """
def weighted_bound(log_w):
    w = log_w.double().exp() + 1e-30
    return w.mean(0).log(), w.sum(0) ** 2 / (w**2).sum(0)
""",
        says="must add as much",
    ),
    Answer(
        "bound",
        0,
        "the share of the samples",
        swap(BOUND, ("return bound, size", "return bound, size / len(log_w)")),
        says="no share",
    ),
    Answer(
        "bound",
        0,
        "one over the largest share",
        swap(
            BOUND,
            (
                "(2 * total - torch.logsumexp(2 * log_w, dim=0)).exp()",
                "1 / log_w.softmax(0).amax(0)",
            ),
        ),
        says="sum of squares",
    ),
    Answer(
        "bound",
        0,
        "upside down",
        swap(BOUND, ("return bound, size", "return bound, 1 / size")),
        says="upside down",
    ),
    Answer(
        "bound",
        0,
        "the size first",
        swap(BOUND, ("return bound, size", "return size, bound")),
        says="bound comes first",
    ),
    Answer(
        "bound",
        0,
        "one largest weight for the whole batch",
        """
def weighted_bound(log_w):
    top = log_w.max()
    w = torch.exp(log_w - top)
    return top + w.mean(0).log(), w.sum(0) ** 2 / (w**2).sum(0)
""",
        says="each example by itself",
    ),
    Answer(
        "bound",
        0,
        "the number of samples of the visible check",
        swap(BOUND, ("len(log_w)", "4")),
        says="random log weights",
    ),
]

# Question 2 · Units in use, and their price -----------------------------------------

UNITS = """
def units(mu, log_var):
    active = mu.var(dim=0) > 0.01
    divergence = 0.5 * (mu.square() + log_var.exp() - 1 - log_var)
    return active, divergence.mean(dim=0)
"""

UNITS_ANSWERS = [
    Answer(
        "units",
        4,
        "the variance with 1/n, and the distributions of PyTorch",
        """
def units(mu, log_var):
    q = torch.distributions.Normal(mu, (log_var / 2).exp())
    p = torch.distributions.Normal(0.0, 1.0)
    kl = torch.distributions.kl_divergence(q, p)
    return mu.var(0, correction=0).gt(0.01), kl.mean(0)
""",
    ),
    Answer(
        "units",
        4,
        "the mean of the squares less the square of the mean; the mean taken early",
        """
def units(mu, log_var):
    square = (mu**2).mean(0)
    active = square - mu.mean(0) ** 2 > 1e-2
    rate = (square + log_var.exp().mean(0) - 1 - log_var.mean(0)) / 2
    return active, rate
""",
    ),
    Answer(
        "units",
        4,
        "a standard deviation, compared with 0.1; a loop",
        """
def units(mu, log_var):
    active, rates = [], []
    for m, l in zip(mu.T, log_var.T):
        active.append(bool(m.std() > 0.1))
        rates.append(-0.5 * (1 + l - m**2 - torch.exp(l)).mean())
    return active, torch.stack(rates)
""",
    ),
    Answer(
        "units",
        0,
        "a standard deviation, compared with 0.01",
        swap(UNITS, ("mu.var(dim=0)", "mu.std(dim=0)")),
        says="standard deviation",
    ),
    Answer(
        "units",
        0,
        "the mean square",
        swap(UNITS, ("mu.var(dim=0)", "mu.square().mean(dim=0)")),
        says="mean subtracted",
    ),
    Answer(
        "units",
        0,
        "active where the rate is above 0.01",
        swap(
            UNITS,
            (
                "return active, divergence.mean(dim=0)",
                "rate = divergence.mean(dim=0)\n    return rate > 0.01, rate",
            ),
        ),
        says="tells nothing of x",
    ),
    Answer(
        "units",
        0,
        "the variance of log_var",
        swap(UNITS, ("mu.var(dim=0)", "(mu + log_var).var(dim=0)")),
        says="not `log_var`",
    ),
    Answer(
        "units",
        0,
        "the variance itself",
        swap(UNITS, ("mu.var(dim=0) > 0.01", "mu.var(dim=0)")),
        says="True or False",
    ),
    Answer(
        "units",
        0,
        "over the units",
        swap(UNITS, ("dim=0", "dim=1")),
        says="along dim 0",
    ),
    Answer(
        "units",
        0,
        "the sum over the examples",
        swap(UNITS, ("divergence.mean(dim=0)", "divergence.sum(dim=0)")),
        says="take their mean",
    ),
    Answer(
        "units",
        0,
        "without the one half",
        swap(UNITS, ("0.5 * (", "(")),
        says="one half",
    ),
    Answer(
        "units",
        0,
        "the sign of the ELBO's term",
        swap(UNITS, ("0.5 * (", "-0.5 * (")),
        says="never negative",
    ),
    Answer(
        "units",
        0,
        "log_var for the variance",
        swap(UNITS, ("log_var.exp()", "log_var")),
        says="sigma^2 is exp",
    ),
    Answer(
        "units",
        0,
        "exp of the half",
        swap(UNITS, ("log_var.exp()", "(0.5 * log_var).exp()")),
        says="no half there",
    ),
    Answer(
        "units",
        0,
        "the mean of log_var before its exp",
        swap(
            UNITS,
            ("log_var.exp()", "log_var.mean(0).exp()"),
        ),
        says="the rates are",
    ),
    Answer(
        "units",
        0,
        "another threshold, which the visible check does not see",
        swap(UNITS, ("> 0.01", "> 0.025")),
        says="random examples",
    ),
]

# Question 3 · What a price can reach ------------------------------------------------

REACH = """
def best(rate, distortion, beta):
    return int((distortion + beta * rate).argmin())


def reachable(rate, distortion):
    points = list(zip(rate.tolist(), distortion.tolist(), strict=True))
    found = []
    for i, (r, d) in enumerate(points):
        low, high = 0.0, math.inf
        for j, (other_r, other_d) in enumerate(points):
            if other_r < r:
                high = min(high, (other_d - d) / (r - other_r))
            elif other_r > r:
                low = max(low, (d - other_d) / (other_r - r))
            elif j != i and other_d <= d:
                high = 0.0
        if low < high:
            found.append(i)
    return found
"""

BEST = REACH[: REACH.index("def reachable")]

REACH_ANSWERS = [
    Answer(
        "reach",
        5,
        "walks down the hull: from each model to the steepest way on",
        BEST
        + """
def reachable(rate, distortion):
    r, d = rate.double(), distortion.double()
    at = min(range(len(r)), key=lambda i: (r[i].item(), d[i].item()))
    kept = [at]
    while True:
        later = [j for j in range(len(r)) if r[j] > r[at] and d[j] < d[at]]
        if not later:
            return sorted(kept)
        at = min(
            later,
            key=lambda j: (
                ((d[j] - d[at]) / (r[j] - r[at])).item(),
                -r[j].item(),
            ),
        )
        kept.append(at)
""",
    ),
    Answer(
        "reach",
        5,
        "Andrew's chain, with cross products",
        """
def best(rate, distortion, beta):
    cost = [d + beta * r for r, d in zip(rate.tolist(), distortion.tolist())]
    return cost.index(min(cost))


def reachable(rate, distortion):
    points = sorted(
        (r, d, i) for i, (r, d) in enumerate(zip(rate.tolist(), distortion.tolist()))
    )
    chain = []
    for p in points:
        if chain and p[1] >= chain[-1][1]:
            continue
        while len(chain) > 1:
            (a, b, _), (c, e, _) = chain[-2:]
            if (c - a) * (p[1] - b) - (e - b) * (p[0] - a) > 0:
                break
            chain.pop()
        chain.append(p)
    return torch.tensor(sorted(i for _, _, i in chain))
""",
    ),
    Answer(
        "reach",
        5,
        "all bounds at once",
        """
def best(rate, distortion, beta):
    return torch.argmin(distortion + beta * rate)


def reachable(rate, distortion):
    r, d = rate.double(), distortion.double()
    step, fall = r[None] - r[:, None], d[:, None] - d[None]
    slope = fall / step
    low = torch.where(step > 0, slope, 0).amax(1).clamp(min=0)
    high = torch.where(step < 0, slope, math.inf).amin(1)
    doubled = ((step == 0) & (fall > 0)).any(1)
    return ((low < high) & ~doubled).nonzero()[:, 0]
""",
    ),
    Answer(
        "reach",
        5,
        "tries one price between each two neighbouring slopes",
        BEST
        + """
def reachable(rate, distortion):
    r, d = rate.double(), distortion.double()
    slopes = {0.0}
    for i in range(len(r)):
        for j in range(i):
            if r[i] != r[j]:
                slopes.add(((d[j] - d[i]) / (r[i] - r[j])).item())
    slopes = sorted(s for s in slopes if s >= 0)
    prices = [(a + b) / 2 for a, b in zip(slopes, slopes[1:])] + [slopes[-1] + 1]
    return sorted({int((d + beta * r).argmin()) for beta in prices})
""",
    ),
    Answer(
        "reach",
        0,
        "the price on the distortion",
        swap(REACH, ("distortion + beta * rate", "beta * distortion + rate")),
        says="beta is the price of the rate",
    ),
    Answer(
        "reach",
        0,
        "the least distortion",
        swap(REACH, ("distortion + beta * rate", "distortion")),
        says="best forgets the rate",
    ),
    Answer(
        "reach",
        0,
        "a price of 1 always",
        swap(REACH, ("beta * rate", "rate")),
        says="best ignores beta",
    ),
    Answer(
        "reach",
        0,
        "the greatest value",
        swap(REACH, ("argmin", "argmax")),
        says="the least value",
    ),
    Answer(
        "reach",
        0,
        "the value in place of the index",
        swap(
            REACH,
            (
                "int((distortion + beta * rate).argmin())",
                "(distortion + beta * rate).min()",
            ),
        ),
        says="has index",
    ),
    Answer(
        "reach",
        0,
        "all models that nothing beats in both",
        BEST
        + """
def reachable(rate, distortion):
    keep = []
    for i in range(len(rate)):
        beaten = (rate <= rate[i]) & (distortion <= distortion[i])
        if beaten.sum() == 1:
            keep.append(i)
    return keep
""",
        says="the line between 3 and 0 passes below",
    ),
    Answer(
        "reach",
        0,
        "a price of 0 allowed",
        swap(REACH, ("if low < high", "if low <= high")),
        says="model 7 is as good as model 5",
    ),
    Answer(
        "reach",
        0,
        "keeps models on a straight line",
        swap(REACH, ("if low < high", "if low <= high and high > 0")),
        says="it only equals them",
    ),
    Answer(
        "reach",
        0,
        "forgets models with the same rate",
        swap(REACH, ("elif j != i and other_d <= d", "elif False")),
        says="has the rate of model 1",
    ),
    Answer(
        "reach",
        0,
        "negative prices allowed",
        swap(REACH, ("low, high = 0.0, math.inf", "low, high = -math.inf, math.inf")),
        says="no beta > 0",
    ),
    Answer(
        "reach",
        0,
        "in the order of the rate",
        swap(
            REACH,
            (
                "    return found",
                "    return sorted(found, key=lambda i: points[i][0])",
            ),
        ),
        says="in rising order",
    ),
    Answer(
        "reach",
        0,
        "marks instead of indices",
        swap(
            REACH,
            (
                "    return found",
                "    return torch.tensor([i in found for i in range(len(points))])",
            ),
        ),
        says="indices, not True and False",
    ),
    Answer(
        "reach",
        0,
        "forgets the ends of the curve",
        swap(
            REACH,
            (
                "    return found",
                "    ends = {min(points), min(points, key=lambda p: p[1])}\n"
                "    return [i for i in found if points[i] not in ends]",
            ),
        ),
        says="it is missing",
    ),
    Answer(
        "reach",
        0,
        "a short list of prices, which finds those of the visible check",
        BEST
        + """
def reachable(rate, distortion):
    prices = (0.25, 0.5001, 1.0, 2.0, 5.0)
    return sorted({best(rate, distortion, beta) for beta in prices})
""",
        says="are reachable",
    ),
]

# Question 4 · How many units survive ------------------------------------------------

LINEAR = """
def predicted_active(x, sigma2, k):
    values = torch.linalg.eigvalsh(torch.cov(x.T, correction=0))
    return min(k, int((values > sigma2).sum()))


def fitted_linear(x, k):
    values, vectors = torch.linalg.eigh(torch.cov(x.T, correction=0))
    values, vectors = values.flip(0), vectors.flip(1)
    sigma2 = values[k:].mean()
    return vectors[:, :k] * (values[:k] - sigma2).sqrt(), sigma2.item()
"""

LINEAR_ANSWERS = [
    Answer(
        "linear",
        5,
        "singular values of the centred data",
        """
def predicted_active(x, sigma2, k):
    sizes = torch.linalg.svdvals(x - x.mean(0))
    return (sizes[:k] ** 2 / len(x) > sigma2).sum()


def fitted_linear(x, k):
    _, sizes, vh = torch.linalg.svd(x - x.mean(0), full_matrices=False)
    values = sizes**2 / len(x)
    sigma2 = values[k:].sum() / (x.shape[1] - k)
    return vh[:k].T @ torch.diag((values[:k] - sigma2) ** 0.5), sigma2
""",
    ),
    Answer(
        "linear",
        5,
        "a rotated solution, by the trace",
        """
def covariance(x):
    centred = (x - x.mean(dim=0)).double()
    return centred.T @ centred / x.size(0)


def predicted_active(x, sigma2, k):
    top = torch.linalg.eigvalsh(covariance(x))[-k:]
    return sum(value > sigma2 for value in top.tolist())


def fitted_linear(x, k):
    c = covariance(x)
    values, u = torch.linalg.eigh(c)
    values, u = values[-k:], u[:, -k:]
    sigma2 = (c.trace() - values.sum()) / (x.shape[1] - k)
    turn = torch.linalg.qr(torch.randn(k, k).double())[0]
    return u * (values - sigma2).sqrt() @ turn, sigma2
""",
    ),
    Answer(
        "linear",
        5,
        "sorted by hand, with NumPy",
        """
import numpy as np


def spectrum(x):
    values, u = np.linalg.eigh(np.cov(x.numpy(), rowvar=False, bias=True))
    order = np.argsort(values)[::-1]
    return values[order], u[:, order]


def predicted_active(x, sigma2, k):
    return int(np.count_nonzero(spectrum(x)[0][:k] > sigma2))


def fitted_linear(x, k):
    values, u = spectrum(x)
    sigma2 = float(np.mean(values[k:]))
    return u[:, :k] @ np.sqrt(np.diag(values[:k] - sigma2)), sigma2
""",
    ),
    Answer(
        "linear",
        0,
        "a covariance with 1/(n - 1)",
        swap(LINEAR, (", correction=0", "")),
        says="not 1/(n - 1)",
    ),
    Answer(
        "linear",
        0,
        "does not centre",
        swap(LINEAR, ("torch.cov(x.T, correction=0)", "x.T @ x / len(x)")),
        says="is the mean subtracted",
    ),
    Answer(
        "linear",
        0,
        "roots of the eigenvalues",
        swap(LINEAR, ("(values > sigma2)", "(values.sqrt() > sigma2)")),
        says="not its root",
    ),
    Answer(
        "linear",
        0,
        "more active units than there are",
        swap(
            LINEAR,
            ("min(k, int((values > sigma2).sum()))", "int((values > sigma2).sum())"),
        ),
        says="k units are all there are",
    ),
    Answer(
        "linear",
        0,
        "the smallest eigenvalues",
        swap(
            LINEAR,
            ("values.flip(0), vectors.flip(1)", "values, vectors"),
            ("(values[:k] - sigma2)", "(values[:k] - sigma2).abs()"),
        ),
        says="use those that are left",
    ),
    Answer(
        "linear",
        0,
        "flips the eigenvalues only",
        swap(LINEAR, ("vectors.flip(1)", "vectors")),
        says="flip the vectors too",
    ),
    Answer(
        "linear",
        0,
        "flips the rows of the eigenvectors",
        swap(LINEAR, ("vectors.flip(1)", "vectors.flip(0).flip(1)")),
        says="flip the vectors too",
    ),
    Answer(
        "linear",
        0,
        "does not subtract the noise",
        swap(LINEAR, ("(values[:k] - sigma2)", "values[:k]")),
        says="not subtracted",
    ),
    Answer(
        "linear",
        0,
        "forgets the root",
        swap(LINEAR, (".sqrt(), sigma2.item()", ", sigma2.item()")),
        says="the root is missing",
    ),
    Answer(
        "linear",
        0,
        "the plain eigenvectors",
        swap(LINEAR, (" * (values[:k] - sigma2).sqrt()", "")),
        says="must be scaled",
    ),
    Answer(
        "linear",
        0,
        "the sum of the eigenvalues that are left",
        swap(LINEAR, ("values[k:].mean()", "values[k:].sum()")),
        says="is a sum",
    ),
    Answer(
        "linear",
        0,
        "the mean of all eigenvalues",
        swap(
            LINEAR,
            ("values[k:].mean()", "values.mean()"),
            ("(values[:k] - sigma2)", "(values[:k] - sigma2).abs()"),
        ),
        says="leave the k largest out",
    ),
    Answer(
        "linear",
        0,
        "the next eigenvalue",
        swap(LINEAR, ("values[k:].mean()", "values[k]")),
        says="is the next eigenvalue",
    ),
    Answer(
        "linear",
        0,
        "returns the transpose",
        swap(
            LINEAR,
            (
                "return vectors[:, :k] * (values[:k] - sigma2).sqrt()",
                "return (vectors[:, :k] * (values[:k] - sigma2).sqrt()).T",
            ),
        ),
        says="transpose",
    ),
    Answer(
        "linear",
        0,
        "takes the rows of the matrix of eigenvectors, which the visible check accepts",
        swap(
            LINEAR,
            (
                "values, vectors = values.flip(0), vectors.flip(1)",
                "values, vectors = values.flip(0), vectors.T.flip(1)",
            ),
        ),
        says="W is wrong for",
    ),
]

# Question 5 · Free bits and annealing -----------------------------------------------

CURES = """
def free_bits_loss(distortion, kl, floor):
    return distortion.mean() + kl.mean(dim=0).clamp(min=floor).sum()


def beta_at(step, wait, rise):
    return min(1.0, max(0.0, (step - wait) / rise))
"""

CURES_ANSWERS = [
    Answer(
        "cures",
        5,
        "a maximum, and three cases",
        """
def free_bits_loss(distortion, kl, floor):
    rates = kl.mean(0)
    return distortion.mean() + torch.maximum(rates, torch.full_like(rates, floor)).sum()


def beta_at(step, wait, rise):
    if step <= wait:
        return 0
    if step >= wait + rise:
        return 1
    return (step - wait) / rise
""",
    ),
    Answer(
        "cures",
        5,
        "a loop, and a clamped tensor",
        """
def free_bits_loss(distortion, kl, floor):
    loss = sum(distortion.tolist()) / len(distortion)
    for unit in kl.T:
        loss += max(unit.mean().item(), floor)
    return loss


def beta_at(step, wait, rise):
    return torch.tensor((step - wait) / rise).clamp(0, 1)
""",
    ),
    Answer(
        "cures",
        5,
        "the floor plus what is above it",
        """
def free_bits_loss(distortion, kl, floor):
    above = torch.relu(kl.mean(0) - floor)
    return distortion.mean() + (above + floor).sum()


def beta_at(step, wait, rise):
    done = sorted([0, step - wait, rise])[1]
    return done / rise
""",
    ),
    Answer(
        "cures",
        0,
        "the floor for each example",
        swap(
            CURES,
            ("kl.mean(dim=0).clamp(min=floor)", "kl.clamp(min=floor).mean(dim=0)"),
        ),
        says="applied to each example",
    ),
    Answer(
        "cures",
        0,
        "the floor for the sum of the units",
        swap(
            CURES,
            (
                "kl.mean(dim=0).clamp(min=floor).sum()",
                "kl.mean(dim=0).sum().clamp(min=floor)",
            ),
        ),
        says="unit by unit",
    ),
    Answer(
        "cures",
        0,
        "the floor as the most that a unit costs",
        swap(CURES, ("clamp(min=floor)", "clamp(max=floor)")),
        says="min and max are exchanged",
    ),
    Answer(
        "cures",
        0,
        "charges only what is above the floor",
        swap(CURES, (".clamp(min=floor)", ".sub(floor).clamp(min=0)")),
        says="is subtracted",
    ),
    Answer(
        "cures",
        0,
        "nothing below the floor",
        swap(
            CURES,
            (
                "kl.mean(dim=0).clamp(min=floor)",
                "torch.where(kl.mean(0) > floor, kl.mean(0), 0)",
            ),
        ),
        says="cost `floor`, not 0",
    ),
    Answer(
        "cures",
        0,
        "the mean of the units",
        swap(CURES, (".sum()", ".mean()")),
        says="sum them",
    ),
    Answer(
        "cures",
        0,
        "the sum over the batch",
        swap(CURES, ("kl.mean(dim=0)", "kl.sum(dim=0)")),
        says="take their mean",
    ),
    Answer(
        "cures",
        0,
        "over the wrong dimension",
        swap(CURES, ("dim=0", "dim=1")),
        says="not over the batch",
    ),
    Answer(
        "cures",
        0,
        "forgets the distortion",
        swap(CURES, ("distortion.mean() + ", "")),
        says="the distortion is missing",
    ),
    Answer(
        "cures",
        0,
        "does not wait",
        swap(CURES, ("(step - wait)", "step")),
        says="waits first",
    ),
    Answer(
        "cures",
        0,
        "rises without end",
        swap(
            CURES,
            (
                "min(1.0, max(0.0, (step - wait) / rise))",
                "max(0.0, (step - wait) / rise)",
            ),
        ),
        says="never passes 1",
    ),
    Answer(
        "cures",
        0,
        "starts below 0",
        swap(CURES, ("max(0.0, (step - wait) / rise)", "(step - wait) / rise")),
        says="waits first",
    ),
    Answer(
        "cures",
        0,
        "reaches 1 at step `rise`",
        swap(CURES, ("(step - wait) / rise", "(step - wait) / (rise - wait)")),
        says="a straight line",
    ),
    Answer(
        "cures",
        0,
        "a smooth rise",
        swap(
            CURES,
            (
                "return min(1.0, max(0.0, (step - wait) / rise))",
                "t = min(1.0, max(0.0, (step - wait) / rise))\n"
                "    return t * t * (3 - 2 * t)",
            ),
        ),
        says="a straight line",
    ),
    Answer(
        "cures",
        0,
        "a jump",
        swap(CURES, ("min(1.0, max(0.0, (step - wait) / rise))", "float(step > wait)")),
        says="a straight line",
    ),
    Answer(
        "cures",
        0,
        "the numbers of the visible check",
        swap(CURES, ("(step - wait) / rise", "(step - 100) / 200")),
        says="should be",
    ),
]

# Question 6 · One unit for each factor? ---------------------------------------------

GAP = """
def gap(info, entropy):
    top = info.topk(2, dim=0).values
    return ((top[0] - top[1]) / entropy).mean().item()


def sharing(info):
    best = info.argmax(dim=0)
    return int(((best[:, None] == best).sum(dim=0) > 1).sum())
"""

GAP_ANSWERS = [
    Answer(
        "gap",
        4,
        "sorts, and counts the factors of each unit",
        """
def gap(info, entropy):
    info = info.sort(dim=0, descending=True)[0]
    return torch.mean((info[0] - info[1]) / entropy)


def sharing(info):
    count = torch.bincount(info.argmax(0), minlength=len(info))
    return count[count > 1].sum()
""",
    ),
    Answer(
        "gap",
        4,
        "loops in Python",
        """
def gap(info, entropy):
    total = 0
    for f in range(len(entropy)):
        values = sorted(info[:, f].tolist())
        total += (values[-1] - values[-2]) / entropy[f].item()
    return total / len(entropy)


def sharing(info):
    best = [column.index(max(column)) for column in info.T.tolist()]
    return len([unit for unit in best if best.count(unit) > 1])
""",
    ),
    Answer(
        "gap",
        4,
        "normalises first, and takes the largest away to find the second",
        """
def gap(info, entropy):
    share = info / entropy
    first, at = share.max(0)
    share = share.clone().scatter_(0, at[None], -1.0)
    return (first - share.max(0).values).mean()


def sharing(info):
    best = info.max(0).indices
    _, which, count = best.unique(return_inverse=True, return_counts=True)
    return (count[which] >= 2).sum().item()
""",
    ),
    Answer(
        "gap",
        0,
        "does not divide by the entropy",
        swap(GAP, (" / entropy", "")),
        says="divided by its entropy",
    ),
    Answer(
        "gap",
        0,
        "divides by the mean entropy",
        swap(
            GAP, ("/ entropy", "/ entropy.sum()"), (".mean().item()", ".sum().item()")
        ),
        says="by its own entropy",
    ),
    Answer(
        "gap",
        0,
        "down to the smallest",
        swap(GAP, ("top[0] - top[1]", "top[0] - info.amin(dim=0)")),
        says="second largest",
    ),
    Answer(
        "gap",
        0,
        "less the mean of all",
        swap(GAP, ("top[0] - top[1]", "top[0] - info.mean(dim=0)")),
        says="not the mean of all",
    ),
    Answer(
        "gap",
        0,
        "the sum over the factors",
        swap(GAP, (".mean().item()", ".sum().item()")),
        says="take the mean",
    ),
    Answer(
        "gap",
        0,
        "drops equal values",
        """
def gap(info, entropy):
    total = 0.0
    for column, h in zip(info.T, entropy):
        values = column.unique()
        total += (values[-1] - values[-2]) / h
    return total / len(entropy)


def sharing(info):
    best = info.argmax(dim=0)
    return int(((best[:, None] == best).sum(dim=0) > 1).sum())
""",
        says="has a gap of 0",
    ),
    Answer(
        "gap",
        0,
        "the units that are shared",
        swap(
            GAP,
            (
                "int(((best[:, None] == best).sum(dim=0) > 1).sum())",
                "int((best.bincount() > 1).sum())",
            ),
        ),
        says="not the units",
    ),
    Answer(
        "gap",
        0,
        "the factors beyond the first",
        swap(
            GAP,
            (
                "int(((best[:, None] == best).sum(dim=0) > 1).sum())",
                "len(best) - len(best.unique())",
            ),
        ),
        says="shares it too",
    ),
    Answer(
        "gap",
        0,
        "all factors: each shares with itself",
        swap(GAP, ("> 1).sum()", ">= 1).sum()")),
        says="with itself",
    ),
    Answer(
        "gap",
        0,
        "the factors that do not share",
        swap(GAP, ("> 1).sum()", "== 1).sum()")),
        says="have a unit to themselves",
    ),
    Answer(
        "gap",
        0,
        "pairs",
        swap(
            GAP,
            (
                "int(((best[:, None] == best).sum(dim=0) > 1).sum())",
                "int((best[:, None] == best).triu(1).sum())",
            ),
        ),
        says="not pairs",
    ),
    Answer(
        "gap",
        0,
        "the numbers of the visible check",
        """
def gap(info, entropy):
    return 0.4


def sharing(info):
    return 5
""",
        says="random",
    ),
    Answer(
        "gap",
        0,
        "all but one, as in the visible check",
        swap(
            GAP,
            (
                "int(((best[:, None] == best).sum(dim=0) > 1).sum())",
                "len(best) - 1",
            ),
        ),
        says="best units",
    ),
]

# Question 7a · Find the faults ------------------------------------------------------

DIAGNOSIS_ANSWERS = [
    Answer("diagnosis", 2, "another order", _returns("diagnosis", '"gea"')),
    Answer("diagnosis", 2, "a set of capitals", _returns("diagnosis", 'set("AEG")')),
    Answer("diagnosis", 2, "with commas", _returns("diagnosis", '"a, e, g"')),
    Answer(
        "diagnosis",
        0,
        "changes the sign of the divergence",
        _returns("diagnosis", '"abg"'),
        says="2 of the three",
    ),
    Answer(
        "diagnosis",
        0,
        "blames the noise",
        _returns("diagnosis", '"ace"'),
        says="2 of the three",
    ),
    Answer(
        "diagnosis",
        0,
        "blames the number of units, the schedule and the patience",
        _returns("diagnosis", '"dfh"'),
        says="0 of the three",
    ),
    Answer(
        "diagnosis",
        0,
        "believes the count",
        _returns("diagnosis", '"afg"'),
        says="2 of the three",
    ),
    Answer(
        "diagnosis",
        0,
        "the letters of another assignment",
        _returns("diagnosis", '"bdg"'),
        says="1 of the three",
    ),
    Answer(
        "diagnosis",
        0,
        "only two letters",
        _returns("diagnosis", '"ag"'),
        says="got 2",
    ),
    Answer(
        "diagnosis",
        0,
        "all letters",
        _returns("diagnosis", '"abcdefgh"'),
        says="got 8",
    ),
    Answer(
        "diagnosis",
        0,
        "numbers",
        _returns("diagnosis", '"157"'),
        says="letters a to h",
    ),
]

# Question 7b · Mend it --------------------------------------------------------------

REPAIR = """
def repaired_training(x, k, seed):
    torch.manual_seed(seed)
    model = TideVAE(k)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(800):
        batch = x[torch.randint(len(x), (64,))]
        mu, log_var = model.encode(batch)
        z = mu + (0.5 * log_var).exp() * torch.randn_like(mu)
        error = (batch - model.decode(z)).square()
        log_term = math.log(2 * math.pi) + model.log_sigma2
        nats = 0.5 * (error / model.log_sigma2.exp() + log_term)
        divergence = 0.5 * (mu.square() + log_var.exp() - 1 - log_var)
        loss = nats.sum(dim=1).mean() + divergence.sum(dim=1).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        active = int((model.encode(x)[0].var(dim=0) > 0.01).sum())
    return model.state_dict(), active
"""

REPAIR_ANSWERS = [
    Answer(
        "repair",
        4,
        "a normal distribution of PyTorch, and annealing",
        swap(
            REPAIR,
            ("for _ in range(800)", "for step in range(900)"),
            (
                "nats = 0.5 * (error / model.log_sigma2.exp() + log_term)",
                "p = torch.distributions.Normal(\n"
                "            model.decode(z), (model.log_sigma2 / 2).exp()\n"
                "        )\n"
                "        nats = -p.log_prob(batch)",
            ),
            (
                "+ divergence.sum(dim=1).mean()",
                "+ min(1, step / 200) * divergence.sum(dim=1).mean()",
            ),
        ),
    ),
    Answer(
        "repair",
        4,
        "without the constant, larger batches",
        swap(
            REPAIR,
            ("math.log(2 * math.pi) + ", ""),
            ("(64,)", "(200,)"),
        ),
    ),
    Answer(
        "repair",
        4,
        "everything divided by the number of hours",
        swap(
            REPAIR,
            (
                "nats.sum(dim=1).mean() + divergence.sum(dim=1).mean()",
                "nats.mean() + divergence.sum(dim=1).mean() / batch.shape[1]",
            ),
        ),
    ),
    Answer(
        "repair",
        4,
        "sets the variance to the mean squared error of the batch",
        swap(
            REPAIR,
            (
                "nats = 0.5 * (error / model.log_sigma2.exp() + log_term)",
                "with torch.no_grad():\n"
                "            new = error.mean().log()\n"
                "            model.log_sigma2.lerp_(new, 0.1)\n"
                "        nats = 0.5 * error / error.mean().detach()",
            ),
        ),
    ),
    Answer(
        "repair",
        0,
        "nothing mended",
        swap(
            REPAIR,
            ("nats.sum(dim=1)", "nats"),
            (" + log_term)", ")"),
            (
                "active = int((model.encode(x)[0]",
                "active = int(k * (model.encode(x)[0]",
            ),
        ),
        says="keeps it from growing",
    ),
    Answer(
        "repair",
        0,
        "the log term is still missing",
        swap(REPAIR, (" + log_term)", ")")),
        says="keeps it from growing",
    ),
    Answer(
        "repair",
        0,
        "the mean over the hours still",
        swap(REPAIR, ("nats.sum(dim=1).mean()", "nats.mean()")),
        says="the units are hardly in use",
    ),
    Answer(
        "repair",
        0,
        "counts the samples still",
        swap(
            REPAIR,
            (
                "active = int((model.encode(x)[0].var(dim=0) > 0.01).sum())",
                "mu, log_var = model.encode(x)\n"
                "        z = mu + (0.5 * log_var).exp() * torch.randn_like(mu)\n"
                "        active = int((z.var(dim=0) > 0.01).sum())",
            ),
        ),
        says="of which tensor",
    ),
    Answer(
        "repair",
        0,
        "subtracts the divergence",
        swap(REPAIR, ("+ divergence.sum", "- divergence.sum")),
        says="sign in the loss",
    ),
    Answer(
        "repair",
        0,
        "leaves the divergence out",
        swap(REPAIR, ("+ divergence.sum(dim=1).mean()", "")),
        says="free of charge",
    ),
    Answer(
        "repair",
        0,
        "the log term twice as large",
        swap(REPAIR, ("+ log_term)", "+ 2 * log_term)")),
        says="should agree",
    ),
    Answer(
        "repair",
        0,
        "far too few steps",
        swap(REPAIR, ("range(800)", "range(30)")),
        says="trained on",
    ),
    Answer(
        "repair",
        0,
        "returns the model",
        swap(REPAIR, ("return model.state_dict(), active", "return model, active")),
        says="state_dict",
    ),
    Answer(
        "repair",
        0,
        "always four active, whatever was learned",
        swap(
            REPAIR,
            ("for _ in range(800)", "for _ in range(800 if k == 8 else 60)"),
        ),
        says="trained on",
    ),
]

# Question 8a · True or false, and why -----------------------------------------------

STATEMENT_ANSWERS = [
    Answer("statements", 4, "spaces between", _returns("statements", '"B D A B C"')),
    Answer("statements", 4, "a list", _returns("statements", 'list("BDABC")')),
    Answer(
        "statements",
        4,
        "small letters in a tuple",
        _returns("statements", '("b", "d", "a", "b", "c")'),
    ),
    Answer(
        "statements",
        4,
        "four of five: takes a higher bound for a better model",
        _returns("statements", '"ADABC"'),
    ),
    Answer(
        "statements",
        0,
        "calls everything true",
        _returns("statements", '"AAABA"'),
        says="2 of the five",
    ),
    Answer(
        "statements",
        0,
        "calls everything false",
        _returns("statements", '"BDCAC"'),
        says="3 of the five",
    ),
    Answer(
        "statements",
        0,
        "right verdicts, wrong reasons",
        _returns("statements", '"DCBDD"'),
        says="0 of the five",
    ),
    Answer(
        "statements",
        0,
        "the same letter throughout",
        _returns("statements", '"BBBBB"'),
        says="2 of the five",
    ),
    Answer(
        "statements",
        0,
        "the letters of another assignment",
        _returns("statements", '"CADBC"'),
        says="2 of the five",
    ),
    Answer(
        "statements",
        0,
        "trusts annealing, and a likelihood that sees the axes",
        _returns("statements", '"BAACC"'),
        says="3 of the five",
    ),
    Answer(
        "statements",
        0,
        "leaves the last one out",
        _returns("statements", '"BDAB"'),
        says="got 4",
    ),
    Answer(
        "statements",
        0,
        "writes verdicts without reasons",
        _returns("statements", '"FFTTF"'),
        says="letters A to D",
    ),
]

ANSWERS = [
    *BOUND_ANSWERS,
    *UNITS_ANSWERS,
    *REACH_ANSWERS,
    *LINEAR_ANSWERS,
    *CURES_ANSWERS,
    *GAP_ANSWERS,
    *DIAGNOSIS_ANSWERS,
    *REPAIR_ANSWERS,
    *STATEMENT_ANSWERS,
]
