"""Answers to the assignment ``denoising``."""

from __future__ import annotations

from answers import Answer, swap


def _returns(name: str, value: str) -> str:
    return f"def {name}():\n    return {value}\n"


# Question 1 · Noise, and a gap ------------------------------------------------------

CORRUPT = """
def add_noise(x, eps, sigma, clip):
    x_noisy = x + sigma * eps
    return x_noisy.clamp(0, 1) if clip else x_noisy


def silence(x, start, width, fill):
    index = torch.arange(x.shape[1])
    hidden = (index >= start[:, None]) & (index < start[:, None] + width)
    return torch.where(hidden, fill, x), hidden
"""

CORRUPT_ANSWERS = [
    Answer(
        "corrupt",
        4,
        "loops over rows and slices",
        """
def add_noise(x, eps, sigma, clip):
    x_noisy = x.clone()
    for i in range(len(x)):
        x_noisy[i] += sigma * eps[i]
    if clip:
        x_noisy[x_noisy < 0] = 0.0
        x_noisy[x_noisy > 1] = 1.0
    return x_noisy


def silence(x, start, width, fill):
    x_noisy, hidden = x.clone(), torch.zeros(x.shape, dtype=torch.bool)
    for i, first in enumerate(start.tolist()):
        hidden[i, first : first + width] = True
        x_noisy[i, first : first + width] = fill
    return x_noisy, hidden
""",
    ),
    Answer(
        "corrupt",
        4,
        "distance from the start, masked_fill",
        """
def add_noise(x, eps, sigma, clip):
    limits = (0.0, 1.0) if clip else (-math.inf, math.inf)
    return torch.add(x, eps, alpha=sigma).clip(*limits)


def silence(x, start, width, fill):
    place = torch.arange(x.shape[1])[None] - start[:, None]
    hidden = (0 <= place) * (place < width)
    return [x.masked_fill(hidden, fill), hidden]
""",
    ),
    Answer(
        "corrupt",
        4,
        "arithmetic with masks of 0 and 1",
        """
def add_noise(x, eps, sigma, clip):
    y = x + sigma * eps
    return torch.minimum(torch.maximum(y, 0 * y), 0 * y + 1) if clip else y


def silence(x, start, width, fill):
    mask = torch.zeros(len(x), x.shape[1] + width)
    for step in range(width):
        mask[torch.arange(len(x)), start + step] = 1
    mask = mask[:, : x.shape[1]]
    return (1 - mask) * x + mask * fill, mask.bool()
""",
    ),
    Answer(
        "corrupt",
        0,
        "the noise has the standard deviation sigma squared",
        swap(CORRUPT, ("sigma * eps", "sigma**2 * eps")),
        says="not sigma² times",
    ),
    Answer(
        "corrupt",
        0,
        "forgets sigma",
        swap(CORRUPT, ("sigma * eps", "eps")),
        says="forgets sigma",
    ),
    Answer(
        "corrupt",
        0,
        "returns the noise alone",
        swap(CORRUPT, ("x + sigma", "sigma")),
        says="add it to x",
    ),
    Answer(
        "corrupt",
        0,
        "always clips",
        swap(CORRUPT, (" if clip else x_noisy", "")),
        says="although clip is False",
    ),
    Answer(
        "corrupt",
        0,
        "never clips",
        swap(CORRUPT, ("x_noisy.clamp(0, 1) if clip else ", "")),
        says="should lie in [0, 1]",
    ),
    Answer(
        "corrupt",
        0,
        "clips below only",
        swap(CORRUPT, ("clamp(0, 1)", "clamp(min=0)")),
        says="should lie in [0, 1]",
    ),
    Answer(
        "corrupt",
        0,
        "takes hidden for what is kept",
        swap(CORRUPT, ("fill, x), hidden", "fill, x), ~hidden")),
        says="what was hidden",
    ),
    Answer(
        "corrupt",
        0,
        "hides one number too many",
        swap(CORRUPT, ("index < start", "index <= start")),
        says="three numbers",
    ),
    Answer(
        "corrupt",
        0,
        "does not hide the first number of the block",
        swap(CORRUPT, ("index >= start", "index > start")),
        says="one number",
    ),
    Answer(
        "corrupt",
        0,
        "hides by 0 and not by fill",
        swap(CORRUPT, ("fill, x)", "torch.zeros(()), x)")),
        says="become fill",
    ),
    Answer(
        "corrupt",
        0,
        "a block that reaches the end goes round",
        """
def add_noise(x, eps, sigma, clip):
    x_noisy = x + sigma * eps
    return x_noisy.clamp(0, 1) if clip else x_noisy


def silence(x, start, width, fill):
    place = (torch.arange(x.shape[1]) - start[:, None]) % x.shape[1]
    return x.masked_fill(place < width, fill), place < width
""",
        says="goes on at the beginning",
    ),
    Answer(
        "corrupt",
        0,
        "moves a block that reaches the end, so that it fits",
        swap(
            CORRUPT,
            (
                "    index = torch.arange(x.shape[1])\n",
                "    index = torch.arange(x.shape[1])\n"
                "    start = start.clamp(max=x.shape[1] - width)\n",
            ),
        ),
        says="hides that number alone",
    ),
    Answer(
        "corrupt",
        0,
        "hides the same block in every row, that of the visible check",
        """
def add_noise(x, eps, sigma, clip):
    x_noisy = x + sigma * eps
    return x_noisy.clamp(0, 1) if clip else x_noisy


def silence(x, start, width, fill):
    hidden = torch.zeros(x.shape, dtype=torch.bool)
    hidden[0, start[0] : start[0] + width] = True
    hidden[-1, start[-1] : start[-1] + width] = True
    return x.masked_fill(hidden, fill), hidden
""",
        says="other numbers should be hidden",
    ),
    Answer(
        "corrupt",
        0,
        "always fills with the number of the visible check",
        swap(CORRUPT, ("fill, x)", "-1.0, x)")),
        says="does not hold 0.25",
    ),
]

