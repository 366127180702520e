"""Answers to the assignment ``vae``."""

from __future__ import annotations

from answers import Answer, swap


def _returns(name: str, value: str) -> str:
    return f"def {name}():\n    return {value}\n"


# Question 1 · A sample that lets gradients pass -------------------------------------

SAMPLE_END = '''

# The check calls this function: leave it as it is.
def sample_and_gradients(mu, log_var, eps):
    """The samples, and the gradients of their sum with respect to mu and log_var."""
    mu, log_var = mu.clone().requires_grad_(), log_var.clone().requires_grad_()
    z = sample_latent(mu, log_var, eps)
    if not (torch.is_tensor(z) and z.requires_grad):
        return z, None, None
    return z.detach(), *torch.autograd.grad(z.sum(), (mu, log_var), allow_unused=True)
'''


def _sample(body: str) -> str:
    return f"def sample_latent(mu, log_var, eps):\n    {body}\n{SAMPLE_END}"


SAMPLE_ANSWERS = [
    Answer(
        "sample",
        3,
        "root of the variance",
        _sample("return log_var.exp().sqrt() * eps + mu"),
    ),
    Answer(
        "sample",
        3,
        "addcmul",
        _sample("return torch.addcmul(mu, (log_var / 2).exp(), eps)"),
    ),
    Answer(
        "sample",
        3,
        "a loop over the samples",
        _sample(
            "sigma = torch.exp(log_var * 0.5)\n"
            "    if eps.dim() == 2:\n"
            "        return mu + sigma * eps\n"
            "    return torch.stack([mu + sigma * e for e in eps])"
        ),
    ),
    Answer(
        "sample",
        0,
        "the variance in place of the standard deviation",
        _sample("return mu + log_var.exp() * eps"),
        says="variance; it needs its root",
    ),
    Answer(
        "sample",
        0,
        "the log variance itself",
        _sample("return mu + log_var * eps"),
        says="log_var itself",
    ),
    Answer(
        "sample",
        0,
        "log sigma",
        _sample("return mu + 0.5 * log_var * eps"),
        says="there is a step to sigma",
    ),
    Answer(
        "sample",
        0,
        "forgets the mean",
        _sample("return (0.5 * log_var).exp() * eps"),
        says="around mu",
    ),
    Answer(
        "sample",
        0,
        "divides by sigma",
        _sample("return mu + (-0.5 * log_var).exp() * eps"),
        says="you divide by sigma",
    ),
    Answer(
        "sample",
        0,
        "subtracts the noise",
        _sample("return mu - (0.5 * log_var).exp() * eps"),
        says="add the noise",
    ),
    Answer(
        "sample",
        0,
        "draws its own noise",
        _sample("return mu + (0.5 * log_var).exp() * torch.randn_like(eps)"),
        says="is eps used as it comes?",
    ),
    Answer(
        "sample",
        0,
        "without gradients",
        _sample("return (mu + (0.5 * log_var).exp() * eps).detach()"),
        says="no gradient reaches mu",
    ),
    Answer(
        "sample",
        0,
        "detaches sigma",
        _sample("return mu + (0.5 * log_var).exp().detach() * eps"),
        says="no gradient reaches log_var",
    ),
    Answer(
        "sample",
        0,
        "one sample only",
        _sample(
            "return mu + (0.5 * log_var).exp() * (eps if eps.dim() == 2 else eps[0])"
        ),
        says="shape (3, 1, 2)",
    ),
    Answer(
        "sample",
        0,
        "keeps the log variance within bounds",
        _sample("return mu + (0.5 * log_var.clamp(-2, 2)).exp() * eps"),
        says="right for the small example",
    ),
    Answer(
        "sample",
        0,
        "the released cell, passed over",
        _sample("pass"),
        says="is there a `return`?",
    ),
]

# Question 2 · From one Gaussian to another ------------------------------------------

KL = """
def kl_gaussians(mu_q, log_var_q, mu_p, log_var_p):
    squares = (log_var_q.exp() + (mu_q - mu_p).square()) / log_var_p.exp()
    return 0.5 * (log_var_p - log_var_q + squares - 1).sum(dim=1)
"""

