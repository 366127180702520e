"""Explorers: what PyTorch answers, the page's JavaScript must answer as well."""

from __future__ import annotations

import base64
import json
import math
import re

import numpy as np
import pytest
import torch
from books import ROOT, built_book
from playwright.sync_api import Page
from torch import nn

from latentspaces import explorers, plots
from latentspaces.explorers.vae import norm_range

SCRIPTS = ROOT / "book" / "_static" / "explorers"

# One for each promise of the table of contents.
KINDS = {
    "manifold-learning": {"swiss-roll"},
    "autoencoder": {"latent-pad"},
    "anomaly-detection": {"threshold"},
    "denoising": {"denoiser"},
    "vae": {"traversal"},
    "gan": {"discriminator", "dirac-gan"},
}
TYPES = {"f4": "<f4", "u1": "u1", "i1": "i1", "i2": "<i2"}


def numbers(field) -> np.ndarray:
    found = np.frombuffer(base64.b64decode(field["data"]), TYPES[field["type"]])
    return found.reshape(field["shape"])


@pytest.fixture
def shown(monkeypatch):
    """The HTML of what a cell displays."""
    pages = []
    monkeypatch.setattr("IPython.get_ipython", lambda: object())
    monkeypatch.setattr(
        "IPython.display.display",
        lambda bundle, *, raw: pages.append(bundle["text/html"]),
    )
    return pages


def figure():
    return plots.subplots()[0]


# --- the compact form ---


def dense():
    return nn.Sequential(
        nn.Linear(3, 200), nn.ReLU(), nn.Linear(200, 300), nn.SiLU(),
        nn.Linear(300, 49), nn.Sigmoid(),
    )  # fmt: skip


def convolutional():
    return nn.Sequential(
        nn.Linear(3, 64 * 7 * 7), nn.Unflatten(1, (64, 7, 7)), nn.LeakyReLU(0.2),
        nn.Conv2d(64, 32, 3, padding=1), nn.PixelShuffle(2), nn.Tanh(),
        nn.Conv2d(8, 4, 5, padding=2, bias=False), nn.Flatten(),
        nn.Linear(4 * 14 * 14, 2),
    )  # fmt: skip


def residual():
    block = explorers.Skip(nn.Conv2d(8, 8, 3, padding=1), nn.ReLU())
    return nn.Sequential(
        nn.Unflatten(1, (1, 6, 4)),
        explorers.Skip(
            nn.PixelUnshuffle(2), nn.Conv2d(4, 8, 3, padding="same"), block,
            nn.Conv2d(8, 4, 1), nn.PixelShuffle(2),
        ),
        nn.Flatten(),
    )  # fmt: skip


NETWORKS = {"dense": (dense, 3), "conv": (convolutional, 3), "skip": (residual, 24)}
PROBE = """
LatentSpaces.explorer("probe", (panel, contents, kit) => ({
  evaluate: (inputs) => kit.batch(kit.network(contents.model), inputs),
}));
"""


@pytest.mark.parametrize("name", NETWORKS)
def test_page_computes_what_pytorch_does(browser, shown, tmp_path, name):
    torch.manual_seed(0)
    make, inputs = NETWORKS[name]
    model, x = make(), torch.randn(5, inputs)
    contents = {
        "model": explorers.pack(model),
        "checks": explorers.checks(explorers.rounded(model), x),
    }
    explorers.show("probe", contents, figure(), title="A probe", alt="Nothing.")
    core = (SCRIPTS / "core.js").read_text("utf-8")
    path = tmp_path / "probe.html"
    path.write_text(f"{shown[0]}<script>{core}{PROBE}</script>", "utf-8")
    page = browser.new_page()
    page.goto(path.as_uri())
    (answers,) = evaluated(page)
    page.close()
    expected = numbers(contents["checks"]["outputs"])
    np.testing.assert_allclose(answers["answers"], expected, rtol=1e-4, atol=1e-5)


