"""The training loop, on problems small enough to be known exactly."""

import math
import subprocess
import sys

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from latentspaces import training
from latentspaces.training import NonFiniteLoss, evaluate, fit, updates


def squared(model, x, y):
    return F.mse_loss(model(x), y)


def line(n=200, seed=0):
    """Points on y = 3 x - 1, the model to find it, and its optimizer."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.rand(n, 1, generator=generator)
    torch.manual_seed(seed)
    model = nn.Linear(1, 1)
    return model, x, 3 * x - 1


def sgd(model, rate=0.5):
    return torch.optim.SGD(model.parameters(), lr=rate)


def quiet_fit(model, loss, data, **options):
    defaults = {"optimizer": sgd(model), "epochs": 3, "progress": False}
    return fit(model, loss, data, **(defaults | options))


def weights(model):
    return torch.cat([p.detach().flatten().clone() for p in model.parameters()])


def test_finds_the_line():
    model, x, y = line()
    history = quiet_fit(model, squared, (x, y), epochs=200, batch_size=50)
    assert model.weight.item() == pytest.approx(3, abs=1e-3)
    assert model.bias.item() == pytest.approx(-1, abs=1e-3)
    assert history.train[-1] < 1e-6 < history.train[0]


def test_full_batch_step_is_gradient_descent_by_hand():
    model, x, y = line()
    w, b = model.weight.item(), model.bias.item()
    error = w * x + b - y
    quiet_fit(model, squared, (x, y), epochs=1, batch_size=len(x))
    assert model.weight.item() == pytest.approx(w - 0.5 * (2 * error * x).mean().item())
    assert model.bias.item() == pytest.approx(b - 0.5 * (2 * error).mean().item())


def test_each_epoch_uses_every_sample_once_in_a_new_order():
    seen = []

    def spy(model, x):
        if model.training:
            seen.append(x[:, 0].clone())
        return model(x).square().mean()

    x = torch.arange(10.0)[:, None]
    quiet_fit(nn.Linear(1, 1), spy, x, epochs=2, batch_size=4)
    assert [len(batch) for batch in seen] == [4, 4, 2, 4, 4, 2]
    first, second = torch.cat(seen[:3]), torch.cat(seen[3:])
    assert first.sort().values.tolist() == second.sort().values.tolist() == [*range(10)]
    assert first.tolist() != second.tolist()


def test_training_loss_of_an_epoch_weighs_a_short_last_batch_by_its_length():
    model, x = nn.Linear(1, 1), torch.tensor([[1.0], [2.0], [6.0]])

    def mean(model, x):
        return x.mean() + 0 * model(x).mean()

    history = quiet_fit(model, mean, x, epochs=1, batch_size=2)
    assert history.train == [pytest.approx(3)]


def test_same_seed_same_weights_and_another_seed_others():
    def run(seed):
        model, x, y = line()
        quiet_fit(model, squared, (x, y), batch_size=20, seed=seed)
        return weights(model)

    assert torch.equal(run(0), run(0))
    assert not torch.equal(run(0), run(1))


def test_noise_inside_the_loss_is_seeded_too():
    def noisy(model, x, y):
        return F.mse_loss(model(x + torch.randn_like(x)), y)

    def run(seed):
        model, x, y = line()
        torch.rand(7)
        quiet_fit(model, noisy, (x, y), batch_size=len(x), seed=seed)
        return weights(model)

    assert torch.equal(run(0), run(0))
    assert not torch.equal(run(0), run(1))


def test_random_state_of_the_caller_is_left_as_it_was():
    model, x, y = line()
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    quiet_fit(model, squared, (x, y))
    assert torch.equal(torch.rand(3), expected)


def test_watching_validation_data_does_not_change_the_training():
    def noisy(model, x, y):
        return F.mse_loss(model(x + torch.randn_like(x)), y)

    def run(**options):
        model, x, y = line()
        quiet_fit(model, noisy, (x, y), batch_size=20, **options)
        return weights(model)

    _, x, y = line(seed=1)
    assert torch.equal(run(), run(validation=(x, y)))


def test_several_optimizers_each_move_their_own_parameters():
    model, x, y = line()
    before = weights(model)
    both = [torch.optim.SGD([model.weight], 0.1), torch.optim.SGD([model.bias], 0.0)]
    quiet_fit(model, squared, (x, y), optimizer=both)
    assert weights(model)[0] != before[0]
    assert weights(model)[1] == before[1]


def test_scheduler_is_stepped_after_every_update():
    model, x, y = line(n=10)
    optimizer = sgd(model, rate=1.0)
    total = updates(10, epochs=2, batch_size=4)
    assert total == 6
    scheduler = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, total)
    history = quiet_fit(
        model,
        squared,
        (x, y),
        optimizer=optimizer,
        epochs=2,
        batch_size=4,
        scheduler=scheduler,
    )
    assert history.learning_rate == [pytest.approx(0.5), pytest.approx(0, abs=1e-9)]


def scripted(scores):
    """A loss whose validation values are given, and the bias it had at each."""
    scores = iter(scores)
    biases = []

    def loss(model, x):
        if model.training:
            return model.bias.sum()  # gradient 1: each epoch lowers the bias by 0.5
        biases.append(model.bias.item())
        return torch.tensor(next(scores))

    return loss, biases


def test_patience_stops_and_restores_the_best_weights():
    model, x = nn.Linear(1, 1), torch.zeros(4, 1)
    loss, biases = scripted([3.0, 1.0, 2.0, 1.0, 5.0])
    history = quiet_fit(model, loss, x, validation=x, epochs=5, patience=2)
    assert history.validation == [3.0, 1.0, 2.0, 1.0]  # an equal one is not better
    assert history.best_epoch == 2
    assert model.bias.item() == biases[1]


def test_patience_restores_the_best_weights_when_the_epochs_run_out():
    model, x = nn.Linear(1, 1), torch.zeros(4, 1)
    loss, biases = scripted([3.0, 1.0, 2.0])
    history = quiet_fit(model, loss, x, validation=x, epochs=3, patience=9)
    assert history.best_epoch == 2
    assert model.bias.item() == biases[1]


def test_without_patience_the_last_weights_stay():
    model, x = nn.Linear(1, 1), torch.zeros(4, 1)
    loss, biases = scripted([3.0, 1.0, 2.0])
    history = quiet_fit(model, loss, x, validation=x, epochs=3)
    assert history.best_epoch == 2
    assert model.bias.item() == biases[2]


def test_model_trains_in_training_mode_and_is_left_in_evaluation_mode():
    modes = []

    def loss(model, x):
        modes.append(model.training)
        return model(x).mean()

    model, x = nn.Linear(1, 1), torch.zeros(4, 1)
    model.eval()
    quiet_fit(model, loss, x, validation=x, epochs=2)
    assert modes == [True, False, True, False]
    assert not model.training


def test_evaluate_gives_the_mean_over_samples_for_any_batch_size():
    model, x, y = line(n=10)
    whole = squared(model, x, y).item()
    assert evaluate(model, squared, (x, y), batch_size=4) == pytest.approx(whole)
    assert evaluate(model, squared, (x, y)) == pytest.approx(whole)
    assert model.training


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (torch.zeros(0, 3), r"train has no samples \(shapes \(0, 3\)\)"),
        ((), r"train has no samples \(shapes none\)"),
        (
            (torch.zeros(3, 1), torch.zeros(2, 1)),
            r"train has tensors of 3, 2 samples \(shapes \(3, 1\), \(2, 1\)\)",
        ),
        (torch.tensor(1.0), "train holds a scalar tensor"),
    ],
)
def test_unusable_data_are_named_with_their_shapes(data, message):
    model, _, _ = line()
    with pytest.raises(ValueError, match=message):
        quiet_fit(model, squared, data)


def test_data_that_are_no_tensor_are_refused_with_the_way_out():
    model, _, _ = line()
    with pytest.raises(TypeError, match=r"holds a list, .* torch.as_tensor"):
        quiet_fit(model, squared, ([1.0, 2.0],))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"epochs": 0}, "epochs is 0, expected 1 or more"),
        ({"batch_size": 0}, "batch_size is 0, expected 1 or more"),
        ({"patience": 3}, "patience=3 needs validation data"),
        (
            {"patience": 0, "validation": torch.zeros(1, 1)},
            "patience is 0, expected 1 or more",
        ),
    ],
)
def test_senseless_numbers_are_named(options, message):
    model, x, y = line()
    with pytest.raises(ValueError, match=message):
        quiet_fit(model, squared, (x, y), **options)


def test_optimizer_of_another_model_is_refused():
    model, x, y = line()
    with pytest.raises(ValueError, match="SGD holds none of the model's parameters"):
        quiet_fit(model, squared, (x, y), optimizer=sgd(nn.Linear(1, 1)))


def test_model_and_data_on_two_devices_are_refused():
    model = nn.Linear(1, 1, device="meta")
    with pytest.raises(ValueError, match="model is on meta and the data are on cpu"):
        quiet_fit(model, squared, (torch.zeros(2, 1), torch.zeros(2, 1)))


def test_loss_that_is_no_number_is_refused_with_its_shape():
    model, x, y = line(n=10)
    with pytest.raises(ValueError, match=r"the loss has shape \(10, 1\).*mean"):
        quiet_fit(model, lambda m, x, y: (m(x) - y).square(), (x, y))


def test_diverging_loss_names_epoch_update_and_the_rate():
    model, x, y = line(n=10)
    with pytest.raises(NonFiniteLoss, match=r"epoch \d+, update 1: .*rate \(1e\+08\)"):
        quiet_fit(model, squared, (x, y), optimizer=sgd(model, 1e8), epochs=50)


def test_nan_in_the_data_is_recognised():
    model, x, y = line(n=10)
    x[3] = math.nan
    with pytest.raises(NonFiniteLoss, match=r"epoch 1, update 1: the batch itself"):
        quiet_fit(model, squared, (x, y))


def test_loss_broken_from_the_start_is_told_from_a_diverging_one():
    model, x, y = line(n=10)
    with pytest.raises(NonFiniteLoss, match=r"epoch 1, update 1: nothing has been"):
        quiet_fit(model, lambda m, x, y: (m(x) * 0).log().mean(), (x, y))


def test_nan_in_the_validation_data_is_told_apart():
    model, x, y = line(n=10)
    bad = torch.full_like(x, math.nan)
    with pytest.raises(NonFiniteLoss, match="validation loss is nan after epoch 1"):
        quiet_fit(model, squared, (x, y), validation=(bad, y))


def test_weights_are_not_touched_by_the_step_that_failed():
    model, x, y = line(n=10)
    before = weights(model)
    x[3] = math.nan
    with pytest.raises(NonFiniteLoss):
        quiet_fit(model, squared, (x, y))
    assert torch.equal(weights(model), before)


def test_bar_is_shown_where_someone_watches_and_nowhere_else(monkeypatch, capsys):
    pytest.importorskip("tqdm")
    model, x, y = line(n=10)
    quiet_fit(model, squared, (x, y), progress=True)
    assert capsys.readouterr() == ("", "")
    monkeypatch.setattr(training, "_someone_is_watching", lambda: True)
    quiet_fit(model, squared, (x, y), progress=True)
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "epoch 3/3" in printed.err
    quiet_fit(model, squared, (x, y), progress=False)
    assert capsys.readouterr() == ("", "")


def test_works_without_tqdm():
    code = (
        "import sys; sys.modules['tqdm'] = sys.modules['tqdm.auto'] = None\n"
        "import torch\n"
        "from latentspaces import training\n"
        "training._someone_is_watching = lambda: True\n"
        "model = torch.nn.Linear(1, 1)\n"
        "training.fit(model, lambda m, x: m(x).mean(), torch.ones(3, 1), epochs=1,\n"
        "    optimizer=torch.optim.SGD(model.parameters(), 0.1))\n"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_cuda_gives_what_the_cpu_gives():
    def run(device):
        model, x, y = line()
        model, x, y = model.to(device), x.to(device), y.to(device)
        quiet_fit(model, squared, (x, y), optimizer=sgd(model), batch_size=20)
        return weights(model).cpu()

    assert torch.allclose(run("cpu"), run("cuda"), atol=1e-5)