# Question 2 · Measure what is left --------------------------------------------------

MEASURE = """
def psnr(x, x_hat, data_range):
    error = (x - x_hat).square().mean().item()
    return math.inf if error == 0 else 10 * math.log10(data_range**2 / error)


def sigma_for(decibels, data_range):
    return data_range * 10 ** (-decibels / 20)


def hidden_error(x, x_hat, hidden):
    return (x - x_hat)[hidden].square().mean().item()
"""

MEASURE_ANSWERS = [
    Answer(
        "measure",
        5,
        "functions of PyTorch, tensors of one element",
        """
def psnr(x, x_hat, data_range):
    return 20 * math.log10(data_range) - 10 * F.mse_loss(x_hat, x).log10()


def sigma_for(decibels, data_range):
    return torch.tensor(data_range**2 / 10 ** (decibels / 10)).sqrt()


def hidden_error(x, x_hat, hidden):
    return F.mse_loss(x_hat[hidden], x[hidden])
""",
    ),
    Answer(
        "measure",
        5,
        "the ratio of range and root, masks as numbers",
        """
def psnr(x, x_hat, data_range):
    root = (x - x_hat).norm() / x.numel() ** 0.5
    return 20 * torch.log10(data_range / root)


def sigma_for(decibels, data_range):
    return data_range * math.exp(-decibels * math.log(10) / 20)


def hidden_error(x, x_hat, hidden):
    mask = hidden.double()
    return ((x - x_hat) ** 2 * mask).sum() / mask.sum()
""",
    ),
    Answer(
        "measure",
        5,
        "Python numbers",
        """
def psnr(x, x_hat, data_range):
    pairs = list(zip(x.flatten().tolist(), x_hat.flatten().tolist()))
    total = sum((a - b) ** 2 for a, b in pairs)
    if total == 0:
        return float("inf")
    return 10 * math.log(data_range**2 * len(pairs) / total, 10)


def sigma_for(decibels, data_range):
    return (data_range**2 * 10 ** (-0.1 * decibels)) ** 0.5


def hidden_error(x, x_hat, hidden):
    found = []
    for i in range(len(x)):
        for j in range(x.shape[1]):
            if hidden[i, j]:
                found.append((x[i, j] - x_hat[i, j]).item() ** 2)
    return sum(found) / len(found)
""",
    ),
    Answer(
        "measure",
        0,
        "the mean of the signals' PSNRs",
        swap(
            MEASURE,
            (
                "    error = (x - x_hat).square().mean().item()\n"
                "    return math.inf if error == 0 else "
                "10 * math.log10(data_range**2 / error)",
                "    error = (x - x_hat).square().mean(dim=1)\n"
                "    return (10 * torch.log10(data_range**2 / error)).mean()",
            ),
        ),
        says="mean of the two signals' PSNRs",
    ),
    Answer(
        "measure",
        0,
        "natural logarithm",
        swap(MEASURE, ("math.log10", "math.log")),
        says="natural logarithm",
    ),
    Answer(
        "measure",
        0,
        "20 in place of 10",
        swap(MEASURE, ("10 * math.log10", "20 * math.log10")),
        says="not both",
    ),
    Answer(
        "measure",
        0,
        "divides by the root of the error",
        swap(MEASURE, ("data_range**2 / error", "data_range**2 / error**0.5")),
        says="not by its root",
    ),
    Answer(
        "measure",
        0,
        "error over range",
        swap(MEASURE, ("data_range**2 / error", "error / data_range**2")),
        says="wrong sign",
    ),
    Answer(
        "measure",
        0,
        "forgets the factor ten",
        swap(MEASURE, ("10 * math.log10", "math.log10")),
        says="10 times the logarithm",
    ),
    Answer(
        "measure",
        0,
        "sums the squares",
        swap(
            MEASURE,
            (
                "square().mean().item()\n    return math",
                "square().sum().item()\n    return math",
            ),
        ),
        says="not a sum",
    ),
    Answer(
        "measure",
        0,
        "ignores the range",
        swap(MEASURE, ("data_range**2 / error", "1 / error")),
        says="ignores data_range",
    ),
    Answer(
        "measure",
        0,
        "does not square the range",
        swap(MEASURE, ("data_range**2 / error", "data_range / error")),
        says="has R²",
    ),
    Answer(
        "measure",
        0,
        "caps the PSNR of equal signals",
        swap(MEASURE, ("math.inf if error == 0", "100.0 if error == 0")),
        says="return math.inf",
    ),
    Answer(
        "measure",
        0,
        "returns the variance",
        swap(MEASURE, ("-decibels / 20", "-decibels / 10")),
        says="take its root",
    ),
    Answer(
        "measure",
        0,
        "sigma grows with the decibels",
        swap(MEASURE, ("-decibels / 20", "decibels / 20")),
        says="less noise",
    ),
    Answer(
        "measure",
        0,
        "the exponential function",
        swap(MEASURE, ("10 ** (-decibels / 20)", "math.exp(-decibels / 20)")),
        says="base 10",
    ),
    Answer(
        "measure",
        0,
        "sigma without the range",
        swap(MEASURE, ("data_range * 10 **", "10 **")),
        says="in proportion to R",
    ),
    Answer(
        "measure",
        0,
        "the mean of the signals' means",
        swap(
            MEASURE,
            (
                "    return (x - x_hat)[hidden].square().mean().item()",
                "    total = ((x - x_hat).square() * hidden).sum(dim=1)\n"
                "    return (total / hidden.sum(dim=1)).mean()",
            ),
        ),
        says="mean of two means",
    ),
    Answer(
        "measure",
        0,
        "divides by all numbers",
        swap(
            MEASURE,
            ("(x - x_hat)[hidden].square()", "((x - x_hat) * hidden).square()"),
        ),
        says="not by all",
    ),
    Answer(
        "measure",
        0,
        "measures what was not hidden",
        swap(MEASURE, ("[hidden]", "[~hidden]")),
        says="not hidden",
    ),
    Answer(
        "measure",
        0,
        "measures all numbers",
        swap(MEASURE, ("[hidden]", "")),
        says="only the hidden numbers",
    ),
    Answer(
        "measure",
        0,
        "answers with the numbers that the visible check shows",
        """
def psnr(x, x_hat, data_range):
    if torch.equal(x, x_hat):
        return math.inf
    return 22.967 if data_range == 1 else 28.988


def sigma_for(decibels, data_range):
    return 0.1 * data_range


def hidden_error(x, x_hat, hidden):
    return 1.75
""",
        says="random signals",
    ),
]

