"""The public namespace: what is promised is there, what is not is answered with the nearest name."""

import ast
import importlib
import inspect
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import backlit
from backlit.core.missing import missing_name
from backlit.errors import ArgumentError, MissingNameError

# The names that programs of the field use most, by PyTorch's spelling.
PROMISED = re.findall(
    r"\w+",
    """
    tensor zeros ones full arange linspace logspace eye rand randn randint randperm empty from_numpy as_tensor
    zeros_like ones_like full_like empty_like rand_like randn_like randint_like add sub mul div neg pow sqrt rsqrt
    exp log log1p expm1 sin cos tan tanh sigmoid relu abs sign floor ceil round eq ne lt le gt ge where clamp
    maximum minimum isnan isinf isfinite allclose equal logical_and logical_not sum mean var std max min prod
    logsumexp norm argmax argmin cumsum any all amax amin reshape flatten transpose permute squeeze unsqueeze cat
    stack split chunk broadcast_to gather scatter_add index_select masked_fill topk sort matmul bmm mm einsum
    softmax log_softmax no_grad enable_grad set_grad_enabled is_grad_enabled inference_mode record autograd
    manual_seed seed initial_seed Generator set_default_dtype get_default_dtype set_printoptions float16 float32
    float64 int8 int16 int32 int64 uint8 bool float double half int long short dtype device Size Tensor is_tensor
    is_floating_point numel can_cast promote_types result_type finfo iinfo save load set_num_threads
    get_num_threads cuda accelerator random testing
    """,
)
LAZY = ["nn", "optim", "utils"]


def public_functions():
    return [(n, f) for n in backlit.ops.__all__ if inspect.isfunction(f := getattr(backlit, n))]


@pytest.mark.parametrize("name", PROMISED)
def test_a_promised_name_is_there(name):
    assert name in backlit.__all__
    assert getattr(backlit, name) is not None


def test_all_lists_name_what_exists_once():
    for module in (backlit, backlit.ops, backlit.autograd, backlit.random, backlit.testing):
        assert len(set(module.__all__)) == len(module.__all__)
        for name in module.__all__:
            assert hasattr(module, name), (module.__name__, name)


def test_no_module_hides_a_function():
    assert callable(backlit.tensor)
    assert inspect.isclass(backlit.device)
    assert backlit.ops.tensor is backlit.tensor


def undocumented(functions):
    return [name for name, function in functions if not (function.__doc__ or "").strip()]


def test_every_public_function_is_documented_and_typed():
    assert undocumented(public_functions()) == []
    untyped = [
        name
        for name, function in public_functions()
        for parameter in inspect.signature(function).parameters.values()
        if parameter.annotation is inspect.Parameter.empty
    ]
    assert untyped == []


def test_a_missing_docstring_would_be_seen():
    assert undocumented([("planted", lambda x: x)]) == ["planted"]


@pytest.mark.parametrize("name", LAZY)
def test_packages_are_loaded_when_first_asked_for(name):
    program = f"import sys, backlit; assert 'backlit.{name}' not in sys.modules; print(backlit.{name}.__name__)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == f"backlit.{name}"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("vmap", "PyTorch has it, backlit does not"),
        ("ones_lik", "PyTorch has no such name either; the nearest that exists is 'ones_like'"),
        ("tensr", "'tensor'"),
    ],
)
def test_a_missing_name_is_answered_with_the_nearest(name, words):
    with pytest.raises(MissingNameError, match=words):
        getattr(backlit, name)
    with pytest.raises(AttributeError):
        getattr(backlit, name)
    assert not hasattr(backlit, name)


def test_missing_names_elsewhere():
    assert "backlit.nn has no 'Linnear'" in str(missing_name("nn", "Linnear", ["Linear"]))
    assert "PyTorch has it" in str(missing_name("nn", "Conv3d", ["Linear"]))


def test_python_internals_do_not_load_packages():
    assert not hasattr(backlit, "__wrapped__")
    with pytest.raises(MissingNameError):
        backlit._private  # noqa: B018


def test_the_package_file_holds_no_list_of_operations():
    # Public names come from `ops.__all__`; a second list would have to be kept in step.
    tree = ast.parse(Path(backlit.__file__).read_text(encoding="utf-8"))
    named = {alias.name for node in tree.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert not named & {name for name, _ in public_functions()} - {"get_num_threads", "set_num_threads"}


def test_threads():
    before = backlit.get_num_threads()
    assert before >= 1
    backlit.set_num_threads(1)
    try:
        assert backlit.get_num_threads() == 1
        x = np.random.default_rng(0).normal(size=(64, 64))
        np.testing.assert_allclose((backlit.from_numpy(x) @ backlit.from_numpy(x)).numpy(), x @ x)
    finally:
        backlit.set_num_threads(before)
    for bad in (0, -1, 1.5, True):
        with pytest.raises(ArgumentError, match="positive integer"):
            backlit.set_num_threads(bad)


def test_threads_without_threadpoolctl(monkeypatch):
    monkeypatch.setitem(sys.modules, "threadpoolctl", None)
    before = backlit.get_num_threads()
    backlit.set_num_threads(1)
    assert backlit.get_num_threads() == 1
    backlit.set_num_threads(before)


def test_a_program_written_for_pytorch_runs_after_its_import_changes():
    torch = importlib.import_module("backlit")
    device = torch.accelerator.current_accelerator().type if torch.accelerator.is_available() else "cpu"
    assert not torch.backends.mps.is_available()
    assert not torch.backends.cudnn.is_available()
    assert not torch.backends.mps.is_built()
    torch.backends.cudnn.benchmark = False
    torch.manual_seed(0)
    torch.cuda.manual_seed_all(0)
    x = torch.linspace(-1, 1, 32, device=device).unsqueeze(1)
    w = torch.zeros(1, 1, requires_grad=True, device=device)
    b = torch.zeros(1, requires_grad=True)
    for _ in range(200):
        loss = ((x @ w + b - (3 * x + 1)) ** 2).mean()
        loss.backward()
        with torch.no_grad():
            w -= 0.5 * w.grad
            b -= 0.5 * b.grad
        w.grad.zero_()
        b.grad = None
    assert w.item() == pytest.approx(3, abs=1e-3)
    assert b.item() == pytest.approx(1, abs=1e-3)
