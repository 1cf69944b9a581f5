"""What single layers do beyond the table: errors for people, randomness, running values, initial values."""

import math

import numpy as np
import pytest

import backlit
from backlit import nn
from backlit.errors import ArgumentError, DtypeError, IndexRangeError, ShapeError
from backlit.nn import functional as F


def test_a_linear_layer_of_the_wrong_size_names_itself():
    model = nn.Sequential(nn.Linear(4, 3), nn.Sequential(nn.Linear(28, 2)))
    told = r"Linear \(1\.0\): got an input of shape \(5, 3\), expected \(\*, 28\): .* must be in_features=28"
    with pytest.raises(ShapeError, match=told):
        model(backlit.ones(5, 4))
    with pytest.raises(ShapeError, match=r"put nn.Flatten\(\) before it"):
        nn.Linear(12, 1)(backlit.ones(5, 3, 4))
    with pytest.raises(ShapeError, match="in_features=2"):
        nn.Linear(2, 1)(backlit.tensor(1.0))


def test_a_linear_layer_of_another_type_tells_what_to_do():
    with pytest.raises(DtypeError, match=r"input of type int64, its weight is float32; convert .*backlit.float32"):
        nn.Linear(2, 1)(backlit.ones(3, 2, dtype=backlit.int64))
    with pytest.raises(DtypeError, match="float64"):
        nn.Linear(2, 1)(backlit.ones(3, 2, dtype=backlit.float64))


@pytest.mark.parametrize(
    "make",
    [
        lambda: nn.Linear(-1, 2),
        lambda: nn.Linear(2.5, 2),
        lambda: nn.Embedding(2, 3, padding_idx=2),
        lambda: nn.Dropout(1.5),
        lambda: nn.Dropout("half"),
        lambda: nn.BatchNorm1d(-3),
        lambda: nn.Maxout(2, 3, num_pieces=-1),
        lambda: nn.MSELoss(reduction="average"),
        lambda: nn.HuberLoss(delta=0),
        lambda: nn.SmoothL1Loss(beta=-1),
        lambda: nn.GELU("about")(backlit.ones(1)),
        lambda: nn.Hardtanh(1, -1)(backlit.ones(1)),
    ],
)
def test_settings_out_of_range_are_told(make):
    with pytest.raises(ArgumentError, match=r"\w+: .+"):
        make()


def test_shapes_that_do_not_fit_are_told():
    with pytest.raises(ShapeError, match=r"BatchNorm1d: got an input of shape \(4, 2\), expected \(n, 3\)"):
        nn.BatchNorm1d(3)(backlit.ones(4, 2))
    with pytest.raises(ShapeError, match="more than 1 value per channel"):
        nn.BatchNorm1d(3)(backlit.ones(1, 3))
    with pytest.raises(ShapeError, match=r"LayerNorm: got .* last dimensions to be \(3,\)"):
        nn.LayerNorm(3)(backlit.ones(4, 2))
    with pytest.raises(ShapeError, match="Bilinear: got inputs"):
        nn.Bilinear(2, 3, 1)(backlit.ones(4, 2), backlit.ones(5, 3))
    with pytest.raises(IndexRangeError, match="embedding"):
        nn.Embedding(3, 2)(backlit.tensor([0, 3]))
    with pytest.raises(DtypeError, match=r"Embedding: .*float32"):
        nn.Embedding(3, 2)(backlit.ones(2))
    with pytest.raises(ShapeError, match="matrix"):
        nn.Embedding.from_pretrained(backlit.ones(2))


def test_a_batch_that_is_refused_changes_no_running_values():
    layer = nn.BatchNorm1d(3)
    with pytest.raises(ShapeError):
        layer(backlit.ones(1, 3))
    assert layer.num_batches_tracked.item() == 0
    assert layer.running_mean.tolist() == [0, 0, 0]