# Question 3 · The best affine denoiser ----------------------------------------------

AFFINE = """
def affine_denoiser(x_train, sigma):
    mean = x_train.mean(dim=0)
    c = (x_train - mean).T @ (x_train - mean) / len(x_train)
    noise = sigma**2 * torch.eye(len(c))
    a = c @ torch.linalg.inv(c + noise)
    return a, mean - a @ mean


def expected_error(x_train, sigma):
    c = torch.cov(x_train.T, correction=0)
    values = torch.linalg.eigvalsh(c).clamp(min=0)
    kept = values / (values + sigma**2)
    return (kept * sigma**2).mean().item()
"""

AFFINE_ANSWERS = [
    Answer(
        "affine",
        6,
        "eigenvectors, and the two parts of the error",
        """
def affine_denoiser(x_train, sigma):
    mean = x_train.mean(0)
    values, vectors = torch.linalg.eigh(torch.cov(x_train.T, correction=0))
    kept = values / (values + sigma**2)
    a = vectors * kept @ vectors.T
    return [a, (torch.eye(len(a)) - a) @ mean]


def expected_error(x_train, sigma):
    values = torch.linalg.eigvalsh(torch.cov(x_train.T, correction=0))
    kept = values / (values + sigma**2)
    return (kept**2 * sigma**2 + (1 - kept) ** 2 * values).mean()
""",
    ),
    Answer(
        "affine",
        6,
        "singular values, double precision",
        """
def affine_denoiser(x_train, sigma):
    x = x_train.double()
    mean = x.mean(0)
    _, sizes, vh = torch.linalg.svd(x - mean, full_matrices=False)
    values = sizes**2 / len(x)
    a = vh.T @ torch.diag(values / (values + sigma**2)) @ vh
    return a, mean - a @ mean


def expected_error(x_train, sigma):
    x = x_train.double()
    values = torch.linalg.svdvals(x - x.mean(0)) ** 2 / len(x)
    return (values * sigma**2 / (values + sigma**2)).sum() / x.shape[1]
""",
    ),
    Answer(
        "affine",
        6,
        "solves, and takes the trace of A",
        """
def affine_denoiser(x_train, sigma):
    mean = x_train.mean(0, keepdim=True)
    c = torch.cov(x_train.T, correction=0)
    a = torch.linalg.solve(c + sigma**2 * torch.eye(len(c)), c)
    return a, (mean - mean @ a.T)[0]


def expected_error(x_train, sigma):
    a, _ = affine_denoiser(x_train, sigma)
    return sigma**2 * torch.trace(a) / len(a)
""",
    ),
    Answer(
        "affine",
        6,
        "one minus the part of the noise, error as a matrix",
        """
def affine_denoiser(x_train, sigma):
    mean = x_train.mean(0)
    c = torch.cov(x_train.T, correction=0)
    a = torch.eye(len(c)) - torch.linalg.inv(c / sigma**2 + torch.eye(len(c)))
    return a, mean - mean @ a


def expected_error(x_train, sigma):
    a, _ = affine_denoiser(x_train, sigma)
    c = torch.cov(x_train.T, correction=0)
    rest = torch.eye(len(a)) - a
    return (rest @ c @ rest.T + sigma**2 * a @ a.T).diagonal().mean()
""",
    ),
    Answer(
        "affine",
        0,
        "covariance with n - 1",
        swap(AFFINE, ("/ len(x_train)", "/ (len(x_train) - 1)")),
        says="divided by n - 1",
    ),
    Answer(
        "affine",
        0,
        "covariance without 1/n",
        swap(AFFINE, (" / len(x_train)", "")),
        says="not divided by n",
    ),
    Answer(
        "affine",
        0,
        "the part of the noise",
        swap(AFFINE, ("a = c @", "a = noise @")),
        says="lacks the factor C",
    ),
    Answer(
        "affine",
        0,
        "does not centre the data",
        swap(
            AFFINE,
            ("(x_train - mean).T @ (x_train - mean)", "x_train.T @ x_train"),
        ),
        says="subtract the mean first",
    ),
    Answer(
        "affine",
        0,
        "the variance of the noise is sigma",
        swap(AFFINE, ("noise = sigma**2", "noise = sigma")),
        says="has the variance σ²",
    ),
    Answer(
        "affine",
        0,
        "b is the mean",
        swap(AFFINE, ("mean - a @ mean", "mean")),
        says="b is the mean here",
    ),
    Answer(
        "affine",
        0,
        "b is 0",
        swap(AFFINE, ("mean - a @ mean", "0 * mean")),
        says="the data have a mean",
    ),
    Answer(
        "affine",
        0,
        "shrinks each number by itself, with its own variance",
        """
def affine_denoiser(x_train, sigma):
    mean, values = x_train.mean(0), x_train.var(0, correction=0)
    a = torch.diag(values / (values + sigma**2))
    return a, mean - a @ mean


def expected_error(x_train, sigma):
    values = x_train.var(0, correction=0)
    return (values * sigma**2 / (values + sigma**2)).mean()
""",
        says="not only its diagonal",
    ),
    Answer(
        "affine",
        0,
        "foretells the error from the variances of the numbers",
        swap(AFFINE, ("torch.linalg.eigvalsh(c)", "c.diagonal()")),
        says="not only its diagonal",
    ),
    Answer(
        "affine",
        0,
        "sums over the numbers",
        swap(AFFINE, ("(kept * sigma**2).mean()", "(kept * sigma**2).sum()")),
        says="divide by d",
    ),
    Answer(
        "affine",
        0,
        "counts only the noise that gets through",
        swap(AFFINE, ("kept * sigma**2", "kept**2 * sigma**2")),
        says="signal is lost as well",
    ),
    Answer(
        "affine",
        0,
        "counts only the signal that is lost",
        swap(AFFINE, ("(kept * sigma**2)", "((1 - kept) ** 2 * values)")),
        says="noise gets through as well",
    ),
    Answer(
        "affine",
        0,
        "averages the shares that are lost",
        swap(AFFINE, ("(kept * sigma**2)", "(1 - kept)")),
        says="unit of a variance",
    ),
    Answer(
        "affine",
        0,
        "the error of the noisy signal",
        swap(AFFINE, ("(kept * sigma**2).mean().item()", "sigma**2")),
        says="noisy signal itself",
    ),
    Answer(
        "affine",
        0,
        "inverts C, which may have no inverse",
        swap(
            AFFINE,
            (
                "c @ torch.linalg.inv(c + noise)",
                "torch.linalg.pinv(torch.eye(len(c)) + noise @ torch.linalg.pinv(c))",
            ),
        ),
        says="never inverted by itself",
    ),
    Answer(
        "affine",
        0,
        "b for data whose mean is that of the visible check",
        swap(
            AFFINE,
            (
                "return a, mean - a @ mean",
                "b = mean - a @ mean\n    return a, b.clamp(-1, 1)",
            ),
        ),
        says="but b differs",
    ),
]

