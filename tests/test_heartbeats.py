"""The drawn heartbeats solve their model and stand in for ECG5000."""

import itertools
import math

import pytest
import torch
from torch import nn

from latentspaces import heartbeats
from latentspaces.heartbeats import CLASSES, COUNTS, FACTOR_NAMES, WAVES, draw


@pytest.fixture(scope="module")
def drawn():
    return draw(5000, seed=0)


def auroc(normal, abnormal):
    """Share of pairs in which the abnormal beat has the higher score."""
    return (abnormal[:, None] > normal).float().mean().item()


def test_beats_have_the_format_and_the_proportions_of_ecg5000(drawn):
    assert drawn.x.shape == (5000, 140) and drawn.x.dtype == torch.float32
    assert drawn.y.dtype == torch.int64 and len(CLASSES) == 5
    assert tuple(drawn.y.bincount().tolist()) == COUNTS == (2919, 1767, 96, 194, 24)
    assert len(drawn.y[:50].unique()) > 1, "shuffled"
    assert drawn.factors.shape == (5000, len(FACTOR_NAMES))
    assert drawn.factor_names == FACTOR_NAMES
    assert drawn.factors.isfinite().all()


def test_each_beat_is_standardised(drawn):
    zero, one = torch.zeros(5000), torch.ones(5000)
    torch.testing.assert_close(drawn.x.mean(1), zero, rtol=0, atol=1e-5)
    torch.testing.assert_close(drawn.x.std(1), one, rtol=0, atol=1e-4)


def test_chosen_classes_keep_their_proportions():
    counts = draw(305, classes=[0, 3]).y.bincount(minlength=5).tolist()
    assert counts == [286, 0, 0, 19, 0]


def test_same_seed_gives_same_bytes_for_any_number_of_threads():
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        one = draw(9000, seed=5)
        torch.set_num_threads(3)
        three = draw(9000, seed=5)
    finally:
        torch.set_num_threads(threads)
    assert torch.equal(one.x, three.x) and torch.equal(one.y, three.y)
    assert torch.equal(one.factors, three.factors)
    assert not torch.equal(one.x, draw(9000, seed=6).x)


def test_beats_solve_the_three_equations_of_the_model(drawn):
    """McSharry et al. 2003, equation 1, with all of (x, y, z), in small steps."""
    factors = drawn.factors[:40].double()
    rate, _, wander, phase, _ = factors[:, :5].unbind(1)
    angle, height, width = factors[:, 5:].unflatten(1, (3, len(WAVES))).unbind(1)
    omega = 2 * math.pi * rate / 60
    a = height * omega[:, None] / width**2

    def derivative(state, turn):
        x, y, z = state
        theta = torch.atan2(y, x)
        theta = theta + 2 * math.pi * ((turn - theta) / (2 * math.pi)).round()
        offset = theta[:, None] - angle
        waves = a * offset * torch.exp(-(offset**2) / (2 * width**2))
        pull = 1 - (x**2 + y**2).sqrt()
        return torch.stack(
            [pull * x - omega * y, pull * y + omega * x, -waves.sum(1) - z]
        )

    steps, sample = 6, 2 * math.pi / 140
    start, dt = -6 * sample, sample / steps / omega
    state = torch.stack(
        [torch.full_like(rate, f(start)) for f in (math.cos, math.sin)]
        + [torch.zeros_like(rate)]
    )
    voltage = []
    for i in range(152 * steps):
        turn = start + i * sample / steps
        if i % steps == 0 and i >= 12 * steps:
            voltage.append(state[2] + wander * torch.sin(turn / 2 + phase))
        k1 = derivative(state, turn)
        k2 = derivative(state + dt / 2 * k1, turn)
        k3 = derivative(state + dt / 2 * k2, turn)
        k4 = derivative(state + dt * k3, turn)
        state = state + dt / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
    ours = heartbeats._voltage(drawn.factors[:40]).double()
    torch.testing.assert_close(ours, torch.stack(voltage, 1), rtol=0, atol=0.01)


