"""benchbench: which framework trains this network faster here, and do they train the same thing?

These are the names a plugin author writes. Importing them imports no framework and no NumPy.
"""

from benchbench.data.dataset import Dataset, DatasetInfo, Split
from benchbench.errors import BenchbenchError, DataError, Unsupported
from benchbench.plugins.contract import Backend, BackendInfo, Deviation, Observer, Score, Trainer
from benchbench.plugins.hookspecs import hookimpl
from benchbench.plugins.vocabulary import Vocabulary
from benchbench.spec.layers import Conv2D, Dense, Flatten, Layer, MaxPool2D
from benchbench.spec.model import ModelSpec
from benchbench.spec.protocol import Adam, TrainingProtocol
from benchbench.spec.variables import Variable

__version__ = "0.1.0"

__all__ = [
    "Adam",
    "Backend",
    "BackendInfo",
    "BenchbenchError",
    "Conv2D",
    "DataError",
    "Dataset",
    "DatasetInfo",
    "Dense",
    "Deviation",
    "Flatten",
    "Layer",
    "MaxPool2D",
    "ModelSpec",
    "Observer",
    "Score",
    "Split",
    "Trainer",
    "TrainingProtocol",
    "Unsupported",
    "Variable",
    "Vocabulary",
    "hookimpl",
]
