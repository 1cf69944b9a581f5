"""The table of layers and losses that drives the shared checks, and the numbers they are tried on.

Entries are texts that mean the same in PyTorch and in backlit, so that reference/make_networks.py runs the same table.
"""

import numpy as np

# A module, and the shapes of its inputs; ("labels", shape, classes) stands for integers below `classes`.
LAYERS = [
    ("Identity()", [(3, 4)]),
    ("Linear(4, 3)", [(5, 4)]),
    ("Linear(4, 3, bias=False)", [(2, 5, 4)]),
    ("Linear(4, 3)", [(4,)]),
    ("Linear(4, 3)", [(0, 4)]),
    ("Linear(1, 1)", [(1, 1)]),
    ("Bilinear(3, 4, 2)", [(5, 3), (5, 4)]),
    ("Bilinear(3, 4, 2, bias=False)", [(2, 5, 3), (2, 5, 4)]),
    ("Flatten()", [(2, 3, 4)]),
    ("Flatten(0, 1)", [(2, 3, 4)]),
    ("Unflatten(1, (2, 3))", [(4, 6)]),
    ("Conv1d(2, 3, 3, padding=1)", [(2, 2, 5)]),
    ("Conv1d(2, 3, 4, padding='same', dilation=2, padding_mode='replicate')", [(2, 2, 5)]),
    ("Conv2d(2, 3, (2, 3), bias=False)", [(2, 2, 3, 4)]),
    ("Conv2d(2, 4, 3, stride=2, padding=(1, 2), groups=2)", [(2, 2, 4, 3)]),
    ("Conv2d(2, 2, 3, padding=1, padding_mode='reflect')", [(1, 2, 4, 3)]),
    ("Conv2d(2, 2, 2, padding='same', padding_mode='circular')", [(1, 2, 3, 2)]),
    ("Conv3d(1, 2, 2, stride=(1, 2, 1))", [(1, 1, 2, 3, 3)]),
    ("ConvTranspose1d(2, 3, 3, stride=2, dilation=2)", [(2, 2, 3)]),
    ("ConvTranspose2d(2, 2, 3, stride=2, padding=1, output_padding=(1, 0), groups=2)", [(1, 2, 2, 3)]),
    ("ConvTranspose3d(1, 2, (1, 2, 2), bias=False)", [(1, 1, 2, 2, 2)]),
    ("Unfold(2, dilation=(1, 2), padding=1, stride=2)", [(2, 2, 4, 5)]),
    ("Fold((4, 5), (2, 3), padding=1)", [(2, 12, 25)]),
    ("Dropout(0.0)", [(3, 4)]),
    ("Dropout(0.25, inplace=False).eval()", [(3, 4)]),
    ("Embedding(6, 3)", [("labels", (2, 4), 6)]),
    ("Embedding(6, 3, padding_idx=1)", [("labels", (5,), 6)]),
    ("Embedding(6, 3, padding_idx=-1)", [("labels", (5,), 6)]),
    ("EmbeddingBag(6, 3)", [("labels", (2, 4), 6)]),
    ("EmbeddingBag(6, 3, mode='sum')", [("labels", (2, 4), 6)]),
    ("EmbeddingBag(6, 3, padding_idx=1)", [("labels", (2, 4), 6)]),
    ("EmbeddingBag(6, 3, mode='max')", [("labels", (2, 4), 6)]),
    ("BatchNorm1d(4)", [(5, 4)]),
    ("BatchNorm1d(4, eps=0.01, momentum=None)", [(5, 4, 3)]),
    ("BatchNorm1d(4, momentum=0.5, affine=False)", [(5, 4)]),
    ("BatchNorm1d(4, track_running_stats=False)", [(5, 4)]),
    ("BatchNorm1d(4).eval()", [(5, 4)]),
    ("BatchNorm1d(4).eval()", [(5, 4, 2)]),
    ("BatchNorm2d(3)", [(2, 3, 2, 2)]),
    ("BatchNorm2d(3).eval()", [(2, 3, 2, 2)]),
    ("BatchNorm3d(2, eps=0.01)", [(2, 2, 2, 1, 3)]),
    ("InstanceNorm1d(3)", [(2, 3, 4)]),
    ("InstanceNorm1d(3, affine=True)", [(2, 3, 2)]),
    ("InstanceNorm2d(2, affine=True, track_running_stats=True)", [(2, 2, 2, 3)]),
    ("InstanceNorm2d(2, track_running_stats=True).eval()", [(2, 2, 2, 3)]),
    ("InstanceNorm3d(2, eps=0.01)", [(1, 2, 2, 2, 1)]),
    ("GroupNorm(2, 4)", [(2, 4, 3)]),
    ("GroupNorm(1, 4, eps=0.01)", [(3, 4)]),
    ("GroupNorm(4, 4, affine=False)", [(2, 4, 2, 2)]),
    ("LocalResponseNorm(2)", [(2, 3, 4)]),
    ("LocalResponseNorm(3, alpha=0.5, beta=0.6, k=2.0)", [(1, 4, 2, 2)]),
    ("Dropout1d(0.3).eval()", [(2, 3, 2)]),
    ("Dropout2d(0.0)", [(2, 3, 2, 2)]),
    ("Dropout3d(0.3).eval()", [(1, 2, 2, 2, 1)]),
    ("AlphaDropout(0.0)", [(3, 4)]),
    ("FeatureAlphaDropout(0.3).eval()", [(2, 3, 2)]),
    ("RNNCell(4, 3)", [(5, 4)]),
    ("RNNCell(4, 3, bias=False, nonlinearity='relu')", [(5, 4), (5, 3)]),
    ("GRUCell(4, 3)", [(5, 4), (5, 3)]),
    ("GRUCell(4, 3, bias=False)", [(4,)]),
    ("First(LSTMCell(4, 3))", [(5, 4)]),
    ("First(RNN(4, 3, batch_first=True))", [(2, 5, 4)]),
    ("First(RNN(4, 3, 2, 'relu', batch_first=True, bidirectional=True))", [(2, 3, 4)]),
    ("First(LSTM(4, 3, batch_first=True))", [(2, 5, 4)]),
    ("First(LSTM(4, 3, 2, batch_first=True, bidirectional=True, proj_size=2))", [(2, 3, 4)]),
    ("First(GRU(4, 3, batch_first=True))", [(2, 5, 4)]),
    ("First(GRU(4, 3, 2, bias=False, batch_first=True, bidirectional=True))", [(2, 3, 4)]),
    ("LayerNorm(4)", [(5, 4)]),
    ("LayerNorm((3, 4), eps=0.001)", [(2, 3, 4)]),
    ("LayerNorm(4, elementwise_affine=False)", [(2, 3, 4)]),
    ("LayerNorm(4, bias=False)", [(5, 4)]),
    ("RMSNorm(4)", [(5, 4)]),
    ("RMSNorm((3, 4), eps=0.001)", [(2, 3, 4)]),
    ("RMSNorm(4, elementwise_affine=False)", [(5, 4)]),
    ("MaxPool1d(3, stride=2)", [(2, 2, 8)]),
    ("MaxPool1d(2, dilation=2, padding=1, ceil_mode=True)", [(2, 7)]),
    ("MaxPool2d(2)", [(2, 2, 4, 4)]),
    ("MaxPool2d((3, 2), stride=(2, 1), padding=(1, 0))", [(1, 2, 5, 4)]),
    ("MaxPool2d(2, 2, ceil_mode=True)", [(2, 5, 3)]),
    ("MaxPool3d(2)", [(1, 2, 4, 2, 5)]),
    ("AvgPool1d(3, 2, 1)", [(2, 2, 8)]),
    ("AvgPool2d(2)", [(2, 2, 4, 4)]),
    ("AvgPool2d((3, 2), stride=(2, 1), padding=1, ceil_mode=True)", [(1, 2, 5, 4)]),
    ("AvgPool2d(3, 2, 1, count_include_pad=False)", [(2, 5, 4)]),
    ("AvgPool2d(2, divisor_override=3)", [(1, 2, 4, 4)]),
    ("AvgPool3d(2)", [(1, 2, 4, 2, 5)]),
    ("AdaptiveAvgPool1d(3)", [(2, 7)]),
    ("AdaptiveAvgPool2d(1)", [(2, 3, 2, 3)]),
    ("AdaptiveAvgPool2d((3, None))", [(1, 2, 4, 3)]),
    ("AdaptiveAvgPool3d((1, 2, 1))", [(1, 2, 2, 4, 2)]),
    ("AdaptiveMaxPool1d(2)", [(1, 2, 6)]),
    ("AdaptiveMaxPool2d((3, 2))", [(1, 2, 4, 4)]),
    ("AdaptiveMaxPool3d(1)", [(1, 2, 2, 2, 3)]),
    ("LPPool1d(2, 3, stride=2)", [(1, 2, 6)]),
    ("LPPool2d(2, 2, ceil_mode=True)", [(1, 2, 3, 4)]),
    ("LPPool3d(4.0, (1, 2, 2))", [(1, 1, 2, 2, 4)]),
    ("Upsample(scale_factor=2)", [(1, 2, 3)]),
    ("Upsample((3, 5))", [(1, 2, 2, 3)]),
    ("Upsample(scale_factor=(1.7, 0.6), mode='nearest-exact')", [(1, 1, 3, 4)]),
    ("Upsample(scale_factor=1.6, mode='linear')", [(1, 2, 4)]),
    ("Upsample(scale_factor=1.6, mode='linear', recompute_scale_factor=True)", [(1, 2, 4)]),
    ("Upsample((5, 3), mode='bilinear')", [(1, 1, 3, 4)]),
    ("Upsample((5, 1), mode='bilinear', align_corners=True)", [(1, 1, 3, 2)]),
    ("Upsample(scale_factor=1.5, mode='bicubic')", [(1, 1, 3, 2)]),
    ("Upsample(scale_factor=2, mode='trilinear')", [(1, 1, 2, 1, 2)]),
    ("Upsample((2, 3), mode='area')", [(1, 1, 3, 4)]),
    ("UpsamplingNearest2d(scale_factor=2)", [(1, 2, 2, 1)]),
    ("UpsamplingBilinear2d((3, 2))", [(1, 1, 2, 2)]),
    ("PixelShuffle(2)", [(2, 4, 1, 2)]),
    ("PixelUnshuffle(2)", [(1, 2, 4, 2)]),
    ("ChannelShuffle(2)", [(2, 4, 2)]),
    ("Softmax2d()", [(2, 3, 2, 1)]),
    ("ZeroPad1d(1)", [(2, 3)]),
    ("ZeroPad2d((1, 0, 2, -1))", [(1, 2, 2, 2)]),
    ("ZeroPad3d(1)", [(1, 1, 1, 2)]),
    ("ConstantPad1d((1, 2), 3.5)", [(1, 2, 2)]),
    ("ConstantPad2d(1, -0.5)", [(1, 2, 1, 2)]),
    ("ConstantPad3d((0, 1, 1, 0, 0, 0), 2)", [(1, 1, 1, 2)]),
    ("ReflectionPad1d(2)", [(2, 1, 3)]),
    ("ReflectionPad2d((1, 0, 1, 2))", [(1, 1, 3, 2)]),
    ("ReflectionPad3d(1)", [(1, 1, 2, 2, 2)]),
    ("ReplicationPad1d(2)", [(2, 1, 3)]),
    ("ReplicationPad2d((1, 0, 1, 2))", [(1, 1, 1, 2)]),
    ("ReplicationPad3d(1)", [(1, 1, 1, 2, 1)]),
    ("CircularPad1d(2)", [(2, 1, 3)]),
    ("CircularPad2d((1, 0, 1, 2))", [(1, 1, 2, 2)]),
    ("CircularPad3d(1)", [(1, 1, 1, 2, 2)]),
    ("CosineSimilarity()", [(3, 4), (3, 4)]),
    ("CosineSimilarity(dim=0)", [(3, 4), (3, 4)]),
    ("PairwiseDistance()", [(3, 4), (3, 4)]),
    ("PairwiseDistance(p=1.0, keepdim=True)", [(3, 4), (3, 4)]),
    ("GLU()", [(3, 4)]),
    ("GLU(dim=1)", [(3, 4, 2)]),
    ("TripletMarginLoss(margin=3.0)", [(5, 4), (5, 4), (5, 4)]),
    ("TripletMarginLoss(swap=True, reduction='sum')", [(5, 4), (5, 4), (5, 4)]),
    ("MarginRankingLoss(margin=1.0, reduction='none')", [(6, 2), (6, 2), ("labels of signs", (6, 2))]),
    ("CosineEmbeddingLoss(margin=-0.3)", [(6, 4), (6, 4), ("labels of signs", (6,))]),
    ("GaussianNLLLoss()", [(5, 3), (5, 3), ("probabilities", (5, 3))]),
    ("GaussianNLLLoss(full=True, reduction='none')", [(5, 3), (5, 3), ("probabilities", (5, 1))]),
    ("Threshold(0.1, 20)", [(3, 4)]),
    ("Sigmoid()", [(3, 4)]),
    ("Tanh()", [(3, 4)]),
    ("ReLU()", [(3, 4)]),
    ("ReLU(inplace=False)", [(3, 0)]),
    ("LeakyReLU()", [(3, 4)]),
    ("LeakyReLU(0.1)", [(3, 4)]),
    ("PReLU()", [(3, 4)]),
    ("PReLU(4)", [(3, 4, 2)]),
    ("ELU(alpha=0.7)", [(3, 4)]),
    ("SELU()", [(3, 4)]),
    ("CELU(alpha=2.0)", [(3, 4)]),
    ("GELU()", [(3, 4)]),
    ("GELU(approximate='tanh')", [(3, 4)]),
    ("SiLU()", [(3, 4)]),
    ("Mish()", [(3, 4)]),
    ("Softplus()", [(3, 4)]),
    ("Softplus(beta=2.0, threshold=1.5)", [(3, 4)]),
    ("Softmax(dim=1)", [(3, 4)]),
    ("Softmax(dim=0)", [(3, 4)]),
    ("LogSoftmax(dim=-1)", [(2, 3, 4)]),
    ("Softmin(dim=1)", [(3, 4)]),
    ("Hardtanh()", [(3, 4)]),
    ("Hardtanh(-0.5, 2.0)", [(3, 4)]),
    ("Hardsigmoid()", [(3, 4)]),
    ("Hardswish()", [(3, 4)]),
    ("ReLU6()", [(3, 4)]),
    ("LogSigmoid()", [(3, 4)]),
    ("Softsign()", [(3, 4)]),
    ("Tanhshrink()", [(3, 4)]),
    ("Softshrink()", [(3, 4)]),
    ("Hardshrink(0.3)", [(3, 4)]),
    ("Sequential(Flatten(), Linear(12, 5), ReLU(), Linear(5, 3))", [(2, 3, 4)]),
    ("Sequential(Linear(4, 6), BatchNorm1d(6), GELU(), Sequential(Linear(6, 2), Tanh()))", [(5, 4)]),
    ("First(MultiheadAttention(4, 2, batch_first=True))", [(2, 3, 4), (2, 2, 4), (2, 2, 4)]),
    (
        "First(MultiheadAttention(4, 2, bias=False, kdim=3, vdim=1, batch_first=True))",
        [(2, 1, 4), (2, 3, 3), (2, 3, 1)],
    ),
    ("First(MultiheadAttention(4, 1, add_bias_kv=True, add_zero_attn=True))", [(3, 2, 4), (3, 2, 4), (3, 2, 4)]),
    ("TransformerEncoderLayer(4, 2, 3, dropout=0.0, batch_first=True)", [(2, 3, 4)]),
    ("TransformerEncoderLayer(2, 1, 3, 0.0, GELU(), 1e-3, True, norm_first=True, bias=False)", [(3, 2, 2)]),
    (
        "TransformerEncoder(TransformerEncoderLayer(2, 2, 3, 0.0, 'gelu', batch_first=True), 2, LayerNorm(2))",
        [(2, 3, 2)],
    ),
    ("TransformerDecoderLayer(2, 1, 3, 0.0, batch_first=True)", [(2, 3, 2), (2, 2, 2)]),
    ("Transformer(2, 2, 1, 1, 3, 0.0, norm_first=True, batch_first=True)", [(2, 3, 2), (2, 2, 2)]),
]

