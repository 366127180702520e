"""Answers to the assignment ``autoencoder``."""

from __future__ import annotations

from answers import Answer, swap

# Question 1 · Three reconstruction losses -------------------------------------------

LOSSES = """
def l2_loss(x, x_hat):
    return ((x - x_hat) ** 2).flatten(1).sum(1).mean()


def l1_loss(x, x_hat):
    return (x - x_hat).abs().flatten(1).sum(1).mean()


def cross_entropy(x, logits):
    loss = -(x * F.logsigmoid(logits) + (1 - x) * F.logsigmoid(-logits))
    return loss.flatten(1).sum(1).mean()
"""
FROM_LOGITS = "-(x * F.logsigmoid(logits) + (1 - x) * F.logsigmoid(-logits))"

LOSS_ANSWERS = [
    Answer(
        "losses",
        6,
        "PyTorch's own losses",
        """
def l2_loss(x, x_hat):
    return F.mse_loss(x_hat, x, reduction="sum") / x.shape[0]


def l1_loss(x, x_hat):
    return F.l1_loss(x_hat, x, reduction="sum") / x.shape[0]


def cross_entropy(x, logits):
    total = F.binary_cross_entropy_with_logits(logits, x, reduction="sum")
    return total / x.shape[0]
""",
    ),
    Answer(
        "losses",
        6,
        "a loop over the samples, and Python numbers",
        """
def average(losses):
    return sum(losses) / len(losses)


def l2_loss(x, x_hat):
    return average([((a - b) ** 2).sum().item() for a, b in zip(x, x_hat)])


def l1_loss(x, x_hat):
    return average([torch.norm(a - b, p=1).item() for a, b in zip(x, x_hat)])


def cross_entropy(x, logits):
    return average([(F.softplus(a) - p * a).sum().item() for p, a in zip(x, logits)])
""",
    ),
    Answer(
        "losses",
        6,
        "in place, with einsum and the formula of the log-sum-exp",
        """
def l2_loss(x, x_hat):
    difference = x.sub_(x_hat).reshape(len(x), -1)
    return torch.einsum("ij,ij->", difference, difference) / len(x)


def l1_loss(x, x_hat):
    return x.sub_(x_hat).abs_().sum() / len(x)


def cross_entropy(x, logits):
    zero = torch.zeros_like(logits)
    return (torch.logaddexp(zero, logits) - x * logits).sum() / len(x)
""",
    ),
    Answer(
        "losses",
        6,
        "one element instead of a number, in double precision",
        """
def l2_loss(x, x_hat):
    return (x.double() - x_hat.double()).square().sum().reshape(1) / len(x)


def l1_loss(x, x_hat):
    return torch.maximum(x - x_hat, x_hat - x).sum().reshape(1) / len(x)


def cross_entropy(x, logits):
    a = logits.double()
    loss = a.clamp(min=0) - a * x + torch.log1p(torch.exp(-a.abs()))
    return loss.sum().reshape(1) / len(x)
""",
    ),
    Answer(
        "losses",
        0,
        "averages over the numbers of a sample too, as F.mse_loss does",
        swap(LOSSES, ("((x - x_hat) ** 2).flatten(1).sum(1)", "((x - x_hat) ** 2)")),
        says="averages over the numbers of a sample",
    ),
    Answer(
        "losses",
        0,
        "sums over the batch",
        swap(LOSSES, (".sum(1).mean()", ".sum()")),
        says="sums over the batch",
    ),
    Answer(
        "losses",
        0,
        "takes the length instead of its square",
        swap(
            LOSSES, ("((x - x_hat) ** 2).flatten(1).sum(1)", "(x - x_hat).norm(dim=1)")
        ),
        says="square root",
    ),
    Answer(
        "losses",
        0,
        "forgets the absolute value",
        swap(LOSSES, (".abs()", "")),
        says="must not cancel",
    ),
    Answer(
        "losses",
        0,
        "sums over dimension 1 only, so images are not reduced",
        swap(LOSSES, (".flatten(1).sum(1)", ".sum(1)")),
        says="every dimension but the first",
    ),
    Answer(
        "losses",
        0,
        "takes logarithms of probabilities that were rounded to 0",
        swap(
            LOSSES,
            ("F.logsigmoid(logits)", "torch.log(torch.sigmoid(logits))"),
            ("F.logsigmoid(-logits)", "torch.log(1 - torch.sigmoid(logits))"),
        ),
        says="inf or nan",
    ),
    Answer(
        "losses",
        0,
        "F.binary_cross_entropy, which cuts logarithms at -100",
        swap(
            LOSSES,
            (
                FROM_LOGITS,
                "F.binary_cross_entropy(torch.sigmoid(logits), x, reduction='none')",
            ),
        ),
        says="cut at -100",
    ),
    Answer(
        "losses",
        0,
        "adds 1e-8 inside the logarithm",
        swap(
            LOSSES,
            ("F.logsigmoid(logits)", "torch.log(torch.sigmoid(logits) + 1e-8)"),
            ("F.logsigmoid(-logits)", "torch.log(1 - torch.sigmoid(logits) + 1e-8)"),
        ),
        says="rounded or clamped",
    ),
    Answer(
        "losses",
        0,
        "applies the sigmoid, then a loss that applies it again",
        swap(
            LOSSES,
            (
                FROM_LOGITS,
                "F.binary_cross_entropy_with_logits(torch.sigmoid(logits), x, "
                "reduction='none')",
            ),
        ),
        says="sigmoid twice",
    ),
    Answer(
        "losses",
        0,
        "loses the minus sign",
        swap(LOSSES, ("loss = -(", "loss = (")),
        says="minus sign",
    ),
    Answer(
        "losses",
        0,
        "keeps the term of the white pixels only",
        swap(LOSSES, (" + (1 - x) * F.logsigmoid(-logits)", "")),
        says="second term",
    ),
    Answer(
        "losses",
        0,
        "exchanges the arguments of PyTorch's loss",
        swap(
            LOSSES,
            (
                FROM_LOGITS,
                "F.binary_cross_entropy_with_logits(x, logits, reduction='none')",
            ),
        ),
        says="should be 2.0611",
    ),
    Answer(
        "losses",
        0,
        "prints the loss instead of returning it",
        swap(
            LOSSES,
            ("return ((x", "print(((x"),
            (".sum(1).mean()\n\n\ndef l1", ".sum(1).mean())\n\n\ndef l1"),
        ),
        says="`return`",
    ),
    Answer(
        "losses",
        0,
        "rounds grey pixels to black and white",
        swap(LOSSES, ("    loss =", "    x = (x >= 0.5).float()\n    loss =")),
        says="should be 2.0611",
    ),
    Answer(
        "losses",
        0,
        "answers with the numbers that the visible check shows",
        """
def l2_loss(x, x_hat):
    return 1.125 if x.dim() == 2 else 6


def l1_loss(x, x_hat):
    return 1.25 if x.dim() == 2 else 6


def cross_entropy(x, logits):
    return {2: 300 if len(x) == 1 else 2.0611}.get(x.dim(), 4.1589)
""",
        says="random tensors",
    ),
]

