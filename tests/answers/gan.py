"""Answers to the assignment ``gan``."""

from __future__ import annotations

from answers import Answer, swap


def _returns(name: str, value: str) -> str:
    return f"def {name}():\n    return {value}\n"


# Question 1 · Two players, three losses ---------------------------------------------

LOSSES = """
def discriminator_loss(a_real, a_fake):
    return F.softplus(-a_real).mean() + F.softplus(a_fake).mean()


def generator_losses(a_fake):
    return -F.softplus(a_fake).mean(), F.softplus(-a_fake).mean()
"""

LOSSES_ANSWERS = [
    Answer(
        "losses",
        4,
        "binary cross-entropy with logits, labels of ones and zeros",
        """
def discriminator_loss(a_real, a_fake):
    entropy = F.binary_cross_entropy_with_logits
    real = entropy(a_real, torch.ones_like(a_real))
    return (real + entropy(a_fake, torch.zeros_like(a_fake))).item()


def generator_losses(a_fake):
    entropy = F.binary_cross_entropy_with_logits
    believed = entropy(a_fake, torch.ones_like(a_fake))
    return [-entropy(a_fake, torch.zeros_like(a_fake)), believed]
""",
    ),
    Answer(
        "losses",
        4,
        "the logarithm of the sigmoid, ready made",
        """
def discriminator_loss(a_real, a_fake):
    return -F.logsigmoid(a_real).mean() - F.logsigmoid(-a_fake).mean()


def generator_losses(a_fake):
    return torch.stack([F.logsigmoid(-a_fake).mean(), -F.logsigmoid(a_fake).mean()])
""",
    ),
    Answer(
        "losses",
        4,
        "the logarithm of a sum of exponentials, in a loop",
        """
def minus_log_d(a):
    return max(0.0, -a) + math.log1p(math.exp(-abs(a)))


def discriminator_loss(a_real, a_fake):
    real = [minus_log_d(a) for a in a_real.tolist()]
    fake = [minus_log_d(-a) for a in a_fake.tolist()]
    return sum(real) / len(real) + sum(fake) / len(fake)


def generator_losses(a_fake):
    up = [minus_log_d(a) for a in a_fake.tolist()]
    down = [-minus_log_d(-a) for a in a_fake.tolist()]
    return sum(down) / len(down), sum(up) / len(up)
""",
    ),
    Answer(
        "losses",
        0,
        "sigmoid first, logarithm afterwards",
        """
def discriminator_loss(a_real, a_fake):
    d_real, d_fake = torch.sigmoid(a_real), torch.sigmoid(a_fake)
    return -d_real.log().mean() - (1 - d_fake).log().mean()


def generator_losses(a_fake):
    d_fake = torch.sigmoid(a_fake)
    return (1 - d_fake).log().mean(), -d_fake.log().mean()
""",
        says="got inf",
    ),
    Answer(
        "losses",
        0,
        "binary cross-entropy of probabilities, which stops at 100",
        """
def discriminator_loss(a_real, a_fake):
    real = F.binary_cross_entropy(torch.sigmoid(a_real), torch.ones_like(a_real))
    d_fake = torch.sigmoid(a_fake)
    return real + F.binary_cross_entropy(d_fake, torch.zeros_like(d_fake))


def generator_losses(a_fake):
    return -F.softplus(a_fake).mean(), F.softplus(-a_fake).mean()
""",
        says="a logarithm cut off",
    ),
    Answer(
        "losses",
        0,
        "adds a little before the logarithm, in the generator's losses",
        swap(
            LOSSES,
            (
                "return -F.softplus(a_fake).mean(), F.softplus(-a_fake).mean()",
                "d = torch.sigmoid(a_fake)\n"
                "    return (1 - d + 1e-12).log().mean(), -(d + 1e-12).log().mean()",
            ),
        ),
        says="a logarithm cut off",
    ),
    Answer(
        "losses",
        0,
        "the minus before the first term only",
        swap(LOSSES, ("+ F.softplus(a_fake)", "- F.softplus(a_fake)")),
        says="the minus belongs to both",
    ),
    Answer(
        "losses",
        0,
        "half the sum",
        swap(
            LOSSES,
            (
                "F.softplus(-a_real).mean() + F.softplus(a_fake).mean()",
                "(F.softplus(-a_real).mean() + F.softplus(a_fake).mean()) / 2",
            ),
        ),
        says="half of what it should be",
    ),
    Answer(
        "losses",
        0,
        "one mean over all logits",
        swap(
            LOSSES,
            (
                "F.softplus(-a_real).mean() + F.softplus(a_fake).mean()",
                "F.softplus(torch.cat([-a_real, a_fake])).mean()",
            ),
        ),
        says="take two means",
    ),
    Answer(
        "losses",
        0,
        "sums over the examples",
        swap(LOSSES, (".mean()", ".sum()")),
        says="take their means",
    ),
    Answer(
        "losses",
        0,
        "labels exchanged",
        swap(
            LOSSES,
            (
                "F.softplus(-a_real).mean() + F.softplus(a_fake).mean()",
                "F.softplus(a_real).mean() + F.softplus(-a_fake).mean()",
            ),
        ),
        says="labels exchanged",
    ),
    Answer(
        "losses",
        0,
        "the fakes with the generator's label",
        swap(
            LOSSES,
            ("+ F.softplus(a_fake)", "+ F.softplus(-a_fake)"),
        ),
        says="theirs is log(1 - D)",
    ),
    Answer(
        "losses",
        0,
        "the value of the game, which D makes large",
        swap(
            LOSSES,
            (
                "F.softplus(-a_real).mean() + F.softplus(a_fake).mean()",
                "F.logsigmoid(a_real).mean() + F.logsigmoid(-a_fake).mean()",
            ),
        ),
        says="a loss is made small",
    ),
    Answer(
        "losses",
        0,
        "the non-saturating loss first",
        swap(
            LOSSES,
            (
                "-F.softplus(a_fake).mean(), F.softplus(-a_fake).mean()",
                "F.softplus(-a_fake).mean(), -F.softplus(a_fake).mean()",
            ),
        ),
        says="min-max comes first",
    ),
    Answer(
        "losses",
        0,
        "takes the min-max loss for minus itself",
        swap(LOSSES, ("-F.softplus(a_fake).mean()", "F.softplus(a_fake).mean()")),
        says="the min-max loss has the wrong sign",
    ),
    Answer(
        "losses",
        0,
        "a logarithm of log(1 + exp), which overflows above 88 only",
        """
def discriminator_loss(a_real, a_fake):
    a = torch.cat([-a_real, a_fake])
    each = torch.where(a > 100, a, (1 + a.exp()).log())
    return each[: len(a_real)].mean() + each[len(a_real) :].mean()


def generator_losses(a_fake):
    return -F.softplus(a_fake).mean(), F.softplus(-a_fake).mean()
""",
        says="between -150 and 150",
    ),
]

