"""The drawn garments keep what the manifold and autoencoder chapters build on."""

import pytest
import torch
from torch import nn

from latentspaces import garments
from latentspaces.garments import CLASSES, FACTOR_NAMES, RANGES, draw, render

LOW, HIGH = torch.tensor(list(RANGES.values())).unbind(1)


@pytest.fixture(scope="module")
def drawn():
    return draw(1000, seed=3)


def held(*free, **values):
    """Every factor at 0 but those named, and no pattern."""
    factors = dict.fromkeys(FACTOR_NAMES, 0.0) | {"texture": -1.0} | values
    return {name: value for name, value in factors.items() if name not in free}


def test_images_have_the_format_and_the_classes_of_fashion_mnist(drawn):
    assert CLASSES == (
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    )
    assert drawn.x.shape == (1000, 1, 28, 28) and drawn.x.dtype == torch.float32
    assert drawn.y.shape == (1000,) and drawn.y.dtype == torch.int64
    assert drawn.x.min() == 0 and 0.9 < drawn.x.max() <= 1
    assert (drawn.x == 0).float().mean() > 0.3, "the background is black"
    assert (drawn.x > 0.3).flatten(1).any(1).all(), "no image is empty"


def test_garments_fill_the_frame(drawn):
    for label, name in enumerate(CLASSES):
        ink = drawn.x[drawn.y == label].mean(0)[0] > 0.05
        across, down = ink.any(0).sum(), ink.any(1).sum()
        assert max(across, down) >= 24, name


def test_classes_are_balanced_and_shuffled(drawn):
    assert drawn.y.bincount().tolist() == [100] * 10
    assert len(drawn.y[:100].unique()) == 10
    assert drawn.y[:20].tolist() != drawn.y[20:40].tolist(), "shuffled"
    some = draw(31, classes=[9, 2]).y
    assert sorted(some.bincount(minlength=10).tolist()) == [0] * 8 + [15, 16]
    assert set(some.tolist()) == {2, 9}


def test_same_seed_gives_same_bytes_for_any_number_of_threads():
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        one = draw(700, seed=5)
        torch.set_num_threads(3)
        three = draw(700, seed=5)
    finally:
        torch.set_num_threads(threads)
    assert torch.equal(one.x, three.x) and torch.equal(one.y, three.y)
    assert torch.equal(one.factors, three.factors)
    assert not torch.equal(one.x, draw(700, seed=6).x)


def test_recorded_factors_decide_every_pixel(drawn):
    assert torch.equal(render(drawn.y, drawn.factors), drawn.x)
    backwards = render(drawn.y.flip(0), drawn.factors.flip(0)).flip(0)
    torch.testing.assert_close(backwards, drawn.x, rtol=0, atol=1e-5)


def test_factors_stay_in_range_and_held_ones_at_their_value(drawn):
    assert ((drawn.factors >= LOW) & (drawn.factors <= HIGH)).all()
    tilt = torch.linspace(-20, 20, 50)
    some = draw(50, factors={"tilt": tilt, "shade": 0.5})
    column = dict(zip(some.factor_names, some.factors.unbind(1), strict=True))
    assert torch.equal(column["tilt"], tilt)
    assert (column["shade"] == 0.5).all() and column["width"].std() > 0.3


@pytest.mark.parametrize("label", range(10), ids=CLASSES)
def test_active_factors_are_those_that_change_the_picture(label):
    generator = torch.Generator().manual_seed(label)
    base = torch.rand(8, len(FACTOR_NAMES), generator=generator)
    base = LOW + (HIGH - LOW) * base
    base[:, FACTOR_NAMES.index("texture")] = 0.6  # without one, pitch has no meaning
    y = torch.full((8,), label)
    for j, name in enumerate(FACTOR_NAMES):
        low, high = base.clone(), base.clone()
        low[:, j], high[:, j] = LOW[j], HIGH[j]
        change = (render(y, low) - render(y, high)).abs().flatten(1).amax(1)
        if garments.active_factors()[label, j]:
            assert change.min() > 0.02, name
        else:
            assert change.max() == 0, name


def test_pictures_move_smoothly_with_every_factor(drawn):
    x = drawn.x[:200]
    for j, name in enumerate(FACTOR_NAMES):
        moved = drawn.factors[:200].clone()
        moved[:, j] += (HIGH[j] - LOW[j]) * 1e-3
        change = (render(drawn.y[:200], moved) - x).abs().max()
        assert change < 0.03, f"{name}: a pixel jumps by {change:.3f}"


