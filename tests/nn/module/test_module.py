"""Modules: attributes, names, modes, conversions, words, and where they stand while they run."""

import copy
import pickle
import threading

import numpy as np
import pytest

import backlit
from backlit import nn
from backlit.core.modes import STATE
from backlit.errors import ArgumentError, ArgumentTypeError, DeviceError, MissingNameError


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = nn.Linear(2, 2)
        self.scale = nn.Parameter(backlit.ones(2))
        self.register_buffer("count", backlit.tensor(0))
        self.register_buffer("scratch", backlit.zeros(2), persistent=False)

    def forward(self, x):
        return self.inner(x) * self.scale


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = Block()
        self.second = self.first
        self.layers = nn.Sequential(nn.Linear(2, 3), nn.ReLU())

    def forward(self, x):
        return self.layers(self.second(self.first(x)))


def test_names_of_parameters_buffers_and_modules():
    net = Net()
    blocks = ["first.scale", "first.inner.weight", "first.inner.bias"]
    layers = ["layers.0.weight", "layers.0.bias"]
    assert [n for n, _ in net.named_parameters()] == [*blocks, *layers]
    twice = [n.replace("first", "second") for n in blocks]
    assert [n for n, _ in net.named_parameters(remove_duplicate=False)] == [*blocks, *twice, *layers]
    assert [n for n, _ in net.named_parameters(prefix="net", recurse=False)] == []
    assert [n for n, _ in net.first.named_parameters(prefix="net", recurse=False)] == ["net.scale"]
    assert [n for n, _ in net.named_buffers()] == ["first.count", "first.scratch"]
    assert [n for n, _ in net.named_children()] == ["first", "layers"]
    assert [n for n, _ in net.named_modules()] == ["", "first", "first.inner", "layers", "layers.0", "layers.1"]
    assert "second.inner" in dict(net.named_modules(remove_duplicate=False))
    assert len(list(net.children())) == 2
    assert next(iter(net.modules())) is net
    assert len(list(net.parameters())) == 5
    assert len(list(net.buffers())) == 2


def test_parts_are_found_by_path():
    net = Net()
    assert net.get_submodule("") is net
    assert net.get_submodule("layers.0") is net.layers[0]
    assert net.get_parameter("first.inner.bias") is net.first.inner.bias
    assert net.get_buffer("first.count") is net.first.count
    for found in (
        lambda: net.get_submodule("layer.0"),
        lambda: net.get_parameter("layers.0.wieght"),
        lambda: net.get_buffer("first.cuont"),
    ):
        with pytest.raises(MissingNameError, match="did you mean"):
            found()


def test_assignments_replace_one_another():
    block = Block()
    block.scale = None
    assert "scale" in block._parameters
    assert [n for n, _ in block.named_parameters(recurse=False)] == []
    block.scale = nn.Parameter(backlit.zeros(2))
    block.inner = nn.Identity()
    assert [n for n, _ in block.named_parameters()] == ["scale"]
    block.inner = None
    assert list(block.children()) == []
    block.count = backlit.tensor(3)
    assert block.state_dict()["count"].item() == 3
    block.scratch = backlit.ones(2)
    assert "scratch" not in block.state_dict()
    del block.scale, block.count
    assert not hasattr(block, "scale")
    assert list(block.state_dict()) == []
    block.plain = 3
    del block.plain
    assert not hasattr(block, "plain")
    block.count = nn.Parameter(backlit.ones(1))
    assert "count" not in block._buffers
    plain = nn.Module()
    plain.x = 1
    plain.x = nn.Parameter(backlit.ones(1))
    assert "x" not in plain.__dict__


def test_wrong_assignments_are_told():
    block = Block()
    with pytest.raises(ArgumentTypeError, match="cannot assign Tensor as parameter 'scale'"):
        block.scale = backlit.ones(2)
    with pytest.raises(ArgumentTypeError, match="cannot assign int as module 'inner'"):
        block.inner = 3
    with pytest.raises(ArgumentTypeError, match="cannot assign int as buffer 'count'"):
        block.count = 3
    with pytest.raises(ArgumentTypeError, match="is not a Module"):
        block.add_module("other", 3)
    with pytest.raises(ArgumentTypeError, match=r"expected an nn.Parameter"):
        block.register_parameter("other", backlit.ones(2))
    with pytest.raises(ArgumentError, match="already has an attribute 'forward'"):
        block.register_buffer("forward", None)
    with pytest.raises(ArgumentError, match="already has an attribute 'inner'"):
        block.register_buffer("inner", None)
    with pytest.raises(ArgumentError, match=r'contain "."'):
        block.add_module("a.b", nn.Identity())
    with pytest.raises(ArgumentTypeError, match="must be a string"):
        block.add_module(3, nn.Identity())
    with pytest.raises(ArgumentError, match="boolean"):
        block.train("yes")


def test_an_unknown_attribute_is_told_with_the_nearest():
    with pytest.raises(AttributeError, match=r"'Net' object has no attribute 'layrs'; did you mean 'layers'\?"):
        _ = Net().layrs
    with pytest.raises(AttributeError, match=r"has no attribute 'zzz'$"):
        _ = Net().zzz


def test_forgetting_to_initialise_is_told():
    class Careless(nn.Module):
        def __init__(self, value):
            self.value = value

    class Lazy(nn.Module):
        def __init__(self):
            pass

    for value in (nn.Linear(2, 2), nn.Parameter(backlit.ones(1))):
        with pytest.raises(AttributeError, match=r"before Module.__init__\(\) call"):
            Careless(value)
    with pytest.raises(AttributeError, match=r"super\(\).__init__\(\)"):
        Lazy()(1)
    with pytest.raises(NotImplementedError, match="forward"):
        nn.Module()(1)


