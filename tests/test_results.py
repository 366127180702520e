"""The recorded experiments and the results that they leave."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from latentspaces import experiments, garments, results
from latentspaces.data import Dataset, Split, ecg5000
from latentspaces.experiments import (
    Experiment,
    __main__,
    anomaly_detection,
    autoencoder,
    classifier,
    denoising,
    four_lenses,
    gan,
    manifold_learning,
    vae,
    vae_limits,
)

CHAPTERS = (
    *(four_lenses, manifold_learning, autoencoder, anomaly_detection),
    *(denoising, vae, vae_limits, gan, classifier),
)
ALL = {
    experiment.name: experiment
    for chapter in CHAPTERS
    for experiment in chapter.EXPERIMENTS
}


def dataset(source="drawn"):
    def split(n, seed):
        drawn = garments.draw(n, seed=seed)
        return Split(drawn.x, drawn.y)

    return Dataset(
        name="a few drawn garments",
        source=source,
        classes=garments.CLASSES,
        train=split(600, 0),
        validation=split(100, 1),
        test=split(200, 2),
    )


def coin(name="coin", seeds=(0, 1, 2), recipe=None, run=None):
    def toss(data, recipe, seed):
        return [({"side": "heads"}, {"height": seed + recipe["lift"]})]

    return Experiment(name, recipe or {"lift": 1.0}, seeds, run or toss)


SMALL = {
    "code": 8,
    "codes": [2, 8],
    "pairs": 20,
    "queries": 20,
    "samples": 20,
    "images": 100,
    "reference": 100,
    "deep_epochs": 1,
    "em_steps": 3,
    "starts": 1,
    "prior_starts": 1,
    "bins": [5],
    "components": [1, 2],
    "prior_components": [1],
    "sigmas": [-1.2, 0.3, 4],
    "autoencoder": {"width": 8, "rate": 5e-3, "steps": 5},
}
SMALLER = {
    "four-lenses-densities": {"points": {"train": 60, "validation": 60, "test": 100}},
    "manifold-learning-dimension": {
        "sizes": [50, 100],
        "noisy": 100,
        "points": [100],
        "one_class": 20,
    },
    "manifold-learning-few-images": {"images": [50, 100], "updates": [1, 2]},
    "anomaly-detection-overview": {"epochs": [1, 2]},
    "anomaly-detection-detectors": {"epochs": 1, "components": 2},
    "anomaly-detection-widths": {"epochs": 1},
    "denoising-levels": {"images": 100, "epochs": 1},
    "vae-long": {"epochs": 1, "bound_images": 10, "bound_samples": 2},
    "vae-live": {"epochs": 1, "bound_images": 10, "bound_samples": 2},
    "vae-limits-collapse": {"epochs": 1},
    "vae-limits-disentanglement": {"epochs": 1, "bins": 5, "held_out": 50},
    "vae-limits-rate-distortion": {"epochs": 1, "betas": [1.0, 10.0, 100.0]},
    "gan-garments": {"marks": [1, 2]},
    "gan-vae": {"epochs": 1},
    "gan-recipes": {
        "variants": {
            "DCGAN": {"dcgan": True, "k": 100, "marks": [2]},
            "He's start": {"he": True, "marks": [2]},
            "usual recipe": gan.PLAIN | {"marks": [2]},
        }
    },
    "gan-ring": {
        "frozen": 2,
        "variants": {
            "one step each": {"rounds": 2, "g_steps": 1, "gamma": 0.0},
            "one step each, R1": {"rounds": 2, "g_steps": 1, "gamma": 0.1},
            "two of G": {"rounds": 2, "g_steps": 2, "gamma": 0.0},
        },
    },
    "classifier": {"epochs": 1, "components": 2},
}
FEWER = {"classifier": 1, "vae-long": 1, "vae-live": 2}  # rows


@pytest.mark.parametrize("name", ALL)
def test_every_experiment_runs_on_a_few_images(name, tmp_path):
    whole = ALL[name]
    recipe = whole.recipe | {k: v for k, v in SMALL.items() if k in whole.recipe}
    recipe |= SMALLER.get(name, {})
    if "variants" in recipe:
        recipe["variants"] = {
            variant: change | {"epochs": 1}
            for variant, change in recipe["variants"].items()
        }
    one_seed = replace(whole, recipe=recipe, seeds=(0,))
    rows = experiments.record(one_seed, dataset(source=ecg5000().source), tmp_path)[
        "rows"
    ]
    measures = [value for row in rows for value in row.values()]
    measures = [value for value in measures if isinstance(value, dict)]
    assert len(rows) >= FEWER.get(name, 3)
    assert measures
    assert all(len(measure["values"]) == 1 for measure in measures)


def test_mean_and_std_are_taken_over_the_seeds(tmp_path):
    (row,) = experiments.record(coin(), dataset(), tmp_path)["rows"]
    assert row == {
        "side": "heads",
        "height": {"mean": 2.0, "std": 1.0, "values": [1.0, 2.0, 3.0]},
    }


def test_recorded_result_says_how_it_was_made(tmp_path):
    result = experiments.record(coin(), dataset(), tmp_path)
    assert result["recipe"] == {"lift": 1.0}
    assert result["seeds"] == [0, 1, 2]
    assert result["data"] == "drawn"
    assert result["versions"]["torch"] == torch.__version__.split("+")[0]
    assert json.loads((tmp_path / "coin.json").read_text("utf-8")) == result


def test_unchanged_experiment_counts_as_recorded_and_a_changed_one_does_not(tmp_path):
    assert not experiments.is_recorded(coin(), tmp_path)
    experiments.record(coin(), dataset(), tmp_path)
    assert experiments.is_recorded(coin(), tmp_path)
    assert not experiments.is_recorded(coin(recipe={"lift": 2.0}), tmp_path)
    assert not experiments.is_recorded(coin(seeds=(0, 1)), tmp_path)
    uses_more = replace(coin(), uses=(garments,))
    assert not experiments.is_recorded(uses_more, tmp_path)


def test_digest_follows_code_and_not_words():
    words = '"""Doc."""\n\n\ndef f(x):\n    """Double."""\n    return 2 * x  # twice\n'
    other = '"""New."""\ndef f(x):\n    # why\n\n    return 2 * x\n'
    code = '"""Doc."""\ndef f(x):\n    return 3 * x\n'
    assert experiments._bare_code(words) == experiments._bare_code(other)
    assert experiments._bare_code(words) != experiments._bare_code(code)


def test_result_on_real_data_is_not_replaced_by_one_on_drawings(tmp_path):
    experiments.record(coin(), dataset("real"), tmp_path)
    with pytest.raises(RuntimeError, match="coin: the stored result is on real data"):
        experiments.record(coin(), dataset("drawn"), tmp_path)


def test_a_measure_that_is_not_a_number_is_not_stored(tmp_path):
    broken = coin(run=lambda data, recipe, seed: [({}, {"error": float("nan")})])
    with pytest.raises(ValueError, match=r"coin, seed 0: error is nan"):
        experiments.record(broken, dataset(), tmp_path)
    assert not list(Path(tmp_path).iterdir())


def test_unknown_chapter_is_refused_by_name(capsys):
    with pytest.raises(SystemExit):
        __main__.main(["autoencodre"])
    assert (
        "no experiments for autoencodre; there are: anomaly_detection, auto"
        in " ".join(capsys.readouterr().err.split())
    )


def test_unchanged_experiments_are_not_run_again(capsys, monkeypatch):
    monkeypatch.setattr(experiments, "is_recorded", lambda experiment: True)
    assert __main__.main(["autoencoder"]) == 0
    printed = capsys.readouterr().out
    assert printed.count("unchanged") == len(autoencoder.EXPERIMENTS)
    assert "0 recorded" in printed


def test_unknown_result_names_those_that_exist():
    with pytest.raises(ValueError, match="no recorded result 'autoencoder-depth'"):
        results.load("autoencoder-depth")


@pytest.mark.parametrize("name", ALL)
def test_committed_results_are_those_of_the_committed_code(name):
    stored = results.load(name)
    assert stored["digest"] == experiments.digest(ALL[name]), (
        f"{name}: recipe or code has changed since {stored['date']}; "
        "make experiments records it again"
    )
    assert len(stored["seeds"]) >= 3
    assert stored["data"] == "real"
