"""The names of data sets and of their parts; to know them nothing heavy is imported."""

from __future__ import annotations

# Tables that scikit-learn brings along.
TABLES = ("breast-cancer", "diabetes", "iris", "wine")
# A text that every Python holds.
UNICODE_NAMES = "unicode-names"
# Images that others publish, and whose hashes are known.
PUBLISHED = (
    *("fashion-mnist", "kmnist", "qmnist", "emnist-balanced", "emnist-digits", "emnist-letters"),
    "cifar-10",
)

# Names that neither a plugin nor a folder may have, nor any that ends in `QUICK`.
RESERVED = ("auto", "digits", "mnist", "synthetic", *TABLES, UNICODE_NAMES, *PUBLISHED)
QUICK = "-quick"
# What a name begins with that is a text's.
TEXT = "text:"
# What a name ends in that asks for the inputs as targets.
AUTOENCODER = ":autoencoder"

# The four parts of a data set, and the keys they have in an npz (Keras's).
PARTS = {
    "train-images": "x_train",
    "train-labels": "y_train",
    "t10k-images": "x_test",
    "t10k-labels": "y_test",
}
# How they are saved, as errors tell it.
SAVE = "np.savez(file, x_train=..., y_train=..., x_test=..., y_test=...)"
