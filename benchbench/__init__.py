"""benchbench: which framework trains this network faster here, and do they train the same thing?

The names that a plugin's author writes, and those of the Python API (`run`, `resume`, `certify`,
`load_results`, `load_model`, `load_protocol`; docs/python-api.md). Importing this imports no
framework and no NumPy: what the API needs comes when it is first asked for.
"""

from typing import TYPE_CHECKING

from benchbench.data.dataset import Dataset, DatasetInfo, Split
from benchbench.errors import BenchbenchError, DataError, Unsupported
from benchbench.plugins.contract import (
    Backend,
    BackendInfo,
    Deviation,
    ExecutorInfo,
    Observer,
    Score,
    Trainer,
)
from benchbench.plugins.hookspecs import hookimpl
from benchbench.plugins.vocabulary import (
    WORDS_OF_NOVEMBER_2026,
    WORDS_WITH_SEQUENCES,
    Vocabulary,
)
from benchbench.spec.layers import (
    GRU,
    LEAKY_SLOPE,
    LSTM,
    Activation,
    AvgPool2D,
    BatchNorm,
    Concat,
    Conv2D,
    Dense,
    Dropout,
    Embedding,
    Flatten,
    GlobalAvgPool1D,
    GlobalAvgPool2D,
    Layer,
    LayerNorm,
    MaxPool2D,
    MultiHeadAttention,
    PositionEmbedding,
    Reshape,
    Residual,
    padding_amounts,
)
from benchbench.spec.losses import BinaryCrossEntropy, CrossEntropy, Loss, MeanSquaredError
from benchbench.spec.model import LayerTrace, ModelSpec
from benchbench.spec.optimizers import SGD, Adam, AdamW, Optimizer, RMSprop
from benchbench.spec.protocol import TrainingProtocol
from benchbench.spec.schedules import Cosine, Exponential, Piecewise, Schedule
from benchbench.spec.task import Task, task_of
from benchbench.spec.variables import Variable

if TYPE_CHECKING:
    from benchbench.experiments.api import resume
    from benchbench.experiments.results import Comparisons, Results, load_results
    from benchbench.spec.files import load_model, load_protocol

__version__ = "0.1.0"

__all__ = [
    "GRU",
    "LEAKY_SLOPE",
    "LSTM",
    "SGD",
    "WORDS_OF_NOVEMBER_2026",
    "WORDS_WITH_SEQUENCES",
    "Activation",
    "Adam",
    "AdamW",
    "AvgPool2D",
    "Backend",
    "BackendInfo",
    "BatchNorm",
    "BenchbenchError",
    "BinaryCrossEntropy",
    "Comparisons",
    "Concat",
    "Conv2D",
    "Cosine",
    "CrossEntropy",
    "DataError",
    "Dataset",
    "DatasetInfo",
    "Dense",
    "Deviation",
    "Dropout",
    "Embedding",
    "ExecutorInfo",
    "Exponential",
    "Flatten",
    "GlobalAvgPool1D",
    "GlobalAvgPool2D",
    "Layer",
    "LayerNorm",
    "LayerTrace",
    "Loss",
    "MaxPool2D",
    "MeanSquaredError",
    "ModelSpec",
    "MultiHeadAttention",
    "Observer",
    "Optimizer",
    "Piecewise",
    "PositionEmbedding",
    "RMSprop",
    "Reshape",
    "Residual",
    "Results",
    "Schedule",
    "Score",
    "Split",
    "Task",
    "Trainer",
    "TrainingProtocol",
    "Unsupported",
    "Variable",
    "Vocabulary",
    "certify",
    "hookimpl",
    "load_model",
    "load_protocol",
    "load_results",
    "padding_amounts",
    "resume",
    "run",
    "task_of",
]

# Where the names of the API come from. `run` and `certify` are rooms as well, which may be called.
_API = {
    "Comparisons": "benchbench.experiments.results",
    "Results": "benchbench.experiments.results",
    "certify": "benchbench.certify",
    "load_model": "benchbench.spec.files",
    "load_protocol": "benchbench.spec.files",
    "load_results": "benchbench.experiments.results",
    "resume": "benchbench.experiments.api",
    "run": "benchbench.run",
}


def __getattr__(name: str) -> object:
    if name not in _API:
        raise AttributeError(f"module 'benchbench' has no attribute '{name}'")
    from importlib import import_module

    module = import_module(_API[name])
    return module if module.__name__ == f"benchbench.{name}" else getattr(module, name)