KL_ANSWERS = [
    Answer(
        "kl",
        3,
        "torch.distributions",
        """
from torch.distributions import Normal, kl_divergence


def kl_gaussians(mu_q, log_var_q, mu_p, log_var_p):
    q = Normal(mu_q, (log_var_q / 2).exp())
    p = Normal(mu_p, (log_var_p / 2).exp())
    return kl_divergence(q, p).sum(-1)
""",
    ),
    Answer(
        "kl",
        3,
        "cross-entropy minus entropy",
        """
def kl_gaussians(mu_q, log_var_q, mu_p, log_var_p):
    entropy = 0.5 * (1 + log_var_q)
    cross = 0.5 * (log_var_p + ((mu_q - mu_p) ** 2 + log_var_q.exp()) / log_var_p.exp())
    return torch.sum(cross - entropy, dim=1)
""",
    ),
    Answer(
        "kl",
        3,
        "loops over examples and code units",
        """
def kl_gaussians(mu_q, log_var_q, mu_p, log_var_p):
    found = []
    for rows in zip(mu_q, log_var_q, mu_p, log_var_p):
        total = 0.0
        for m, v, a, b in zip(*(row.tolist() for row in rows)):
            ratio = math.exp(v - b)
            total += 0.5 * (ratio - 1 - (v - b) + (m - a) ** 2 * math.exp(-b))
        found.append(total)
    return torch.tensor(found)
""",
    ),
    Answer(
        "kl",
        0,
        "exchanges the two",
        swap(
            KL,
            (
                "(mu_q, log_var_q, mu_p, log_var_p)",
                "(mu_p, log_var_p, mu_q, log_var_q)",
            ),
        ),
        says="exchange the two",
    ),
    Answer(
        "kl",
        0,
        "forgets the variance of q in the sum",
        swap(
            KL, ("log_var_q.exp() + (mu_q - mu_p).square()", "(mu_q - mu_p).square()")
        ),
        says="q's variance belongs",
    ),
    Answer(
        "kl",
        0,
        "the chapter's special case",
        """
def kl_gaussians(mu_q, log_var_q, mu_p, log_var_p):
    return 0.5 * (mu_q.square() + log_var_q.exp() - 1 - log_var_q).sum(dim=1)
""",
        says="p is ignored",
    ),
    Answer(
        "kl",
        0,
        "the mean over the code units",
        swap(KL, (".sum(dim=1)", ".mean(dim=1)")),
        says="do not average",
    ),
    Answer("kl", 0, "forgets the half", swap(KL, ("0.5 * ", "")), says="factor 1/2"),
    Answer(
        "kl",
        0,
        "forgets the one",
        swap(KL, (" - 1)", ")")),
        says="where is the - 1",
    ),
    Answer(
        "kl",
        0,
        "turns the sign round",
        swap(KL, ("0.5 *", "-0.5 *")),
        says="never negative",
    ),
    Answer(
        "kl",
        0,
        "takes the log variance for log sigma",
        """
def kl_gaussians(mu_q, log_var_q, mu_p, log_var_p):
    ratio = (2 * (log_var_q - log_var_p)).exp()
    distance = (mu_q - mu_p).square() / (2 * log_var_p).exp()
    return 0.5 * (ratio + distance - 1 - 2 * (log_var_q - log_var_p)).sum(dim=1)
""",
        says="variance already",
    ),
    Answer(
        "kl",
        0,
        "does not scale the distance of the means",
        """
def kl_gaussians(mu_q, log_var_q, mu_p, log_var_p):
    ratio = (log_var_q - log_var_p).exp() + (mu_q - mu_p).square()
    return 0.5 * (log_var_p - log_var_q + ratio - 1).sum(dim=1)
""",
        says="divided by p's variance",
    ),
    Answer(
        "kl",
        0,
        "does not square the distance of the means",
        swap(KL, (".square()", ".abs()")),
        says="by its square",
    ),
    Answer(
        "kl",
        0,
        "exchanges the log variances in one place",
        swap(KL, ("log_var_p - log_var_q", "log_var_q - log_var_p")),
        says="exchanged in one place",
    ),
    Answer(
        "kl",
        0,
        "one number for the batch",
        swap(KL, (".sum(dim=1)", ".sum()")),
        says="shape (2,)",
    ),
    Answer(
        "kl",
        0,
        "by sampling",
        """
def kl_gaussians(mu_q, log_var_q, mu_p, log_var_p):
    q = torch.distributions.Normal(mu_q, (log_var_q / 2).exp())
    p = torch.distributions.Normal(mu_p, (log_var_p / 2).exp())
    z = q.sample((100,))
    return (q.log_prob(z) - p.log_prob(z)).sum(-1).mean(0)
""",
        says="should be 0.4431",
    ),
    Answer(
        "kl",
        0,
        "keeps the log variances of q within bounds",
        swap(KL, ("log_var_q.exp()", "log_var_q.clamp(-1.5, 1.5).exp()")),
        says="every variance is another",
    ),
]

# Question 3 · The loss, in nats -----------------------------------------------------

LOSS = """
def bernoulli_loss(x, logits, mu, log_var):
    nll = F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(dim=1)
    kl = 0.5 * (mu.square() + log_var.exp() - 1 - log_var).sum(dim=1)
    return (nll + kl).mean()


def gaussian_loss(x, x_hat, s, mu, log_var):
    constant = 0.5 * x.shape[1] * math.log(2 * math.pi * s**2)
    error = (x - x_hat).square().sum(dim=1) / (2 * s**2)
    charge = 0.5 * (mu.square() + log_var.exp() - 1 - log_var).sum(dim=1)
    return (error + constant + charge).mean()
"""