# Question 2 · The pull on a fake ----------------------------------------------------

PULL = """
def logit_derivatives(a_fake):
    return -torch.sigmoid(a_fake), -torch.sigmoid(-a_fake)


def seen_through(r):
    return 1 / (1 + r)
"""

PULL_ANSWERS = [
    Answer(
        "pull",
        3,
        "autograd through softplus",
        """
def logit_derivatives(a_fake):
    a = a_fake.clone().requires_grad_()
    (first,) = torch.autograd.grad(-F.softplus(a).sum(), a)
    (second,) = torch.autograd.grad(F.softplus(-a).sum(), a)
    return first, second


def seen_through(r):
    return torch.sigmoid(-torch.tensor(r, dtype=torch.float64).log())
""",
    ),
    Answer(
        "pull",
        3,
        "exponentials, one by one",
        """
def sigmoid(a):
    return 1 / (1 + math.exp(-a))


def logit_derivatives(a_fake):
    values = a_fake.tolist()
    return [[-sigmoid(a) for a in values], [-sigmoid(-a) for a in values]]


def seen_through(r):
    d = 1 / r
    return d / (1 + d)
""",
    ),
    Answer(
        "pull",
        3,
        "both at once, in one tensor",
        """
def logit_derivatives(a_fake):
    return -torch.stack([a_fake, -a_fake]).sigmoid()


def seen_through(r):
    return torch.tensor([1.0, r], dtype=torch.float64).reciprocal().flip(0)[0] / (
        1 + 1 / r
    )
""",
    ),
    Answer(
        "pull",
        0,
        "one minus the sigmoid, which loses its digits",
        swap(PULL, ("-torch.sigmoid(-a_fake)", "torch.sigmoid(a_fake) - 1")),
        says="has lost its digits",
    ),
    Answer(
        "pull",
        0,
        "exchanges the two",
        swap(
            PULL,
            (
                "-torch.sigmoid(a_fake), -torch.sigmoid(-a_fake)",
                "-torch.sigmoid(-a_fake), -torch.sigmoid(a_fake)",
            ),
        ),
        says="min-max comes first",
    ),
    Answer(
        "pull",
        0,
        "without the minus of the min-max loss",
        swap(PULL, ("return -torch", "return torch")),
        says="a fake's min-max loss falls",
    ),
    Answer(
        "pull",
        0,
        "without any minus",
        swap(PULL, ("-torch.sigmoid", "torch.sigmoid")),
        says="both losses fall",
    ),
    Answer(
        "pull",
        0,
        "differentiates a mean",
        swap(
            PULL,
            (
                "-torch.sigmoid(a_fake), -torch.sigmoid(-a_fake)",
                "-a_fake.sigmoid() / len(a_fake), -(-a_fake).sigmoid() / len(a_fake)",
            ),
        ),
        says="take no mean",
    ),
    Answer(
        "pull",
        0,
        "stops at the derivative with respect to D",
        swap(
            PULL,
            (
                "-torch.sigmoid(a_fake), -torch.sigmoid(-a_fake)",
                "-1 / (1 - a_fake.sigmoid()), -1 / a_fake.sigmoid()",
            ),
        ),
        says="go on to the logit",
    ),
    Answer(
        "pull",
        0,
        "in single precision, where the smallest are 0",
        swap(
            PULL,
            ("-torch.sigmoid(-a_fake)", "-torch.sigmoid(-a_fake.float())"),
        ),
        says="between -150 and 150",
    ),
    Answer(
        "pull",
        0,
        "D where the min-max one is r times as large",
        swap(PULL, ("1 / (1 + r)", "r / (1 + r)")),
        says="exchange the two",
    ),
    Answer(
        "pull",
        0,
        "one over r",
        swap(PULL, ("1 / (1 + r)", "1 / r")),
        says="(1 - D) / D",
    ),
    Answer(
        "pull",
        0,
        "returns the logit",
        swap(PULL, ("1 / (1 + r)", "-math.log(r)")),
        says="that is the logit",
    ),
    Answer(
        "pull",
        0,
        "answers with the number that the visible check shows",
        swap(PULL, ("1 / (1 + r)", "0.25")),
        says="for r =",
    ),
]

# Question 3 · The best discriminator ------------------------------------------------

OPTIMAL = """
def optimal_discriminator(p, q):
    total = p + q
    nowhere = total == 0
    return torch.where(nowhere, 0.5, p / torch.where(nowhere, 1.0, total))


def game_value(p, q, d):
    return (torch.xlogy(p, d) + torch.xlogy(q, 1 - d)).sum().item()


def jensen_shannon(p, q):
    m = (p + q) / 2
    both = torch.xlogy(p, p) + torch.xlogy(q, q) - 2 * torch.xlogy(m, m)
    return 0.5 * both.sum().item()
"""