def test_position_is_in_pixels_and_tilt_in_degrees_clockwise():
    def one(label, **values):
        return draw(1, classes=[label], factors=held(**values)).x[0, 0]

    moved = one(7, x=2.0, y=-3.0)
    torch.testing.assert_close(moved[3:-5, 4:-4], one(7)[6:-2, 2:-6], rtol=0, atol=1e-5)

    def lean(image):
        """How far the middle of the top rows lies to the right of the bottom rows'."""
        across = torch.arange(28.0)
        top, bottom = (
            (rows @ across).sum() / rows.sum() for rows in (image[:7], image[21:])
        )
        return top - bottom

    # Clockwise: the top goes to the right and the right end goes down, each by about
    # 21 sin(10 degrees) = 3.6 pixels, since the ends are 21 pixels apart.
    upright, turned = one(1), one(1, tilt=10.0)
    assert 2.5 < lean(turned) - lean(upright) < 4.5
    flat, turned = one(7), one(7, tilt=10.0)
    assert -4.5 < lean(turned.T) - lean(flat.T) < -2.5


@pytest.mark.parametrize("label", [0, 8])
def test_intrinsic_dimension_is_the_number_of_free_factors(label):
    """TwoNN (Facco et al. 2017): n over the sum of log(r2 / r1)."""
    free = ["tilt", "x", "y", "width", "length", "shade", "contrast", "light"]
    for k, low, high in ((2, 1.85, 2.2), (4, 3.5, 4.4), (6, 5.2, 6.6), (8, 6.3, 8.4)):
        x = draw(2500, seed=1, classes=[label], factors=held(*free[:k])).x
        x = x.flatten(1).double()  # in single precision near pairs would be at 0
        r = torch.cdist(x, x).fill_diagonal_(torch.inf).topk(2, largest=False).values
        dimension = len(x) / (r[:, 1] / r[:, 0]).log().sum()
        assert low < dimension < high, f"{k} factors: {dimension:.2f}"


def test_half_way_in_factors_is_a_garment_and_half_way_in_pixels_is_not():
    a, b = (
        draw(100, seed=s, classes=[0], factors=held("tilt", "x", "y")) for s in (1, 2)
    )
    others = draw(3000, seed=3, classes=[0], factors=held("tilt", "x", "y"))

    def distance(x):
        nearest = torch.cdist(x.flatten(1), others.x.flatten(1)).amin(1)
        return nearest.mean()

    true = render(a.y, (a.factors + b.factors) / 2)
    assert distance((a.x + b.x) / 2) > 3 * distance(true)


def test_a_small_network_tells_the_classes_apart():
    train, test = draw(10_000, seed=0), draw(2000, seed=1)
    torch.manual_seed(0)
    model = nn.Sequential(
        *(nn.Conv2d(1, 16, 3, 2, 1), nn.ReLU(), nn.Conv2d(16, 32, 3, 2, 1), nn.ReLU()),
        *(nn.Flatten(), nn.Linear(32 * 7 * 7, 64), nn.ReLU(), nn.Linear(64, 10)),
    )
    optimizer = torch.optim.Adam(model.parameters(), 2e-3)
    for rows in torch.cat([torch.randperm(10_000) for _ in range(3)]).split(64):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(train.x[rows]), train.y[rows])
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        right = model(test.x).argmax(1) == test.y
    assert right.float().mean() >= 0.95


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n": 0}, "n is 0"),
        ({"n": 2, "classes": [10]}, "10"),
        ({"n": 2, "classes": []}, "classes"),
        ({"n": 2, "factors": {"colour": 0.0}}, "colour.*width"),
        ({"n": 2, "factors": {"width": torch.zeros(3)}}, r"width.*\(3,\).*2"),
        ({"n": 2, "factors": {"width": float("nan")}}, "width.*finite"),
    ],
)
def test_wrong_requests_are_refused_by_name(arguments, message):
    with pytest.raises(ValueError, match=message):
        draw(**arguments)


def test_render_refuses_factors_and_classes_that_do_not_fit(drawn):
    with pytest.raises(ValueError, match=r"\(3, 17\)"):
        render(drawn.y[:2], drawn.factors[:3])
    with pytest.raises(ValueError, match="10"):
        render(torch.tensor([10]), drawn.factors[:1])