# A loss, the shape of its input and its target: a shape, "probabilities", "labels" with the shape of the labels.
CLASSES = ("labels", (5,), 3)
LOSSES = [
    *[
        (f"{name}(reduction='{reduction}'{more})", (3, 4), (3, 4))
        for name, more in [
            ("MSELoss", ""),
            ("L1Loss", ""),
            ("SmoothL1Loss", ""),
            ("SmoothL1Loss", ", beta=0.4"),
            ("SmoothL1Loss", ", beta=0.0"),
            ("HuberLoss", ""),
            ("HuberLoss", ", delta=0.4"),
        ]
        for reduction in ("none", "mean", "sum")
    ],
    *[
        (f"{name}(reduction='{reduction}'{more})", (5, 3), ("probabilities", (5, 3)))
        for name, more in [
            ("BCEWithLogitsLoss", ""),
            ("BCEWithLogitsLoss", ", pos_weight=tensor([2.0, 0.5, 1.0])"),
            ("BCEWithLogitsLoss", ", weight=tensor([2.0, 0.5, 1.0])"),
            ("KLDivLoss", ""),
            ("CrossEntropyLoss", ""),
            ("CrossEntropyLoss", ", weight=tensor([2.0, 0.5, 1.0])"),
            ("CrossEntropyLoss", ", label_smoothing=0.2"),
        ]
        for reduction in ("none", "mean", "sum")
    ],
    *[
        (f"PoissonNLLLoss(reduction='{reduction}'{more})", ("probabilities", (5, 3)), ("labels", (5, 3), 5))
        for more in ("", ", full=True", ", log_input=False")
        for reduction in ("none", "mean", "sum")
    ],
    *[
        (f"BCELoss(reduction='{reduction}'{more})", ("probabilities", (5, 3)), ("labels01", (5, 3)))
        for more in ("", ", weight=tensor([2.0, 0.5, 1.0])")
        for reduction in ("none", "mean", "sum")
    ],
    ("KLDivLoss(reduction='batchmean')", (5, 3), ("probabilities", (5, 3))),
    ("KLDivLoss(reduction='sum', log_target=True)", (5, 3), (5, 3)),
    *[
        (f"{name}(reduction='{reduction}'{more})", shape, target)
        for name, more in [
            ("CrossEntropyLoss", ""),
            ("CrossEntropyLoss", ", ignore_index=1"),
            ("CrossEntropyLoss", ", weight=tensor([2.0, 0.5, 1.0])"),
            ("CrossEntropyLoss", ", weight=tensor([2.0, 0.5, 1.0]), ignore_index=1"),
            ("CrossEntropyLoss", ", label_smoothing=0.2"),
            ("CrossEntropyLoss", ", weight=tensor([2.0, 0.5, 1.0]), ignore_index=1, label_smoothing=0.2"),
            ("NLLLoss", ""),
            ("NLLLoss", ", weight=tensor([2.0, 0.5, 1.0]), ignore_index=0"),
        ]
        for reduction in ("none", "mean", "sum")
        for shape, target in [((5, 3), CLASSES), ((2, 3, 4), ("labels", (2, 4), 3))]
    ],
    ("CrossEntropyLoss()", (3,), ("labels", (), 3)),
    ("CrossEntropyLoss(reduction='none', label_smoothing=0.1)", (3,), ("labels", (), 3)),
    ("CrossEntropyLoss()", (3,), ("probabilities", (3,))),
    ("NLLLoss(reduction='none')", (3,), ("labels", (), 3)),
    ("MSELoss()", (1, 1), (1, 1)),
    ("MSELoss(reduction='sum')", (0, 2), (0, 2)),
]