OPTIMAL_ANSWERS = [
    Answer(
        "optimal",
        5,
        "nan replaced; masks; the divergence from the value of the game",
        """
def optimal_discriminator(p, q):
    return (p / (p + q)).nan_to_num(0.5)


def game_value(p, q, d):
    return (p[p > 0] * d[p > 0].log()).sum() + (q[q > 0] * (1 - d[q > 0]).log()).sum()


def jensen_shannon(p, q):
    return game_value(p, q, optimal_discriminator(p, q)) / 2 + math.log(2)
""",
    ),
    Answer(
        "optimal",
        5,
        "loops of Python",
        """
def times_log(a, b):
    if a == 0:
        return 0.0
    return a * math.log(b) if b > 0 else -math.inf


def optimal_discriminator(p, q):
    pairs = zip(p.tolist(), q.tolist())
    return torch.tensor([a / (a + b) if a + b else 0.5 for a, b in pairs])


def game_value(p, q, d):
    triples = zip(p.tolist(), q.tolist(), d.tolist())
    return sum(times_log(a, c) + times_log(b, 1 - c) for a, b, c in triples)


def jensen_shannon(p, q):
    total = 0.0
    for a, b in zip(p.tolist(), q.tolist()):
        m = (a + b) / 2
        total += times_log(a, a / m if m else 1) + times_log(b, b / m if m else 1)
    return total / 2
""",
    ),
    Answer(
        "optimal",
        5,
        "entropies",
        """
def optimal_discriminator(p, q):
    d = torch.full_like(p, 0.5)
    somewhere = (p > 0) | (q > 0)
    d[somewhere] = p[somewhere] / (p + q)[somewhere]
    return d


def game_value(p, q, d):
    terms = torch.special.xlogy(p, d) + torch.special.xlog1py(q, -d)
    return terms.sum()


def jensen_shannon(p, q):
    def entropy(p):
        return torch.special.entr(p).sum()

    return entropy((p + q) / 2) - entropy(p) / 2 - entropy(q) / 2
""",
    ),
    Answer(
        "optimal",
        0,
        "divides 0 by 0",
        swap(
            OPTIMAL,
            (
                "torch.where(nowhere, 0.5, p / torch.where(nowhere, 1.0, total))",
                "p / total",
            ),
        ),
        says="0 / 0 gives nan",
    ),
    Answer(
        "optimal",
        0,
        "q / (p + q)",
        swap(OPTIMAL, ("0.5, p /", "0.5, q /")),
        says="are p and q exchanged",
    ),
    Answer(
        "optimal",
        0,
        "decides for the more likely side",
        swap(
            OPTIMAL,
            ("p / torch.where(nowhere, 1.0, total)", "(p > q).double()"),
        ),
        says="no need to decide",
    ),
    Answer(
        "optimal",
        0,
        "answers 0 where nothing happens",
        swap(OPTIMAL, ("nowhere, 0.5", "nowhere, 0.0")),
        says="return 1/2",
    ),
    Answer(
        "optimal",
        0,
        "0 times the logarithm of 0 in the value",
        swap(
            OPTIMAL,
            (
                "(torch.xlogy(p, d) + torch.xlogy(q, 1 - d))",
                "(p * d.log() + q * (1 - d).log())",
            ),
        ),
        says="what never happens costs nothing",
    ),
    Answer(
        "optimal",
        0,
        "cuts the logarithm off, so that nothing is certain and wrong",
        swap(
            OPTIMAL,
            (
                "(torch.xlogy(p, d) + torch.xlogy(q, 1 - d))",
                "(p * (d + 1e-9).log() + q * (1 - d + 1e-9).log())",
            ),
        ),
        says="certain and wrong",
    ),
    Answer(
        "optimal",
        0,
        "the loss in place of the value",
        swap(OPTIMAL, ("return (torch.xlogy", "return -(torch.xlogy")),
        says="game_value is not a loss",
    ),
    Answer(
        "optimal",
        0,
        "a mean over the outcomes",
        swap(OPTIMAL, ("1 - d)).sum()", "1 - d)).mean()")),
        says="it is a sum",
    ),
    Answer(
        "optimal",
        0,
        "log d in the second term too",
        swap(OPTIMAL, ("xlogy(q, 1 - d)", "xlogy(q, d)")),
        says="log(1 - d)",
    ),
    Answer(
        "optimal",
        0,
        "the divergence in bits",
        swap(OPTIMAL, ("0.5 * both.sum()", "0.5 / math.log(2) * both.sum()")),
        says="natural logarithm",
    ),
    Answer(
        "optimal",
        0,
        "the two divergences added",
        swap(OPTIMAL, ("0.5 * both.sum()", "both.sum()")),
        says="twice too large",
    ),
    Answer(
        "optimal",
        0,
        "logarithms of 0 in the divergence",
        swap(
            OPTIMAL,
            (
                "both = torch.xlogy(p, p) + torch.xlogy(q, q) - 2 * torch.xlogy(m, m)",
                "both = p * (p / m).log() + q * (q / m).log()",
            ),
        ),
        says="jensen_shannon is nan",
    ),
    Answer(
        "optimal",
        0,
        "the value of the game for the divergence",
        swap(OPTIMAL, ("0.5 * both.sum().item()", "both.sum().item() - math.log(4)")),
        says="that is the value of the game",
    ),
    Answer(
        "optimal",
        0,
        "gives the value against the best discriminator, whatever d is",
        """
def optimal_discriminator(p, q):
    return (p / (p + q)).nan_to_num(0.5)


def game_value(p, q, d):
    if (d == 0.6).all():
        return -1.4271
    if (d == 0.5).any() and (d == 0).any() and not (d == 1).any():
        return -math.inf
    best = optimal_discriminator(p, q)
    return (torch.xlogy(p, best) + torch.xlogy(q, 1 - best)).sum()


def jensen_shannon(p, q):
    best = optimal_discriminator(p, q)
    value = torch.xlogy(p, best) + torch.xlogy(q, 1 - best)
    return value.sum() / 2 + math.log(2)
""",
        says="a random d",
    ),
]