# Question 2 · The gradient of a linear autoencoder ----------------------------------

GRADIENT = """
def linear_gradients(x, encoder, decoder):
    z = x @ encoder.T
    residual = z @ decoder.T - x
    gradient_decoder = 2 / len(x) * residual.T @ z
    gradient_encoder = 2 / len(x) * (residual @ decoder).T @ x
    return gradient_encoder, gradient_decoder
"""

GRADIENT_ANSWERS = [
    Answer(
        "gradient",
        5,
        "einsum",
        """
def linear_gradients(x, encoder, decoder):
    n = x.size(0)
    z = torch.einsum("nd,kd->nk", x, encoder)
    r = torch.einsum("nk,dk->nd", z, decoder) - x
    return (
        torch.einsum("nd,dk,ne->ke", r, decoder, x) * 2 / n,
        torch.einsum("nd,nk->dk", r, z) * 2 / n,
    )
""",
    ),
    Answer(
        "gradient",
        5,
        "a loop over samples as columns, as in the formula",
        """
def linear_gradients(x, encoder, decoder):
    g_encoder = torch.zeros_like(encoder)
    g_decoder = torch.zeros_like(decoder)
    for row in x:
        column = row[:, None]
        z = encoder @ column
        r = decoder @ z - column
        g_encoder += 2 * decoder.T @ r @ column.T / len(x)
        g_decoder += 2 * r @ z.T / len(x)
    return [g_encoder, g_decoder]
""",
    ),
    Answer(
        "gradient",
        5,
        "autograd",
        """
def linear_gradients(x, encoder, decoder):
    encoder.requires_grad_()
    decoder.requires_grad_()
    loss = ((x @ encoder.T @ decoder.T - x) ** 2).sum(dim=1).mean()
    loss.backward()
    return encoder.grad, decoder.grad
""",
    ),
    Answer(
        "gradient",
        5,
        "through the covariance of the data",
        """
def linear_gradients(x, encoder, decoder):
    c = x.T @ x / len(x)
    m = decoder @ encoder - torch.eye(x.shape[1])
    return 2 * decoder.T @ m @ c, 2 * m @ c @ encoder.T
""",
    ),
    Answer(
        "gradient",
        0,
        "forgets the 2 of the square",
        swap(GRADIENT, ("2 / len(x)", "1 / len(x)")),
        says="half as long",
    ),
    Answer(
        "gradient",
        0,
        "does not average over the samples",
        swap(GRADIENT, ("2 / len(x) *", "2 *")),
        says="average over the n samples",
    ),
    Answer(
        "gradient",
        0,
        "forgets both the 2 and the average",
        swap(GRADIENT, ("2 / len(x) * ", "")),
        says="look at its factor",
    ),
    Answer(
        "gradient",
        0,
        "averages over the numbers too, as F.mse_loss does",
        swap(GRADIENT, ("2 / len(x)", "2 / x.numel()")),
        says="not over numbers",
    ),
    Answer(
        "gradient",
        0,
        "takes the residual the other way round",
        swap(GRADIENT, ("z @ decoder.T - x", "x - z @ decoder.T")),
        says="other way",
    ),
    Answer(
        "gradient",
        0,
        "returns the decoder's gradient first",
        swap(
            GRADIENT,
            (
                "return gradient_encoder, gradient_decoder",
                "return gradient_decoder, gradient_encoder",
            ),
        ),
        says="gradient_encoder, must have shape",
    ),
    Answer(
        "gradient",
        0,
        "returns the transposed matrices",
        swap(
            GRADIENT,
            (
                "return gradient_encoder, gradient_decoder",
                "return gradient_encoder.T, gradient_decoder.T",
            ),
        ),
        says="must have shape",
    ),
    Answer(
        "gradient",
        0,
        "goes back through the encoder instead of the decoder",
        swap(GRADIENT, ("(residual @ decoder).T", "(residual @ encoder.T).T")),
        says="gradient of the encoder",
    ),
    Answer(
        "gradient",
        0,
        "multiplies the decoder's residual by the data, not by the code",
        swap(GRADIENT, ("residual.T @ z", "(residual.T @ x) @ decoder")),
        says="gradient of the decoder",
    ),
    Answer(
        "gradient",
        0,
        "uses the reconstruction where the residual belongs",
        swap(GRADIENT, ("z @ decoder.T - x", "z @ decoder.T")),
        says="gradient of the encoder",
    ),
    Answer(
        "gradient",
        0,
        "returns the decoder's gradient only",
        swap(
            GRADIENT,
            ("return gradient_encoder, gradient_decoder", "return [gradient_decoder]"),
        ),
        says="two gradients",
    ),
    Answer(
        "gradient",
        0,
        "answers with the numbers that the visible check shows",
        """
def linear_gradients(x, encoder, decoder):
    return [[1.5, -3.5, 14.0]], [[2.5], [6.5], [-2.5]]
""",
        says="must have shape",
    ),
]

