"""Losses that hold two things apart by a margin."""

from backlit.nn.checks import require_floats, require_tensors
from backlit.nn.functional.normalization import pairwise_distance
from backlit.nn.functional.reduction import reduced
from backlit.ops import minimum, where
from backlit.ops.tensor import Tensor


def margin_ranking_loss(
    input1: Tensor, input2: Tensor, target: Tensor, margin: float = 0.0, *, reduction: str = "mean"
) -> Tensor:
    """max(0, margin - t (x1 - x2)): the first score is to be larger where t = 1, the second where t = -1.

    Args:
        input1: Scores, any shape.
        input2: Scores of the same shape.
        target: 1 or -1 for each pair.
        margin: By how much.
        reduction: "none", "mean" or "sum".
    """
    require_floats("margin_ranking_loss", input1=input1, input2=input2)
    require_tensors("margin_ranking_loss", target=target)
    return reduced((margin - target * (input1 - input2)).clamp(min=0), reduction, "margin_ranking_loss")


def cosine_embedding_loss(
    input1: Tensor, input2: Tensor, target: Tensor, margin: float = 0.0, *, reduction: str = "mean"
) -> Tensor:
    """1 - cos(x1, x2) where t = 1, max(0, cos(x1, x2) - margin) where t = -1.

    The inputs are vectors, (n, features) or (features), `target` is (n) or a number; else as in `margin_ranking_loss`.
    """
    require_floats("cosine_embedding_loss", input1=input1, input2=input2)
    require_tensors("cosine_embedding_loss", target=target)
    # PyTorch's bound: vectors of length 0 have a cosine too.
    lengths = [x.square().sum(-1) + 1e-12 for x in (input1, input2)]
    cosine = (input1 * input2).sum(-1) * (lengths[0] * lengths[1]).rsqrt()
    loss = where(target == 1, 1 - cosine, (cosine - margin).clamp(min=0))
    return reduced(loss, reduction, "cosine_embedding_loss")


def triplet_margin_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    margin: float = 1.0,
    p: float = 2.0,
    eps: float = 1e-6,
    swap: bool = False,
    *,
    reduction: str = "mean",
) -> Tensor:
    """max(0, |a - p| - |a - n| + margin): the anchor is to be nearer to the positive (Balntas et al., 2016).

    Args:
        anchor: Vectors, (n, features) or (features).
        positive: Vectors that are to be near, of the same shape.
        negative: Vectors that are to be far, of the same shape.
        margin: By how much.
        p: The norm of distances.
        eps: Added to differences.
        swap: Take the distance from positive to negative where that is smaller.
        reduction: "none", "mean" or "sum".
    """
    require_floats("triplet_margin_loss", anchor=anchor, positive=positive, negative=negative)
    far = pairwise_distance(anchor, negative, p, eps)
    if swap:
        far = minimum(far, pairwise_distance(positive, negative, p, eps))
    loss = pairwise_distance(anchor, positive, p, eps) - far + margin
    return reduced(loss.clamp(min=0), reduction, "triplet_margin_loss")