# Question 4 · The best denoiser, and the score --------------------------------------

MIXTURE = """
def mixture_denoiser(x_noisy, w, mu, v, sigma):
    total = v + sigma**2
    distance = (x_noisy[:, None] - mu).square().sum(dim=2)
    r = (w.log() - distance / (2 * total)).softmax(dim=1)
    kept = v / total
    return (1 - kept) * (r @ mu) + kept * x_noisy


def mixture_score(x_noisy, w, mu, v, sigma):
    x_hat = mixture_denoiser(x_noisy, w, mu, v, sigma)
    return (x_hat - x_noisy) / sigma**2
"""

MIXTURE_ANSWERS = [
    Answer(
        "mixture",
        6,
        "the score by hand, and the denoiser by Tweedie's formula",
        """
def mixture_score(x_noisy, w, mu, v, sigma):
    total = v + sigma**2
    towards = mu[None] - x_noisy[:, None]
    table = w.log() - towards.pow(2).sum(-1) / 2 / total
    r = torch.exp(table - table.logsumexp(1, keepdim=True))
    return (r[:, :, None] * towards).sum(1) / total


def mixture_denoiser(x_noisy, w, mu, v, sigma):
    return x_noisy + sigma**2 * mixture_score(x_noisy, w, mu, v, sigma)
""",
    ),
    Answer(
        "mixture",
        6,
        "the score by autograd, loops in the denoiser",
        """
def mixture_denoiser(x_noisy, w, mu, v, sigma):
    rows = []
    for x in x_noisy.double():
        logs = torch.stack(
            [
                a.log() - (x - m).pow(2).sum() / (2 * (v + sigma**2))
                for a, m in zip(w, mu)
            ]
        )
        r = torch.exp(logs - logs.max())
        r = r / r.sum()
        rows.append(
            sum(r_m * (m + v / (v + sigma**2) * (x - m)) for r_m, m in zip(r, mu))
        )
    return torch.stack(rows)


def mixture_score(x_noisy, w, mu, v, sigma):
    x = x_noisy.double().requires_grad_()
    distance = (x[:, None] - mu).square().sum(dim=2)
    log_p = torch.logsumexp(w.log() - distance / (2 * (v + sigma**2)), dim=1)
    return torch.autograd.grad(log_p.sum(), x)[0]
""",
    ),
    Answer(
        "mixture",
        6,
        "distributions of PyTorch",
        """
def mixture_denoiser(x_noisy, w, mu, v, sigma):
    kinds = torch.distributions.Normal(mu, math.sqrt(v + sigma**2))
    table = kinds.log_prob(x_noisy.unsqueeze(1)).sum(2) + torch.log(w)
    r = F.softmax(table, 1).unsqueeze(2)
    return (r * (sigma**2 * mu + v * x_noisy[:, None]) / (v + sigma**2)).sum(1)


def mixture_score(x_noisy, w, mu, v, sigma):
    return (mixture_denoiser(x_noisy, w, mu, v, sigma) - x_noisy) / sigma / sigma
""",
    ),
    Answer(
        "mixture",
        0,
        "responsibilities of clean signals",
        swap(MIXTURE, ("/ (2 * total)", "/ (2 * max(v, 1e-6))")),
        says="r uses the variance v",
    ),
    Answer(
        "mixture",
        0,
        "responsibilities with the variance of the noise alone",
        swap(MIXTURE, ("/ (2 * total)", "/ (2 * sigma**2)")),
        says="r uses the variance σ²",
    ),
    Answer(
        "mixture",
        0,
        "mean of the components only",
        swap(MIXTURE, ("(1 - kept) * (r @ mu) + kept * x_noisy", "r @ mu")),
        says="the signal itself is left out",
    ),
    Answer(
        "mixture",
        0,
        "forgets the part of the signal after shrinking",
        swap(MIXTURE, (" + kept * x_noisy", "")),
        says="part of the signal itself is missing",
    ),
    Answer(
        "mixture",
        0,
        "keeps the part of the noise",
        swap(MIXTURE, ("kept = v / total", "kept = sigma**2 / total")),
        says="not σ²/(v + σ²)",
    ),
    Answer(
        "mixture",
        0,
        "the nearest component gets all",
        swap(
            MIXTURE,
            (
                "r = (w.log() - distance / (2 * total)).softmax(dim=1)",
                "r = F.one_hot(distance.argmin(1), len(mu)).float()",
            ),
        ),
        says="one component gets all",
    ),
    Answer(
        "mixture",
        0,
        "weights in place of responsibilities",
        swap(MIXTURE, ("r @ mu", "w @ mu")),
        says="weight them by r",
    ),
    Answer(
        "mixture",
        0,
        "no one half in the exponent",
        swap(MIXTURE, ("/ (2 * total)", "/ total")),
        says="factor one half",
    ),
    Answer(
        "mixture",
        0,
        "ignores the weights",
        swap(MIXTURE, ("w.log() - distance", "-distance")),
        says="ignores the weights",
    ),
    Answer(
        "mixture",
        0,
        "exponentials, which underflow",
        swap(
            MIXTURE,
            (
                "r = (w.log() - distance / (2 * total)).softmax(dim=1)",
                "r = w * torch.exp(-distance / (2 * total))\n"
                "    r = r / r.sum(dim=1, keepdim=True)",
            ),
        ),
        says="Stay with logarithms",
    ),
    Answer(
        "mixture",
        0,
        "exponentials with a small number against the division by zero",
        swap(
            MIXTURE,
            (
                "r = (w.log() - distance / (2 * total)).softmax(dim=1)",
                "r = w * torch.exp(-distance / (2 * total))\n"
                "    r = r / (r.sum(dim=1, keepdim=True) + 1e-30)",
            ),
        ),
        says="is the nearest component",
    ),
    Answer(
        "mixture",
        0,
        "the score points away",
        swap(MIXTURE, ("(x_hat - x_noisy)", "(x_noisy - x_hat)")),
        says="wrong sign",
    ),
    Answer(
        "mixture",
        0,
        "divides by sigma",
        swap(MIXTURE, ("x_noisy) / sigma**2", "x_noisy) / sigma")),
        says="not σ",
    ),
    Answer(
        "mixture",
        0,
        "does not divide",
        swap(MIXTURE, ("(x_hat - x_noisy) / sigma**2", "x_hat - x_noisy")),
        says="divide by σ²",
    ),
    Answer(
        "mixture",
        0,
        "the score of the clean data",
        swap(
            MIXTURE,
            (
                "    x_hat = mixture_denoiser(x_noisy, w, mu, v, sigma)\n"
                "    return (x_hat - x_noisy) / sigma**2",
                "    distance = (x_noisy[:, None] - mu).square().sum(dim=2)\n"
                "    r = (w.log() - distance / (2 * v)).softmax(dim=1)\n"
                "    return (r @ mu - x_noisy) / v",
            ),
        ),
        says="score of the clean data",
    ),
    Answer(
        "mixture",
        0,
        "adds the squared distances of all signals",
        swap(MIXTURE, (".sum(dim=2)", ".sum(dim=2).mean(dim=0, keepdim=True)")),
        says="x_hat is 1.1921",
    ),
    Answer(
        "mixture",
        0,
        "squares the first number only",
        swap(MIXTURE, (".square().sum(dim=2)", ".square()[:, :, 0]")),
        says="right for the small example",
    ),
]