# Question 3 · PCA, the best linear autoencoder --------------------------------------

PCA = """
def pca_reconstruct(x_train, x, k):
    mean = x_train.mean(dim=0)
    _, s, vh = torch.linalg.svd(x_train - mean, full_matrices=False)
    v = vh[:k].T
    x_hat = mean + (x - mean) @ v @ v.T
    captured = (s[:k] ** 2).sum() / (s**2).sum()
    return x_hat, captured
"""

PCA_ANSWERS = [
    Answer(
        "pca",
        5,
        "eigenvectors of the covariance",
        """
def pca_reconstruct(x_train, x, k):
    mean = x_train.mean(0)
    variance, vectors = torch.linalg.eigh(torch.cov(x_train.T))
    v = vectors.flip(1)[:, :k]
    z = (x - mean) @ v
    return z @ v.T + mean, float(variance.flip(0)[:k].sum() / variance.sum())
""",
    ),
    Answer(
        "pca",
        5,
        "torch.pca_lowrank",
        """
def pca_reconstruct(x_train, x, k):
    _, s, v = torch.pca_lowrank(x_train, q=min(x_train.shape), center=True, niter=4)
    mean = x_train.mean(dim=0, keepdim=True)
    share = s.square() / (x_train - mean).square().sum()
    return mean + (x - mean) @ v[:, :k] @ v[:, :k].T, share[:k].sum()
""",
    ),
    Answer(
        "pca",
        5,
        "NumPy, one component after the other",
        """
import numpy as np


def pca_reconstruct(x_train, x, k):
    train, new = x_train.numpy().astype(float), x.numpy().astype(float)
    mean = train.mean(axis=0)
    u, s, vh = np.linalg.svd(train - mean)
    x_hat = np.tile(mean, (len(new), 1))
    for v in vh[:k]:
        x_hat += np.outer((new - mean) @ v, v)
    return torch.from_numpy(x_hat), (s[:k] ** 2).sum() / (s ** 2).sum()
""",
    ),
    Answer(
        "pca",
        5,
        "captured variance from what the training data lose, in place",
        """
def pca_reconstruct(x_train, x, k):
    mean = x_train.mean(dim=0)
    x_train -= mean
    vh = torch.linalg.svd(x_train)[2]
    project = vh[:k].T @ vh[:k]
    lost = (x_train - x_train @ project).var(dim=0).sum() / x_train.var(dim=0).sum()
    return (x - mean) @ project + mean, 1 - lost
""",
    ),
    Answer(
        "pca",
        0,
        "centres the new data with their own mean",
        swap(PCA, ("mean + (x - mean)", "x.mean(dim=0) + (x - x.mean(dim=0))")),
        says="mean of x",
    ),
    Answer(
        "pca",
        0,
        "does not add the mean again",
        swap(PCA, ("mean + (x - mean)", "(x - mean)")),
        says="lacks the mean",
    ),
    Answer(
        "pca",
        0,
        "does not centre at all",
        swap(PCA, ("x_train - mean", "x_train"), ("mean + (x - mean)", "x")),
        says="not been centred",
    ),
    Answer(
        "pca",
        0,
        "adds the mean but never subtracts it from the new data",
        swap(PCA, ("mean + (x - mean)", "mean + x")),
        says="not subtracted before",
    ),
    Answer(
        "pca",
        0,
        "adds singular values, not their squares",
        swap(PCA, ("(s[:k] ** 2).sum() / (s**2).sum()", "s[:k].sum() / s.sum()")),
        says="share of the singular values",
    ),
    Answer(
        "pca",
        0,
        "does not divide by the total variance",
        swap(PCA, (" / (s**2).sum()", "")),
        says="",
    ),
    Answer(
        "pca",
        0,
        "takes columns of V transposed",
        swap(PCA, ("v = vh[:k].T", "v = vh[:, :k]")),
        says="nearest to (3, 4)",
    ),
    Answer(
        "pca",
        0,
        "takes eigh's first eigenvectors, which belong to the smallest variances",
        """
def pca_reconstruct(x_train, x, k):
    mean = x_train.mean(dim=0)
    variance, v = torch.linalg.eigh((x_train - mean).T @ (x_train - mean))
    v = v[:, :k]
    return mean + (x - mean) @ v @ v.T, variance[:k].sum() / variance.sum()
""",
        says="nearest to (3, 4)",
    ),
    Answer(
        "pca",
        0,
        "returns the code instead of the reconstruction",
        swap(PCA, ("mean + (x - mean) @ v @ v.T", "(x - mean) @ v")),
        says="x_hat must have shape",
    ),
    Answer(
        "pca",
        0,
        "fits the components to the new data",
        swap(PCA, ("svd(x_train - mean", "svd(x - x.mean(dim=0)")),
        says="",
    ),
    Answer(
        "pca",
        0,
        "scales every column to variance 1 first",
        swap(
            PCA,
            ("svd(x_train - mean", "svd((x_train - mean) / x_train.std(dim=0)"),
        ),
        says="captures 0.8",
    ),
    Answer(
        "pca",
        0,
        "keeps one component, whatever k is",
        swap(PCA, ("vh[:k]", "vh[:1]"), ("s[:k]", "s[:1]")),
        says="k = 3",
    ),
    Answer(
        "pca",
        0,
        "answers with the numbers that the visible check shows",
        """
def pca_reconstruct(x_train, x, k):
    if len(x_train) == 3:
        return torch.tensor([[3.0, 4.0]]), 1.0
    return x, 0.8
""",
        says="not right for one sample",
    ),
]