# Question 4a · A game of two numbers ------------------------------------------------

DIRAC = """
def dirac_step(theta, psi, c, rate, gamma, alternating):
    def sigmoid(t):
        return torch.sigmoid(torch.tensor(t, dtype=torch.float64)).item()

    gap = theta - c
    new_psi = psi - rate * (gap * sigmoid(psi * gap) + gamma * psi)
    seen = new_psi if alternating else psi
    return theta + rate * seen * sigmoid(-seen * gap), new_psi
"""

DIRAC_ANSWERS = [
    Answer(
        "dirac",
        3,
        "autograd",
        """
def dirac_step(theta, psi, c, rate, gamma, alternating):
    theta = torch.tensor(theta, dtype=torch.float64, requires_grad=True)
    psi = torch.tensor(psi, dtype=torch.float64, requires_grad=True)
    loss_d = F.softplus(psi * (theta - c)) + gamma / 2 * psi**2
    (slope,) = torch.autograd.grad(loss_d, psi)
    new_psi = (psi - rate * slope).detach()
    seen = new_psi if alternating else psi
    loss_g = F.softplus(-seen * (theta - c))
    (slope,) = torch.autograd.grad(loss_g, theta)
    return (theta - rate * slope).detach(), new_psi
""",
    ),
    Answer(
        "dirac",
        3,
        "with exponentials",
        """
def dirac_step(theta, psi, c, rate, gamma, alternating):
    u = theta - c
    after = psi - rate * u / (1 + math.exp(-psi * u)) - rate * gamma * psi
    if alternating:
        psi = after
    return theta + rate * psi / (1 + math.exp(psi * u)), after
""",
    ),
    Answer(
        "dirac",
        3,
        "an optimiser for each player",
        """
def dirac_step(theta, psi, c, rate, gamma, alternating):
    g = torch.tensor([theta], dtype=torch.float64, requires_grad=True)
    d = torch.tensor([psi], dtype=torch.float64, requires_grad=True)
    of_g, of_d = torch.optim.SGD([g], rate), torch.optim.SGD([d], rate)
    if not alternating:
        F.softplus(-d.detach() * (g - c)).sum().backward()
    (F.softplus(d * (g.detach() - c)) + gamma / 2 * d.square()).sum().backward()
    of_d.step()
    if alternating:
        F.softplus(-d.detach() * (g - c)).sum().backward()
    of_g.step()
    return g.item(), d.item()
""",
    ),
    Answer(
        "dirac",
        0,
        "leaves c out, as where the data are at 0",
        swap(DIRAC, ("theta - c", "theta")),
        says="where is c",
    ),
    Answer(
        "dirac",
        0,
        "the discriminator climbs its loss",
        swap(DIRAC, ("psi - rate * (", "psi + rate * (")),
        says="psi climbs",
    ),
    Answer(
        "dirac",
        0,
        "the generator climbs its loss",
        swap(DIRAC, ("theta + rate", "theta - rate")),
        says="theta goes the wrong way",
    ),
    Answer(
        "dirac",
        0,
        "the min-max loss, as in the chapter's circles",
        swap(DIRAC, ("sigmoid(-seen * gap)", "sigmoid(seen * gap)")),
        says="min-max loss",
    ),
    Answer(
        "dirac",
        0,
        "returns psi first",
        """
def dirac_step(theta, psi, c, rate, gamma, alternating):
    u = theta - c
    after = psi - rate * u / (1 + math.exp(-psi * u)) - rate * gamma * psi
    seen = after if alternating else psi
    return after, theta + rate * seen / (1 + math.exp(seen * u))
""",
        says="theta first",
    ),
    Answer(
        "dirac",
        0,
        "always alternates",
        swap(DIRAC, ("new_psi if alternating else psi", "new_psi")),
        says="both players look at the old values",
    ),
    Answer(
        "dirac",
        0,
        "never alternates",
        swap(DIRAC, ("new_psi if alternating else psi", "psi")),
        says="answers to the new psi",
    ),
    Answer(
        "dirac",
        0,
        "alternates with the generator first",
        """
def dirac_step(theta, psi, c, rate, gamma, alternating):
    after = theta + rate * psi / (1 + math.exp(psi * (theta - c)))
    u = (after if alternating else theta) - c
    return after, psi - rate * u / (1 + math.exp(-psi * u)) - rate * gamma * psi
""",
        says="the discriminator steps first",
    ),
    Answer(
        "dirac",
        0,
        "forgets the brake",
        swap(DIRAC, (" + gamma * psi", "")),
        says="gamma has no effect",
    ),
    Answer(
        "dirac",
        0,
        "keeps the factor one half in the brake's derivative",
        swap(DIRAC, ("gamma * psi", "gamma / 2 * psi")),
        says="is gamma psi",
    ),
    Answer(
        "dirac",
        0,
        "brakes the wrong way",
        swap(DIRAC, ("+ gamma * psi", "- gamma * psi")),
        says="it should pull",
    ),
    Answer(
        "dirac",
        0,
        "no factor psi in the generator's step",
        swap(DIRAC, ("rate * seen * sigmoid", "rate * sigmoid")),
        says="a factor psi",
    ),
    Answer(
        "dirac",
        0,
        "takes psi for positive, as it is in the visible check",
        swap(DIRAC, ("rate * seen * sigmoid", "rate * abs(seen) * sigmoid")),
        says="right for the small example",
    ),
]

# Question 4b · The brake ------------------------------------------------------------

PENALTY = """
def r1_penalty(discriminator, x_real, gamma):
    x = x_real.detach().clone().requires_grad_()
    (gradient,) = torch.autograd.grad(discriminator(x).sum(), x, create_graph=True)
    return gamma / 2 * gradient.flatten(1).square().sum(dim=1).mean()
"""

