"""Runs a program with backlit or PyTorch and gives what came out, in a form that JSON keeps."""

import numpy as np

RNG = np.random.default_rng(1)
X = RNG.normal(size=(3, 4))
Y = RNG.normal(size=(3, 4))


def described(tensor):
    """A tensor's type, shape and values, rounded so that the file stays small."""
    if tensor is None:
        return None
    array = np.asarray(tensor.detach().numpy())
    values = array.astype(float).round(12).ravel().tolist()
    return {"dtype": str(array.dtype), "shape": list(array.shape), "values": values}


def leaves(t, arrays):
    made = [t.from_numpy(np.array(a)) for a in arrays]
    for tensor in made:
        if tensor.is_floating_point():
            tensor.requires_grad_()
    return made


def run_shape_program(t, program, *arrays):
    """Results of a program and the gradients of its arrays, for a different gradient at each element."""
    tensors = leaves(t, arrays)
    found = program(t, *tensors)
    results = list(found) if isinstance(found, (tuple, list)) else [found]
    total = None
    for result in results:
        if result.requires_grad:
            weight = t.from_numpy(np.cos(np.arange(result.numel(), dtype=float)).reshape(tuple(result.shape)))
            part = (result * weight).sum()
            total = part if total is None else total + part
    if total is not None:
        total.backward()
    return {"results": [described(r) for r in results], "grads": [described(x.grad) for x in tensors]}


def run_view_program(t, program, *arrays):
    """The result of a program and the gradients that its sum sends to the arrays."""
    tensors = leaves(t, arrays)
    result = program(t, *tensors)
    result.sum().backward()
    return {"results": [described(result)], "grads": [described(x.grad) for x in tensors]}