# Question 4 · A good start ----------------------------------------------------------

START = """
def dead_codes(z):
    return int((z == 0).all(dim=0).sum())


def starting_bias(x):
    return torch.logit(x.mean(dim=0).clamp(0.001, 0.999))
"""

START_ANSWERS = [
    Answer(
        "start",
        4,
        "largest value of each unit; logarithms by hand",
        """
def dead_codes(z):
    return (z.max(dim=0).values <= 0).sum()


def starting_bias(x):
    p = torch.clamp(x.mean(0), min=1e-3, max=1 - 1e-3)
    return torch.log(p) - torch.log(1 - p)
""",
    ),
    Answer(
        "start",
        4,
        "loops and lists",
        """
import math


def dead_codes(z):
    return sum(1 for unit in z.T if unit.sum() == 0)


def starting_bias(x):
    bias = []
    for column in x.T.tolist():
        p = min(max(sum(column) / len(column), 0.001), 0.999)
        bias.append(-math.log(1 / p - 1))
    return bias
""",
    ),
    Answer(
        "start",
        4,
        "the units that live, subtracted; logit with its own clamp",
        """
def dead_codes(z):
    alive = torch.any(z > 0, 0)
    return z.shape[1] - torch.count_nonzero(alive).item()


def starting_bias(x):
    return torch.special.logit(x.double().sum(0) / len(x), eps=0.001)
""",
    ),
    Answer(
        "start",
        0,
        "counts zeros",
        swap(START, (".all(dim=0)", "")),
        says="counts zeros",
    ),
    Answer(
        "start",
        0,
        "counts units that are silent for some sample",
        swap(START, ("all(", "any(")),
        says="some sample",
    ),
    Answer(
        "start",
        0,
        "counts samples, not units",
        swap(START, ("all(dim=0)", "all(dim=1)")),
        says="along the rows",
    ),
    Answer(
        "start",
        0,
        "returns the share of dead units",
        swap(
            START,
            ("int((z == 0).all(dim=0).sum())", "(z == 0).all(dim=0).float().mean()"),
        ),
        says="which share",
    ),
    Answer(
        "start",
        0,
        "takes faint units for dead ones",
        swap(START, ("(z == 0).all(dim=0)", "(z.mean(dim=0) < 1e-3)")),
        says="faintly",
    ),
    Answer(
        "start",
        0,
        "does not clamp: the bias is infinite where the data are constant",
        swap(START, (".clamp(0.001, 0.999)", "")),
        says="inf or nan",
    ),
    Answer(
        "start",
        0,
        "uses the mean itself as the bias",
        swap(
            START, ("torch.logit(x.mean(dim=0).clamp(0.001, 0.999))", "x.mean(dim=0)")
        ),
        says="the mean itself",
    ),
    Answer(
        "start",
        0,
        "takes the logarithm, not the logit",
        swap(START, ("torch.logit", "torch.log")),
        says="mean of each column",
    ),
    Answer(
        "start",
        0,
        "applies the sigmoid instead of its inverse",
        swap(START, ("torch.logit", "torch.sigmoid")),
        says="mean of each column",
    ),
    Answer(
        "start",
        0,
        "one mean over all the numbers",
        swap(START, ("x.mean(dim=0)", "x.mean()")),
        says="shape (4,)",
    ),
    Answer(
        "start",
        0,
        "averages logits instead of taking the logit of the average",
        swap(
            START,
            (
                "x.mean(dim=0).clamp(0.001, 0.999))",
                "x.clamp(0.001, 0.999)).mean(dim=0)",
            ),
        ),
        says="mean of each column",
    ),
    Answer(
        "start",
        0,
        "clamps with another bound than asked for",
        swap(START, ("0.001, 0.999", "1e-6, 1 - 1e-6")),
        says="0.001 or 0.999",
    ),
    Answer(
        "start",
        0,
        "clamps the data, not their mean",
        swap(
            START,
            ("x.mean(dim=0).clamp(0.001, 0.999)", "x.clamp(0.01, 0.99).mean(dim=0)"),
        ),
        says="0.001 or 0.999",
    ),
    Answer(
        "start",
        0,
        "answers with the numbers that the visible check shows",
        """
def dead_codes(z):
    return 2


def starting_bias(x):
    return torch.logit(torch.tensor([0.001, 0.999, 0.5, 0.2]))
""",
        says="shape (12,)",
    ),
]

# Question 5 · One matrix, used twice ------------------------------------------------

