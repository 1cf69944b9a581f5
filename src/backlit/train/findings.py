"""`diagnose`: why a network did not learn, read off what was measured in its training, and what to do about it.

The signs are those of Y. Bengio, "Practical recommendations for gradient-based training of deep architectures"
(arXiv 1206.5533), and A. Karpathy, "A recipe for training neural networks" (2019); their bounds are wide, so that a
training that goes well gives no finding.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from backlit.errors import ArgumentTypeError
from backlit.train.run import Run
from backlit.train.signs import Signs

# Units that are silent for so many of the values of a layer are dead rather than sparse.
_SILENT = 0.95
# So many units that are 0 for whole batches leave a layer with less than it was given.
_DEAD = 0.5
# In fewer rows a unit may be 0 by chance.
_ROWS = 16
# What is left of the slope of a sigmoid (at most 1/4) and a tanh (at most 1) where hardly anything passes back.
_SLOPES = {"Sigmoid": 0.02, "Tanh": 0.05}
# Sizes of updates beside their weights: 0.001 is usual.
_TINY, _USUAL, _LARGE = 1e-4, 1e-3, 0.03
# How much gradients may differ between layers or over time.
_APART = 1e3
# How much the spread of values may grow from the first layer to the last.
_GROWTH = 30.0
_INPUT_SCALE = (0.01, 20.0)
# Targets of any size were learnt where the loss ended below this share of where it began.
_REACHED = 0.1
_REMEMBER = {
    "RNN": "Use LSTM or GRU in its place",
    "LSTM": "Start the biases of its forget gates from 1",
    "GRU": "Start the biases of its update gates from 1",
}
_LOGITS = {
    "CrossEntropyLoss": ("Softmax", "softmax"),
    "BCEWithLogitsLoss": ("Sigmoid", "sigmoid"),
}


@dataclass(frozen=True)
class Finding:
    """Something that keeps a network from learning.

    Attributes:
        problem: Its name.
        where: The layer or parameter; "" for the whole network.
        evidence: What was measured.
        mend: What to do.
    """

    problem: str
    where: str
    evidence: str
    mend: str

    def __str__(self) -> str:
        place = f" in {self.where}" if self.where else ""
        return f"{self.problem[0].upper()}{self.problem[1:]}{place}: {self.evidence}. {self.mend}."


def diagnose(run: Run) -> list[Finding]:
    """What kept a network from learning, causes before their consequences; nothing for a training that went well.

    Args:
        run: What a fit returned; with `Trainer(…, watch=True)` the layers are looked at, else the history alone.

    Raises:
        ArgumentTypeError: `run` is no run.
    """
    if not isinstance(run, Run):
        raise ArgumentTypeError(f"diagnose: run must be what Trainer.fit returns, got {type(run).__name__}")
    signs = Signs(run)
    found = [finding for check in _CHECKS for finding in check(signs)]
    return found or list(_no_signal(signs))


def _number(value: float) -> str:
    return f"{value:.3g}"


def _inputs(signs: Signs) -> Iterator[Finding]:
    found = signs.series("input", "")
    if not len(found) or signs.takes_any_scale:
        return
    _, mean, std, low, high, _ = found.mean(0)
    scale, (least, most) = float(np.hypot(mean, std)), _INPUT_SCALE
    if not scale or least < scale < most:
        return
    yield Finding(
        "unscaled inputs",
        "",
        f"the inputs lie between {_number(low)} and {_number(high)}, with mean {_number(mean)} and standard deviation "
        f"{_number(std)}, where initial weights and usual learning rates are made for about 0 and 1",
        f"Subtract each {signs.unit(signs.first_values)}'s mean and divide by its standard deviation, both from the "
        f"training rows, or begin the network with a {signs.normalization}",
    )


def _targets(signs: Signs) -> Iterator[Finding]:
    """Targets far from the sizes at which outputs begin, unless they were reached all the same."""
    found, loss = signs.series("output", ""), signs.loss_name
    if not len(found) or loss not in ("MSELoss", "L1Loss"):
        return
    apart = float(np.sqrt(signs.start)) if loss == "MSELoss" else signs.start
    size = float(np.hypot(found[0, 1], found[0, 2]))
    if apart > max(_INPUT_SCALE[1], 10 * size) and signs.end > _REACHED * signs.start:
        yield Finding(
            "unscaled targets",
            "",
            f"at the first step the outputs are of size {_number(size)} and {_number(apart)} away from the targets, "
            f"where initial weights and usual learning rates are made for about 1; {signs.course}",
            "Subtract the targets' mean and divide by their standard deviation, both from the training rows, and turn "
            "predictions back",
        )


def _wrong_output(signs: Signs) -> Iterator[Finding]:
    loss, name = signs.loss_name, signs.last_values
    found = signs.series("output", "")
    if not len(found):
        return
    low, high = found[:, 3].min(), found[:, 4].max()
    within = low >= 0 and high <= 1
    if loss in _LOGITS and within:
        kind, words = _LOGITS[loss]
        is_softmax = loss == "CrossEntropyLoss" and signs.is_softmax(found)
        if is_softmax or signs.kind(name) == kind:
            yield Finding(
                f"{words} twice",
                name,
                f"the network's outputs lie between {_number(low)} and {_number(high)}: they have been through "
                f"{words} already, and {loss} applies it again, which leaves hardly any gradient",
                "Take the last activation out of the network; for probabilities apply it to predictions only",
            )
    if loss == "NLLLoss" and high > 0:
        yield Finding(
            "outputs that are no log-probabilities",
            name,
            f"NLLLoss expects values up to 0, and the network's outputs reach {_number(high)}",
            "End the network with LogSoftmax(dim=1), or use CrossEntropyLoss, which does that itself",
        )
    if signs.kind(name) == "ReLU" and loss in (*_LOGITS, "MSELoss", "L1Loss"):
        yield Finding(
            "a ReLU at the output",
            name,
            f"{100 * found[-1, 5]:.0f} % of the network's outputs are 0 at the end: it cannot say anything negative, "
            "and what is 0 sends no gradient back",
            "Take the last activation out of the network",
        )


def _never_updated(signs: Signs) -> Iterator[Finding]:
    still = [name for name in signs.names("updates") if signs.is_still(name)]
    if not still:
        return
    everything = len(still) == len(signs.names("gradients"))
    yield Finding(
        "parameters that never change",
        "" if everything else ", ".join(still),
        f"gradients of root mean square {_number(signs.gradient(still[0]))} arrive"
        f"{' at every parameter' if everything else ''}, and no update follows",
        "Give the optimizer model.parameters(), all of them, call its step() after backward(), and see that its "
        "learning rate is not 0 or too small for float32 to add",
    )


def _not_zeroed(signs: Signs) -> Iterator[Finding]:
    carried = signs.names("carried")
    if carried:
        old, new = (float(signs.size(kind, carried[0])[-1]) for kind in ("carried", "gradients"))
        yield Finding(
            "gradients of earlier steps",
            "",
            f"backward() added a gradient of root mean square {_number(new)} to {_number(old)} that was left from "
            f"before ({carried[0]})",
            "Call optimizer.zero_grad() before each backward()",
        )


def _dead(signs: Signs) -> Iterator[Finding]:
    for name in signs.hidden("ReLU"):
        zeros = signs.series("values", name)[:, 5]
        units = signs.series("units", name)[:, 5]
        dead = float(np.median(signs.late(units))) if len(units) else 0.0
        if np.median(signs.late(zeros)) >= _SILENT:
            yield Finding(
                "dead units",
                name,
                f"{100 * np.median(signs.late(zeros)):.0f} % of its values are 0 ({100 * zeros[0]:.0f} % at the first "
                "step); a unit that is 0 for every row gets no gradient and does not come back",
                "Scale the inputs, and start the biases and weights of the layer before as the library does"
                if zeros[0] >= _SILENT
                else f"Lower {signs.rate}, or put LeakyReLU in its place",
            )
        elif dead >= _DEAD and signs.rows >= _ROWS:
            yield Finding(
                "dead units",
                name,
                f"{100 * dead:.0f} % of its {signs.unit(name)}s are 0 in all rows of a batch ({100 * units[0]:.0f} % "
                "at the first step): they get no gradient and do not come back",
                f"Lower {signs.rate}, normalise before it, or put LeakyReLU in its place",
            )


def _saturated(signs: Signs) -> Iterator[Finding]:
    for kind, least in _SLOPES.items():
        for name in signs.hidden(kind):
            found = signs.series("values", name)
            square = found[:, 1] ** 2 + found[:, 2] ** 2
            slopes = found[:, 1] - square if kind == "Sigmoid" else 1 - square
            late = float(np.median(signs.late(slopes)))
            # One that has learnt may be as sure as that in the end.
            if late < least and (not signs.learned or slopes[0] < least):
                yield Finding(
                    f"a saturated {kind.lower()}",
                    name,
                    f"its average slope is {_number(late)}, of at most {0.25 if kind == 'Sigmoid' else 1}: its inputs "
                    "are so large that it is flat there and lets hardly any gradient back",
                    f"Scale the inputs, start from smaller weights (init.xavier_uniform_), lower {signs.rate}, "
                    "normalise before it, or use ReLU",
                )


def _gradients(signs: Signs) -> Iterator[Finding]:
    names = [name for name in signs.matrices if signs.gradient(name) > 0]
    if len(names) < 3:
        return
    first, last = names[0], names[-1]
    sizes = signs.gradient(first), signs.gradient(last)
    words = f"the root mean square of the gradient is {_number(sizes[1])} at {last} and {_number(sizes[0])} at {first}"
    if sizes[0] * _APART < sizes[1]:
        yield Finding(
            "vanishing gradients",
            first,
            f"{words}: on its way back it was multiplied by slopes and weights below 1, so the first layers hardly "
            "learn",
            "Use ReLU in place of sigmoid or tanh, start from init.kaiming_uniform_ weights, normalise between the "
            "layers, add each block's input to its output, or take fewer layers",
        )
    elif sizes[0] > _APART * sizes[1]:
        yield Finding(
            "exploding gradients",
            first,
            f"{words}: on its way back it grew from layer to layer",
            "Start from smaller weights (init.kaiming_uniform_), normalise between the layers, or bound the gradients "
            "with clip_grad_norm",
        )


def _steps(signs: Signs) -> Iterator[Finding]:
    for name in signs.names("early"):
        early, late = (float(np.median(signs.late(signs.size(kind, name)))) for kind in ("early", "late"))
        if early * _APART < late and not signs.learned:
            yield Finding(
                "vanishing gradients through the steps",
                name,
                f"the root mean square of the gradient is {_number(late)} at the last quarter of the steps and "
                f"{_number(early)} at the first: what stands early in a sequence hardly changes what is learnt",
                f"{_REMEMBER.get(signs.kind(name), _REMEMBER['RNN'])}, "
                "give the mean over all steps on and not the last one alone, let an attention look at the steps, or "
                "take shorter sequences",
            )


def _values(signs: Signs) -> Iterator[Finding]:
    layers = [name for name in signs.names("values") if f"{name}.weight".removeprefix(".") in signs.matrices]
    if len(layers) < 3:
        return
    first, last = layers[0], layers[-1]
    sizes = [float(signs.series("values", name)[:1, 2].sum()) for name in (first, last)]
    if sizes[1] > _GROWTH * sizes[0] > 0:
        yield Finding(
            "values that explode",
            last,
            f"before any update the standard deviation of the values is {_number(sizes[0])} at {first} and "
            f"{_number(sizes[1])} at {last}; gradients grow in the same way",
            "Start from smaller weights (init.kaiming_uniform_), or normalise between the layers "
            f"({signs.normalization})",
        )


def _growing(signs: Signs) -> Iterator[Finding]:
    for name in signs.matrices:
        size = signs.size("gradients", name)
        if len(size) > 1 and size[0] > 0 and size.max() > _APART * size[0] and not signs.learned:
            yield Finding(
                "exploding gradients",
                name,
                f"the root mean square of its gradient grew from {_number(size[0])} to {_number(size.max())}",
                f"Lower {signs.rate}, or bound the gradients with clip_grad_norm",
            )
            return


def _rate(signs: Signs) -> Iterator[Finding]:
    ratios = {name: signs.ratios(name) for name in signs.matrices if signs.gradient(name) > 0}
    ratios = {name: ratio for name, ratio in ratios.items() if ratio.any()}
    if not ratios or signs.learned:
        return
    name = max(ratios, key=lambda key: float(ratios[key].max()))
    usual, peak = float(np.median(ratios[name])), float(ratios[name].max())
    words = f"of the size of the weights ({name}), where {_USUAL:g} is usual, and {signs.course}"
    if peak < _TINY:
        yield Finding(
            "a learning rate that is too low",
            "",
            f"updates are {_number(usual)} {words}",
            f"Raise {signs.rate}, about {10 ** round(np.log10(_USUAL / peak)):,} times",
        )
    elif usual > _LARGE or peak > 10 * _LARGE:
        yield Finding(
            "a learning rate that is too high",
            "",
            f"updates reach {_number(peak)} {words}",
            f"Lower {signs.rate}, 10 times to begin with",
        )


def _constant(signs: Signs) -> Iterator[Finding]:
    spread, values = signs.size("output", "differences"), signs.size("output", "")
    if not len(spread) or not len(values) or signs.rows == 1:
        return
    differences, size = (float(np.median(signs.late(sizes))) for sizes in (spread, values))
    # What was learnt may be a large mean with small differences.
    if differences <= (1e-5 if signs.learned else 1e-3) * size:
        yield Finding(
            "an output that is the same for every row",
            signs.last_values,
            f"rows differ by {_number(differences)} in outputs of size {_number(size)}: what the rows hold does not "
            "reach the output",
            "Look for the first layer whose values do not differ (dead or saturated units, or too small weights)",
        )


def _overfitting(signs: Signs) -> Iterator[Finding]:
    train, held_out = signs.history("loss"), signs.history("val_loss")
    if len(held_out) < 5 or len(train) != len(held_out) or not signs.learned or signs.learned_by_heart:
        return
    best = int(np.argmin(held_out))
    end = float(held_out[-max(len(held_out) // 10, 1) :].mean())
    rise = end - held_out[best]
    if rise > max(0.15 * held_out[best], 0.05 * (signs.start - held_out[best])) and train[-1] < train[best]:
        yield Finding(
            "overfitting",
            "",
            f"the loss of held-out rows was lowest in epoch {best + 1}, {_number(held_out[best])}, and ended at "
            f"{_number(end)}, while that of training rows went on from {_number(train[best])} to {_number(train[-1])}",
            "Stop there (EarlyStopping), use more rows, a smaller network, Dropout or weight_decay",
        )


def _by_heart(signs: Signs) -> Iterator[Finding]:
    if signs.learned_by_heart:
        yield Finding(
            "nothing learnt that holds for other rows",
            "",
            f"{signs.course}, but for held-out rows it never was below {_number(signs.history('val_loss').min())}",
            "See that each label is still beside its own row (shuffled apart, sorted, joined wrongly?), and that "
            "training and held-out rows are prepared alike",
        )


def _no_signal(signs: Signs) -> Iterator[Finding]:
    if signs.fell or not signs.knows_course:
        return
    epochs = signs.history("loss")
    course = f"the loss of an epoch went from {epochs[0]:.4g} to {epochs[-1]:.4g}" if len(epochs) > 1 else signs.course
    yield Finding(
        "nothing learnt",
        "",
        f"{course}, and nothing that was looked at explains it",
        "See that each label is still beside its own row; try whether the network can learn ten rows by heart: if so, "
        "the inputs may say nothing about the targets; train for longer, or with other learning rates",
    )


_CHECKS = (
    _inputs,
    _targets,
    _wrong_output,
    _never_updated,
    _not_zeroed,
    _rate,
    _dead,
    _saturated,
    _gradients,
    _steps,
    _values,
    _growing,
    _constant,
    _by_heart,
    _overfitting,
)