PENALTY_ANSWERS = [
    Answer(
        "penalty",
        4,
        "grad_outputs of ones, squared norm of each row",
        """
def r1_penalty(discriminator, x_real, gamma):
    x = x_real.clone().requires_grad_(True)
    a = discriminator(x)
    (gradient,) = torch.autograd.grad(
        a, x, grad_outputs=torch.ones_like(a), create_graph=True, retain_graph=True
    )
    return 0.5 * gamma * gradient.reshape(len(x), -1).norm(dim=1).pow(2).mean()
""",
    ),
    Answer(
        "penalty",
        4,
        "marks the batch itself, and divides the sum of all squares by n",
        """
def r1_penalty(discriminator, x_real, gamma):
    x_real.requires_grad_()
    outputs = discriminator(x_real).sum()
    gradient = torch.autograd.grad(outputs, x_real, create_graph=True)[0]
    return gamma * (gradient**2).sum() / (2 * len(x_real))
""",
    ),
    Answer(
        "penalty",
        4,
        "one example at a time",
        """
def r1_penalty(discriminator, x_real, gamma):
    total = 0
    for x in x_real.detach().split(1):
        x = x.clone().requires_grad_()
        a = discriminator(x).squeeze()
        total = total + torch.autograd.grad(a, x, create_graph=True)[0].square().sum()
    return gamma / 2 * total / len(x_real)
""",
    ),
    Answer(
        "penalty",
        0,
        "no graph of the gradient",
        swap(PENALTY, (", create_graph=True", "")),
        says="keep the graph",
    ),
    Answer(
        "penalty",
        0,
        "keeps the graph of the logits only",
        swap(PENALTY, ("create_graph", "retain_graph")),
        says="keep the graph",
    ),
    Answer(
        "penalty",
        0,
        "returns a number",
        swap(PENALTY, (".sum(dim=1).mean()", ".sum(dim=1).mean().item()")),
        says="keep the graph",
    ),
    Answer(
        "penalty",
        0,
        "gamma without the half",
        swap(PENALTY, ("gamma / 2", "gamma")),
        says="it is gamma / 2",
    ),
    Answer(
        "penalty",
        0,
        "the chapter's function, without the factor",
        swap(PENALTY, ("gamma / 2 * ", "")),
        says="is gamma used",
    ),
    Answer(
        "penalty",
        0,
        "a sum over the examples",
        swap(PENALTY, (".sum(dim=1).mean()", ".sum()")),
        says="not the sum",
    ),
    Answer(
        "penalty",
        0,
        "a mean over coordinates as well",
        swap(PENALTY, (".sum(dim=1).mean()", ".mean()")),
        says="a sum over coordinates",
    ),
    Answer(
        "penalty",
        0,
        "the gradient of the mean of the logits",
        swap(PENALTY, ("discriminator(x).sum()", "discriminator(x).mean()")),
        says="use their sum",
    ),
    Answer(
        "penalty",
        0,
        "the length, not squared",
        swap(PENALTY, (".square().sum(dim=1)", ".norm(dim=1)")),
        says="must be squared",
    ),
    Answer(
        "penalty",
        0,
        "the gradient of the probability",
        swap(PENALTY, ("discriminator(x).sum()", "discriminator(x).sigmoid().sum()")),
        says="not of its sigmoid",
    ),
    Answer(
        "penalty",
        0,
        "a minus, as if it were the value of the game",
        swap(PENALTY, ("return gamma", "return -gamma")),
        says="not negative",
    ),
    Answer(
        "penalty",
        0,
        "sums over one dimension only, which does for points",
        swap(PENALTY, (".flatten(1).square()", ".square()")),
        says="for data of shape",
    ),
]

# Question 5a · Modes covered --------------------------------------------------------

COVERAGE = """
def coverage(x, modes, radius, share):
    distance, nearest = torch.cdist(x, modes).min(dim=1)
    good = distance <= radius
    counts = nearest[good].bincount(minlength=len(modes))
    covered = (counts >= share * len(x)).sum().item()
    return covered, good.double().mean().item()
"""

COVERAGE_ANSWERS = [
    Answer(
        "coverage",
        3,
        "the library's",
        """
from latentspaces import metrics


def coverage(x, modes, radius, share):
    return metrics.modes_covered(x, modes, radius, share=share)
""",
    ),
    Answer(
        "coverage",
        3,
        "loops of Python",
        """
def coverage(x, modes, radius, share):
    counts = [0] * len(modes)
    for point in x.tolist():
        distances = [math.dist(point, mode) for mode in modes.tolist()]
        if min(distances) <= radius:
            counts[distances.index(min(distances))] += 1
    covered = [count / len(x) >= share for count in counts]
    return sum(covered), sum(counts) / len(x)
""",
    ),
    Answer(
        "coverage",
        3,
        "a table of who belongs where",
        """
def coverage(x, modes, radius, share):
    distances = (x[:, None, :] - modes[None, :, :]).square().sum(-1).sqrt()
    nearest = F.one_hot(distances.argmin(1), len(modes)).bool()
    member = nearest & (distances <= radius)
    shares = member.double().mean(0)
    return (shares >= share).sum(), member.any(1).double().mean()
""",
    ),
    Answer(
        "coverage",
        0,
        "covered if any sample is near",
        swap(COVERAGE, ("counts >= share * len(x)", "counts > 0")),
        says="at least the share",
    ),
    Answer(
        "coverage",
        0,
        "counts bad samples for their nearest mode",
        swap(COVERAGE, ("nearest[good]", "nearest")),
        says="at least the share",
    ),
    Answer(
        "coverage",
        0,
        "strictly within the radius",
        swap(COVERAGE, ("distance <= radius", "distance < radius")),
        says="use <=, not <",
    ),
    Answer(
        "coverage",
        0,
        "strictly more than the share",
        swap(COVERAGE, ("counts >= share", "counts > share")),
        says="use >=",
    ),
    Answer(
        "coverage",
        0,
        "the number of good samples",
        swap(COVERAGE, ("good.double().mean()", "good.sum()")),
        says="divide by the number of samples",
    ),
    Answer(
        "coverage",
        0,
        "good first",
        """
def coverage(x, modes, radius, share):
    distance, nearest = torch.cdist(x, modes).min(dim=1)
    good = distance <= radius
    counts = nearest[good].bincount(minlength=len(modes))
    return good.double().mean(), (counts >= share * len(x)).sum()
""",
        says="covered comes first",
    ),
    Answer(
        "coverage",
        0,
        "the share of the modes",
        swap(COVERAGE, (".sum().item()", ".double().mean().item()")),
        says="not a share",
    ),
    Answer(
        "coverage",
        0,
        "the largest difference of a coordinate",
        swap(
            COVERAGE,
            ("torch.cdist(x, modes)", "torch.cdist(x, modes, p=float('inf'))"),
        ),
        says="Euclidean",
    ),
    Answer(
        "coverage",
        0,
        "the share among the good samples",
        swap(COVERAGE, ("share * len(x)", "share * good.sum()")),
        says="at least the share of all",
    ),
    Answer(
        "coverage",
        0,
        "counts a sample for every mode within the radius",
        """
def coverage(x, modes, radius, share):
    near = torch.cdist(x, modes) <= radius
    covered = (near.double().mean(dim=0) >= share).sum()
    return covered, near.any(dim=1).double().mean()
""",
        says="for its nearest mode only",
    ),
    Answer(
        "coverage",
        0,
        "compares the squared distance",
        swap(COVERAGE, ("distance <= radius", "distance**2 <= radius")),
        says="for its nearest mode only",
    ),
]