def test_linear_layers_begin_by_pytorchs_rule():
    backlit.manual_seed(0)
    layer = nn.Linear(100, 400)
    for parameter in layer.parameters():
        values = parameter.detach().numpy()
        assert np.abs(values).max() <= 0.1
        assert np.abs(values).max() > 0.095
        assert abs(values.std() - 0.1 / math.sqrt(3)) < 0.005
    before = layer.weight.detach().numpy().copy()
    backlit.manual_seed(0)
    layer.reset_parameters()
    np.testing.assert_array_equal(layer.weight.detach(), before)


def test_dropout_repeats_with_the_seed_and_keeps_the_mean():
    layer, x = nn.Dropout(0.25), backlit.ones(1000, 20, requires_grad=True)
    backlit.manual_seed(3)
    first = layer(x)
    second = layer(x)
    backlit.manual_seed(3)
    again = layer(x)
    np.testing.assert_array_equal(first.detach(), again.detach())
    assert not np.array_equal(first.detach(), second.detach())
    values = first.detach().numpy()
    assert set(np.unique(values)) == {np.float32(0), np.float32(4 / 3)}
    assert abs((values == 0).mean() - 0.25) < 0.02
    first.sum().backward()
    np.testing.assert_array_equal(x.grad, values)
    layer.eval()
    assert layer(x) is x
    assert nn.Dropout(1.0)(x).abs().sum().item() == 0
    y = backlit.ones(4)
    assert F.dropout(y, 0.5, inplace=True) is y


def test_activations_in_place_change_their_input():
    for name in ("ReLU", "LeakyReLU", "ELU", "SELU", "CELU", "SiLU", "Mish", "ReLU6", "Hardsigmoid", "Hardswish"):
        x = backlit.tensor([-1.0, 2.0])
        expected = getattr(nn, name)()(x)
        layer = getattr(nn, name)(inplace=True)
        assert layer(x) is x
        assert x.tolist() == expected.tolist(), name
        assert "inplace=True" in repr(layer)


def test_a_step_is_active_or_not_and_teaches_nothing():
    x = backlit.tensor([-1.0, 0.0, 2.0], requires_grad=True)
    out = nn.Step()(x)
    assert out.tolist() == [0, 1, 1]
    out.sum().backward()
    assert x.grad.tolist() == [0, 0, 0]


def test_maxout_is_the_largest_of_its_pieces():
    layer = nn.Maxout(3, 4, num_pieces=5).double()
    x = backlit.randn(6, 3, dtype=backlit.float64)
    pieces = (x.numpy() @ layer.linear.weight.detach().numpy().T + layer.linear.bias.detach().numpy()).reshape(6, 4, 5)
    np.testing.assert_allclose(layer(x).detach(), pieces.max(-1), rtol=1e-12)
    assert backlit.autograd.gradcheck(layer, x.requires_grad_())
    assert "in_features=3, out_features=4, num_pieces=5" in repr(layer)
    with pytest.raises(ShapeError, match="num_pieces=2"):
        F.maxout(backlit.ones(2, 3), 2)


def test_softmax_without_a_dimension_warns():
    with pytest.warns(UserWarning, match="pass dim"):
        assert nn.Softmax()(backlit.ones(2, 4)).sum(1).tolist() == [1, 1]


def test_embeddings_begin_and_stay_padded():
    layer = nn.Embedding(5, 3, padding_idx=-2)
    assert layer.weight[3].tolist() == [0, 0, 0]
    frozen = nn.Embedding.from_pretrained(backlit.ones(2, 3))
    assert not frozen.weight.requires_grad
    assert nn.Embedding.from_pretrained(backlit.ones(2, 3), freeze=False).weight.requires_grad
    assert frozen(backlit.tensor([[0, 1]])).shape == (1, 2, 3)


