"""`view.kernels` and `view.feature_maps`: what a convolution looks for, and what each layer makes of an image."""

from typing import Any

from backlit.core.modes import no_grad
from backlit.core.tensor_base import Array
from backlit.errors import ArgumentError, ShapeError, suggest
from backlit.nn import Conv1d, Conv2d, Module
from backlit.ops import Tensor
from backlit.train.modes import in_mode
from backlit.view.calling import check_model, tensors_for
from backlit.view.plot import Plot, new_figure, styled
from backlit.view.theme import number, shape_text, theme_of
from backlit.view.tiles import check_most, draw_tiles, label_tiles, largest, tile_height

# The width of a tile, in inches.
_KERNEL, _MAP = 0.55, 0.7
# The width of a letter of a layer's name, in points.
_LETTER = 4.6
_MOST_COLUMNS = 10


def kernels(model: Any, layer: str | None = None, *, most: int = 16, theme: str = "light") -> Plot:
    """Draw the kernels of a convolution as little images: the pattern at which each channel it gives responds.

    Kernels of several input channels are drawn in a row each, one image an input channel; those of a `Conv1d` as one
    image each, of a row an input channel.

    Args:
        model: A network with a `Conv1d` or `Conv2d`.
        layer: The path of the one drawn, such as "3" or "encoder.conv"; None: the first.
        most: The largest number of kernels, and of input channels of each, that are drawn.
        theme: "light" or "dark".

    Returns:
        A picture, one scale for all, blue positive, orange negative; `.data` is the weight, (out_channels, in_channels,
        height, width), of a `Conv1d` (out_channels, in_channels, width).

    Raises:
        ArgumentTypeError: `model` is no module.
        ArgumentError: It has no such layer, or `most` is below 1.
    """
    colors = theme_of(theme)
    check_model(model, "view.kernels")
    check_most(most, "view.kernels", "kernels")
    path, found = _chosen(model, layer)
    data: Array = found.weight.detach().numpy()
    several = data.ndim == 4 and data.shape[1] > 1
    count = min(len(data), most)
    # Little images, row by row.
    shown = data[:most, :most].reshape(-1, *data.shape[2:]) if data.ndim == 4 else data[:most]
    columns = min(data.shape[1], most) if several else min(count, _MOST_COLUMNS)
    rows = count if several else -(-count // columns)
    with styled(colors):
        height = rows * tile_height(shown, numbered=not several) * _KERNEL
        figure = new_figure(max(columns * _KERNEL, 3.0) + 1.6, max(height + 0.9, 1.9))
        axes = figure.subplots()
        drawn = draw_tiles(axes, shown, columns, colors, numbered=not several)
        if several:
            label_tiles(axes, shown, rows, columns)
            axes.set(xlabel="input channel" + _of(columns, data.shape[1]), ylabel="kernel" + _of(count, len(data)))
        elif data.ndim == 3:
            axes.set_xlabel("each: input channels downward, steps to the right")
        bar = figure.colorbar(drawn, ax=axes, shrink=0.9, label="weight")
        bar.outline.set_edgecolor(colors.line)
        some = f"the first {count} of " if count < len(data) else ""
        size = " × ".join(map(str, data.shape[2:]))
        name = f"{path}: " if path else ""
        figure.suptitle(f"{name}{type(found).__name__}, {some}{len(data):,} kernels of {size}", fontsize=9.5)
        return Plot(figure, data, colors, "kernels of a convolution")


def _of(shown: int, total: int) -> str:
    return f", {shown} of {total:,}" if shown < total else ""


def _chosen(model: Module, layer: str | None) -> tuple[str, Conv1d | Conv2d]:
    found = {path: module for path, module in model.named_modules() if isinstance(module, Conv1d | Conv2d)}
    if not found:
        raise ArgumentError(
            "view.kernels: the model has no nn.Conv1d or nn.Conv2d, whose kernels are images; view.weights draws the "
            "first fully connected layer"
        )
    path = next(iter(found)) if layer is None else layer
    if path not in found:
        raise ArgumentError(
            f"view.kernels: layer {path!r} is no nn.Conv1d or nn.Conv2d{suggest(str(path), list(found))}; there is "
            f"{', '.join(map(repr, found))}"
        )
    return path, found[path]


def feature_maps(model: Any, image: Any, *, most: int = 10, theme: str = "light") -> Plot:
    """Draw what each layer makes of an image, as long as it gives images: a row a layer, an image a channel.

    The model runs in evaluation mode, without gradients. Blue is positive, orange negative, each layer on its own
    scale, whose ends are said.

    Args:
        model: A network of convolutions, poolings and the like.
        image: (height, width), (channels, height, width), or a batch of one.
        most: The largest number of channels drawn of a layer.
        theme: "light" or "dark".

    Returns:
        A picture; `.data` holds (channels, height, width) of each layer by its path, in the order of use; of a layer
        that is used several times the last. The input's is "input".

    Raises:
        ArgumentTypeError: `model` is no module.
        ArgumentError: No layer gives an image, or `most` is below 1.
        ShapeError: Not one image.
    """
    colors = theme_of(theme)
    check_most(most, "view.feature_maps", "channels")
    inputs = tensors_for(model, image, "view.feature_maps")
    given = inputs[0]
    if len(inputs) > 1 or given.ndim not in (2, 3, 4) or (given.ndim == 4 and len(given) != 1) or not given.numel():
        raise ShapeError(
            "view.feature_maps: expected one image, (height, width) or (channels, height, width), got "
            f"{' and '.join(str(tuple(part.shape)) for part in inputs)}; of a batch pick one, images[0]"
        )
    batch = given.reshape(*(1,) * (4 - given.ndim), *given.shape)
    data = {"input": batch[0].numpy()} | _images(model, batch)
    if len(data) == 1:
        raise ArgumentError(
            "view.feature_maps: no layer gives an image, (n, channels, height, width); view.network draws the values "
            "of fully connected layers, view.graph those of any"
        )
    kinds = {path: type(module).__name__ for path, module in model.named_modules()}
    columns = min(max(map(len, data.values())), most)
    heights = [tile_height(maps, numbered=True) * _MAP for maps in data.values()]
    names = [path if path == "input" else f"{path}: {kinds[path]}" for path in data]
    margin = max(_LETTER * max(map(len, names)), 84.0)
    with styled(colors):
        figure = new_figure(max(columns * _MAP, 2.0) + 0.8 + margin / 72, sum(heights) + 0.1 * len(heights) + 0.5)
        areas = figure.subplots(len(data), 1, squeeze=False, height_ratios=heights)[:, 0]
        for name, maps, axes in zip(names, data.values(), areas, strict=True):
            draw_tiles(axes, maps[:most], columns, colors)
            words = f"{name}\n{shape_text(maps.shape)}\n±{number(largest(maps))}"
            axes.set_ylabel(words, rotation=0, ha="left", va="center", fontsize=7.5, labelpad=margin)
        some = f", at most {most} channels" if any(len(maps) > most for maps in data.values()) else ""
        figure.suptitle(f"What each layer makes of an image{some}", fontsize=9.5)
        return Plot(figure, data, colors, "feature maps of an image")


def _images(model: Module, batch: Tensor) -> dict[str, Array]:
    """What the innermost layers give, where that is images."""
    found: dict[str, Array] = {}

    def keep(path: str, output: Any) -> None:
        if isinstance(output, Tensor) and output.ndim == 4 and len(output) == 1 and output.numel():
            found.pop(path, None)
            found[path] = output.numpy().copy()[0]

    handles = [
        module.overhear(lambda _, __, output, path=path: keep(path, output))
        for path, module in model.named_modules()
        if not list(module.children())
    ]
    try:
        with in_mode(model, training=False), no_grad():
            model(batch)
    finally:
        for handle in handles:
            handle.remove()
    return found
