"""`backlit.record()` keeps values and gradients as they were, whatever is written later."""

import backlit


def leaf(*values):
    return backlit.tensor(values, dtype=backlit.float64, requires_grad=True)


def record_of(recording, name):
    return next(b.record for b in recording.bindings if b.primitive.name == name)


def test_every_value_and_arriving_gradient_is_kept():
    x, y, z = leaf(-2.0), leaf(5.0), leaf(-4.0)
    with backlit.record() as recording:
        ((x + y) * z).backward()
    names = [b.primitive.name for b in recording.bindings]
    assert names[:2] == ["add", "mul"]
    add, mul = record_of(recording, "add"), record_of(recording, "mul")
    assert [v.array.item() for v in add.inputs] == [-2.0, 5.0]
    assert add.outputs[0].array.item() == 3.0
    assert mul.outputs[0].array.item() == -12.0
    assert mul.arrived[0].item() == 1.0
    assert [g.item() for g in mul.left] == [-4.0, 3.0]
    assert add.arrived[0].item() == -4.0
    assert [g.item() for g in add.left] == [-4.0, -4.0]


def test_an_overwritten_value_is_kept_as_it_was():
    w = leaf(2.0)
    with backlit.record() as recording:
        y = w * 3
        y.backward()
        with backlit.no_grad():
            w.sub_(w.grad)
    mul = record_of(recording, "mul")
    assert mul.inputs[0].array.item() == 2.0
    assert w.item() == -1.0


def test_a_recording_that_is_gone_costs_no_copies():
    w = leaf(2.0)
    with backlit.record():
        w * 3
    assert all(reference() is None for reference in w._storage.watchers)


def test_operations_without_gradient_are_kept_too():
    with backlit.record() as recording, backlit.no_grad():
        leaf(1.0) * 2
    assert len(recording) == 1
    assert record_of(recording, "mul").arrived == [None]


def test_recordings_nest_and_end():
    with backlit.record() as outer:
        leaf(1.0) * 2
        with backlit.record() as inner:
            leaf(1.0) + 2
    leaf(1.0) - 2
    assert [b.primitive.name for b in outer.bindings] == ["mul"]
    assert [b.primitive.name for b in inner.bindings] == ["add"]


def test_a_recording_changes_no_gradient():
    x = leaf(0.3, 0.7)

    def program():
        return ((x.exp() * x).sum() + x.sum() ** 2).sin()

    (plain,) = backlit.autograd.grad(program(), x)
    with backlit.record():
        (recorded,) = backlit.autograd.grad(program(), x)
    assert plain.tolist() == recorded.tolist()


def test_a_write_into_a_part_is_kept_with_what_was_there_before():
    x, part = leaf(1.0, 2.0), leaf(5.0)
    with backlit.record() as recording:
        y = x * 3
        y[0] = part[0]
        (y * y).sum().backward()
    write = record_of(recording, "view_write")
    assert write.inputs[0].array.tolist() == [3.0, 6.0]
    assert write.outputs[0].array.tolist() == [5.0, 6.0]
    assert write.arrived[0].tolist() == [10.0, 12.0]
    assert [g.tolist() for g in write.left] == [[0.0, 12.0], 10.0]


def test_an_update_is_taken_apart_when_somebody_looks():
    w = leaf(1.0, 2.0)
    optimizer = backlit.optim.SGD([w], lr=0.5)
    with backlit.record() as recording:
        (w * w).sum().backward()
        optimizer.step()
        (w * 3).sum()
    assert w.tolist() == [0.0, 0.0]
    names = [b.primitive.name for b in recording.bindings]
    update = names.index("sub")
    assert names[:2] == ["mul", "sum"]
    assert names[-2:] == ["mul", "sum"]
    record = recording.bindings[update].record
    assert record.inputs[0].array.tolist() == [1.0, 2.0]
    assert record.outputs[0].array.tolist() == [0.0, 0.0]
    assert len(recording) == len(names)
    assert recording.bindings[0].record.inputs[0].array.tolist() == [1.0, 2.0]
    assert w.tolist() == [0.0, 0.0]


def test_recorded_training_is_the_same_bit_for_bit():
    def trained(recorded):
        backlit.manual_seed(0)
        w = backlit.randn(5, requires_grad=True)
        optimizer = backlit.optim.Adam([w], lr=0.1)
        for _ in range(3):
            with backlit.record() if recorded else backlit.enable_grad():
                optimizer.zero_grad()
                (w.sin() * w).sum().backward()
                optimizer.step()
        return w.tolist()

    assert trained(True) == trained(False)
