"""The layers, one a file: what each computes, and the two halves of its derivative."""

from benchbench_numpy.layers.convolution import Convolution
from benchbench_numpy.layers.dense import Dense
from benchbench_numpy.layers.flatten import Flatten
from benchbench_numpy.layers.layer import Array, Layer
from benchbench_numpy.layers.max_pool import MaxPool
from benchbench_numpy.layers.relu import ReLU

__all__ = ["Array", "Convolution", "Dense", "Flatten", "Layer", "MaxPool", "ReLU"]