LOSS_ANSWERS = [
    Answer(
        "loss",
        5,
        "torch.distributions",
        """
from torch import distributions as D


def divergence(mu, log_var):
    return D.kl_divergence(D.Normal(mu, (log_var / 2).exp()), D.Normal(0.0, 1.0))


def bernoulli_loss(x, logits, mu, log_var):
    log_p = D.Bernoulli(logits=logits).log_prob(x).sum(1)
    return (divergence(mu, log_var).sum(1) - log_p).mean()


def gaussian_loss(x, x_hat, s, mu, log_var):
    log_p = D.Normal(x_hat, s).log_prob(x).sum(1)
    return (divergence(mu, log_var).sum(1) - log_p).mean()
""",
    ),
    Answer(
        "loss",
        5,
        "softplus; sums divided by the number of examples",
        """
def bernoulli_loss(x, logits, mu, log_var):
    nll = (F.softplus(logits) - x * logits).sum()
    kl = -0.5 * (1 + log_var - mu**2 - log_var.exp()).sum()
    return (nll + kl) / len(x)


def gaussian_loss(x, x_hat, s, mu, log_var):
    n, d = x.shape
    nll = F.mse_loss(x_hat, x, reduction="sum") / (2 * s**2)
    kl = -0.5 * (1 + log_var - mu**2 - log_var.exp()).sum()
    return ((nll + kl) / n + d * (math.log(s) + 0.5 * math.log(2 * math.pi))).item()
""",
    ),
    Answer(
        "loss",
        5,
        "the mean over pixels, times their number",
        """
def bernoulli_loss(x, logits, mu, log_var):
    nll = x.shape[1] * F.binary_cross_entropy_with_logits(logits, x)
    kl = mu.shape[1] * 0.5 * (mu * mu + log_var.exp() - 1 - log_var).mean()
    return nll + kl


def gaussian_loss(x, x_hat, s, mu, log_var):
    var = torch.full_like(x, s**2)
    nll = x.shape[1] * F.gaussian_nll_loss(x_hat, x, var, full=True)
    kl = mu.shape[1] * 0.5 * (mu * mu + log_var.exp() - 1 - log_var).mean()
    return nll + kl
""",
    ),
    Answer(
        "loss",
        0,
        "returns the ELBO",
        swap(LOSS, ("return (nll + kl)", "return -(nll + kl)")),
        says="the loss is minus the ELBO",
    ),
    Answer(
        "loss",
        0,
        "subtracts the divergence",
        swap(LOSS, ("nll + kl", "nll - kl")),
        says="bernoulli_loss: the divergence makes",
    ),
    Answer(
        "loss",
        0,
        "subtracts the cross-entropy",
        swap(LOSS, ("nll + kl", "kl - nll")),
        says="-log p(x|z) makes the loss larger",
    ),
    Answer(
        "loss",
        0,
        "averages over the pixels",
        swap(
            LOSS,
            ('x, reduction="none").sum(dim=1)', "x)"),
        ),
        says="the pixels are averaged",
    ),
    Answer(
        "loss",
        0,
        "averages over the code units",
        swap(
            LOSS,
            (
                "kl = 0.5 * (mu.square() + log_var.exp() - 1 - log_var).sum",
                "kl = 0.5 * (mu.square() + log_var.exp() - 1 - log_var).mean",
            ),
        ),
        says="not their mean",
    ),
    Answer(
        "loss",
        0,
        "sums the divergence over the batch",
        swap(LOSS, ("return (nll + kl).mean()", "return nll.mean() + kl.sum()")),
        says="divergence is summed over the batch",
    ),
    Answer(
        "loss",
        0,
        "sums the likelihood over the batch",
        swap(LOSS, ("return (nll + kl).mean()", "return nll.sum() + kl.mean()")),
        says="log p(x|z) is summed over the batch",
    ),
    Answer(
        "loss",
        0,
        "sums both over the batch",
        swap(LOSS, ("return (nll + kl).mean()", "return (nll + kl).sum()")),
        says="average over the examples",
    ),
    Answer(
        "loss",
        0,
        "one loss for each example",
        swap(LOSS, ("return (nll + kl).mean()", "return nll + kl")),
        says="shape ()",
    ),
    Answer(
        "loss",
        0,
        "the sigmoid twice",
        swap(LOSS, ("(logits, x,", "(logits.sigmoid(), x,")),
        says="sigmoid is taken twice",
    ),
    Answer(
        "loss",
        0,
        "the logarithm of a rounded sigmoid",
        swap(
            LOSS,
            (
                "F.binary_cross_entropy_with_logits(logits, x,",
                "F.binary_cross_entropy(logits.sigmoid(), x,",
            ),
        ),
        says="work with the logits",
    ),
    Answer(
        "loss",
        0,
        "a Gaussian without its constant",
        swap(LOSS, ("error + constant", "error")),
        says="the constant with 2 pi and s is missing",
    ),
    Answer(
        "loss",
        0,
        "a constant without s",
        swap(LOSS, ("math.pi * s**2", "math.pi")),
        says="depends on s, too",
    ),
    Answer(
        "loss",
        0,
        "the constant once, not for each coordinate",
        swap(LOSS, ("0.5 * x.shape[1] *", "0.5 *")),
        says="once for each of the d coordinates",
    ),
    Answer(
        "loss",
        0,
        "forgets the two in the exponent",
        swap(LOSS, ("/ (2 * s**2)", "/ s**2")),
        says="where is the 2?",
    ),
    Answer(
        "loss",
        0,
        "divides by s, not by its square",
        swap(LOSS, ("/ (2 * s**2)", "/ (2 * s)")),
        says="not by 2 s",
    ),
    Answer(
        "loss",
        0,
        "a plain squared error",
        swap(LOSS, ("error + constant", "2 * s**2 * error")),
        says="a plain squared error",
    ),
    Answer(
        "loss",
        0,
        "forgets the divergence in the second",
        swap(LOSS, ("constant + charge", "constant")),
        says="gaussian_loss: the divergence is missing",
    ),
    Answer(
        "loss",
        0,
        "the constant for three coordinates",
        swap(LOSS, ("0.5 * x.shape[1]", "1.5")),
        says="right for the small example",
    ),
]

