"""The weights that the course ships, and what they say about themselves."""

import pytest
import torch
from torch import nn

from latentspaces import checkpoints, experiments
from latentspaces.experiments import Experiment, Kept


def model(width=3, seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(2, width), nn.BatchNorm1d(width))


def trained(errors, keeps=None):
    """An experiment whose seeds end with these errors on the validation split."""

    def run(data, recipe, seed):
        return [({}, {"validation error": errors[seed]})], model(seed=seed)

    keeps = keeps or Kept("small", least="validation error")
    return Experiment("small", {"width": 3}, tuple(errors), run, keeps=keeps)


class Data:
    name, source = "nothing", "drawn"


def test_restored_weights_are_those_that_were_stored(tmp_path):
    checkpoints.store("small", model(seed=1), {"seed": 1}, tmp_path)
    other = model(seed=2).train()
    about = checkpoints.restore("small", other, tmp_path)
    assert about == {"seed": 1}
    assert not other.training
    for name, value in model(seed=1).state_dict().items():
        assert torch.equal(other.state_dict()[name], value), name


def test_half_precision_is_widened_to_that_of_the_model(tmp_path):
    checkpoints.store("small", model().half(), {}, tmp_path)
    other = model(seed=2)
    checkpoints.restore("small", other, tmp_path)
    assert other[0].weight.dtype == torch.float32
    assert torch.equal(other[0].weight, model()[0].weight.half().float())


def test_a_checkpoint_that_does_not_exist_is_named_beside_those_that_do(tmp_path):
    checkpoints.store("small", model(), {}, tmp_path)
    with pytest.raises(ValueError, match="no checkpoint 'large'; there are: small"):
        checkpoints.restore("large", model(), tmp_path)


def test_another_architecture_is_refused(tmp_path):
    checkpoints.store("small", model(), {}, tmp_path)
    with pytest.raises(ValueError, match=r"'small' does not fit the model: .*\n.*0"):
        checkpoints.restore("small", model(width=4), tmp_path)


def test_a_checkpoint_that_is_too_large_is_not_written(tmp_path):
    with pytest.raises(ValueError, match=r"'large' would have 4,[\d,]+ bytes, at most"):
        checkpoints.store("large", nn.Linear(1000, 1000), {}, tmp_path)
    assert not list(tmp_path.iterdir())


def test_the_seed_that_is_best_on_validation_is_kept(tmp_path):
    result = experiments.record(trained({4: 0.3, 5: 0.1, 6: 0.2}), Data, tmp_path)
    other = model(seed=9)
    about = checkpoints.restore("small", other, tmp_path)
    assert about["seed"] == 5
    assert about["metrics"] == {"validation error": 0.1}
    assert about["recipe"] == {"width": 3}
    assert about["data"] == "drawn"
    assert about["digest"] == result["digest"]
    assert torch.equal(other[0].weight, model(seed=5)[0].weight)


def test_an_experiment_whose_checkpoint_is_gone_counts_as_not_recorded(tmp_path):
    experiment = trained({0: 0.1, 1: 0.2})
    experiments.record(experiment, Data, tmp_path)
    assert experiments.is_recorded(experiment, tmp_path)
    (tmp_path / "small.safetensors").unlink()
    assert not experiments.is_recorded(experiment, tmp_path)


def test_an_experiment_that_keeps_a_model_must_return_one(tmp_path):
    def run(data, recipe, seed):
        return [({}, {"validation error": 1.0})]

    forgetful = Experiment("small", {}, (0,), run, keeps=Kept("small", least="x"))
    with pytest.raises(TypeError, match="small keeps a model and returned none"):
        experiments.record(forgetful, Data, tmp_path)


@pytest.mark.parametrize("name", checkpoints.names())
def test_shipped_checkpoint_says_how_it_was_made(name):
    about = checkpoints.about(name)
    assert about["data"] == "real"
    assert about["recipe"]
    assert about["metrics"]
    assert (checkpoints.FOLDER / f"{name}.safetensors").stat().st_size <= (
        checkpoints.LARGEST
    )
