"""The layers a model is made of, one kind or family a file; a new kind has a place in `Layer`."""

from benchbench.spec.layers.activations import KINKED, LEAKY_SLOPE, Activation, ActivationName
from benchbench.spec.layers.composites import Concat, Layer, Residual, chains_of, map_layers
from benchbench.spec.layers.convolution import Conv2D
from benchbench.spec.layers.dense import Dense
from benchbench.spec.layers.layer import BaseLayer, Count, Padding, Size2D, padding_amounts
from benchbench.spec.layers.normalization import BatchNorm, Dropout, LayerNorm
from benchbench.spec.layers.pooling import AvgPool2D, GlobalAvgPool1D, GlobalAvgPool2D, MaxPool2D
from benchbench.spec.layers.recurrent import GRU, LSTM
from benchbench.spec.layers.sequences import Embedding, MultiHeadAttention, PositionEmbedding
from benchbench.spec.layers.shaping import Flatten, Reshape

__all__ = [
    "GRU",
    "KINKED",
    "LEAKY_SLOPE",
    "LSTM",
    "Activation",
    "ActivationName",
    "AvgPool2D",
    "BaseLayer",
    "BatchNorm",
    "Concat",
    "Conv2D",
    "Count",
    "Dense",
    "Dropout",
    "Embedding",
    "Flatten",
    "GlobalAvgPool1D",
    "GlobalAvgPool2D",
    "Layer",
    "LayerNorm",
    "MaxPool2D",
    "MultiHeadAttention",
    "Padding",
    "PositionEmbedding",
    "Reshape",
    "Residual",
    "Size2D",
    "chains_of",
    "map_layers",
    "padding_amounts",
]