# Question 4 · Where everything is known ---------------------------------------------

LINEAR = """
def log_evidence(x, weight, bias, s):
    covariance = weight @ weight.T + s.square().diag()
    return torch.distributions.MultivariateNormal(bias, covariance).log_prob(x)


def posterior(x, weight, bias, s):
    scaled = weight / s.square()[:, None]
    precision = torch.eye(weight.shape[1]) + weight.T @ scaled
    covariance = torch.linalg.inv(precision)
    means = (x - bias) @ scaled @ covariance
    return means, covariance
"""

LINEAR_ANSWERS = [
    Answer(
        "linear",
        6,
        "slogdet and solve, in double precision",
        """
def log_evidence(x, weight, bias, s):
    w = weight.double()
    c = w @ w.T + torch.diag(s.double() ** 2)
    r = x.double() - bias
    quadratic = (r * torch.linalg.solve(c, r.T).T).sum(1)
    constant = len(w) * math.log(2 * math.pi) + torch.linalg.slogdet(c)[1]
    return -0.5 * (constant + quadratic)


def posterior(x, weight, bias, s):
    w = (weight / s[:, None]).double()
    p = w.T @ w + torch.eye(w.shape[1], dtype=torch.double)
    m = torch.linalg.solve(p, w.T @ ((x - bias) / s).double().T).T
    return m, torch.linalg.inv(p)
""",
    ),
    Answer(
        "linear",
        6,
        "conditions the joint distribution of z and x",
        """
def log_evidence(x, weight, bias, s):
    normal = torch.distributions.LowRankMultivariateNormal(bias, weight, s**2)
    return normal.log_prob(x)


def posterior(x, weight, bias, s):
    gain = weight.T @ torch.linalg.inv(weight @ weight.T + torch.diag(s**2))
    return (x - bias) @ gain.T, torch.eye(weight.shape[1]) - gain @ weight
""",
    ),
    Answer(
        "linear",
        6,
        "Bayes' rule for the evidence, one example at a time",
        """
def posterior(x, weight, bias, s):
    k = weight.shape[1]
    precision = torch.eye(k)
    for w, sigma in zip(weight, s):
        precision = precision + torch.outer(w, w) / sigma**2
    covariance = torch.linalg.inv(precision)
    means = torch.zeros(len(x), k)
    for i in range(len(x)):
        means[i] = covariance @ sum(
            w * r / sigma**2 for w, r, sigma in zip(weight, x[i] - bias, s)
        )
    return [means, covariance]


def log_evidence(x, weight, bias, s):
    m, c = posterior(x, weight, bias, s)
    prior = torch.distributions.Normal(0.0, 1.0).log_prob(m).sum(1)
    likelihood = torch.distributions.Normal(m @ weight.T + bias, s).log_prob(x).sum(1)
    k = weight.shape[1]
    return prior + likelihood + 0.5 * (k * math.log(2 * math.pi) + torch.logdet(c))
""",
    ),
    Answer(
        "linear",
        0,
        "the standard deviation on the diagonal",
        swap(LINEAR, ("weight.T + s.square()", "weight.T + s")),
        says="noise enters by its variance, s squared",
    ),
    Answer(
        "linear",
        0,
        "the chapter's model, which has no bias",
        swap(
            LINEAR,
            ("MultivariateNormal(bias,", "MultivariateNormal(0 * bias,"),
            ("(x - bias)", "x"),
        ),
        says="log_evidence: subtract the bias",
    ),
    Answer(
        "linear",
        0,
        "the evidence without W",
        swap(LINEAR, ("weight @ weight.T + s", "s")),
        says="W W^T as well",
    ),
    Answer(
        "linear",
        0,
        "forgets the determinant",
        swap(
            LINEAR,
            (
                "(bias, covariance).log_prob(x)",
                "(bias, covariance).log_prob(x) + 0.5 * covariance.logdet()",
            ),
        ),
        says="determinant is missing",
    ),
    Answer(
        "linear",
        0,
        "the mean over the batch",
        swap(LINEAR, (".log_prob(x)", ".log_prob(x).mean()")),
        says="shape (3,)",
    ),
    Answer(
        "linear",
        0,
        "returns the precision",
        swap(LINEAR, ("return means, covariance", "return means, precision")),
        says="that is P, its inverse",
    ),
    Answer(
        "linear",
        0,
        "forgets the prior",
        swap(LINEAR, ("torch.eye(weight.shape[1]) + ", "")),
        says="prior's part is missing",
    ),
    Answer(
        "linear",
        0,
        "divides by s once",
        swap(LINEAR, ("weight / s.square()[:, None]", "weight / s[:, None]")),
        says="the noise enters by its variance",
    ),
    Answer(
        "linear",
        0,
        "multiplies where it should divide",
        swap(LINEAR, ("weight / s.square()", "weight * s.square()")),
        says="where it should be divided",
    ),
    Answer(
        "linear",
        0,
        "forgets the bias in the posterior",
        swap(LINEAR, ("(x - bias)", "x")),
        says="the means: subtract the bias",
    ),
    Answer(
        "linear",
        0,
        "does not scale x by its noise",
        swap(LINEAR, ("(x - bias) @ scaled", "(x - bias) @ weight")),
        says="each coordinate by its own",
    ),
    Answer(
        "linear",
        0,
        "forgets the covariance in front of the mean",
        swap(LINEAR, ("scaled @ covariance", "scaled")),
        says="the covariance belongs in front",
    ),
    Answer(
        "linear",
        0,
        "covariance first",
        swap(LINEAR, ("return means, covariance", "return covariance, means")),
        says="the covariance must have shape (1, 1)",
    ),
    Answer(
        "linear",
        0,
        "the diagonal of the covariance only, right where k is 1",
        swap(LINEAR, ("inv(precision)", "inv(precision).diag().diag()")),
        says="nats below",
    ),
    Answer(
        "linear",
        0,
        "the best diagonal posterior, right where k is 1",
        swap(
            LINEAR,
            ("return means, covariance", "return means, (1 / precision.diag()).diag()"),
        ),
        says="nats below",
    ),
    Answer(
        "linear",
        0,
        "one noise for all coordinates, in the evidence",
        swap(LINEAR, ("s.square().diag()", "s.square().flip(0).diag()")),
        says="are they exchanged?",
    ),
    Answer(
        "linear",
        0,
        "takes k for 1 or 2",
        swap(
            LINEAR,
            (
                "torch.eye(weight.shape[1]) + weight.T @ scaled",
                "torch.eye(weight.shape[1]) * min(1, 2 / weight.shape[1])"
                " + weight.T @ scaled",
            ),
        ),
        says="right for the small example",
    ),
]