# A recurrent layer or cell, the shape of its input, and those of the states that it begins with.
RECURRENT = [
    ("RNN(3, 4)", (5, 2, 3), []),
    ("RNN(3, 4, 2, 'relu', bidirectional=True)", (5, 2, 3), [(4, 2, 4)]),
    ("LSTM(3, 4)", (5, 2, 3), []),
    ("LSTM(3, 4, num_layers=2, batch_first=True)", (2, 5, 3), [(2, 2, 4), (2, 2, 4)]),
    ("LSTM(3, 4, num_layers=3, dropout=0.5, bidirectional=True).eval()", (3, 2, 3), [(6, 2, 4), (6, 2, 4)]),
    ("LSTM(3, 4, num_layers=2, bidirectional=True, proj_size=2)", (3, 2, 3), [(4, 2, 2), (4, 2, 4)]),
    ("LSTM(3, 4, bias=False, batch_first=True, proj_size=1)", (5, 3), [(1, 1), (1, 4)]),
    ("GRU(3, 4)", (5, 2, 3), []),
    ("GRU(3, 4, num_layers=2, batch_first=True, bidirectional=True)", (2, 3, 3), [(4, 2, 4)]),
    ("GRU(3, 4, bias=False)", (5, 3), [(1, 4)]),
    ("RNNCell(3, 4)", (3,), [(4,)]),
    ("LSTMCell(3, 4)", (2, 3), [(2, 4), (2, 4)]),
    ("LSTMCell(3, 4, bias=False)", (3,), [(4,), (4,)]),
]