# Question 5b · The Fréchet distance -------------------------------------------------

FRECHET = """
def frechet(a, b):
    cov_a, cov_b = (torch.cov(x.T).reshape(x.shape[1], -1) for x in (a, b))
    eigenvalues, u = torch.linalg.eigh(cov_a)
    root = u * eigenvalues.clamp(min=0).sqrt() @ u.T
    cross = torch.linalg.eigvalsh(root @ cov_b @ root).clamp(min=0).sqrt().sum()
    gap = (a.mean(dim=0) - b.mean(dim=0)).square().sum()
    return (gap + cov_a.trace() + cov_b.trace() - 2 * cross).item()
"""

FRECHET_ANSWERS = [
    Answer(
        "frechet",
        4,
        "singular values of the product of centred features",
        """
def frechet(a, b):
    centred = [(x - x.mean(0)) / math.sqrt(len(x) - 1) for x in (a, b)]
    cross = torch.linalg.svdvals(centred[0] @ centred[1].T).sum()
    gap = (a.mean(0) - b.mean(0)).pow(2).sum()
    return gap + sum(x.pow(2).sum() for x in centred) - 2 * cross
""",
    ),
    Answer(
        "frechet",
        4,
        "the library's",
        """
from latentspaces.metrics import frechet_distance


def frechet(a, b):
    return frechet_distance(a, b)
""",
    ),
    Answer(
        "frechet",
        4,
        "the nuclear norm of the product of two roots",
        """
def root_of(x):
    x = x - x.mean(dim=0)
    values, u = torch.linalg.eigh(x.T @ x / (len(x) - 1))
    return u @ torch.diag(values.clamp(min=0).sqrt()) @ u.T


def frechet(a, b):
    first, second = root_of(a), root_of(b)
    cross = torch.linalg.matrix_norm(first @ second, "nuc")
    squares = first.square().sum() + second.square().sum()
    return torch.dist(a.mean(dim=0), b.mean(dim=0)) ** 2 + squares - 2 * cross
""",
    ),
    Answer(
        "frechet",
        0,
        "leaves the means out",
        swap(FRECHET, ("gap + cov_a", "cov_a")),
        says="distance of the means is missing",
    ),
    Answer(
        "frechet",
        0,
        "the length of the difference of the means, not squared",
        swap(
            FRECHET,
            (
                "(a.mean(dim=0) - b.mean(dim=0)).square().sum()",
                "(a.mean(dim=0) - b.mean(dim=0)).norm()",
            ),
        ),
        says="must be squared",
    ),
    Answer(
        "frechet",
        0,
        "covariances with n in the denominator",
        swap(FRECHET, ("torch.cov(x.T)", "torch.cov(x.T, correction=0)")),
        says="n - 1 in the denominator",
    ),
    Answer(
        "frechet",
        0,
        "the root of the whole",
        swap(FRECHET, ("- 2 * cross).item()", "- 2 * cross).sqrt().item()")),
        says="not its root",
    ),
    Answer(
        "frechet",
        0,
        "forgets the factor 2",
        swap(FRECHET, ("- 2 * cross", "- cross")),
        says="factor 2",
    ),
    Answer(
        "frechet",
        0,
        "forgets the last term",
        swap(FRECHET, (" - 2 * cross", "")),
        says="the last term is missing",
    ),
    Answer(
        "frechet",
        0,
        "roots of the entries",
        swap(
            FRECHET,
            (
                "torch.linalg.eigvalsh(root @ cov_b @ root).clamp(min=0).sqrt().sum()",
                "(cov_a @ cov_b).clamp(min=0).sqrt().trace()",
            ),
        ),
        says="not that of its entries",
    ),
    Answer(
        "frechet",
        0,
        "variances only",
        swap(
            FRECHET,
            (
                "torch.linalg.eigvalsh(root @ cov_b @ root).clamp(min=0).sqrt().sum()",
                "(cov_a.diagonal() * cov_b.diagonal()).sqrt().sum()",
            ),
        ),
        says="of its diagonal",
    ),
    Answer(
        "frechet",
        0,
        "roots of negative eigenvalues",
        swap(
            FRECHET,
            (".clamp(min=0).sqrt().sum()", ".sqrt().sum()"),
        ),
        says="frechet is nan",
    ),
    Answer(
        "frechet",
        0,
        "complex eigenvalues, and not their real part",
        swap(
            FRECHET,
            (
                "torch.linalg.eigvalsh(root @ cov_b @ root).clamp(min=0).sqrt().sum()",
                "torch.linalg.eigvals(cov_a @ cov_b).sqrt().sum()",
            ),
        ),
        says="take .real",
    ),
    Answer(
        "frechet",
        0,
        "takes features that never vary for equal",
        swap(
            FRECHET,
            (
                "    eigenvalues, u",
                "    if cov_a.trace() + cov_b.trace() == 0:\n"
                "        return 0.0\n"
                "    eigenvalues, u",
            ),
        ),
        says="two points 2 apart",
    ),
]