# Question 5 · One gradient, two estimates -------------------------------------------

GRADIENTS = """
def reparameterised_gradients(df_dz, log_var, eps):
    return df_dz, 0.5 * (0.5 * log_var).exp() * eps * df_dz


def score_gradients(f_z, log_var, eps, baseline):
    gain = (f_z - baseline)[:, None]
    sigma = (0.5 * log_var).exp()
    by_mu = gain * eps / sigma
    by_log_var = gain * 0.5 * (eps.square() - 1)
    return by_mu, by_log_var
"""

GRADIENT_ANSWERS = [
    Answer(
        "gradients",
        5,
        "autograd, sample by sample",
        """
def reparameterised_gradients(df_dz, log_var, eps):
    rows = []
    for slope, e in zip(df_dz, eps):
        v = log_var.clone().requires_grad_()
        rows.append(torch.autograd.grad((v / 2).exp() * e @ slope, v)[0])
    return df_dz.clone(), torch.stack(rows)


def score_gradients(f_z, log_var, eps, baseline):
    by_mu, by_log_var = [], []
    for f, e in zip(f_z, eps):
        m = torch.zeros_like(log_var, requires_grad=True)
        v = log_var.clone().requires_grad_()
        z = (log_var / 2).exp() * e
        log_q = torch.distributions.Normal(m, (v / 2).exp()).log_prob(z).sum()
        a, b = torch.autograd.grad(log_q, (m, v))
        by_mu.append((f - baseline) * a)
        by_log_var.append((f - baseline) * b)
    return torch.stack(by_mu), torch.stack(by_log_var)
""",
    ),
    Answer(
        "gradients",
        5,
        "einsum, lists returned",
        """
def reparameterised_gradients(df_dz, log_var, eps):
    half = log_var.exp().sqrt() / 2
    return [df_dz, torch.einsum("sk,sk,k->sk", df_dz, eps, half)]


def score_gradients(f_z, log_var, eps, baseline):
    f = f_z - baseline
    by_mu = torch.einsum("s,sk,k->sk", f, eps, (-0.5 * log_var).exp())
    return [by_mu, torch.einsum("s,sk->sk", f, (eps**2 - 1) / 2)]
""",
    ),
    Answer(
        "gradients",
        5,
        "through the gradient by sigma, as in the chapter",
        """
def reparameterised_gradients(df_dz, log_var, eps):
    sigma = (0.5 * log_var).exp()
    by_sigma = df_dz * eps
    return df_dz, by_sigma * sigma / 2


def score_gradients(f_z, log_var, eps, baseline):
    sigma = (0.5 * log_var).exp()
    by_sigma = (f_z - baseline).unsqueeze(1) * (eps**2 - 1) / sigma
    return (f_z - baseline).unsqueeze(1) * eps / sigma, by_sigma * sigma / 2
""",
    ),
    Answer(
        "gradients",
        0,
        "by sigma, where log_var was asked for",
        swap(GRADIENTS, ("0.5 * (0.5 * log_var).exp() * eps", "eps")),
        says="by log_var: that is the gradient by sigma",
    ),
    Answer(
        "gradients",
        0,
        "forgets the half",
        swap(GRADIENTS, ("0.5 * (0.5 * log_var)", "(0.5 * log_var)")),
        says="where is the 1/2?",
    ),
    Answer(
        "gradients",
        0,
        "forgets sigma",
        swap(GRADIENTS, ("(0.5 * log_var).exp() * eps", "eps")),
        says="sigma is missing",
    ),
    Answer(
        "gradients",
        0,
        "the variance for sigma",
        swap(GRADIENTS, ("0.5 * (0.5 * log_var).exp()", "0.5 * log_var.exp()")),
        says="not the variance",
    ),
    Answer(
        "gradients",
        0,
        "multiplies with the noise by mu, too",
        swap(GRADIENTS, ("return df_dz, ", "return df_dz * eps, ")),
        says="belongs to the derivative by sigma",
    ),
    Answer(
        "gradients",
        0,
        "the mean over the samples",
        swap(
            GRADIENTS,
            ("return by_mu, by_log_var", "return by_mu.mean(0), by_log_var.mean(0)"),
        ),
        says="shape (3, 2)",
    ),
    Answer(
        "gradients",
        0,
        "leaves the baseline out",
        swap(GRADIENTS, ("(f_z - baseline)", "f_z")),
        says="the baseline is not used",
    ),
    Answer(
        "gradients",
        0,
        "adds the baseline",
        swap(GRADIENTS, ("f_z - baseline", "f_z + baseline")),
        says="not added",
    ),
    Answer(
        "gradients",
        0,
        "the variance in the score",
        swap(GRADIENTS, ("eps / sigma", "eps / sigma**2")),
        says="z - mu is sigma eps",
    ),
    Answer(
        "gradients",
        0,
        "multiplies with sigma in the score",
        swap(GRADIENTS, ("eps / sigma", "eps * sigma")),
        says="by mu it is eps / sigma",
    ),
    Answer(
        "gradients",
        0,
        "the wrong sign of the score",
        swap(GRADIENTS, ("gain * eps", "-gain * eps")),
        says="the sign is turned round",
    ),
    Answer(
        "gradients",
        0,
        "forgets that the density's factor depends on sigma",
        swap(GRADIENTS, ("(eps.square() - 1)", "eps.square()")),
        says="its derivative is missing",
    ),
    Answer(
        "gradients",
        0,
        "the score by sigma",
        swap(
            GRADIENTS,
            ("gain * 0.5 * (eps.square() - 1)", "gain * (eps.square() - 1) / sigma"),
        ),
        says="score_gradients, by log_var: that is the gradient by sigma",
    ),
    Answer(
        "gradients",
        0,
        "exchanges the pair",
        swap(GRADIENTS, ("return by_mu, by_log_var", "return by_log_var, by_mu")),
        says="pair exchanged",
    ),
    Answer(
        "gradients",
        0,
        "returns one of the two",
        swap(GRADIENTS, ("return by_mu, by_log_var", "return (by_mu,)")),
        says="returns two things, got 1",
    ),
    Answer(
        "gradients",
        0,
        "a baseline of one, whatever was asked for",
        swap(GRADIENTS, ("f_z - baseline", "f_z - 1")),
        says="right for the small example",
    ),
]