def numbers(shape, start=0):
    """Numbers of both signs, none at a kink, spread out and always the same."""
    places = np.arange(start, start + int(np.prod(shape)), dtype=np.float64)
    return (1.7 * np.sin(2.3 * places + 0.7) + 0.0003).reshape(shape)


def inputs(specs):
    """Arrays for the inputs of a module."""
    arrays = []
    for position, spec in enumerate(specs):
        if spec[0] == "labels":
            arrays.append((np.arange(int(np.prod(spec[1]))) * 5 % spec[2]).reshape(spec[1]))
        elif spec[0] == "probabilities":
            scores = np.exp(numbers(spec[1], 11))
            arrays.append(scores / scores.sum(axis=-1, keepdims=True))
        elif spec[0] == "labels of signs":
            arrays.append(np.where(numbers(spec[1], 3) > 0, 1, -1))
        elif spec[0] == "labels01":
            arrays.append((numbers(spec[1], 3) > 0).astype(np.float64))
        else:
            arrays.append(numbers(spec, 100 * position))
    return arrays


def state(named):
    """Values for parameters and buffers, given names and shapes; counters stay as they are."""
    return {
        name: numbers(shape, 7 * place + 1) ** 2 + 0.1 if "var" in name else numbers(shape, 7 * place + 1)
        for place, (name, shape) in enumerate(named)
        if "num_batches" not in name
    }