def test_dir_lists_what_it_holds():
    assert {"first", "layers", "forward"} <= set(dir(Net()))
    assert "0" not in dir(nn.Sequential(nn.ReLU()))


def test_apply_and_modes_and_gradients():
    net = Net()
    seen = []
    assert net.apply(lambda m: seen.append(type(m).__name__)) is net
    assert seen == ["Linear", "Block", "Linear", "ReLU", "Sequential", "Net"]
    assert net.eval() is net
    assert not net.layers[1].training
    net(backlit.ones(1, 2)).sum().backward()
    assert all(p.grad is not None for p in net.parameters())
    net.zero_grad(set_to_none=False)
    assert all(p.grad.abs().sum().item() == 0 for p in net.parameters())
    net.zero_grad()
    assert all(p.grad is None for p in net.parameters())
    version = net.structure_version
    assert net.requires_grad_(False) is net
    assert not any(p.requires_grad for p in net.parameters())
    assert net.structure_version != version


def test_conversion_keeps_the_parameters_themselves():
    net = Net()
    before = list(net.parameters())
    net(backlit.ones(1, 2)).sum().backward()
    assert net.double() is net
    assert all(a is b for a, b in zip(before, net.parameters(), strict=True))
    assert {p.dtype for p in net.parameters()} == {backlit.float64}
    assert {p.grad.dtype for p in net.parameters()} == {backlit.float64}
    assert net.first.count.dtype is backlit.int64
    assert net.first.scratch.dtype is backlit.float64
    for same in (
        net.to("cpu"),
        net.cpu(),
        net.to(backlit.device("cpu")),
        net.to(backlit.ones(1, dtype=backlit.float64)),
    ):
        assert same is net
        assert net.layers[0].weight.dtype is backlit.float64
    assert net.float().layers[0].weight.dtype is backlit.float32
    assert net.half().layers[0].weight.dtype is backlit.float16
    assert net.to(dtype=backlit.float64).layers[0].weight.dtype is backlit.float64
    with pytest.raises(DeviceError, match="cpu"):
        net.to("cuda")
    with pytest.raises(DeviceError, match="cuda"):
        net.cuda()
    with pytest.raises(ArgumentTypeError, match="floating-point"):
        net.to(backlit.int64)


def test_shared_parts_stay_shared_in_copies():
    net = Net()
    for other in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert other.first is other.second
        assert other.first is not net.first
        x = backlit.ones(1, 2)
        np.testing.assert_array_equal(other(x).detach(), net(x).detach())


def test_a_module_prints_its_parts():
    assert repr(nn.Module()) == "Module()"
    assert repr(Net()).splitlines()[:5] == [
        "Net(",
        "  (first): Block(",
        "    (inner): Linear(in_features=2, out_features=2, bias=True)",
        "  )",
        "  (second): Block(",
    ]


class Spy(nn.Module):
    def __init__(self, *others):
        super().__init__()
        self.others = nn.ModuleList(others)
        self.seen = []

    def forward(self, x):
        self.seen.append(STATE.path)
        for other in self.others:
            x = other(x)
        self.seen.append(STATE.path)
        return x


def test_the_path_of_the_running_module_is_known():
    leaf, outside = Spy(), Spy()
    root = Spy(Spy(leaf), leaf)
    root.hidden = [outside]
    root(1)
    assert root.seen == ["", ""]
    assert root.others[0].seen == ["others.0", "others.0"]
    assert leaf.seen == ["others.0.others.0"] * 4
    assert STATE.path == ""
    leaf(1)
    assert leaf.seen[-1] == ""
    root.others.append(Spy())
    root(1)
    assert root.others[2].seen == ["others.2", "others.2"]


def test_a_module_outside_of_the_tree_runs_under_its_callers_path():
    inner = Spy()
    held = Spy()
    held.forward = lambda x: inner(x)
    Spy(held)(1)
    assert inner.seen == ["others.0", "others.0"]


def test_the_path_is_restored_after_an_error_and_belongs_to_the_thread():
    class Failing(nn.Module):
        def forward(self, x):
            raise ValueError(STATE.path)

    model = nn.Sequential(nn.Identity(), Failing())
    with pytest.raises(ValueError, match="1"):
        model(0)
    assert STATE.path == ""
    paths = []

    class Threaded(nn.Module):
        def forward(self, x):
            thread = threading.Thread(target=lambda: paths.append(STATE.path))
            thread.start()
            thread.join()
            return x

    nn.Sequential(Threaded())(0)
    assert paths == [""]


def test_bindings_carry_the_path():
    model = nn.Sequential(nn.Linear(2, 3), nn.Sequential(nn.ReLU(), nn.Linear(3, 1)))
    with backlit.record() as recording:
        model(backlit.ones(4, 2))
    assert [b.path for b in recording.bindings if b.primitive.name == "linear"] == ["0", "1.1"]


def test_the_structure_version_follows_edits_of_this_tree_only():
    net, other = Net(), Net()
    version = net.structure_version
    other.extra = nn.Linear(1, 1)
    assert net.structure_version == version
    net.first.inner.bias = None
    assert net.structure_version != version
    version = net.structure_version
    net.layers.append(nn.ReLU())
    assert net.structure_version != version
    assert [tuple(t.shape) for t in net.state_tensors()] == [(2,), (2, 2), (3, 2), (3,), (), (2,)]
