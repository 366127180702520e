"""Figures: what they show, how large their print is, and their alt text."""

import base64
import io
import re
from unittest import mock

import pytest
import torch
from matplotlib import pyplot as plt
from matplotlib.colors import to_rgb
from PIL import Image

from latentspaces import plots
from latentspaces.training import History

ALT = 'Two "garments" & a curve'
CLASSES = tuple(f"class {i}" for i in range(10))


def images(*shape):
    return torch.linspace(0, 1, 784).reshape(28, 28).expand(*shape, 28, 28)


def history(epochs=4):
    falling = [1 / (i + 1) for i in range(epochs)]
    return History(train=falling, validation=[v + 0.1 for v in falling])


def codes(n=300):
    generator = torch.Generator().manual_seed(0)
    y = torch.arange(n) % 10
    return torch.randn(n, 2, generator=generator), y


CALLS = {
    "image_grid": lambda **alt: plots.image_grid(images(2), **alt),
    "training_curves": lambda **alt: plots.training_curves(history(), **alt),
    "latent_map": lambda **alt: plots.latent_map(*codes(), CLASSES, **alt),
    "show": lambda **alt: plots.show(plots.subplots()[0], **alt),
}


@pytest.fixture
def shown(monkeypatch):
    """What a notebook would display."""
    bundles = []
    notebook = mock.MagicMock()

    def display(bundle, *, raw):
        assert raw
        bundles.append(bundle)

    monkeypatch.setattr("IPython.get_ipython", lambda: notebook)
    monkeypatch.setattr("IPython.display.display", display)
    return bundles


@pytest.mark.parametrize("name", CALLS)
def test_every_figure_carries_its_alt_text_in_a_page_and_a_plain_png(name, shown):
    CALLS[name](alt=ALT)
    (bundle,) = shown
    assert 'alt="Two &quot;garments&quot; &amp; a curve"' in bundle["text/html"]
    assert "max-width:100%" in bundle["text/html"]
    assert bundle["text/plain"] == f"Figure: {ALT}"
    png = base64.b64decode(bundle["image/png"])
    assert bundle["image/png"] in bundle["text/html"]
    picture = Image.open(io.BytesIO(png))
    width = int(re.search(r'width="(\d+)"', bundle["text/html"])[1])
    assert picture.width == pytest.approx(2 * width, abs=2)
    assert width <= 600


@pytest.mark.parametrize("name", CALLS)
def test_every_figure_needs_alt_text(name, shown):
    with pytest.raises(TypeError, match="alt"):
        CALLS[name]()
    for nothing in ("", "  ", None):
        with pytest.raises(ValueError, match="expected a sentence"):
            CALLS[name](alt=nothing)
    assert not shown


def test_outside_a_notebook_nothing_is_shown(capsys):
    plots.image_grid(images(2), alt=ALT)
    assert capsys.readouterr().out == ""


def test_figure_made_by_pyplot_is_shown_once(shown):
    fig, _ = plt.subplots()
    plots.show(fig, alt=ALT)
    assert len(shown) == 1
    assert not plt.fignum_exists(fig.number)


def test_print_stays_readable_when_a_phone_halves_the_figure():
    figures = [
        plots.grid_figure(images(10), None, CLASSES, 10),
        plots.grid_figure(images(2, 3), ["data", "noise"], ["a", "b", "c"], 10),
        plots._draw_training_curves({"a": history()}, "loss", False),
        plots._draw_latent_map(*codes(), CLASSES, ("a", "b")),
    ]
    for fig in figures:
        texts = [t for t in fig.findobj(plt.Text) if t.get_text() and t.get_visible()]
        assert texts
        # At 100 pixels per inch, and 340 pixels of a phone's width.
        shrink = min(1, 340 / (100 * fig.get_figwidth()))
        smallest = min(text.get_fontsize() for text in texts) * 100 / 72 * shrink
        assert smallest >= 8


def luminance(colour):
    return sum(
        weight * (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4)
        for weight, c in zip((0.2126, 0.7152, 0.0722), to_rgb(colour), strict=True)
    )


def test_ten_classes_differ_in_colour_and_in_marker():
    assert len(set(plots.COLOURS)) == len(set(plots.MARKERS)) == 10
    assert plots.COLOURS[0] == "#0072B2"  # curves: Okabe and Ito's, blue first
    first = [luminance(colour) for colour in plots.COLOURS[:2]]
    assert abs(first[0] - first[1]) > 0.15  # told apart in grey print too


def grid_pixels(fig):
    return [axis.images[0].get_array() for axis in fig.axes if axis.images]


@pytest.mark.parametrize("shape", [(6,), (6, 1), (2, 3), (2, 3, 1)])
def test_image_grid_takes_the_shapes_that_it_names(shape):
    fig = plots.grid_figure(images(*shape), None, None, 3)
    assert len(grid_pixels(fig)) == 6
    lefts = [round(axis.get_position().x0, 6) for axis in fig.axes]
    tops = [round(axis.get_position().y1, 6) for axis in fig.axes]
    assert lefts[:3] == lefts[3:] == sorted(set(lefts))
    assert tops[0] == tops[1] == tops[2] > tops[3] == tops[4] == tops[5]


def test_image_grid_keeps_the_order_row_by_row():
    levels = torch.arange(6).float() / 10
    given = levels.reshape(2, 3, 1, 1).expand(2, 3, 28, 28)
    fig = plots.grid_figure(given, None, None, 10)
    shown_levels = [float(pixels[0, 0]) for pixels in grid_pixels(fig)]
    assert shown_levels == pytest.approx(levels.tolist())


def test_image_grid_does_not_stretch_the_grey_scale():
    fig = plots.grid_figure(torch.full((1, 28, 28), 0.4), None, None, 1)
    assert fig.axes[0].images[0].get_clim() == (0, 1)