# Question 6 · Close to the entropy --------------------------------------------------

TRAIN = """
def train_vae(x, seed):
    torch.manual_seed(seed)
    model = BarsVAE()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(500):
        batch = x[torch.randint(len(x), (128,))]
        mu, log_var = model.encode(batch)
        logits = model.decode(mu + (0.5 * log_var).exp() * torch.randn_like(mu))
        nll = F.binary_cross_entropy_with_logits(logits, batch, reduction="sum")
        kl = 0.5 * (mu.square() + log_var.exp() - 1 - log_var).sum()
        optimizer.zero_grad()
        ((nll + kl) / len(batch)).backward()
        optimizer.step()
    return model.state_dict()
"""

TRAIN_ANSWERS = [
    Answer(
        "train",
        4,
        "all images in every step, a rate that falls",
        """
def train_vae(x, seed):
    torch.manual_seed(seed)
    model = BarsVAE()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.05, 300)
    for _ in range(300):
        mu, log_var = model.encode(x)
        q = torch.distributions.Normal(mu, (log_var / 2).exp())
        p = torch.distributions.Bernoulli(logits=model.decode(q.rsample()))
        prior = torch.distributions.Normal(0.0, 1.0)
        kl = torch.distributions.kl_divergence(q, prior).sum(1)
        loss = (kl - p.log_prob(x).sum(1)).mean()
        model.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return model.state_dict()
""",
    ),
    Answer(
        "train",
        4,
        "epochs over shuffled batches, RMSprop",
        """
def train_vae(x, seed):
    torch.manual_seed(seed)
    model = BarsVAE()
    optimizer = torch.optim.RMSprop(model.parameters(), lr=3e-3)
    for _ in range(60):
        for batch in x[torch.randperm(len(x))].split(100):
            mu, log_var = model.encode(batch)
            z = mu + (0.5 * log_var).exp() * torch.randn(len(batch), 4)
            nll = F.binary_cross_entropy_with_logits(
                model.decode(z), batch, reduction="none"
            ).sum(1)
            kl = 0.5 * (mu**2 + log_var.exp() - 1 - log_var).sum(1)
            optimizer.zero_grad()
            (nll + kl).mean().backward()
            optimizer.step()
    return model.state_dict()
""",
    ),
    Answer(
        "train",
        4,
        "a few samples for each image, the divergence fading in",
        """
def train_vae(x, seed):
    torch.manual_seed(seed)
    model = BarsVAE()
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
    for step in range(400):
        batch = x[torch.randint(len(x), (100,))]
        mu, log_var = model.encode(batch)
        z = mu + (0.5 * log_var).exp() * torch.randn(3, *mu.shape)
        logits = model.decode(z)
        nll = (F.softplus(logits) - batch * logits).sum(-1).mean()
        kl = 0.5 * (mu.square() + log_var.exp() - 1 - log_var).sum(-1).mean()
        optimizer.zero_grad()
        (nll + min(1, step / 100) * kl).backward()
        optimizer.step()
    return model.state_dict()
""",
    ),
    Answer(
        "train",
        0,
        "does nothing",
        """
def train_vae(x, seed):
    torch.manual_seed(seed)
    return BarsVAE().state_dict()
""",
        says="z says nothing about x",
    ),
    Answer(
        "train",
        0,
        "averages over the pixels",
        swap(
            TRAIN,
            ('batch, reduction="sum")', "batch)"),
            ("((nll + kl) / len(batch))", "(nll + kl / len(batch))"),
        ),
        says="summed, not averaged",
    ),
    Answer(
        "train",
        0,
        "averages over images in one term only",
        swap(TRAIN, ("((nll + kl) / len(batch))", "(nll / len(batch) + kl)")),
        says="z says nothing about x",
    ),
    Answer(
        "train",
        0,
        "no divergence: an autoencoder",
        swap(TRAIN, ("nll + kl", "nll")),
        says="Is the divergence in the loss",
    ),
    Answer(
        "train",
        0,
        "a divergence ten times too cheap",
        swap(TRAIN, ("nll + kl", "nll + 0.1 * kl")),
        says="Is the divergence in the loss",
    ),
    Answer(
        "train",
        0,
        "subtracts the divergence",
        swap(TRAIN, ("nll + kl", "nll - kl")),
        says="training blew up",
    ),
    Answer(
        "train",
        0,
        "a variance in place of a standard deviation",
        swap(TRAIN, ("(0.5 * log_var).exp() * torch", "log_var.exp() * torch")),
        says="multiplied with the standard deviation?",
    ),
    Answer(
        "train",
        0,
        "no noise at all",
        swap(TRAIN, (" + (0.5 * log_var).exp() * torch.randn_like(mu)", "")),
        says="never met the noise",
    ),
    Answer(
        "train",
        0,
        "too few steps",
        swap(TRAIN, ("range(500)", "range(30)")),
        says="more steps",
    ),
    Answer(
        "train",
        0,
        "cuts the encoder off",
        swap(TRAIN, ("torch.randn_like(mu))", "torch.randn_like(mu)).detach()")),
        says="Do gradients reach the encoder",
    ),
    Answer(
        "train",
        0,
        "trains on images of its own",
        swap(
            TRAIN, ("    model = BarsVAE()", "    model, x = BarsVAE(), bars(1000, 0)")
        ),
        says="columns in place of rows",
    ),
]