def test_running_values_follow_the_batches():
    rng = np.random.default_rng(0)
    average, moving = nn.BatchNorm1d(2, momentum=None).double(), nn.BatchNorm1d(2, momentum=0.5).double()
    batches = [rng.normal(3, 2, size=(8, 2)) for _ in range(3)]
    expected = np.zeros(2)
    for batch in batches:
        average(backlit.tensor(batch))
        moving(backlit.tensor(batch))
        expected = 0.5 * expected + 0.5 * batch.mean(0)
    np.testing.assert_allclose(average.running_mean, np.mean([b.mean(0) for b in batches], 0), rtol=1e-12)
    np.testing.assert_allclose(average.running_var, np.mean([b.var(0, ddof=1) for b in batches], 0), rtol=1e-12)
    np.testing.assert_allclose(moving.running_mean, expected, rtol=1e-12)
    assert average.num_batches_tracked.item() == 3
    average.reset_running_stats()
    assert average.running_var.tolist() == [1, 1]


def test_flatten_and_unflatten_undo_each_other():
    x = backlit.randn(2, 3, 4)
    assert nn.Unflatten(1, (3, 4))(nn.Flatten()(x)).tolist() == x.tolist()


def test_identity_takes_any_arguments():
    x = backlit.ones(1)
    assert nn.Identity(3, anything=True)(x) is x


def test_rows_of_a_table_become_numbers_and_vectors_of_categories():
    layer = nn.TableInput(1, [2, 3], [0, 4])
    x = backlit.tensor([[0.5, 1, 2], [1.5, 0, 0], [2.5, 2, 3]])
    out = layer(x)
    assert out.shape == (3, layer.out_features) == (3, 7)
    assert out[:, :3].tolist() == [[0.5, 0, 1], [1.5, 1, 0], [2.5, 0, 0]]
    vectors = layer.embeddings[0].weight
    assert out[0, 3:].tolist() == vectors[2].tolist()
    assert out[2, 3:].tolist() == [0, 0, 0, 0]
    out.sum().backward()
    assert vectors.grad[3].tolist() == [0, 0, 0, 0]
    assert vectors.grad[2].tolist() == [1, 1, 1, 1]
    assert nn.TableInput(0, [2], [0])(backlit.tensor([[1.0]])).tolist() == [[0, 1]]
    assert layer.double()(x.double()).dtype == backlit.float64
    assert "numbers=1, categories=[2], sizes=[0]" in repr(nn.TableInput(1, [2], [0]))


def test_rows_of_a_table_that_do_not_fit():
    for arguments in ((1, [2], []), (-1, [2], [0]), (1, [2], [-1])):
        with pytest.raises(ArgumentError, match="TableInput: expected a size for each column"):
            nn.TableInput(*arguments)
    with pytest.raises(ShapeError, match=r"TableInput: .*\(2, 3\), expected \(n, 2\)"):
        nn.TableInput(1, [2], [0])(backlit.ones(2, 3))


@pytest.mark.parametrize("padding", [None, 2])
@pytest.mark.parametrize("mode", ["sum", "mean"])
def test_bags_parted_by_offsets_are_bags_in_rows(mode, padding):
    numbers, offsets = backlit.tensor([0, 2, 2, 4, 1, 2, 3, 3, 0]), backlit.tensor([0, 3, 6])
    bag = nn.EmbeddingBag(5, 3, mode=mode, padding_idx=padding)
    compiled = backlit.compile(bag)
    wanted = bag(numbers.reshape(3, 3))
    assert backlit.allclose(bag(numbers, offsets), wanted)
    assert backlit.allclose(compiled(numbers, offsets), wanted)
    (bag(numbers, offsets) ** 2).sum().backward()
    found, bag.weight.grad = bag.weight.grad, None
    (bag(numbers.reshape(3, 3)) ** 2).sum().backward()
    assert backlit.allclose(found, bag.weight.grad)


def test_bags_of_different_sizes():
    bag = nn.EmbeddingBag(3, 1, sparse=True)
    bag.load_state_dict({"weight": backlit.tensor([[1.0], [2.0], [4.0]])})
    assert bag(backlit.tensor([0, 1, 2]), backlit.tensor([0, 1])).tolist() == [[1.0], [3.0]]
