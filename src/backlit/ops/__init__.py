"""Every operation, a block each, grouped in files by kind; and `Tensor`, whose methods they are.

What each file offers to users is its own `__all__`.
"""

# First, so that the module does not hide the function of its name.
from backlit.ops.tensor import Tensor

# isort: split

from backlit.core.dtypes import (
    bool_,
    dtype,
    float16,
    float32,
    float64,
    get_default_dtype,
    int8,
    int16,
    int32,
    int64,
    set_default_dtype,
    uint8,
)
from backlit.core.entrance import answer_at
from backlit.core.modes import (
    enable_grad,
    inference_mode,
    is_grad_enabled,
    is_inference_mode_enabled,
    no_grad,
    set_grad_enabled,
)
from backlit.core.recording import record
from backlit.ops import (
    activation,
    arithmetic,
    arrangement,
    choice,
    classes,
    comparison,
    contraction,
    copies,
    counting,
    creation,
    devices,
    exponential,
    extremes,
    gathering,
    generator,
    indexing,
    joining,
    masking,
    piecewise,
    printing,
    product,
    random_numbers,
    reduction,
    rounding,
    scan,
    sequences,
    shape,
    size,
    softmaxes,
    sorting,
    special,
    statistics,
    trigonometry,
    type_facts,
)

__all__ = [
    "Tensor",
    "bool_",
    "dtype",
    "enable_grad",
    "float16",
    "float32",
    "float64",
    "get_default_dtype",
    "inference_mode",
    "int16",
    "int32",
    "int64",
    "int8",
    "is_grad_enabled",
    "is_inference_mode_enabled",
    "no_grad",
    "record",
    "set_default_dtype",
    "set_grad_enabled",
    "uint8",
    *activation.__all__,
    *arithmetic.__all__,
    *arrangement.__all__,
    *choice.__all__,
    *classes.__all__,
    *comparison.__all__,
    *contraction.__all__,
    *copies.__all__,
    *counting.__all__,
    *creation.__all__,
    *devices.__all__,
    *exponential.__all__,
    *extremes.__all__,
    *gathering.__all__,
    *generator.__all__,
    *indexing.__all__,
    *joining.__all__,
    *masking.__all__,
    *piecewise.__all__,
    *printing.__all__,
    *product.__all__,
    *random_numbers.__all__,
    *reduction.__all__,
    *rounding.__all__,
    *scan.__all__,
    *sequences.__all__,
    *shape.__all__,
    *size.__all__,
    *softmaxes.__all__,
    *sorting.__all__,
    *special.__all__,
    *statistics.__all__,
    *trigonometry.__all__,
    *type_facts.__all__,
]

from backlit.ops.activation import *
from backlit.ops.arithmetic import *
from backlit.ops.arrangement import *
from backlit.ops.choice import *
from backlit.ops.classes import *
from backlit.ops.comparison import *
from backlit.ops.contraction import *
from backlit.ops.copies import *
from backlit.ops.counting import *
from backlit.ops.creation import *
from backlit.ops.devices import *
from backlit.ops.exponential import *
from backlit.ops.extremes import *
from backlit.ops.gathering import *
from backlit.ops.generator import *
from backlit.ops.indexing import *
from backlit.ops.joining import *
from backlit.ops.masking import *
from backlit.ops.piecewise import *
from backlit.ops.printing import *
from backlit.ops.product import *
from backlit.ops.random_numbers import *
from backlit.ops.reduction import *
from backlit.ops.rounding import *
from backlit.ops.scan import *
from backlit.ops.sequences import *
from backlit.ops.shape import *
from backlit.ops.size import *
from backlit.ops.softmaxes import *
from backlit.ops.sorting import *
from backlit.ops.special import *
from backlit.ops.statistics import *
from backlit.ops.trigonometry import *
from backlit.ops.type_facts import *

answer_at(globals(), __all__)
