"""Programs that write into tensors and their views, each for any library `t` with PyTorch's names.

Each gets two leaves of shape (3, 4) that require gradients. `make_programs_reference.py` runs them with PyTorch and
`test_programs.py` with backlit.
"""

import numpy as np


def write_to_view(t, x, y):
    b = x * 2
    b[1].mul_(y[0])
    return b * b


def view_of_view_and_base(t, x, y):
    b = x * 2
    v = b[1:]
    v.t()[0].mul_(3)
    b[0] = y[1]
    return b * y + (v * v).sum()


def base_written_after_view(t, x, y):
    b = x * 2
    v = b[1]
    b.mul_(y)
    return v * v


def base_part_written_after_view(t, x, y):
    b = x * 2
    v = b.view(-1)[2:7]
    b[0] = y[2] * y[2]
    return v * v


def three_views(t, x, y):
    b = x * 2
    v = b.view(4, 3)
    u, w = v[1], v.t()
    u.copy_(y[0, :3])
    return (w * w).sum() * b


def rows_by_list(t, x, y):
    b = x.clone()
    b[[0, 2]] = y[[1, 1]] * 2
    return b * x


def mask_and_number(t, x, y):
    b = x.clone()
    b[b > 0] = 0.5
    return b * x


def mask_and_tensor(t, x, y):
    b = x.clone()
    b[1:, t.from_numpy(np.array([True, False, True, True]))] = y[0, :3]
    return b * b


def added_at_columns(t, x, y):
    b = x.clone()
    b[:, [0, 0, 1]] += y[:, :3]
    return b * b


def diagonal(t, x, y):
    b = x.clone()
    b.diagonal().mul_(y.diagonal())
    return b * b


def fill_diagonal(t, x, y):
    b = x.clone()
    b.fill_diagonal_(2.0)
    return b * b


def through_detach(t, x, y):
    b = x.clone()
    b.detach()[0] = 5
    return b * y


def into_zeros(t, x, y):
    b = t.zeros(3, 4, dtype=t.float64)
    b[1] = x[0]
    b[:, 2] = y[:, 1]
    return b * b


def view_before_history(t, x, y):
    b = t.zeros(3, 4, dtype=t.float64)
    v = b[0]
    b[0] = x[0]
    return v * v


def chain_of_views(t, x, y):
    b = x.clone()
    v = b.unsqueeze(0).transpose(1, 2).squeeze(0)
    v[0].mul_(2)
    return v * v * y[0, 0]


def saved_sum(t, x, y):
    b = x * 2
    s = b.sum()
    b[0] = 0
    return s * b


def changed_although_needed(t, x, y):
    b = x * 2
    s = b * b
    b[0] = 0
    return s * b


def leaf_written(t, x, y):
    x[0] = 1
    return x


def view_of_leaf_written(t, x, y):
    x.t()[0] = 1
    return x


def expanded_written(t, x, y):
    b = (x * 2).expand(2, 3, 4)
    b[:, 0] = 1
    return b


def masks_and_scatters(t, x, y):
    b = x.clone()
    b.masked_fill_(y > 0, 2.0)
    b.scatter_add_(1, t.from_numpy(np.array([[0, 0], [1, 1]])), y[:2, :2])
    return b * b


def indexed_in_place(t, x, y):
    b = x.clone()
    b.index_add_(0, t.from_numpy(np.array([0, 0])), y[:2])
    b.index_copy_(1, t.from_numpy(np.array([1, 0])), y[:, :2])
    b.index_fill_(1, t.from_numpy(np.array([2])), 3.0)
    return b * b


def without_gradients(t, x, y):
    b = x.clone()
    with t.no_grad():
        b[0].mul_(2)
    return b * y


def base_written_without_gradients(t, x, y):
    b = x.clone()
    v = b[0]
    with t.no_grad():
        b.mul_(2)
    return v * y


def back_and_forth(t, x, y):
    b = x.clone()
    v = b[0]
    v.mul_(2)
    v.mul_(y[0])
    b.mul_(y)
    v.add_(1)
    return b * v


def both_views_written(t, x, y):
    b = x.clone()
    v = b[0:2]
    w = v[0]
    v.mul_(y[:2])
    w.mul_(3)
    return v * v


def name_bound_anew(t, x, y):
    b = x.clone()
    v = b[0]
    b = b * 2
    v.mul_(3)
    return b * y


def written_through_transpose(t, x, y):
    b = x.clone()
    b.t()[1:3, [0, 2]] = y[:2, :2]
    return b * b


def rows_to_rows(t, x, y):
    b = x.clone()
    b[0] = b[1]
    b[1:] = b[:-1].clone()
    return b * b


def two_shapes(t, x, y):
    b = x.clone()
    v, w = b.view(12), b.view(2, 6)
    v[3:5] = 0
    w.mul_(2)
    return b * y


def augmented_assignments(t, x, y):
    b = x.clone()
    b[0] += y[0]
    b[1:] *= y[:2]
    b.t()[0] -= x[0, :3]
    b[[0, 2]] /= 2
    return b * b


def mask_assigned(t, x, y):
    b = x.clone()
    b[b > 1] *= y[0, 0]
    return b * b


def overlapping_parts(t, x, y):
    b = x.clone()
    b[1:] = b[:-1] * y[0]
    b[:, 1:].add_(b[:, :-1].clone())
    return b * b


def views_in_a_loop(t, x, y):
    b = x.clone()
    for row in range(3):
        b[row].mul_(y[0])
        b.narrow(1, row, 2)[row].add_(1)
        b.select(1, row)[0] = y[row, row]
    return b * b


def extra_dimensions(t, x, y):
    b = x.clone()
    b[0] = y[1:2].unsqueeze(0)
    b[:, [0, 1]] = y[:1, :2].unsqueeze(0)
    return b * b


PROGRAMS = {name.replace("_", " "): program for name, program in list(globals().items()) if callable(program)}