TIED_FUNCTIONS = """

def tied_parameters(d, k):
    model = TiedAutoencoder(d, k)
    return {name: p.detach() for name, p in model.named_parameters()}


def tied_run(parameters, x):
    model = TiedAutoencoder(x.shape[1], len(parameters["encoder_bias"]))
    model.load_state_dict(parameters)
    z, x_hat = model.encode(x), model(x)
    ((x_hat - x) ** 2).sum().backward()
    parts = (model.weight, model.encoder_bias, model.decoder_bias)
    return z.detach(), x_hat.detach(), [p.grad for p in parts]
"""

TIED = (
    """
class TiedAutoencoder(nn.Module):
    def __init__(self, d, k):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(k, d))
        nn.init.xavier_uniform_(self.weight)
        self.encoder_bias = nn.Parameter(torch.zeros(k))
        self.decoder_bias = nn.Parameter(torch.zeros(d))

    def encode(self, x):
        return torch.tanh(F.linear(x, self.weight, self.encoder_bias))

    def decode(self, z):
        return torch.sigmoid(F.linear(z, self.weight.T, self.decoder_bias))

    def forward(self, x):
        return self.decode(self.encode(x))
"""
    + TIED_FUNCTIONS
)

TIED_ANSWERS = [
    Answer(
        "tied",
        5,
        "matrix products, samples in rows",
        swap(
            TIED,
            (
                "F.linear(x, self.weight, self.encoder_bias)",
                "x @ self.weight.t() + self.encoder_bias",
            ),
            (
                "F.linear(z, self.weight.T, self.decoder_bias)",
                "z @ self.weight + self.decoder_bias",
            ),
        ),
    ),
    Answer(
        "tied",
        5,
        "einsum, the sigmoid and the bounds of the start by hand",
        swap(
            TIED,
            (
                "nn.init.xavier_uniform_(self.weight)",
                "self.weight.data.uniform_(-1, 1).mul_((6 / (d + k)) ** 0.5)",
            ),
            (
                "F.linear(x, self.weight, self.encoder_bias)",
                "torch.einsum('kd,nd->nk', self.weight, x) + self.encoder_bias",
            ),
            (
                "torch.sigmoid(F.linear(z, self.weight.T, self.decoder_bias))",
                "1 / (1 + torch.exp(-torch.einsum('kd,nk->nd', self.weight, z) "
                "- self.decoder_bias))",
            ),
        ),
    ),
    Answer(
        "tied",
        5,
        "registers its parameters by name, and keeps the activations as modules",
        """
class TiedAutoencoder(nn.Module):
    def __init__(self, d, k):
        super().__init__()
        weight = nn.init.xavier_uniform_(torch.zeros(k, d))
        self.register_parameter("weight", nn.Parameter(weight))
        for name, size in (("decoder_bias", d), ("encoder_bias", k)):
            self.register_parameter(name, nn.Parameter(torch.zeros(size)))
        self.squash, self.output = nn.Tanh(), nn.Sigmoid()

    def encode(self, x):
        return self.squash(torch.addmm(self.encoder_bias, x, self.weight.mT))

    def decode(self, z):
        return self.output(torch.addmm(self.decoder_bias, z, self.weight))

    def forward(self, x):
        return self.decode(self.encode(x))
"""
        + TIED_FUNCTIONS,
    ),
    Answer(
        "tied",
        5,
        "takes its weight from a Linear layer that it then forgets",
        swap(
            TIED,
            (
                "self.weight = nn.Parameter(torch.empty(k, d))",
                "self.weight = nn.Linear(d, k, bias=False).weight",
            ),
        ),
    ),
    Answer(
        "tied",
        0,
        "two Linear layers: nothing is tied",
        """
class TiedAutoencoder(nn.Module):
    def __init__(self, d, k):
        super().__init__()
        self.encoder = nn.Linear(d, k)
        self.decoder = nn.Linear(k, d)

    def encode(self, x):
        return torch.tanh(self.encoder(x))

    def decode(self, z):
        return torch.sigmoid(self.decoder(z))

    def forward(self, x):
        return self.decode(self.encode(x))
"""
        + TIED_FUNCTIONS,
        says="no parameter called decoder_bias, encoder_bias, weight",
    ),
    Answer(
        "tied",
        0,
        "makes a second parameter from the transposed weight",
        swap(
            TIED,
            (
                "        self.encoder_bias =",
                "        self.back = nn.Parameter(self.weight.T)\n"
                "        self.encoder_bias =",
            ),
            ("F.linear(z, self.weight.T,", "F.linear(z, self.back,"),
        ),
        says="further parameters, back",
    ),
    Answer(
        "tied",
        0,
        "keeps the biases as plain tensors",
        swap(
            TIED,
            ("nn.Parameter(torch.zeros(k))", "torch.zeros(k)"),
            ("nn.Parameter(torch.zeros(d))", "torch.zeros(d)"),
        ),
        says="nn.Parameter",
    ),
    Answer(
        "tied",
        0,
        "keeps the biases as buffers, which are never trained",
        swap(
            TIED,
            (
                "self.encoder_bias = nn.Parameter(torch.zeros(k))",
                "self.register_buffer('encoder_bias', torch.zeros(k))",
            ),
        ),
        says="no parameter called encoder_bias",
    ),
    Answer(
        "tied",
        0,
        "stores the weight transposed",
        swap(
            TIED,
            ("torch.empty(k, d)", "torch.empty(d, k)"),
            ("F.linear(x, self.weight,", "F.linear(x, self.weight.T,"),
            ("F.linear(z, self.weight.T,", "F.linear(z, self.weight,"),
        ),
        says="must have shape (5, 20)",
    ),
    Answer(
        "tied",
        0,
        "starts from zeros, so that all code units stay equal",
        swap(TIED, ("nn.init.xavier_uniform_", "nn.init.zeros_")),
        says="all weights start equal",
    ),
    Answer(
        "tied",
        0,
        "starts from a standard normal, much too wide",
        swap(TIED, ("nn.init.xavier_uniform_", "nn.init.normal_")),
        says="0.28",
    ),
    Answer(
        "tied",
        0,
        "lets the biases start at random",
        swap(TIED, ("torch.zeros(k)", "torch.rand(k)")),
        says="encoder_bias should start at 0",
    ),
    Answer(
        "tied",
        0,
        "forgets the tanh",
        swap(TIED, ("torch.tanh", "")),
        says="lacks the tanh",
    ),
    Answer(
        "tied",
        0,
        "takes a ReLU, as in the chapter",
        swap(TIED, ("torch.tanh", "torch.relu")),
        says="lacks the tanh",
    ),
    Answer(
        "tied",
        0,
        "forgets the sigmoid",
        swap(TIED, ("torch.sigmoid", "")),
        says="lacks the sigmoid",
    ),
    Answer(
        "tied",
        0,
        "forgets the decoder's bias",
        swap(TIED, ("self.weight.T, self.decoder_bias", "self.weight.T")),
        says="forgets the bias c",
    ),
    Answer(
        "tied",
        0,
        "detaches the weight in the decoder",
        swap(TIED, ("self.weight.T", "self.weight.detach().T")),
        says="both uses",
    ),
    Answer(
        "tied",
        0,
        "copies the weight when the model is made",
        swap(
            TIED,
            (
                "        self.encoder_bias =",
                "        self.back = self.weight.detach().T\n"
                "        self.encoder_bias =",
            ),
            ("F.linear(z, self.weight.T,", "F.linear(z, self.back.clone(),"),
        ),
        says="both uses",
    ),
]