def test_rounding_changes_little():
    torch.manual_seed(0)
    model, x = dense(), torch.randn(100, 3)
    with torch.no_grad():
        change = (explorers.rounded(model)(x) - model(x)).abs().max()
    assert 0 < change < 1 / 255
    assert torch.equal(explorers.rounded(model)[0].weight, model[0].weight)


def test_rounding_for_typical_inputs_changes_their_answers_less():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(2, 200), nn.ReLU(), nn.Linear(200, 300))
    z = torch.randn(2000, 2)

    def error(packed):
        (_, _, last) = packed
        weight = numbers(last["weight"]) * numbers(last["scale"])[:, None]
        with torch.no_grad():
            hidden = model[:2](z)
            exact = hidden @ model[2].weight.T
        return (hidden @ torch.from_numpy(weight).float().T - exact).square().mean()

    assert error(explorers.pack(model, z)) < error(explorers.pack(model)) / 4


def test_length_of_normal_vectors_against_the_chi_distribution():
    chi = pytest.importorskip("scipy.stats").chi
    for k in (1, 2, 10, 64):
        expected = chi.ppf([0.025, 0.975], k)
        np.testing.assert_allclose(norm_range(k), expected, atol=2e-3)


@pytest.mark.parametrize(
    "layer",
    [
        nn.Conv2d(1, 1, 3),
        nn.Conv2d(1, 1, 3, stride=2, padding=1),
        nn.Conv2d(1, 1, 2),
        nn.Conv2d(2, 2, 3, padding=1, groups=2),
        nn.BatchNorm1d(3),
        nn.GELU(),
    ],
)
def test_layer_that_the_page_cannot_compute_is_named(layer):
    with pytest.raises(ValueError, match=re.escape(str(layer))):
        explorers.pack(nn.Sequential(nn.ReLU(), layer))


# --- what a cell shows ---


def test_figure_stands_behind_and_the_contents_cannot_end_the_script(shown):
    contents = {"text": "</script><b>"}
    explorers.show("probe", contents, figure(), title='"Title"', alt="A figure.")
    (page,) = shown
    assert page.index('<img alt="A figure."') < page.index("<script")
    assert page.count("</script>") == 1 and 'data-title="&quot;Title&quot;"' in page
    written = re.search(r"json\">(.*)</script>", page)[1]
    assert json.loads(written) == contents


def test_explorer_that_is_too_large_is_refused(shown):
    contents = {"codes": explorers.array(torch.zeros(200_000))}
    with pytest.raises(ValueError, match="at most 600,000"):
        explorers.show("probe", contents, figure(), title="T", alt="A.")
    assert not shown


def test_alt_text_is_required():
    with pytest.raises(ValueError, match="alt is ''"):
        explorers.show("probe", {}, figure(), title="T", alt="")


def test_pad_whose_parts_do_not_fit_is_refused():
    z, y, x = torch.zeros(4, 3), torch.zeros(4), torch.zeros(4, 28, 28)
    with pytest.raises(ValueError, match=r"expected \(n, 2\)"):
        explorers.latent_pad(nn.Linear(2, 784), z, y, x, ["a"], alt="A.")


def test_images_and_names_that_do_not_fit_are_refused():
    x, net = torch.zeros(3, 1, 28, 28), nn.Sequential(nn.Conv2d(1, 1, 3, padding=1))
    with pytest.raises(ValueError, match="with 2 names"):
        explorers.denoiser(net, x, ["a", "b"], trained_at=0.2, alt="A.")
    with pytest.raises(ValueError, match="for 4 units and 3 names"):
        explorers.traversal(
            nn.Linear(4, 784),
            torch.zeros(4),
            torch.zeros(3, 5),
            x,
            list("abc"),
            alt="A.",
        )


def test_type_that_a_page_cannot_read_is_refused():
    with pytest.raises(ValueError, match=r"torch\.float64"):
        explorers.array(torch.zeros(2, dtype=torch.float64))