# Question 7a · Find the faults ------------------------------------------------------

DIAGNOSIS_ANSWERS = [
    Answer("diagnosis", 2, "another order", _returns("diagnosis", '"gec"')),
    Answer("diagnosis", 2, "a list", _returns("diagnosis", '["c", "e", "g"]')),
    Answer("diagnosis", 2, "large letters", _returns("diagnosis", '"C, E, G"')),
    Answer(
        "diagnosis",
        0,
        "looks for a sign",
        _returns("diagnosis", '"ace"'),
        says="2 of the three",
    ),
    Answer(
        "diagnosis",
        0,
        "wants the divergence averaged as well",
        _returns("diagnosis", '"cfg"'),
        says="2 of the three",
    ),
    Answer(
        "diagnosis",
        0,
        "wants a sigmoid, and positive log variances",
        _returns("diagnosis", '"bde"'),
        says="1 of the three",
    ),
    Answer(
        "diagnosis",
        0,
        "none of the three",
        _returns("diagnosis", '"bdh"'),
        says="0 of the three",
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
        "names one twice",
        _returns("diagnosis", '"cce"'),
        says="exactly three faults, got 2",
    ),
    Answer(
        "diagnosis",
        0,
        "writes words",
        _returns("diagnosis", '"noise, mean, gradient"'),
        says="letters a to h",
    ),
]

# Question 7b · Mend it --------------------------------------------------------------

REPAIR = '''
def repaired_loss(x, mu, log_var, eps, weight, bias):
    z = mu + (0.5 * log_var).exp() * eps
    logits = z @ weight.T + bias
    nll = F.binary_cross_entropy_with_logits(logits, x, reduction="none")
    kl = 0.5 * (mu.square() + log_var.exp() - 1 - log_var).sum(dim=1).mean()
    return nll.sum(dim=1).mean() + kl


# The check calls this function: leave it as it is.
def loss_and_gradients(x, mu, log_var, eps, weight, bias):
    """The repaired loss, and its gradients by mu, log_var, weight and bias."""
    mu, log_var, weight, bias = (
        value.clone().requires_grad_() for value in (mu, log_var, weight, bias)
    )
    loss = repaired_loss(x, mu, log_var, eps, weight, bias)
    if not (torch.is_tensor(loss) and loss.requires_grad and loss.numel() == 1):
        return loss, [None] * 4
    wanted = mu, log_var, weight, bias
    return loss.detach(), torch.autograd.grad(loss.sum(), wanted, allow_unused=True)
'''
PIXELS = 'x, reduction="none")'
SUMMED = "nll.sum(dim=1).mean()"