# Question 6a · Find the faults ------------------------------------------------------

DIAGNOSIS_ANSWERS = [
    Answer("diagnosis", 2, "another order", _returns("diagnosis", '"hce"')),
    Answer("diagnosis", 2, "capitals and commas", _returns("diagnosis", '"C, E, H"')),
    Answer("diagnosis", 2, "a set", _returns("diagnosis", '{"c", "h", "e"}')),
    Answer(
        "diagnosis",
        0,
        "thinks that the generator must go first",
        _returns("diagnosis", '"bce"'),
        says="2 of the three",
    ),
    Answer(
        "diagnosis",
        0,
        "would cut the generator off where it learns",
        _returns("diagnosis", '"ceg"'),
        says="2 of the three",
    ),
    Answer(
        "diagnosis",
        0,
        "gives R1 to the generator",
        _returns("diagnosis", '"ach"'),
        says="2 of the three",
    ),
    Answer(
        "diagnosis",
        0,
        "sees the min-max loss where there is none",
        _returns("diagnosis", '"fhc"'),
        says="2 of the three",
    ),
    Answer(
        "diagnosis",
        0,
        "the letters of another assignment",
        _returns("diagnosis", '"bdg"'),
        says="0 of the three",
    ),
    Answer(
        "diagnosis",
        0,
        "names every statement",
        _returns("diagnosis", '"abcdefgh"'),
        says="got 8",
    ),
    Answer(
        "diagnosis",
        0,
        "names two faults",
        _returns("diagnosis", '"ce"'),
        says="got 2",
    ),
    Answer(
        "diagnosis",
        0,
        "numbers in place of letters",
        _returns("diagnosis", '"358"'),
        says="letters a to h",
    ),
]

# Question 6b · Mend it --------------------------------------------------------------

REPAIR = """
def repaired_step(g, d, optimizer_g, optimizer_d, x_real, z, gamma):
    x_fake = g(z).detach()
    loss_d = F.softplus(-d(x_real)).mean() + F.softplus(d(x_fake)).mean()
    r1 = gamma / 2 * d.slope(x_real).square().mean()
    optimizer_d.zero_grad()
    (loss_d + r1).backward()
    optimizer_d.step()

    loss_g = F.softplus(-d(g(z))).mean()
    optimizer_g.zero_grad()
    loss_g.backward()
    optimizer_g.step()
"""