def test_recorded_factors_explain_the_beats(drawn):
    clean = heartbeats._voltage(drawn.factors)
    clean = (clean - clean.mean(1, keepdim=True)) / clean.std(1, keepdim=True)
    rest = (drawn.x - clean).std(1)
    noise = drawn.factors[:, FACTOR_NAMES.index("noise")]
    assert (rest < 3 * noise).all()
    tall = (drawn.y == 0) & (drawn.factors[:, FACTOR_NAMES.index("P height")] > 1.5)
    place = drawn.factors[tall, FACTOR_NAMES.index("P angle")]
    peak = clean[tall, 90:118].argmax(1).float()
    assert torch.corrcoef(torch.stack([place, peak]))[0, 1] > 0.9


def test_mean_beats_look_like_those_of_ecg5000(drawn):
    at = [0, 3, 10, 20, 36, 60, 75, 90, 104, 120, 132]
    # means over ECG5000's 2,919 normal beats; the abnormal ones are compared in words
    real = [-0.4, -3.9, -0.3, -0.3, -0.7, 0.1, 0.5, 0.4, 1.6, -0.2, 1.0]
    normal = drawn.x[drawn.y == 0].mean(0)
    torch.testing.assert_close(normal[at], torch.tensor(real), rtol=0, atol=0.3)
    r_on_t, pvc, premature = (drawn.x[drawn.y == c].mean(0) for c in (1, 2, 3))
    assert r_on_t.argmin() > 130 and r_on_t.min() < -2, "ends in a deep trough"
    assert 118 < pvc.argmax() < 130 and pvc[-1] < -1.5, "a hump, then a trough"
    assert premature[128:].min() > 0.5, "ends high, with no trough"
    assert -8 < drawn.x.min() < -5 and 3 < drawn.x.max() < 8


@pytest.fixture(scope="module")
def split(drawn):
    low, high = drawn.x[:4000].min(), drawn.x[:4000].max()
    scaled = (drawn.x - low) / (high - low)
    train = scaled[:4000][drawn.y[:4000] == 0]
    test, normal = scaled[4000:], drawn.y[4000:] == 0
    return train, test[normal], test[~normal]


def test_the_detector_of_the_overview_works_and_is_not_perfect(split):
    train, normal, abnormal = split
    torch.manual_seed(0)
    layers = []
    sizes = (140, 32, 16, 8, 16, 32, 140)
    for before, after in itertools.pairwise(sizes):
        layers += [nn.Linear(before, after), nn.ReLU()]
        nn.init.xavier_uniform_(layers[-2].weight)
        nn.init.zeros_(layers[-2].bias)
    model = nn.Sequential(*layers[:-1], nn.Sigmoid())
    optimizer = torch.optim.Adam(model.parameters())
    for _ in range(20):
        for x in train[torch.randperm(len(train))].split(512):
            optimizer.zero_grad()
            (model(x) - x).abs().mean().backward()
            optimizer.step()
    with torch.no_grad():
        errors = [(model(x) - x).abs().mean(1) for x in (train, normal, abnormal)]
    threshold = errors[0].mean() + errors[0].std()
    right = torch.cat([errors[1] < threshold, errors[2] >= threshold])
    assert 0.87 < right.float().mean() < 0.985
    assert 0.93 < auroc(errors[1], errors[2]) < 0.999


def test_simple_detectors_score_as_they_do_on_ecg5000(split):
    train, *others = split
    median, mean = train.median(0).values, train.mean(0)
    axes = torch.linalg.svd(train - mean, full_matrices=False)[2]

    def unexplained(x, k):
        rest = x - mean
        return (rest - rest @ axes[:k].T @ axes[:k]).square().sum(1)

    def neighbours(x):
        return torch.cdist(x, train).topk(5, largest=False).values.mean(1)

    scores = {
        "median beat": auroc(*((x - median).abs().mean(1) for x in others)),
        "PCA 2": auroc(*(unexplained(x, 2) for x in others)),
        "5 neighbours": auroc(*(neighbours(x) for x in others)),
    }
    for name, score in scores.items():
        assert 0.95 < score < 0.9995, f"{name}: {score:.4f}"
    # too good a reconstructor explains the abnormal beats as well
    assert auroc(*(unexplained(x, 64) for x in others)) < 0.7


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n": 0}, "n is 0"),
        ({"n": 2, "classes": [5]}, "5"),
        ({"n": 2, "classes": []}, "classes"),
    ],
)
def test_wrong_requests_are_refused_by_name(arguments, message):
    with pytest.raises(ValueError, match=message):
        draw(**arguments)
