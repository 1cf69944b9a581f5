"""Training: the loop over data, what it measures, and what it leaves behind."""

from backlit.core.entrance import answer_at
from backlit.train.architecture import build, describe
from backlit.train.callbacks import BestWeights, Callbacks, EarlyStopping
from backlit.train.findings import Finding, diagnose
from backlit.train.heads import Head, choose_head
from backlit.train.metrics import Metric
from backlit.train.progress import ProgressBar
from backlit.train.run import Run
from backlit.train.trainer import Trainer
from backlit.train.watch import Watch
from backlit.train.watching import Watched

__all__ = [
    "BestWeights",
    "Callbacks",
    "EarlyStopping",
    "Finding",
    "Head",
    "Metric",
    "ProgressBar",
    "Run",
    "Trainer",
    "Watch",
    "Watched",
    "build",
    "choose_head",
    "describe",
    "diagnose",
]

answer_at(globals(), __all__)