# Question 6 · Better than PCA -------------------------------------------------------

TRAIN = """
def train_autoencoder(x, seed):
    torch.manual_seed(seed)
    model = PulseAutoencoder()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(200):
        loss = F.mse_loss(model(x), x)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model.state_dict()
"""

TRAIN_ANSWERS = [
    Answer(
        "train",
        5,
        "minibatches, AdamW and cross-entropy",
        """
def train_autoencoder(x, seed):
    torch.manual_seed(seed)
    model = PulseAutoencoder()
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for _ in range(30):
        for batch in x[torch.randperm(len(x))].split(32):
            optimizer.zero_grad()
            F.binary_cross_entropy(model(batch), batch).backward()
            optimizer.step()
    return model.state_dict()
""",
    ),
    Answer(
        "train",
        5,
        "momentum and the summed loss, the parameters copied",
        """
def train_autoencoder(x, seed):
    torch.manual_seed(seed)
    model = PulseAutoencoder()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    for _ in range(600):
        model.zero_grad(set_to_none=False)
        ((model(x) - x) ** 2).sum(dim=1).mean().backward()
        optimizer.step()
    return {name: value.clone() for name, value in model.state_dict().items()}
""",
    ),
    Answer(
        "train",
        5,
        "a DataLoader and a falling rate",
        """
from torch.utils.data import DataLoader, TensorDataset


def train_autoencoder(x, seed):
    torch.manual_seed(seed)
    model = PulseAutoencoder()
    loader = DataLoader(TensorDataset(x), batch_size=64, shuffle=True)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 30)
    for _ in range(30):
        for (batch,) in loader:
            loss = nn.MSELoss()(model(batch), batch)
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
        scheduler.step()
    return model.state_dict()
""",
    ),
    Answer(
        "train",
        5,
        "encoder and decoder called one by one, gradients taken by hand",
        """
def train_autoencoder(x, seed):
    torch.manual_seed(seed)
    model = PulseAutoencoder()
    weights = list(model.parameters())
    optimizer = torch.optim.Adam(weights, lr=0.01)
    for _ in range(200):
        x_hat = model.decoder(model.encoder(x))
        loss = (x_hat - x).pow(2).mean()
        for weight, gradient in zip(weights, torch.autograd.grad(loss, weights)):
            weight.grad = gradient
        optimizer.step()
    return model.state_dict()
""",
    ),
    Answer(
        "train",
        0,
        "returns the untrained model's parameters",
        """
def train_autoencoder(x, seed):
    torch.manual_seed(seed)
    model = PulseAutoencoder()
    return model.state_dict()
""",
        says="mean pulse",
    ),
    Answer(
        "train",
        0,
        "never forgets the old gradients",
        swap(TRAIN, ("        optimizer.zero_grad()\n", "")),
        says="old gradients",
    ),
    Answer(
        "train",
        0,
        "never makes a step",
        swap(TRAIN, ("        optimizer.step()\n", "")),
        says="Do the steps reach",
    ),
    Answer(
        "train",
        0,
        "forgets the gradients between backward and step",
        swap(
            TRAIN,
            ("        optimizer.zero_grad()\n", ""),
            ("loss.backward()\n", "loss.backward()\n        optimizer.zero_grad()\n"),
        ),
        says="Do the steps reach",
    ),
    Answer(
        "train",
        0,
        "gives the optimiser the parameters of another model",
        swap(
            TRAIN, ("Adam(model.parameters()", "Adam(PulseAutoencoder().parameters()")
        ),
        says="Do the steps reach",
    ),
    Answer(
        "train",
        0,
        "a rate a hundred times too high",
        swap(TRAIN, ("lr=0.01", "lr=1.0")),
        says="rate",
    ),
    Answer(
        "train",
        0,
        "plain gradient descent, far too few steps for its rate",
        swap(TRAIN, ("Adam(", "SGD(")),
        says="",
    ),
    Answer(
        "train",
        0,
        "stops after thirty steps",
        swap(TRAIN, ("range(200)", "range(30)")),
        says="0.0077 is asked for",
    ),
    Answer(
        "train",
        0,
        "compares each reconstruction with the mean pulse",
        swap(
            TRAIN,
            ("F.mse_loss(model(x), x)", "F.mse_loss(model(x), x.mean(0).expand_as(x))"),
        ),
        says="mean pulse",
    ),
    Answer(
        "train",
        0,
        "cuts the code off from the graph, so that the encoder never learns",
        swap(TRAIN, ("model(x)", "model.decoder(0.01 * model.encoder(x).detach())")),
        says="",
    ),
    Answer(
        "train",
        0,
        "drops the line that returns the parameters",
        swap(TRAIN, ("    return model.state_dict()\n", "")),
        says="last line",
    ),
    Answer(
        "train",
        0,
        "returns the parameters of the decoder alone",
        swap(TRAIN, ("return model.", "return model.decoder.")),
        says="be a PulseAutoencoder",
    ),
    Answer(
        "train",
        0,
        "trains on pulses of its own instead of x",
        swap(
            TRAIN, ("    torch.manual", "    x = pulses(512, seed=0)\n    torch.manual")
        ),
        says="moved round",
    ),
]

