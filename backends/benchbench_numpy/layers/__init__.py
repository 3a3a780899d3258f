"""The layers, one a file: what each computes, and the two halves of its derivative."""

from benchbench_numpy.layers.attention import Attention
from benchbench_numpy.layers.average_pool import AveragePool, GlobalAverage
from benchbench_numpy.layers.composite import Chain, Concat, Residual
from benchbench_numpy.layers.convolution import Convolution
from benchbench_numpy.layers.dense import Dense
from benchbench_numpy.layers.dropout import Dropout
from benchbench_numpy.layers.elementwise import FUNCTIONS, Elementwise
from benchbench_numpy.layers.embedding import Embedding, PositionEmbedding
from benchbench_numpy.layers.gru import GRU
from benchbench_numpy.layers.layer import Array, Layer
from benchbench_numpy.layers.lstm import LSTM
from benchbench_numpy.layers.max_pool import MaxPool
from benchbench_numpy.layers.normalization import BatchNorm, LayerNorm
from benchbench_numpy.layers.probabilities import sigmoid, softmax
from benchbench_numpy.layers.relu import ReLU
from benchbench_numpy.layers.reshape import Flatten, Reshape
from benchbench_numpy.layers.windows import Windows, windows_of

__all__ = [
    "FUNCTIONS",
    "GRU",
    "LSTM",
    "Array",
    "Attention",
    "AveragePool",
    "BatchNorm",
    "Chain",
    "Concat",
    "Convolution",
    "Dense",
    "Dropout",
    "Elementwise",
    "Embedding",
    "Flatten",
    "GlobalAverage",
    "Layer",
    "LayerNorm",
    "MaxPool",
    "PositionEmbedding",
    "ReLU",
    "Reshape",
    "Residual",
    "Windows",
    "sigmoid",
    "softmax",
    "windows_of",
]