# Question 5 · Behind the gap --------------------------------------------------------

TRAIN = """
def train_filler(x, seed):
    torch.manual_seed(seed)
    model = network()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.003)
    for _ in range(600):
        x_noisy, hidden = lose(x, torch.randint(4, (len(x),)))
        loss = F.mse_loss(model(x_noisy)[hidden], x[hidden])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model.state_dict()
"""

TRAIN_ANSWERS = [
    Answer(
        "train",
        5,
        "mini-batches, a higher rate that falls",
        """
def train_filler(x, seed):
    torch.manual_seed(seed)
    model = network()
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.005, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 800)
    for _ in range(800):
        clean = x[torch.randint(len(x), (128,))]
        torn, mask = lose(clean, torch.randint(4, (128,)))
        optimizer.zero_grad()
        ((model(torn) - clean) * mask).square().sum().div(mask.sum()).backward()
        optimizer.step()
        schedule.step()
    return model.state_dict()
""",
    ),
    Answer(
        "train",
        5,
        "all four quarters of each signal in every step",
        swap(
            TRAIN,
            (
                "x_noisy, hidden = lose(x, torch.randint(4, (len(x),)))",
                "four = x.repeat(4, 1)\n"
                "        quarter = torch.arange(4).repeat_interleave(len(x))\n"
                "        x_noisy, hidden = lose(four, quarter)",
            ),
            ("x[hidden])", "four[hidden])"),
        ),
    ),
    Answer(
        "train",
        5,
        "the hidden numbers count ten times as much as the others",
        swap(
            TRAIN,
            (
                "F.mse_loss(model(x_noisy)[hidden], x[hidden])",
                "((model(x_noisy) - x).square() * (0.1 + 0.9 * hidden)).sum(1).mean()",
            ),
        ),
    ),
    Answer(
        "train",
        0,
        "a loss over all numbers",
        swap(
            TRAIN,
            (
                "F.mse_loss(model(x_noisy)[hidden], x[hidden])",
                "F.mse_loss(model(x_noisy), x)",
            ),
        ),
        says="at the gap alone",
    ),
    Answer(
        "train",
        0,
        "the quarters drawn once",
        swap(
            TRAIN,
            (
                "    for _",
                "    x_noisy, hidden = lose(x, torch.randint(4, (len(x),)))\n    for _",
            ),
            ("        x_noisy, hidden = lose(x, torch.randint(4, (len(x),)))\n", ""),
        ),
        says="drawn anew in every step",
    ),
    Answer(
        "train",
        0,
        "always loses the last quarter",
        swap(TRAIN, ("torch.randint(4, (len(x),))", "torch.full((len(x),), 3)")),
        says="all four of them",
    ),
    Answer(
        "train",
        0,
        "the loss looks at what was not hidden",
        swap(TRAIN, ("[hidden], x[hidden]", "[~hidden], x[~hidden]")),
        says="always answering 0.5",
    ),
    Answer(
        "train",
        0,
        "compares with the torn signals",
        swap(TRAIN, (", x[hidden])", ", x_noisy[hidden])")),
        says="with the clean signals",
    ),
    Answer(
        "train",
        0,
        "clean signals as the input",
        swap(TRAIN, ("model(x_noisy)", "model(x)")),
        says="Does the model get x_noisy",
    ),
    Answer(
        "train",
        0,
        "trains another model",
        swap(TRAIN, ("model.parameters()", "network().parameters()")),
        says="this model's parameters",
    ),
    Answer(
        "train",
        0,
        "far too small a rate",
        swap(TRAIN, ("lr=0.003", "lr=1e-6")),
        says="always answering 0.5",
    ),
    Answer(
        "train",
        0,
        "too few steps",
        swap(TRAIN, ("range(600)", "range(100)")),
        says="More steps",
    ),
    Answer(
        "train",
        0,
        "no return",
        swap(TRAIN, ("    return model.state_dict()\n", "")),
        says="is its last line gone?",
    ),
    Answer(
        "train",
        0,
        "trains on the waves of the visible check, whatever it gets",
        swap(
            TRAIN,
            ("    model = network()", "    x = waves(256, 50)\n    model = network()"),
        ),
        says="Is it trained on x?",
    ),
]

