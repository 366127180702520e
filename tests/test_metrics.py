"""Each metric against a closed form or an independent implementation."""

import math
import subprocess
import sys

import numpy as np
import pytest
import torch

from latentspaces import metrics


def random(*shape, seed=0):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def test_reconstruction_errors_by_hand():
    x = torch.tensor([[0.0, 1.0], [1.0, 1.0]])
    x_hat = torch.tensor([[0.5, 0.5], [0.9, 0.6]])
    squared = metrics.reconstruction_errors(x, x_hat)
    absolute = metrics.reconstruction_errors(x, x_hat, "absolute")
    nats = metrics.reconstruction_errors(x, x_hat, "cross-entropy")
    assert squared.tolist() == pytest.approx([0.25, (0.01 + 0.16) / 2])
    assert absolute.tolist() == pytest.approx([0.5, 0.25])
    assert nats.tolist() == pytest.approx(
        [math.log(2), -(math.log(0.9) + math.log(0.6)) / 2]
    )


def test_reconstruction_errors_average_over_all_pixels_of_an_image():
    x, x_hat = random(3, 1, 4, 5), random(3, 1, 4, 5, seed=1)
    errors = metrics.reconstruction_errors(x, x_hat)
    assert errors.shape == (3,)
    assert torch.allclose(
        errors, metrics.reconstruction_errors(x.flatten(1), x_hat.flatten(1))
    )
    assert errors.mean().item() == pytest.approx(
        torch.nn.functional.mse_loss(x, x_hat).item()
    )


def test_psnr_of_a_constant_error():
    x = torch.full((2, 1, 4, 4), 0.5)
    assert metrics.psnr(x, x + 0.1) == pytest.approx(20)
    assert metrics.psnr(255 * x, 255 * (x + 0.1), data_range=255) == pytest.approx(20)
    assert metrics.psnr(x, x) == math.inf


def test_ssim_against_its_definition_in_numpy():
    """Wang et al. 2004: Gaussian window 11, sigma 1.5, K = 0.01 and 0.03."""
    pytest.importorskip("torchmetrics")
    signal = pytest.importorskip("scipy.signal")
    x, y = random(1, 1, 28, 28).numpy()[0, 0], random(1, 1, 28, 28, seed=1)[0, 0]
    y = (0.7 * x + 0.3 * y.numpy()).astype(np.float64)
    axis = np.exp(-(np.arange(-5, 6) ** 2) / (2 * 1.5**2))
    window = np.outer(axis, axis) / axis.sum() ** 2

    def mean(image):
        return signal.convolve2d(np.pad(image, 5, "reflect"), window, mode="valid")

    mx, my = mean(x), mean(y)
    vx, vy = mean(x * x) - mx**2, mean(y * y) - my**2
    covariance = mean(x * y) - mx * my
    c1, c2 = 0.01**2, 0.03**2
    expected = (
        (2 * mx * my + c1)
        * (2 * covariance + c2)
        / ((mx**2 + my**2 + c1) * (vx + vy + c2))
    ).mean()
    found = metrics.ssim(
        torch.tensor(x)[None, None], torch.tensor(y, dtype=torch.float32)[None, None]
    )
    assert found == pytest.approx(expected, abs=1e-4)


def test_ssim_of_equal_images_is_one_and_needs_image_shapes():
    pytest.importorskip("torchmetrics")
    x = random(2, 1, 28, 28)
    assert metrics.ssim(x, x) == pytest.approx(1)
    with pytest.raises(ValueError, match=r"x has shape \(2, 784\), expected \(n, ch"):
        metrics.ssim(x.flatten(1), x.flatten(1))


def test_auroc_is_the_share_of_pairs_in_the_right_order():
    pytest.importorskip("sklearn")
    scores = torch.cat([random(30), random(20, seed=1) + 0.3]).round(decimals=1)
    positive = torch.arange(50) >= 30
    a, b = scores[positive][:, None], scores[~positive][None, :]
    expected = ((a > b).float() + 0.5 * (a == b).float()).mean().item()
    assert metrics.auroc(scores, positive) == pytest.approx(expected)
    assert metrics.auroc(scores, positive.long()) == pytest.approx(expected)