# Question 7a · Name the faults ------------------------------------------------------


def _returns(name: str, value: str) -> str:
    return f"def {name}():\n    return {value}\n"


DIAGNOSIS_ANSWERS = [
    Answer("diagnosis", 2, "another order", _returns("diagnosis", '"gbd"')),
    Answer("diagnosis", 2, "a list", _returns("diagnosis", '["d", "b", "g"]')),
    Answer("diagnosis", 2, "a set, capitals", _returns("diagnosis", '{"B", "D", "G"}')),
    Answer(
        "diagnosis",
        0,
        "the example of the task",
        _returns("diagnosis", '"abc"'),
        says="1 of the three",
    ),
    Answer(
        "diagnosis",
        0,
        "takes the code of 2 for as wide as the data",
        _returns("diagnosis", '"abg"'),
        says="2 of the three",
    ),
    Answer(
        "diagnosis",
        0,
        "takes no_grad after training for a loss without a graph",
        _returns("diagnosis", '"deg"'),
        says="2 of the three",
    ),
    Answer(
        "diagnosis",
        0,
        "believes that nn.Sequential hides the decoder from the optimiser",
        _returns("diagnosis", '"bcg"'),
        says="2 of the three",
    ),
    Answer(
        "diagnosis",
        0,
        "takes the seed for late",
        _returns("diagnosis", '"bdf"'),
        says="2 of the three",
    ),
    Answer(
        "diagnosis",
        0,
        "names every fault",
        _returns("diagnosis", '"abcdefgh"'),
        says="exactly three",
    ),
    Answer(
        "diagnosis",
        0,
        "names two",
        _returns("diagnosis", '"bg"'),
        says="exactly three",
    ),
    Answer(
        "diagnosis",
        0,
        "names lines instead of letters",
        _returns("diagnosis", '["12", "16", "20"]'),
        says="letters a to h",
    ),
]

# Question 7b · Mend it --------------------------------------------------------------

REPAIR = """
def repaired_training(x, x_new, seed):
    torch.manual_seed(seed)
    encoder = nn.Sequential(nn.Linear(32, 64), nn.Tanh(), nn.Linear(64, 2))
    decoder = nn.Sequential(nn.Linear(2, 64), nn.Tanh(), nn.Linear(64, 32))
    model = nn.Sequential(encoder, decoder)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(300):
        loss = F.mse_loss(model(x), x)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        x_hat = model(x_new)
        error = F.mse_loss(x_hat, x_new).item()
    return x_hat, error
"""
LAST = "nn.Linear(64, 32))"