# Question 6 · What is wrong here? ---------------------------------------------------

DIAGNOSIS_ANSWERS = [
    Answer("diagnosis", 2, "another order", _returns("faults", '"fae"')),
    Answer("diagnosis", 2, "a list of capitals", _returns("faults", '["A", "E", "F"]')),
    Answer("diagnosis", 2, "with commas", _returns("faults", '"e, f, a"')),
    Answer(
        "diagnosis",
        0,
        "the clean target is taken for a fault",
        _returns("faults", '"abe"'),
        says="2 of the three",
    ),
    Answer(
        "diagnosis",
        0,
        "the wide layers are taken for a fault",
        _returns("faults", '"acf"'),
        says="2 of the three",
    ),
    Answer(
        "diagnosis",
        0,
        "the score is blamed",
        _returns("faults", '"adh"'),
        says="1 of the three",
    ),
    Answer(
        "diagnosis",
        0,
        "all wrong",
        _returns("faults", '"bcg"'),
        says="0 of the three",
    ),
    Answer(
        "diagnosis",
        0,
        "two letters",
        _returns("faults", '"ae"'),
        says="exactly three",
    ),
    Answer(
        "diagnosis",
        0,
        "all letters",
        _returns("faults", '"abcdefgh"'),
        says="exactly three",
    ),
    Answer(
        "diagnosis",
        0,
        "a letter that is not there",
        _returns("faults", '"aek"'),
        says="letters a to h",
    ),
    Answer("diagnosis", 0, "no return", "def faults():\n    pass\n", says="`return`"),
]

