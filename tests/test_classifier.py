"""The shipped classifier is the one that was recorded, and answers as it says."""

import pytest
import torch

from latentspaces import checkpoints, classifier, results
from latentspaces.data import fashion_mnist


@pytest.fixture(scope="module")
def model():
    return classifier.load()


def test_features_are_what_the_head_reads(model):
    x = torch.rand(7, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    features = model.features(x, chunk=3)
    assert features.shape == (7, classifier.FEATURES)
    assert features.min() >= 0
    assert torch.allclose(model.head(features), model(x), atol=1e-5)


def test_features_of_another_shape_are_refused(model):
    with pytest.raises(ValueError, match=r"\(5, 784\), expected \(n, 1, 28, 28\)"):
        model.features(torch.rand(5, 784))


def test_nothing_trains_the_ruler(model):
    assert not model.training
    assert not any(p.requires_grad for p in model.parameters())


def test_the_shipped_weights_have_the_recorded_error(model):
    data = fashion_mnist()
    if data.source != "real":
        pytest.skip("needs the real Fashion-MNIST, on which the classifier was trained")
    with torch.no_grad():
        wrong = (model(data.test.x).argmax(1) != data.test.y).float().mean().item()
    about = checkpoints.about("classifier")
    # Another processor may tip an image or two.
    assert wrong == pytest.approx(about["metrics"]["test_error"], abs=5e-4)
    rows = results.load("classifier")["rows"]
    assert any(
        value == pytest.approx(about["metrics"]["test_error"], rel=1e-4)
        for value in rows[0]["test_error"]["values"]
    )