def test_auroc_of_one_class_is_refused():
    with pytest.raises(ValueError, match="all 3 samples are of one class"):
        metrics.auroc(torch.zeros(3), torch.ones(3))


def test_captured_variance_of_pca_is_its_explained_variance_ratio():
    decomposition = pytest.importorskip("sklearn.decomposition")
    x = random(200, 10) @ random(10, 10, seed=1)
    pca = decomposition.PCA(3).fit(x.numpy())
    x_hat = pca.inverse_transform(pca.transform(x.numpy()))
    found = metrics.captured_variance(x, torch.tensor(x_hat))
    assert found == pytest.approx(pca.explained_variance_ratio_.sum(), abs=1e-5)


def test_captured_variance_of_the_mean_is_zero_and_of_the_data_one():
    x = random(50, 4)
    assert metrics.captured_variance(x, x.mean(0).expand_as(x)) == pytest.approx(0)
    assert metrics.captured_variance(x, x) == 1
    assert metrics.captured_variance(x, x + 9) < 0
    with pytest.raises(ValueError, match="samples of x are all equal"):
        metrics.captured_variance(torch.ones(5, 2), torch.ones(5, 2))


def test_principal_cosine_of_two_planes_at_a_known_angle():
    angle = 0.3
    a = torch.tensor([[1.0, 0, 0, 0], [0, 1, 0, 0]]).T
    b = torch.tensor([[1.0, 0, 0, 0], [0, math.cos(angle), math.sin(angle), 0]]).T
    cosines = metrics.principal_cosines(a, b)
    assert cosines.tolist() == pytest.approx([1, math.cos(angle)])


def test_principal_cosines_depend_on_the_span_alone():
    a, b = random(20, 4), random(20, 3, seed=1)
    mixed = a @ (random(4, 4, seed=2) + torch.eye(4))
    assert metrics.principal_cosines(a, mixed).tolist() == pytest.approx([1] * 4)
    assert metrics.principal_cosines(a, b).tolist() == pytest.approx(
        metrics.principal_cosines(mixed, b).tolist(), abs=1e-4
    )


def test_principal_cosines_agree_with_scipy():
    linalg = pytest.importorskip("scipy.linalg")
    a, b = random(20, 4), random(20, 3, seed=1)
    angles = linalg.subspace_angles(a.numpy(), b.numpy())
    assert metrics.principal_cosines(a, b).tolist() == pytest.approx(
        sorted(np.cos(angles), reverse=True), abs=1e-5
    )


def test_principal_cosines_refuse_what_spans_no_subspace():
    a = random(5, 2)
    with pytest.raises(ValueError, match=r"transpose it with a.T\?"):
        metrics.principal_cosines(a.T, a.T)
    with pytest.raises(ValueError, match="3 columns of b are linearly dependent"):
        metrics.principal_cosines(a, torch.cat([a, a[:, :1]], dim=1))
    with pytest.raises(ValueError, match="with the same d"):
        metrics.principal_cosines(a, random(6, 2))


def test_nearest_distances_by_hand_and_in_chunks():
    reference = torch.tensor([[0.0, 0], [3, 4], [10, 0]])
    x = torch.tensor([[0.0, 1], [9, 0], [3, 4]])
    for chunk in (1, 2, 100):
        distance, index = metrics.nearest_distances(x, reference, chunk=chunk)
        assert distance.tolist() == [1, 1, 0]
        assert index.tolist() == [0, 2, 1]


def test_nearest_distance_to_itself_is_exactly_zero():
    x = random(300, 784)  # large enough for cdist to multiply matrices
    distance, index = metrics.nearest_distances(x, x)
    assert distance.max().item() == 0
    assert index.tolist() == list(range(300))