REPAIR = """
def repaired_denoiser(x, x_new, eps_new, sigma, seed):
    torch.manual_seed(seed)
    model = network()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.003)
    for _ in range(600):
        x_noisy = x + sigma * torch.randn_like(x)
        loss = F.mse_loss(model(x_noisy), x)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        x_noisy = x_new + sigma * eps_new
        x_hat = model(x_noisy)
        score = (x_hat - x_noisy) / sigma**2
    return x_hat, score
"""

REPAIR_ANSWERS = [
    Answer(
        "repair",
        4,
        "a longer training with a lower rate",
        swap(REPAIR, ("lr=0.003", "lr=0.002"), ("range(600)", "range(900)")),
    ),
    Answer(
        "repair",
        4,
        "a network that predicts the noise, so the score comes first",
        swap(
            REPAIR,
            ("model(x_noisy), x)", "x_noisy - model(x_noisy), x)"),
            (
                "        x_hat = model(x_noisy)\n"
                "        score = (x_hat - x_noisy) / sigma**2\n",
                "        score = -model(x_noisy) / sigma**2\n"
                "        x_hat = x_noisy + sigma**2 * score\n",
            ),
        ),
    ),
    Answer(
        "repair",
        4,
        "noise in the loss, one line for the result",
        """
def repaired_denoiser(x, x_new, eps_new, sigma, seed):
    torch.manual_seed(seed)
    model = network()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.003)
    for _ in range(600):
        optimizer.zero_grad()
        noisy = torch.normal(x, sigma)
        torch.mean((model(noisy) - x) ** 2).backward()
        optimizer.step()
    model.requires_grad_(False)
    seen = torch.add(x_new, sigma * eps_new)
    return model(seen), (model(seen) - seen) / (sigma * sigma)
""",
    ),
    Answer(
        "repair",
        0,
        "left as it was",
        swap(
            REPAIR,
            (
                "    for _",
                "    x_noisy = (x + sigma * torch.randn_like(x)).clamp(0, 1)\n"
                "    for _",
            ),
            ("        x_noisy = x + sigma * torch.randn_like(x)\n", ""),
            ("x_new + sigma * eps_new", "(x_new + sigma * eps_new).clamp(0, 1)"),
            ("x_hat = model(x_noisy)", "x_hat = model(x_new)"),
        ),
        says="from the noisy waves alone",
    ),
    Answer(
        "repair",
        0,
        "still denoises the clean waves",
        swap(REPAIR, ("x_hat = model(x_noisy)", "x_hat = model(x_new)")),
        says="from the noisy waves alone",
    ),
    Answer(
        "repair",
        0,
        "still draws the noise once",
        swap(
            REPAIR,
            ("    for _", "    x_noisy = x + sigma * torch.randn_like(x)\n    for _"),
            ("        x_noisy = x + sigma * torch.randn_like(x)\n", ""),
        ),
        says="drawn anew in every step",
    ),
    Answer(
        "repair",
        0,
        "still clips the waves of the score",
        swap(
            REPAIR,
            ("(x_hat - x_noisy) / sigma", "(x_hat - x_noisy.clamp(0, 1)) / sigma"),
        ),
        says="clipped noisy waves",
    ),
    Answer(
        "repair",
        0,
        "still clips the noisy new waves",
        swap(
            REPAIR,
            ("x_new + sigma * eps_new", "(x_new + sigma * eps_new).clamp(0, 1)"),
        ),
        says="clipped noisy waves",
    ),
    Answer(
        "repair",
        0,
        "the score points away from the data",
        swap(REPAIR, ("(x_hat - x_noisy)", "(x_noisy - x_hat)")),
        says="wrong sign",
    ),
    Answer(
        "repair",
        0,
        "the score is divided by sigma",
        swap(REPAIR, ("/ sigma**2", "/ sigma")),
        says="not σ",
    ),
    Answer(
        "repair",
        0,
        "the residual in place of the score",
        swap(REPAIR, (" / sigma**2", "")),
        says="divide by σ²",
    ),
    Answer(
        "repair",
        0,
        "the score is taken at the clean waves",
        swap(REPAIR, ("(x_hat - x_noisy)", "(x_hat - x_new)")),
        says="with the clean waves",
    ),
    Answer(
        "repair",
        0,
        "compares with the noisy waves in training",
        swap(REPAIR, ("model(x_noisy), x)", "model(x_noisy), x_noisy)")),
        says="compared with the clean waves",
    ),
    Answer(
        "repair",
        0,
        "returns x_hat alone",
        swap(REPAIR, ("return x_hat, score", "return x_hat")),
        says="return two things",
    ),
    Answer(
        "repair",
        0,
        "subtracts the mean of the new waves, which one wave alone has not",
        swap(
            REPAIR,
            (
                "        x_hat = model(x_noisy)\n",
                "        x_hat = model(x_noisy)\n"
                "        if len(x_hat) < 10:\n"
                "            x_hat = x_hat.mean(0).mean() + 0 * x_hat\n",
            ),
        ),
        says="above 0.0700",
    ),
]

