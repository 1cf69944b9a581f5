"""Data: data sets, the order of their rows, batches, transforms, and readers of files."""

from backlit.core.entrance import answer_at
from backlit.data import datasets, transforms
from backlit.data.collate import default_collate, default_convert
from backlit.data.dataset import (
    ChainDataset,
    ConcatDataset,
    Dataset,
    IterableDataset,
    Rows,
    Subset,
    TensorDataset,
    random_split,
    rows_of,
)
from backlit.data.loader import DataLoader
from backlit.data.preprocessing import StandardScaler, split_rows
from backlit.data.sampler import (
    BatchSampler,
    RandomSampler,
    Sampler,
    SequentialSampler,
    SubsetRandomSampler,
    WeightedRandomSampler,
    permutation,
)
from backlit.data.worker_info import WorkerInfo, get_worker_info

__all__ = [
    "BatchSampler",
    "ChainDataset",
    "ConcatDataset",
    "DataLoader",
    "Dataset",
    "IterableDataset",
    "RandomSampler",
    "Rows",
    "Sampler",
    "SequentialSampler",
    "StandardScaler",
    "Subset",
    "SubsetRandomSampler",
    "TensorDataset",
    "WeightedRandomSampler",
    "WorkerInfo",
    "datasets",
    "default_collate",
    "default_convert",
    "get_worker_info",
    "permutation",
    "random_split",
    "rows_of",
    "split_rows",
    "transforms",
]

# A loader knows the common ways to put rows together by their identity.
answer_at(globals(), set(__all__) - {"default_collate", "default_convert"})