@pytest.mark.parametrize("similarity", ["cosine", "euclidean"])
def test_retrieval_precision_agrees_with_scikit_learn(similarity):
    neighbors = pytest.importorskip("sklearn.neighbors")
    queries, gallery = random(40, 6), random(200, 6, seed=1)
    labels = (queries[:, 0] * 3).long()
    gallery_labels = (gallery[:, 0] * 3).long()
    index = neighbors.NearestNeighbors(n_neighbors=7, metric=similarity)
    nearest = index.fit(gallery.numpy()).kneighbors(queries.numpy())[1]
    expected = (gallery_labels.numpy()[nearest] == labels.numpy()[:, None]).mean()
    found = metrics.retrieval_precision(
        queries, labels, gallery, gallery_labels, k=7, similarity=similarity, chunk=9
    )
    assert found == pytest.approx(expected)


def test_cosine_and_euclidean_retrieval_are_not_the_same():
    gallery = torch.tensor([[10.0, 0.0], [0.6, 0.6]])
    query, label = torch.tensor([[1.0, 0.0]]), torch.tensor([0])
    for similarity, expected in (("cosine", 1), ("euclidean", 0)):
        found = metrics.retrieval_precision(
            query, label, gallery, torch.tensor([0, 1]), k=1, similarity=similarity
        )
        assert found == expected


def test_what_does_not_fit_is_named():
    x, y = random(4, 3), torch.zeros(4)
    with pytest.raises(ValueError, match=r"x has shape \(4, 3\) and x_hat \(4,\)"):
        metrics.reconstruction_errors(x, y)
    with pytest.raises(ValueError, match="kind is 'cubic'"):
        metrics.reconstruction_errors(x, x, "cubic")
    with pytest.raises(ValueError, match="k is 5, expected 1 to 4"):
        metrics.retrieval_precision(x, y, x, y, k=5)
    with pytest.raises(ValueError, match="similarity is 'l1'"):
        metrics.retrieval_precision(x, y, x, y, k=1, similarity="l1")
    with pytest.raises(ValueError, match="4 gallery samples have 3 labels"):
        metrics.retrieval_precision(x, y, x, y[:3], k=1)
    with pytest.raises(ValueError, match="as many values in each"):
        metrics.nearest_distances(x, random(4, 2))
    with pytest.raises(ValueError, match="x is empty"):
        metrics.psnr(x[:0], x[:0])


