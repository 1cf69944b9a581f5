"""Arguments that fit nowhere, at every public function and method: one clear error that names the operation."""

import copy
import inspect
import pickle

import numpy as np
import pytest

import backlit
from backlit.core.entrance import answer_at
from backlit.errors import ArgumentError, ArgumentTypeError, BacklitError
from backlit.nn import functional

# These change settings of the process or files, or take any object.
APART = {"manual_seed", "set_default_dtype", "set_printoptions"}
FUNCTIONS = [
    (f"{where}{name}", function)
    for where, module in (("", backlit.ops), ("functional.", functional))
    for name in module.__all__
    if name not in APART and inspect.isfunction(function := getattr(module, name))
]
METHODS = [
    name
    for name in dir(backlit.Tensor)
    if not name.startswith("_") and inspect.isfunction(inspect.getattr_static(backlit.Tensor, name))
]


def strange():
    return [
        backlit.ones(2, 3),
        backlit.tensor([1, 5, -7]),
        backlit.zeros(0, 3),
        None,
        "abc",
        99,
        1.5,
        [1, 2],
        (0, 7),
        np.ones((2, 2)),
        object(),
        float("nan"),
    ]


def try_strangely(function, rng, first=()):
    """Call with some of the strange things; returns the errors that are neither backlit's nor the signature's."""
    parameters = inspect.signature(function).parameters.values()
    places = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)][len(first) :]
    required = sum(p.default is p.empty for p in places)
    wrong = []
    for _ in range(6):
        count = int(rng.integers(required, min(len(places), required + 2) + 1))
        values = strange()
        arguments = [values[rng.integers(len(values))] for _ in range(count)]
        try:
            function(*copy.copy(first), *arguments)
        except BacklitError:
            pass
        except Exception as error:  # noqa: BLE001 - every other class of error is what this looks for
            if "required keyword-only argument" not in str(error):
                wrong.append((arguments, error))
    return wrong


@pytest.mark.filterwarnings("ignore")  # of NumPy, about NaN among the strange things
@pytest.mark.parametrize(("name", "function"), FUNCTIONS, ids=[name for name, _ in FUNCTIONS])
def test_a_function_answers_strange_arguments(name, function):
    assert not try_strangely(function, np.random.default_rng(len(name)))


@pytest.mark.filterwarnings("ignore")  # as above
@pytest.mark.parametrize("name", METHODS)
def test_a_method_answers_strange_arguments(name):
    rng = np.random.default_rng(len(name))
    assert not try_strangely(getattr(backlit.Tensor, name), rng, first=(backlit.ones(2, 3),))


def test_a_function_without_the_entrance_is_caught():
    assert try_strangely(backlit.flip.__wrapped__, np.random.default_rng(0))


def test_the_answer_says_what_came_and_what_was_expected():
    with pytest.raises(ArgumentTypeError) as caught:
        backlit.flip([1.0, 2.0], 0)
    assert str(caught.value).startswith("flip: cannot take (list [1.0, 2.0], int 0); expected flip(input: ")
    with pytest.raises(ArgumentError, match=r"size: cannot take \(tensor of float32\[2\], int 3\), tuple index"):
        backlit.ones(2).size(3)
    with pytest.raises(ArgumentTypeError, match=r"softmax: dim must be an integer, got 1\.5"):
        backlit.ones(2, 2).softmax(1.5)


def test_a_call_that_does_not_fit_the_signature_is_answered_by_python():
    with pytest.raises(TypeError, match="missing 1 required positional argument"):
        backlit.flip(backlit.ones(2))


CLASSES = [
    (name, getattr(module, name))
    for module in (backlit.nn, backlit.optim, backlit.optim.lr_scheduler, backlit.data, backlit.train)
    for name in module.__all__
    if inspect.isclass(getattr(module, name))
]


@pytest.mark.filterwarnings("ignore")  # as above
@pytest.mark.parametrize(("name", "cls"), CLASSES, ids=[name for name, _ in CLASSES])
def test_a_constructor_answers_strange_arguments(name, cls):
    assert not try_strangely(cls, np.random.default_rng(len(name)))


def test_the_answer_of_a_constructor_names_the_class_that_is_made():
    class Own(backlit.nn.LayerNorm):
        pass

    with pytest.raises(ArgumentTypeError, match=r"^Own: cannot take \(float 1\.5\); expected Own"):
        Own(1.5)


def test_modules_parameters_and_savings_answer():
    module = backlit.nn.Linear(2, 2)
    for call in (
        lambda: module.get_parameter(None),
        lambda: module.get_submodule(3),
        lambda: backlit.nn.init.orthogonal_(None),
        lambda: backlit.nn.utils.clip_grad_norm_(3, 1.0),
        lambda: backlit.load(None),
        lambda: backlit.save({}, 1.5),
    ):
        with pytest.raises(BacklitError, match="cannot take"):
            call()


def test_errors_of_code_called_back_pass_through():
    def rate(epoch):
        raise ValueError("the schedule's own")

    optimizer = backlit.optim.SGD([backlit.ones(1, requires_grad=True)], lr=0.1)
    with pytest.raises(ValueError, match=r"^the schedule's own$"):
        backlit.optim.lr_scheduler.LambdaLR(optimizer, rate)


def test_errors_of_a_hook_pass_through():
    x = backlit.ones(2, requires_grad=True)

    def hook(grad):
        raise KeyError("the hook's own")

    x.register_hook(hook)
    with pytest.raises(KeyError, match="the hook's own"):
        x.sum().backward()


def test_functions_keep_their_names_and_survive_pickle():
    for function in (backlit.relu, functional.relu, functional.cross_entropy, backlit.ops.flip):
        assert pickle.loads(pickle.dumps(function)) is function
    assert backlit.relu.__name__ == "relu"
    assert inspect.signature(functional.layer_norm).parameters["eps"].default == 1e-5


def test_one_entrance_is_enough():
    names = {"__name__": "a_module", "relu": backlit.relu}
    answer_at(names, ["relu"])
    assert names["relu"] is backlit.relu


def test_numpys_words_for_settings_are_taken_as_in_pytorch():
    x = backlit.arange(6.0).reshape(2, 3)
    assert x.sum(axis=1, keepdims=True).tolist() == [[3.0], [12.0]]
    assert backlit.cat([x, x], axis=1).shape == (2, 6)
    assert x.max(axis=0).indices.tolist() == [1, 1, 1]
    with pytest.raises(TypeError, match="axis"):
        x.relu(axis=1)
    with pytest.raises(TypeError, match="axis"):
        x.sum(dim=0, axis=1)
