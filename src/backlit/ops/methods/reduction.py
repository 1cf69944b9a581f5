"""Methods of reduction, of running sums and of sorting."""

from backlit.core.tensor_base import TensorBase
from backlit.ops import arrangement, counting, extremes, reduction, scan, softmaxes, sorting, statistics


class ReductionMethods(TensorBase):
    """Reductions, as methods; each is the function of its name with the tensor as first argument."""

    sum = reduction.sum
    mean = reduction.mean
    nansum = reduction.nansum
    nanmean = reduction.nanmean
    all = reduction.all
    any = reduction.any
    count_nonzero = reduction.count_nonzero
    prod = scan.prod
    var = statistics.var
    std = statistics.std
    norm = statistics.norm
    logsumexp = softmaxes.logsumexp
    softmax = softmaxes.softmax
    log_softmax = softmaxes.log_softmax

    max = extremes.max
    min = extremes.min
    amax = extremes.amax
    amin = extremes.amin
    argmax = extremes.argmax
    argmin = extremes.argmin
    median = extremes.median
    kthvalue = extremes.kthvalue

    cumsum = scan.cumsum
    cumprod = scan.cumprod
    cummax = scan.cummax
    cummin = scan.cummin
    diff = scan.diff

    sort = sorting.sort
    argsort = sorting.argsort
    topk = sorting.topk
    unique = sorting.unique
    quantile = sorting.quantile
    bincount = counting.bincount
    trace = arrangement.trace