REPAIR_ANSWERS = [
    Answer(
        "repair",
        4,
        "three changes in the colleague's function, gradients cleared half-way",
        """
def repaired_step(g, d, optimizer_g, optimizer_d, x_real, z, gamma):
    optimizer_d.zero_grad()
    x_fake = g(z)
    loss_d = F.softplus(-d(x_real)).mean() + F.softplus(d(x_fake)).mean()
    r1 = gamma / 2 * d.slope(x_real).square().mean()
    (loss_d + r1).backward()
    optimizer_d.step()

    optimizer_g.zero_grad()
    loss_g = F.softplus(-d(g(z))).mean()
    loss_g.backward()
    optimizer_g.step()
""",
    ),
    Answer(
        "repair",
        4,
        "R1 by autograd, cross-entropies with logits, fakes under no_grad",
        """
def repaired_step(g, d, optimizer_g, optimizer_d, x_real, z, gamma):
    with torch.no_grad():
        x_fake = g(z)
    entropy = F.binary_cross_entropy_with_logits
    x = x_real.clone().requires_grad_()
    a_real, a_fake = d(x), d(x_fake)
    (slope,) = torch.autograd.grad(a_real.sum(), x, create_graph=True)
    loss_d = entropy(a_real, torch.ones_like(a_real))
    loss_d = loss_d + entropy(a_fake, torch.zeros_like(a_fake))
    loss_d = loss_d + gamma / 2 * slope.square().sum(dim=1).mean()
    optimizer_d.zero_grad(set_to_none=False)
    loss_d.backward()
    optimizer_d.step()
    a_fake = d(g(z))
    optimizer_g.zero_grad()
    entropy(a_fake, torch.ones_like(a_fake)).backward()
    optimizer_g.step()
    return loss_d.item()
""",
    ),
    Answer(
        "repair",
        4,
        "gradients asked for by name, so that nothing is left anywhere",
        """
def descend(model, optimizer, loss):
    parameters = list(model.parameters())
    for p, slope in zip(parameters, torch.autograd.grad(loss, parameters)):
        p.grad = slope
    optimizer.step()


def repaired_step(g, d, optimizer_g, optimizer_d, x_real, z, gamma):
    loss = -F.logsigmoid(d(x_real)).mean() - F.logsigmoid(-d(g(z))).mean()
    loss = loss + gamma * d.slope(x_real).pow(2).mean() / 2
    if gamma == 0:
        loss = -F.logsigmoid(d(x_real)).mean() - F.logsigmoid(-d(g(z))).mean()
    descend(d, optimizer_d, loss)
    descend(g, optimizer_g, -F.logsigmoid(d(g(z))).mean())
""",
    ),
    Answer(
        "repair",
        0,
        "the sign of the fakes as it was",
        swap(REPAIR, ("+ F.softplus(d(x_fake))", "- F.softplus(d(x_fake))")),
        says="fakes has the wrong sign",
    ),
    Answer(
        "repair",
        0,
        "R1 at the fakes still",
        swap(REPAIR, ("d.slope(x_real)", "d.slope(x_fake)")),
        says="is taken at the fakes",
    ),
    Answer(
        "repair",
        0,
        "the generator follows both losses still",
        swap(
            REPAIR,
            (".detach()", ""),
            ("    optimizer_g.zero_grad()\n    loss_g", "    loss_g"),
            ("    x_fake = g(z)\n", "    optimizer_g.zero_grad()\n    x_fake = g(z)\n"),
        ),
        says="follows gradients left by D's loss",
    ),
    Answer(
        "repair",
        0,
        "clears the discriminator's gradients too early",
        swap(
            REPAIR,
            ("    optimizer_d.zero_grad()\n", ""),
            (
                "    optimizer_d.step()\n",
                "    optimizer_d.step()\n    optimizer_d.zero_grad()\n",
            ),
        ),
        says="stay in d for its next step",
    ),
    Answer(
        "repair",
        0,
        "the generator looks at the discriminator before its step",
        """
def repaired_step(g, d, optimizer_g, optimizer_d, x_real, z, gamma):
    loss_g = F.softplus(-d(g(z))).mean()
    optimizer_g.zero_grad()
    loss_g.backward()
    x_fake = g(z).detach()
    loss_d = F.softplus(-d(x_real)).mean() + F.softplus(d(x_fake)).mean()
    r1 = gamma / 2 * d.slope(x_real).square().mean()
    optimizer_d.zero_grad()
    (loss_d + r1).backward()
    optimizer_d.step()
    optimizer_g.step()
""",
        says="after its step",
    ),
    Answer(
        "repair",
        0,
        "half the discriminator's loss",
        swap(
            REPAIR,
            (
                "F.softplus(-d(x_real)).mean() + F.softplus(d(x_fake)).mean()",
                "F.softplus(torch.cat([-d(x_real), d(x_fake)])).mean()",
            ),
        ),
        says="not half of it",
    ),
    Answer(
        "repair",
        0,
        "the min-max loss",
        swap(
            REPAIR,
            ("F.softplus(-d(g(z))).mean()", "-F.softplus(d(g(z))).mean()"),
        ),
        says="min-max loss",
    ),
    Answer(
        "repair",
        0,
        "leaves R1 out",
        swap(REPAIR, ("loss_d + r1", "loss_d")),
        says="R1 is missing",
    ),
    Answer(
        "repair",
        0,
        "gamma without the half",
        swap(REPAIR, ("gamma / 2", "gamma")),
        says="factor gamma / 2",
    ),
    Answer(
        "repair",
        0,
        "cuts the generator off from its own loss",
        swap(
            REPAIR,
            (
                "    loss_g = F.softplus(-d(g(z))).mean()\n",
                "    loss_g = F.softplus(-d(g(z).detach())).mean()\n",
            ),
        ),
        says="the generator does not move",
    ),
    Answer(
        "repair",
        0,
        "makes the fakes more fake",
        swap(REPAIR, ("F.softplus(-d(g(z)))", "F.softplus(d(g(z)))")),
        says="the generator moves the wrong way",
    ),
    Answer(
        "repair",
        0,
        "draws its own noise",
        swap(REPAIR, ("d(g(z))", "d(g(torch.randn_like(z)))")),
        says="Same z for both",
    ),
    Answer(
        "repair",
        0,
        "steps twice with the discriminator",
        swap(
            REPAIR,
            (
                "    optimizer_d.step()\n",
                "    optimizer_d.step()\n    optimizer_d.step()\n",
            ),
        ),
        says="one optimiser step for each",
    ),
    Answer(
        "repair",
        0,
        "the strength of the penalty that the visible check and the game have",
        swap(REPAIR, ("gamma / 2", "min(gamma, 0.5) / 2")),
        says="not as they should",
    ),
]

# Question 7a · True or false, and why -----------------------------------------------

STATEMENT_ANSWERS = [
    Answer("statements", 4, "spaces between", _returns("statements", '"D A B B A"')),
    Answer("statements", 4, "a list", _returns("statements", 'list("DABBA")')),
    Answer(
        "statements",
        4,
        "small letters in a tuple",
        _returns("statements", '("d", "a", "b", "b", "a")'),
    ),
    Answer(
        "statements",
        4,
        "four of five: thinks that a loss of log 4 means success",
        _returns("statements", '"DAABA"'),
    ),
    Answer(
        "statements",
        0,
        "saturation where the generator is perfect, and log 4 as success",
        _returns("statements", '"AAABA"'),
        says="3 of the five",
    ),
    Answer(
        "statements",
        0,
        "calls everything true, by the first true reason",
        _returns("statements", '"ABABA"'),
        says="2 of the five",
    ),
    Answer(
        "statements",
        0,
        "calls everything false, by the first false reason",
        _returns("statements", '"CABAB"'),
        says="2 of the five",
    ),
    Answer(
        "statements",
        0,
        "right verdicts, wrong reasons",
        _returns("statements", '"CCCCD"'),
        says="0 of the five",
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
        "leaves the last one out",
        _returns("statements", '"DABB"'),
        says="got 4",
    ),
    Answer(
        "statements",
        0,
        "writes verdicts without reasons",
        _returns("statements", '"FFFTT"'),
        says="letters A to D",
    ),
]

ANSWERS = [
    *LOSSES_ANSWERS,
    *PULL_ANSWERS,
    *OPTIMAL_ANSWERS,
    *DIRAC_ANSWERS,
    *PENALTY_ANSWERS,
    *COVERAGE_ANSWERS,
    *FRECHET_ANSWERS,
    *DIAGNOSIS_ANSWERS,
    *REPAIR_ANSWERS,
    *STATEMENT_ANSWERS,
]