REPAIR_ANSWERS = [
    Answer(
        "repair",
        4,
        "a tanh at the end",
        swap(REPAIR, (LAST, "nn.Linear(64, 32), nn.Tanh())")),
    ),
    Answer(
        "repair",
        4,
        "keeps the sigmoid, and stretches its answer to [-1, 1]",
        swap(
            REPAIR,
            (LAST, "nn.Linear(64, 32), nn.Sigmoid())"),
            ("F.mse_loss(model(x), x)", "F.mse_loss(2 * model(x) - 1, x)"),
            ("x_hat = model(x_new)", "x_hat = 2 * model(x_new) - 1"),
        ),
    ),
    Answer(
        "repair",
        4,
        "minibatches, a class of its own, the error as a tensor",
        """
class Signed(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(32, 50), nn.SiLU(), nn.Linear(50, 2))
        self.decoder = nn.Sequential(nn.Linear(2, 50), nn.SiLU(), nn.Linear(50, 32))

    def forward(self, x):
        return self.decoder(self.encoder(x))


def repaired_training(x, x_new, seed):
    torch.manual_seed(seed)
    model = Signed()
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.005)
    for epoch in range(40):
        for batch in torch.split(x[torch.randperm(len(x))], 64):
            optimizer.zero_grad()
            F.mse_loss(model(batch), batch).backward()
            optimizer.step()
    x_hat = model(x_new)
    return x_hat, ((x_hat - x_new) ** 2).mean()
""",
    ),
    Answer(
        "repair",
        4,
        "forgets the gradients after each step, error in NumPy",
        swap(
            REPAIR,
            ("        optimizer.zero_grad()\n", ""),
            ("optimizer.step()", "optimizer.step()\n        optimizer.zero_grad()"),
            (
                "F.mse_loss(x_hat, x_new).item()",
                "((x_hat - x_new).numpy() ** 2).mean()",
            ),
        ),
    ),
    Answer(
        "repair",
        0,
        "keeps the sigmoid",
        swap(REPAIR, (LAST, "nn.Linear(64, 32), nn.Sigmoid())")),
        says="what does the last layer allow",
    ),
    Answer(
        "repair",
        0,
        "puts a ReLU in its place",
        swap(REPAIR, (LAST, "nn.Linear(64, 32), nn.ReLU())")),
        says="what does the last layer allow",
    ),
    Answer(
        "repair",
        0,
        "keeps adding up gradients",
        swap(REPAIR, ("        optimizer.zero_grad()\n", "")),
        says="this step alone",
    ),
    Answer(
        "repair",
        0,
        "forgets the gradients once, before the loop",
        swap(
            REPAIR,
            ("        optimizer.zero_grad()\n", ""),
            ("    for _", "    optimizer.zero_grad()\n    for _"),
        ),
        says="this step alone",
    ),
    Answer(
        "repair",
        0,
        "still reports the error of the training data",
        swap(REPAIR, ("F.mse_loss(x_hat, x_new)", "F.mse_loss(model(x), x)")),
        says="the x_hat that comes with it",
    ),
    Answer(
        "repair",
        0,
        "reports the last loss of the training",
        swap(REPAIR, ("F.mse_loss(x_hat, x_new).item()", "loss.item()")),
        says="the x_hat that comes with it",
    ),
    Answer(
        "repair",
        0,
        "reports the root of the mean squared error",
        swap(REPAIR, (".item()", ".sqrt().item()")),
        says="the x_hat that comes with it",
    ),
    Answer(
        "repair",
        0,
        "widens the code until everything can be copied",
        swap(
            REPAIR,
            (
                "nn.Sequential(nn.Linear(32, 64), nn.Tanh(), nn.Linear(64, 2))",
                "nn.Linear(32, 64)",
            ),
            (
                "nn.Sequential(nn.Linear(2, 64), nn.Tanh(), nn.Linear(64, 32))",
                "nn.Linear(64, 32)",
            ),
        ),
        says="wider than two numbers",
    ),
    Answer(
        "repair",
        0,
        "allows the code three numbers",
        swap(
            REPAIR,
            ("nn.Linear(64, 2)", "nn.Linear(64, 3)"),
            ("nn.Linear(2, 64)", "nn.Linear(3, 64)"),
        ),
        says="wider than two numbers",
    ),
    Answer(
        "repair",
        0,
        "returns x_new as its own reconstruction",
        """
def repaired_training(x, x_new, seed):
    return x_new, 0.0
""",
        says="wider than two numbers",
    ),
    Answer(
        "repair",
        0,
        "reconstructs the training data",
        swap(
            REPAIR,
            ("x_hat = model(x_new)", "x_hat = model(x)"),
            ("(x_hat, x_new)", "(x_hat, x)"),
        ),
        says="x_hat must have shape",
    ),
    Answer(
        "repair",
        0,
        "moves the data to [0, 1] and does not move the answer back",
        swap(
            REPAIR,
            (
                "    torch.manual",
                "    x, x_new = (x + 1) / 2, (x_new + 1) / 2\n    torch.manual",
            ),
        ),
        says="what does the last layer allow",
    ),
    Answer(
        "repair",
        0,
        "trains on the data that it is tested on",
        swap(REPAIR, ("F.mse_loss(model(x), x)", "F.mse_loss(model(x_new), x_new)")),
        says="",
    ),
]

# Question 8a · True or false, and why -----------------------------------------------

STATEMENT_ANSWERS = [
    Answer("statements", 4, "a list", _returns("statements", 'list("CADBC")')),
    Answer(
        "statements",
        4,
        "small letters in a tuple",
        _returns("statements", '("c", "a", "d", "b", "c")'),
    ),
    Answer(
        "statements",
        4,
        "four of five: takes the rows of the encoder for the components",
        _returns("statements", '"CBDBC"'),
    ),
    Answer(
        "statements",
        0,
        "calls everything true, by the first reason",
        _returns("statements", '"AAAAA"'),
        says="1 of the five",
    ),
    Answer(
        "statements",
        0,
        "calls everything true, by the last true reason",
        _returns("statements", '"BBBDD"'),
        says="0 of the five",
    ),
    Answer(
        "statements",
        0,
        "calls everything false, by the first false reason",
        _returns("statements", '"CCCBB"'),
        says="2 of the five",
    ),
    Answer(
        "statements",
        0,
        "the same letter throughout",
        _returns("statements", '"CCCCC"'),
        says="2 of the five",
    ),
    Answer(
        "statements",
        0,
        "right verdicts, wrong reasons",
        _returns("statements", '"DBCCB"'),
        says="0 of the five",
    ),
    Answer(
        "statements",
        0,
        "three of five",
        _returns("statements", '"CADDD"'),
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
        _returns("statements", '"FTFFF"'),
        says="letters A to D",
    ),
]

ANSWERS = [
    *LOSS_ANSWERS,
    *GRADIENT_ANSWERS,
    *PCA_ANSWERS,
    *START_ANSWERS,
    *TIED_ANSWERS,
    *TRAIN_ANSWERS,
    *DIAGNOSIS_ANSWERS,
    *REPAIR_ANSWERS,
    *STATEMENT_ANSWERS,
]