REPAIR_ANSWERS = [
    Answer(
        "repair",
        4,
        "sums, divided by the number of examples",
        swap(
            REPAIR,
            (PIXELS, 'x, reduction="sum")'),
            (".sum(dim=1).mean()\n    return", ".sum()\n    return"),
            (f"return {SUMMED} + kl", "return (nll + kl) / len(x)"),
        ),
    ),
    Answer(
        "repair",
        4,
        "torch.distributions, with rsample's formula written out",
        swap(
            REPAIR,
            (
                f"return {SUMMED} + kl",
                "p = torch.distributions.Bernoulli(logits=logits)\n"
                "    return kl - p.log_prob(x).sum(-1).mean()",
            ),
        ),
    ),
    Answer(
        "repair",
        4,
        "the mean over pixels, times their number; one element",
        swap(
            REPAIR,
            (PIXELS, "x)"),
            (f"return {SUMMED} + kl", "return (x.shape[1] * nll + kl).reshape(1)"),
            ("(0.5 * log_var).exp()", "log_var.exp().sqrt()"),
        ),
    ),
    Answer(
        "repair",
        0,
        "still the variance",
        swap(REPAIR, ("(0.5 * log_var).exp()", "log_var.exp()")),
        says="still multiplied with the variance",
    ),
    Answer(
        "repair",
        0,
        "still the mean over the pixels",
        swap(REPAIR, (SUMMED, "nll.mean()")),
        says="still averaged",
    ),
    Answer(
        "repair",
        0,
        "still without gradients through z",
        swap(REPAIR, ("exp() * eps", "exp() * eps\n    z = z.detach()")),
        says="must reach the encoder",
    ),
    Answer(
        "repair",
        0,
        "mends only the gradient",
        swap(
            REPAIR,
            ("(0.5 * log_var).exp()", "log_var.exp()"),
            (SUMMED, "nll.mean()"),
        ),
        says="two faults are left",
    ),
    Answer(
        "repair",
        0,
        "cuts only sigma off",
        swap(REPAIR, (".exp() * eps", ".exp().detach() * eps")),
        says="the gradient by log_var",
    ),
    Answer(
        "repair",
        0,
        "sums over the batch as well",
        swap(REPAIR, (SUMMED, "nll.sum()")),
        says="over the batch",
    ),
    Answer(
        "repair",
        0,
        "averages both terms",
        swap(REPAIR, (SUMMED, "nll.mean()"), ("log_var).sum(dim=1)", "log_var)")),
        says="both terms are averaged",
    ),
    Answer(
        "repair",
        0,
        "turns a sign that was right",
        swap(REPAIR, (f"{SUMMED} + kl", f"{SUMMED} - kl")),
        says="had the right sign",
    ),
    Answer(
        "repair",
        0,
        "takes the noise out",
        swap(REPAIR, (" * eps", " * 0")),
        says="the noise is missing",
    ),
    Answer(
        "repair",
        0,
        "returns a number without gradients",
        swap(REPAIR, (f"{SUMMED} + kl", f"({SUMMED} + kl).item()")),
        says="no gradient reaches mu",
    ),
    Answer(
        "repair",
        0,
        "sums for pictures of three pixels",
        swap(REPAIR, (SUMMED, "3 * nll.mean()")),
        says="right for the small example",
    ),
]

# Question 8a · True or false, and why -----------------------------------------------

STATEMENT_ANSWERS = [
    Answer("statements", 4, "spaces between", _returns("statements", '"D B A A C"')),
    Answer("statements", 4, "a list", _returns("statements", 'list("DBAAC")')),
    Answer(
        "statements",
        4,
        "four of five: takes the whole difference for the gap",
        _returns("statements", '"dbaaa"'),
    ),
    Answer(
        "statements",
        0,
        "calls everything true",
        _returns("statements", '"CAAAD"'),
        says="2 of the five",
    ),
    Answer(
        "statements",
        0,
        "calls everything false",
        _returns("statements", '"DBBBC"'),
        says="3 of the five",
    ),
    Answer(
        "statements",
        0,
        "right verdicts, wrong reasons",
        _returns("statements", '"BDCCB"'),
        says="0 of the five",
    ),
    Answer(
        "statements",
        0,
        "the same letter throughout",
        _returns("statements", '"AAAAA"'),
        says="2 of the five",
    ),
    Answer(
        "statements",
        0,
        "the letters of another assignment",
        _returns("statements", '"DACBB"'),
        says="1 of the five",
    ),
    Answer(
        "statements",
        0,
        "trusts the better copies, and the entropy's definition",
        _returns("statements", '"ABAAA"'),
        says="3 of the five",
    ),
    Answer(
        "statements",
        0,
        "leaves the last one out",
        _returns("statements", '"DBAA"'),
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
    *SAMPLE_ANSWERS,
    *KL_ANSWERS,
    *LOSS_ANSWERS,
    *LINEAR_ANSWERS,
    *GRADIENT_ANSWERS,
    *TRAIN_ANSWERS,
    *DIAGNOSIS_ANSWERS,
    *REPAIR_ANSWERS,
    *STATEMENT_ANSWERS,
]