# --- the real pages ---

EVALUATE = """
() => [...document.querySelectorAll(".explorer")].map((root) => {
  const { contents, evaluate } = root.explorer, { inputs } = contents.checks;
  const bytes = Uint8Array.from(atob(inputs.data), (c) => c.charCodeAt(0));
  const values = new Float32Array(bytes.buffer);
  values.shape = inputs.shape;
  return { kind: root.dataset.explorer, contents, answers: evaluate(values) };
})
"""


def evaluated(page: Page) -> list[dict]:
    return page.evaluate(EVALUATE)


def chapter_page(browser, chapter: str, **options) -> Page:
    options = {"viewport": {"width": 1280, "height": 900}, "offline": True, **options}
    page = browser.new_context(**options).new_page()
    page.goto((built_book() / f"{chapter}.html").as_uri(), wait_until="load")
    return page


@pytest.mark.parametrize("chapter", KINDS)
def test_page_answers_as_the_trained_model_does(browser, chapter):
    page = chapter_page(browser, chapter)
    found = evaluated(page)
    page.context.close()
    assert {explorer["kind"] for explorer in found} == KINDS[chapter]
    for explorer in found:
        expected = numbers(explorer["contents"]["checks"]["outputs"])
        answers = np.array(explorer["answers"]).reshape(expected.shape)
        assert np.isfinite(answers).all() and expected.std() > 0
        if '"scale"' in json.dumps(explorer["contents"]):  # rounded to 8 bits
            assert np.abs(answers - expected).max() < 6 / 255, explorer["kind"]
            assert np.abs(answers - expected).mean() < 1 / 255, explorer["kind"]
        else:
            np.testing.assert_allclose(answers, expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("chapter", KINDS)
def test_explorer_and_its_scripts_stay_small(chapter):
    text = (built_book() / f"{chapter}.html").read_text("utf-8")
    for part in re.findall(r'<div class="explorer".*?</script></div>', text, re.S):
        kind = re.search(r'data-explorer="([\w-]+)"', part)[1]
        scripts = [SCRIPTS / f"{name}.js" for name in ("core", kind)]
        size = len(part) + sum(path.stat().st_size for path in scripts)
        assert size < 600_000, f"{kind} has {size:,} bytes"


STATE = """
(root) => [
  ...root.querySelectorAll(".explorer-readout, output, td"),
].map((node) => node.textContent).join("|")
"""


@pytest.mark.parametrize("chapter", KINDS)
def test_arrow_keys_move_every_slider_and_the_page_says_so(browser, chapter):
    page = chapter_page(browser, chapter)
    for root in page.query_selector_all(".explorer"):
        root.evaluate(
            "root => root.querySelectorAll('details').forEach(d => d.open = true)"
        )
        sliders = root.query_selector_all("input[type=range]")
        assert sliders
        for slider in sliders:
            slider.scroll_into_view_if_needed()
            slider.focus()
            before, words = root.evaluate(STATE), slider.get_attribute("aria-valuetext")
            key = "ArrowLeft" if at_its_end(slider) else "ArrowRight"
            page.keyboard.press(key)
            page.keyboard.press(key)
            page.wait_for_timeout(50)
            assert root.evaluate(STATE) != before
            assert slider.get_attribute("aria-valuetext") != words
        page.wait_for_timeout(700)
        live = root.query_selector("[aria-live=polite]")
        assert live.text_content().strip()
    page.context.close()


def at_its_end(slider) -> bool:
    return slider.evaluate("s => (+s.value - s.min) / (s.max - s.min) > 0.9")


@pytest.mark.parametrize("chapter", KINDS)
def test_finger_drags_and_the_page_still_scrolls(browser, chapter):
    page = chapter_page(
        browser, chapter, viewport={"width": 390, "height": 800}, has_touch=True
    )
    hand = page.context.new_cdp_session(page)

    def touch(kind, *point):
        points = [{"x": point[0], "y": point[1]}] if point else []
        hand.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    for root in page.query_selector_all(".explorer"):
        surface = root.query_selector(".explorer-pad, .explorer-plot")
        if surface is None:
            continue
        surface.scroll_into_view_if_needed()
        box = surface.bounding_box()
        x, y = box["x"] + box["width"] / 3, box["y"] + box["height"] / 2
        before = root.evaluate(STATE)
        touch("touchStart", x, y)
        for step in range(1, 6):
            touch("touchMove", x + 15 * step, y + step)
        touch("touchEnd")
        page.wait_for_timeout(100)
        assert root.evaluate(STATE) != before, root.get_attribute("data-explorer")
        # Room for a thumb that wants to scroll past.
        assert box["x"] >= 12 and box["width"] <= 390 - 24
    page.context.close()


def test_figure_is_there_without_javascript_and_on_paper(browser):
    seen = (
        "e => [...e.querySelectorAll('.explorer-figure img')].every(i => i.offsetWidth)"
    )
    page = chapter_page(browser, "autoencoder", java_script_enabled=False)
    assert page.locator(".explorer-figure img").is_visible()
    page.context.close()
    page = chapter_page(browser, "autoencoder")
    root = page.query_selector(".explorer")
    assert not root.evaluate(seen) and root.query_selector(".explorer-pad").is_visible()
    page.emulate_media(media="print")
    assert root.evaluate(seen)
    assert not root.query_selector(".explorer-pad").is_visible()
    page.context.close()


def test_nothing_moves_for_those_who_ask_for_less_motion(browser):
    page = chapter_page(browser, "autoencoder", reduced_motion="reduce")
    root = page.query_selector(".explorer")
    root.query_selector("button").click()
    page.wait_for_timeout(100)
    before = root.evaluate(STATE)
    page.wait_for_timeout(400)
    assert root.evaluate(STATE) == before
    page.context.close()


def test_denoising_again_helps_where_much_noise_was_left(browser):
    """What the chapter says about the explorer of the denoiser."""
    page = chapter_page(browser, "denoising")
    changes = page.evaluate(
        """async () => {
          const root = document.querySelector("[data-explorer=denoiser]");
          const again = [...root.querySelectorAll("button")]
            .find((button) => button.textContent === "Denoise again");
          const frame = () => new Promise((done) =>
            requestAnimationFrame(() => requestAnimationFrame(done)));
          const psnr = () => +[...root.querySelector(".explorer-readout").textContent
            .matchAll(/([\\d.]+) dB/g)].at(-1)[1];
          const found = [];
          for (const sigma of [0.5, 0.2]) {
            root.explorer.move(sigma);
            await frame();
            const before = psnr();
            again.click();
            await frame();
            found.push(psnr() - before);
          }
          return found;
        }"""
    )
    page.context.close()
    assert changes[0] > 0 > changes[1]


def test_discriminator_learns_in_the_page_and_the_generator_settles(browser):
    """What the chapter says about the explorer of D against the best D."""
    page = chapter_page(browser, "gan")
    far, near, settled, by_hand = page.evaluate(
        """() => {
          const root = document.querySelector("[data-explorer=discriminator]");
          const { move, step, distance } = root.explorer;
          const js = () => +root.querySelector(".explorer-readout")
            .textContent.match(/JS = ([\\d.]+)/)[1];
          move([2.5, 0.6]);
          const far = distance();
          for (let i = 0; i < 200; i++) step(false);
          const near = distance();
          for (let i = 0; i < 1500; i++) step(true);
          distance();
          const settled = js();
          move([-0.4, 1.6]);
          distance();
          return [far, near, settled, js()];
        }"""
    )
    page.context.close()
    assert near < far / 3
    assert by_hand < settled < math.log(2) / 4