@pytest.mark.parametrize(
    ("module", "call", "package"),
    [
        ("torchmetrics", "ssim(x, x)", "torchmetrics"),
        ("sklearn", "auroc(x.flatten(), torch.arange(4) > 1)", "scikit-learn"),
    ],
)
def test_missing_extra_is_named_and_the_rest_works_without(module, call, package):
    code = (
        f"import sys; sys.modules['{module}'] = None\n"
        "import torch\n"
        "from latentspaces import metrics\n"
        "x = torch.rand(1, 1, 2, 2)\n"
        "metrics.psnr(x, x)\n"
        "try:\n"
        f"    metrics.{call}\n"
        "except ImportError as error:\n"
        "    print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert f"needs {package}" in done.stdout
    assert 'pip install "latentspaces[book]"' in done.stdout


def test_kl_to_standard_normal_against_torch_distributions():
    mu, log_var = 4 * random(5, 3) - 2, 8 * random(5, 3, seed=1) - 4
    q = torch.distributions.Normal(mu, (0.5 * log_var).exp())
    p = torch.distributions.Normal(torch.zeros(3), torch.ones(3))
    expected = torch.distributions.kl_divergence(q, p).sum(1)
    assert torch.allclose(metrics.kl_to_standard_normal(mu, log_var), expected)


def test_kl_to_standard_normal_keeps_its_digits_near_zero():
    log_var = torch.full((1, 1), 1e-4)
    found = metrics.kl_to_standard_normal(torch.zeros(1, 1), log_var).item()
    assert found == pytest.approx(0.25e-8, rel=1e-3)


class LinearGaussian:
    """x = W z + b + σ ε: the model whose likelihood and posterior are known."""

    def __init__(self, *, orthogonal: bool, noise=0.5, d=6, k=3):
        w = torch.randn(d, k, generator=torch.Generator().manual_seed(0)).double()
        if orthogonal:
            w = torch.linalg.qr(w).Q * torch.tensor([0.5, 1.0, 2.0])
        self.w, self.noise = w, noise
        self.precision = torch.eye(k).double() + w.T @ w / noise**2
        covariance = w @ w.T + noise**2 * torch.eye(d).double()
        self.marginal = torch.distributions.MultivariateNormal(
            torch.zeros(d).double(), covariance
        )

    def encode(self, x):
        """The best diagonal q: the exact posterior if W's columns are orthogonal."""
        mu = x @ self.w @ torch.linalg.inv(self.precision) / self.noise**2
        return mu, (-self.precision.diagonal().log()).expand_as(mu)

    def log_likelihood(self, x, z):
        return torch.distributions.Normal(z @ self.w.T, self.noise).log_prob(x).sum(1)


@pytest.fixture
def examples():
    return 2 * torch.randn(20, 6, generator=torch.Generator().manual_seed(1)).double()


def test_bounds_equal_the_exact_likelihood_where_q_is_the_posterior(examples):
    model = LinearGaussian(orthogonal=True)
    arguments = examples, model.encode, model.log_likelihood
    exact = model.marginal.log_prob(examples)
    # Every weight is p(x) itself, so one sample is enough.
    weighted = metrics.importance_weighted_bound(*arguments, samples=1)
    assert torch.allclose(weighted, exact, atol=1e-9)
    lower = metrics.elbo(*arguments, samples=4000)
    assert torch.allclose(lower.mean(), exact.mean(), atol=0.02)


def test_elbo_is_below_the_likelihood_by_the_divergence_from_the_posterior(examples):
    model = LinearGaussian(orthogonal=False)
    lower = metrics.elbo(examples, model.encode, model.log_likelihood, samples=4000)
    _, log_var = model.encode(examples[:1])
    # KL between two Gaussians of equal means, covariances diag σ² and precision⁻¹.
    # Its trace is k, since each variance is one over the precision's diagonal.
    divergence = -0.5 * (model.precision.logdet() + log_var[0].sum())
    assert divergence > 0.1
    gap = model.marginal.log_prob(examples).mean() - lower.mean()
    assert gap.item() == pytest.approx(divergence.item(), abs=0.03)


def test_importance_weighted_bound_rises_to_the_likelihood(examples):
    model = LinearGaussian(orthogonal=False)
    arguments = examples, model.encode, model.log_likelihood
    exact = model.marginal.log_prob(examples).mean()
    gaps = [
        (exact - metrics.importance_weighted_bound(*arguments, samples=n).mean()).item()
        for n in (1, 10, 5000)
    ]
    assert gaps[0] > gaps[1] > gaps[2]
    assert gaps[0] > 0.3 and abs(gaps[2]) < 0.05


def test_bounds_survive_weights_beyond_the_range_of_exp():
    def encode(x):
        return torch.zeros(len(x), 2), torch.zeros(len(x), 2)

    def log_likelihood(x, z):
        return torch.full((len(x),), -2000.0)

    found = metrics.importance_weighted_bound(
        torch.zeros(3, 1), encode, log_likelihood, samples=7
    )
    assert found.tolist() == pytest.approx([-2000.0] * 3)


def test_bounds_leave_the_random_state_and_repeat(examples):
    model = LinearGaussian(orthogonal=False)
    before = torch.get_rng_state()
    arguments = examples, model.encode, model.log_likelihood
    one, two, other = (metrics.elbo(*arguments, seed=seed) for seed in (3, 3, 4))
    assert torch.equal(one, two) and not torch.equal(one, other)
    assert torch.equal(torch.get_rng_state(), before)


def test_bounds_say_which_function_gave_a_wrong_shape(examples):
    model = LinearGaussian(orthogonal=True)
    with pytest.raises(ValueError, match="samples is 0"):
        metrics.elbo(examples, model.encode, model.log_likelihood, samples=0)
    with pytest.raises(ValueError, match=r"log_likelihood gave shape \(\) for 20"):
        metrics.elbo(
            examples, model.encode, lambda x, z: model.log_likelihood(x, z).mean()
        )
    with pytest.raises(ValueError, match=r"encode gave mu of shape \(3,\)"):
        metrics.elbo(examples, lambda x: (x[0, :3], x[0, :3]), model.log_likelihood)


def test_frechet_distance_against_the_matrix_square_root_of_scipy():
    linalg = pytest.importorskip("scipy.linalg")
    a = random(300, 5) @ random(5, 5, seed=1)
    b = random(200, 5, seed=2) @ random(5, 5, seed=3) + 0.3
    mean = (a.double().mean(0) - b.double().mean(0)).numpy()
    c_a, c_b = (x.double().T.cov().numpy() for x in (a, b))
    root = linalg.sqrtm(c_a @ c_b).real
    expected = mean @ mean + np.trace(c_a + c_b - 2 * root)
    assert metrics.frechet_distance(a, b) == pytest.approx(expected, rel=1e-6)
    assert metrics.frechet_distance(b, a) == pytest.approx(expected, rel=1e-6)


def test_frechet_distance_against_torchmetrics():
    fid = pytest.importorskip("torchmetrics.image.fid")
    a, b = random(300, 5), 2 * random(200, 5, seed=2)
    moments = [m for x in (a, b) for m in (x.double().mean(0), x.double().T.cov())]
    expected = fid._compute_fid(*moments).item()
    assert metrics.frechet_distance(a, b) == pytest.approx(expected, rel=1e-6)


def test_frechet_distance_in_closed_form():
    a = random(100, 4)
    shift = torch.tensor([3.0, 0.0, 0.0, 4.0])
    assert metrics.frechet_distance(a, a) == pytest.approx(0, abs=1e-12)
    assert metrics.frechet_distance(a, a + shift) == pytest.approx(25, rel=1e-5)
    # Twice the spread: C_b = 4 Cₐ, so tr(Cₐ + C_b - 2 (Cₐ C_b)^½) = tr Cₐ.
    twice = 2 * a - a.mean(0)
    variance = a.var(0).sum().item()
    assert metrics.frechet_distance(a, twice) == pytest.approx(variance, rel=1e-5)


def test_frechet_distance_of_features_that_do_not_vary():
    """Units that never answer and sets smaller than the width leave no full rank."""
    a, b = random(3, 8), random(3, 8, seed=1)
    a[:, 2] = b[:, 2] = 0
    assert metrics.frechet_distance(a, a) == pytest.approx(0, abs=1e-12)
    assert 0 < metrics.frechet_distance(a, b) < 10


def test_frechet_distance_refuses_what_it_cannot_judge():
    a = random(10, 3)
    with pytest.raises(ValueError, match=r"b has shape \(1, 3\)"):
        metrics.frechet_distance(a, a[:1])
    with pytest.raises(ValueError, match="as many values in each"):
        metrics.frechet_distance(a, random(10, 4))
    with pytest.raises(ValueError, match="a contains NaN or infinite features"):
        metrics.frechet_distance(a / 0, a)


def test_modes_covered_by_hand():
    modes = torch.tensor([[0.0, 0.0], [10.0, 0.0], [20.0, 0.0]])
    x = torch.tensor([[0.5, 0.0]] * 97 + [[10.0, 1.0]] * 2 + [[20.0, 1.01]])
    covered, good = metrics.modes_covered(x, modes, radius=1.0)
    assert covered == 2
    assert good == pytest.approx(0.99)
    # The second mode has 2% of the samples, the third none within the radius.
    assert metrics.modes_covered(x, modes, 1.0, share=0.03) == (1, good)
    assert metrics.modes_covered(x, modes, 1.1) == (3, 1.0)


def test_modes_covered_refuses_a_radius_that_nothing_can_be_within():
    modes = torch.zeros(1, 2)
    with pytest.raises(ValueError, match="radius is 0"):
        metrics.modes_covered(random(3, 2), modes, 0)
    with pytest.raises(ValueError, match="x has 0 samples"):
        metrics.modes_covered(random(3, 2)[:0], modes, 1.0)