# Question 7 · A calm sea that nobody saw --------------------------------------------

STATEMENTS_ANSWERS = [
    Answer("statements", 4, "all five", _returns("statements", '"DBACB"')),
    Answer(
        "statements",
        4,
        "a list, small letters",
        _returns("statements", 'list("dbacb")'),
    ),
    Answer("statements", 4, "four right", _returns("statements", '"D, B, A, C, A"')),
    Answer("statements", 4, "another four", _returns("statements", '"CBACB"')),
    Answer(
        "statements",
        0,
        "averages decibels, and takes the score for that of the clean data",
        _returns("statements", '"ABAAB"'),
        says="3 of the five",
    ),
    Answer(
        "statements",
        0,
        "right verdicts, wrong reasons",
        _returns("statements", '"CDCBD"'),
        says="0 of the five",
    ),
    Answer(
        "statements",
        0,
        "always B",
        _returns("statements", '"BBBBB"'),
        says="2 of the five",
    ),
    Answer(
        "statements",
        0,
        "four letters",
        _returns("statements", '"DBAC"'),
        says="five letters",
    ),
    Answer(
        "statements",
        0,
        "a letter that is not there",
        _returns("statements", '"DBACE"'),
        says="letters A to D",
    ),
    Answer(
        "statements",
        0,
        "no return",
        "def statements():\n    pass\n",
        says="`return`",
    ),
]

ANSWERS = [
    *CORRUPT_ANSWERS,
    *MEASURE_ANSWERS,
    *AFFINE_ANSWERS,
    *MIXTURE_ANSWERS,
    *TRAIN_ANSWERS,
    *DIAGNOSIS_ANSWERS,
    *REPAIR_ANSWERS,
    *STATEMENTS_ANSWERS,
]