def test_image_grid_leaves_the_rest_of_an_unfinished_row_empty():
    fig = plots.grid_figure(images(4), None, None, 3)
    assert len(grid_pixels(fig)) == 4
    assert not any(axis.axison for axis in fig.axes)


def test_image_grid_cuts_no_label_off():
    for rows, titles in [
        (["data", "average of\nreconstructions"], None),
        (["x", "y"], ["shifted", "checker-\nboard", "a"]),
        (None, ["one", "two\nlines", "p", "Ankle boot", "Bag", "gy"]),
    ]:
        fig = plots.grid_figure(images(6), rows, titles, 3)
        fig.draw_without_rendering()
        texts = [text for axis in fig.axes for text in (axis.title, *axis.texts)]
        for text in texts:
            box = text.get_window_extent()
            if text.get_text():
                assert fig.bbox.x0 - 1 <= box.x0
                assert box.x1 <= fig.bbox.x1 + 1
                assert fig.bbox.y0 - 1 <= box.y0
                assert box.y1 <= fig.bbox.y1 + 1


def test_image_grid_labels_rows_and_columns_or_each_image():
    def titles(fig):
        return [axis.get_title() for axis in fig.axes]

    fig = plots.grid_figure(images(2, 2), ["x", "x̂"], ["a", "b"], 10)
    assert titles(fig) == ["a", "b", "", ""]
    assert [t.get_text() for axis in fig.axes for t in axis.texts] == ["x", "x̂"]
    fig = plots.grid_figure(images(4), None, ["a", "b", "c", "d"], 2)
    assert titles(fig) == ["a", "b", "c", "d"]


@pytest.mark.parametrize(
    ("rows", "titles", "message"),
    [
        (["one"], None, "1 row labels for 2 rows"),
        (None, ["a"], "1 titles for 3 columns and 6 images"),
    ],
)
def test_labels_that_do_not_match_the_grid_are_refused(rows, titles, message):
    with pytest.raises(ValueError, match=message):
        plots.grid_figure(images(6), rows, titles, 3)


@pytest.mark.parametrize("shape", [(28, 28), (0, 28, 28), (3, 784), (1, 2, 3, 4, 5, 6)])
def test_what_is_no_image_is_refused_with_its_shape(shape):
    with pytest.raises(ValueError, match=re.escape(f"images has shape {shape}")):
        plots.image_grid(torch.zeros(shape), alt=ALT)


def test_training_curves_show_each_loss_against_its_epoch():
    runs = {"Muon": history(3), "Adam": history(5)}
    (axis,) = plots._draw_training_curves(runs, "mean squared error", True).axes
    assert [line.get_label() for line in axis.lines] == [
        "Muon, training",
        "Muon, validation",
        "Adam, training",
        "Adam, validation",
    ]
    assert list(axis.lines[3].get_xdata()) == [1, 2, 3, 4, 5]
    assert list(axis.lines[3].get_ydata()) == runs["Adam"].validation
    assert axis.get_xlabel() == "epoch"
    assert axis.get_ylabel() == "mean squared error"
    assert axis.get_yscale() == "log"


def test_training_curves_refuse_a_history_without_epochs():
    with pytest.raises(ValueError, match="the history 'Muon' has no epoch"):
        plots.training_curves({"Muon": History()}, alt=ALT)


def test_latent_map_names_each_class_at_its_points():
    z = torch.tensor([[0.0, 0], [1, 0], [8, 8], [9, 8]])
    y = torch.tensor([0, 0, 1, 1])
    (axis,) = plots._draw_latent_map(z, y, ("boot", "bag"), ("a", "b")).axes
    names = {text.get_text(): text for text in axis.texts}
    assert set(names) == {"boot", "bag"}
    assert names["bag"].xy[0] >= 8
    points = [c.get_offsets().tolist() for c in axis.collections]
    assert points == [z[:2].tolist(), z[2:].tolist()]


@pytest.mark.parametrize("corner", [0.0, 50.0, -50.0])
def test_names_in_the_latent_map_do_not_cover_one_another(corner):
    z, y = codes()  # ten classes on one spot, in the middle or in a corner
    z = torch.cat([z + corner, -z[:1] - corner])
    y = torch.cat([y, y[:1]])
    fig = plots._draw_latent_map(z, y, CLASSES, ("a", "b"))
    fig.draw_without_rendering()
    frame = fig.axes[0].get_window_extent()
    boxes = [t.get_bbox_patch().get_window_extent() for t in fig.axes[0].texts]
    for i, box in enumerate(boxes):
        assert frame.x0 - 4 <= box.x0 and box.x1 <= frame.x1 + 4
        assert frame.y0 - 4 <= box.y0 and box.y1 <= frame.y1 + 4
        for other in boxes[:i]:
            assert not (
                min(box.x1, other.x1) - max(box.x0, other.x0) > 2
                and min(box.y1, other.y1) - max(box.y0, other.y0) > 2
            )


@pytest.mark.parametrize(
    ("z", "y", "classes", "message"),
    [
        (torch.zeros(3, 3), torch.zeros(3).long(), CLASSES, r"z has shape \(3, 3\)"),
        (torch.zeros(3, 2), torch.zeros(2).long(), CLASSES, r"and y \(2,\)"),
        (torch.zeros(1, 2), torch.tensor([7]), ("a", "b"), "labels from 7 to 7"),
        (torch.zeros(1, 2), torch.tensor([0]), ("a",) * 11, "11 classes"),
    ],
)
def test_latent_map_names_what_does_not_fit(z, y, classes, message):
    with pytest.raises(ValueError, match=message):
        plots.latent_map(z, y, classes, alt=ALT)
