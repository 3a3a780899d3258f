"""The offline data set: scikit-learn's 1,797 handwritten digits, brought to MNIST's shape and size.

Sources are split before anything is made of them, so no image of one split has a relative in
another. Then each split draws images from its own sources: source, bilinear interpolation under an
affine map, brightness. All of it is integer arithmetic on raw PCG64 output (the matrix products are
float32, but of whole numbers below 2**24, which are exact in any order), so every platform makes
the same bytes; `HASHES` holds them to it. `docs/data.md` gives the parameters to readers.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from benchbench.data import container, idx, splits
from benchbench.data.cache import cache_folder, store
from benchbench.data.container import Content
from benchbench.data.dataset import Dataset
from benchbench.errors import DataError

Integers = npt.NDArray[np.int64]

SEED = 1797
SOURCE_COUNT = 1_797
TEST_SOURCES = 360
VALIDATION_SOURCES = 287  # a fifth of the other 1,437
TRAIN_COUNT, VALIDATION_COUNT, TEST_COUNT = 48_000, 12_000, 10_000

# SHA-256 of the IDX bytes of each part.
HASHES: Mapping[str, str] = MappingProxyType(
    {
        "train-images": "9c5f30ef9e8d38661a706882bda54721ea9000950158833c4b4e7d36590f33c3",
        "train-labels": "a0acb55247788a3df8b3ef085ab795c389d56ad29882b86cad44ccab9fab2d25",
        "t10k-images": "9cc4026e7d14ca2a6cbb9c5cfadb600d8900221f8971ed6c28c44e445772cd0a",
        "t10k-labels": "9209c5eac2c79ad16b35ede168eb76dd20b4e6bb5f4b1706d15dbcff70009fcb",
    }
)

# Lengths are in 1/1024 of a source pixel. One pixel of the image is `_STEP` of them, so a digit of
# 8 source pixels is 18 to 26 pixels high and wide.
_UNIT = 1024
_STEP = (315, 455)
_STRETCH = (-35, 35)  # width against height
_TURN = (-120, 120)  # the same shear in both directions: about 17 degrees either way
_SLANT = (-80, 80)  # a shear of the rows alone
_SHIFT = (-700, 700)  # about 1.8 pixels of the image either way
_BRIGHTNESS = (140, 255)  # of the value that was 16, the brightest, in the source
_MAPS_PER_SPLIT = 500

_SIDE, _SOURCE_SIDE = 28, 8
# Interpolation weights are products of two fractions in 1/64, so the four of a pixel sum to 4096.
_FRACTION = 64


def load(location: Path | None) -> Dataset:
    """Return the data set from an earlier `prepare`, or made anew. Raises DataError."""
    content = _made() if location is None else read(location)
    source = "made from scikit-learn's digits" if location is None else str(location)
    return splits.split(content, name="digits", validation_count=VALIDATION_COUNT, source=source)


def read(location: Path) -> Content:
    """Read and verify what `prepare` wrote. Raises DataError with path and both hashes."""
    content = container.read(location)
    container.verify(content, HASHES, "digits")
    return content


def cached() -> Path:
    """Return the folder where `prepare` keeps the images; a new content has a new folder."""
    return cache_folder(f"digits-{HASHES['train-images'][:12]}")


def prepare() -> Path | None:
    """Make the images, unless the cache has them; return the cache folder.

    None if the cache cannot be written: every `load` will then make them again. A damaged cache is
    replaced, since what belongs there is known. Raises DataError if what is made here is not what
    `HASHES` says.
    """
    folder = cached()
    try:
        read(folder)
        return folder
    except DataError:
        content = _made()
    files = {
        container.file_name(part, array.ndim): idx.encode(array)
        for part, array in content.arrays.items()
    }
    try:
        store(folder, files)
    except OSError:
        return None
    return folder


def make() -> Content:
    """Make all images from scikit-learn's digits, unverified; `load` and `prepare` verify."""
    from sklearn.datasets import load_digits
    from threadpoolctl import threadpool_limits

    bunch = load_digits()
    sources = bunch.images.reshape(SOURCE_COUNT, -1).astype(np.float32)
    targets = bunch.target.astype(np.int64)
    parts = zip(split_sources(targets), (TRAIN_COUNT, VALIDATION_COUNT, TEST_COUNT), strict=True)
    raw = np.random.PCG64(SEED + 1)
    # The products are small: on a busy machine BLAS threads would only wait for one another.
    with threadpool_limits(1):
        made = [_images(raw, sources[part], targets[part], count) for part, count in parts]
    arrays = {
        "train-images": np.concatenate([made[0][0], made[1][0]]),
        "train-labels": np.concatenate([made[0][1], made[1][1]]),
        "t10k-images": made[2][0],
        "t10k-labels": made[2][1],
    }
    return Content(arrays, {part: f"the generated {part}" for part in arrays})


def _made() -> Content:
    content = make()
    container.verify(content, HASHES, "digits")
    return content


def split_sources(targets: Integers) -> tuple[Integers, Integers, Integers]:
    """Return the source indices for training, validation and test, in equal shares of each class.

    First 360 of 1,797 go to test, then 287 of the other 1,437 to validation. Sorted by class, and
    within a class at random, the sources that are taken stand at equal distances.
    """
    keys = np.random.PCG64(SEED).random_raw(len(targets))
    ordered = np.lexsort((keys, targets))
    is_test = _evenly(len(ordered), TEST_SOURCES)
    rest = ordered[~is_test]
    is_validation = _evenly(len(rest), VALIDATION_SOURCES)
    return rest[~is_validation], rest[is_validation], ordered[is_test]


def _evenly(count: int, taken: int) -> npt.NDArray[np.bool_]:
    """Return a mask of `count` places, `taken` of them true, at equal distances."""
    steps = np.arange(count + 1) * taken // count
    return steps[1:] > steps[:-1]


def _integers(raw: np.random.PCG64, bounds: tuple[int, int], count: int) -> Integers:
    """Draw from bounds[0] to bounds[1], both included.

    NumPy promises the raw output of PCG64 for good, but not what its Generator makes of it. The
    bias of the product is below 2**-20 for bounds this small.
    """
    low, high = bounds
    drawn = raw.random_raw(count) >> np.uint64(32)
    scaled = (drawn * np.uint64(high - low + 1)) >> np.uint64(32)
    return scaled.astype(np.int64) + low


def _images(
    raw: np.random.PCG64, sources: npt.NDArray[np.float32], targets: Integers, count: int
) -> tuple[idx.Bytes, idx.Bytes]:
    """Return `count` images (count, 28, 28) and labels, uint8, in random order.

    Every source is used equally often, within one.
    """
    maps = _maps(raw)
    chosen = np.argsort(raw.random_raw(count), kind="stable") % len(sources)
    which = _integers(raw, (0, _MAPS_PER_SPLIT - 1), count)
    brightness = _integers(raw, _BRIGHTNESS, count).astype(np.int32)
    images = np.empty((count, _SIDE * _SIDE), np.uint8)
    order = np.argsort(which, kind="stable")
    ends = np.cumsum(np.bincount(which, minlength=_MAPS_PER_SPLIT))
    for number, members in enumerate(np.split(order, ends[:-1])):
        # Whole and at most 16 * 64 * 64 = 2**16: exact in float32. Times 255 it fits 32 bits.
        blended = (sources[chosen[members]] @ maps[number]).astype(np.int32)
        blended *= brightness[members, np.newaxis]
        blended += 1 << 15
        blended >>= 16
        images[members] = blended
    labels = targets[chosen].astype(np.uint8)
    return images.reshape(count, _SIDE, _SIDE), labels


def _maps(raw: np.random.PCG64) -> npt.NDArray[np.float32]:
    """Draw affine maps, each as the matrix (64, 784) of its bilinear weights, in 1/4096.

    A pixel of the image looks up its place in the source; beyond the source's edge there is 0.
    """
    height = _integers(raw, _STEP, _MAPS_PER_SPLIT)
    width = height + _integers(raw, _STRETCH, _MAPS_PER_SPLIT)
    turn = _integers(raw, _TURN, _MAPS_PER_SPLIT)
    slant = _integers(raw, _SLANT, _MAPS_PER_SPLIT)
    down = _integers(raw, _SHIFT, _MAPS_PER_SPLIT)
    right = _integers(raw, _SHIFT, _MAPS_PER_SPLIT)
    # Twice the distance from the image's centre, which lies between pixels.
    offset = 2 * np.arange(_SIDE) - (_SIDE - 1)
    rows, columns = (axis.ravel() for axis in np.meshgrid(offset, offset, indexing="ij"))
    centre = _UNIT * (_SOURCE_SIDE - 1) // 2

    def place(along_rows: Integers, along_columns: Integers, shift: Integers) -> Integers:
        linear = np.outer(along_rows, rows) + np.outer(along_columns, columns)
        return (linear // 2 + centre + shift[:, np.newaxis]) // (_UNIT // _FRACTION)

    y = place(height, turn, down)
    x = place(slant - turn, width, right)
    weights = np.zeros((_MAPS_PER_SPLIT, _SOURCE_SIDE**2, _SIDE**2), np.float32)
    for lower in (False, True):
        for righter in (False, True):
            _add_corner(weights, (y, x), (lower, righter))
    return weights


def _add_corner(
    weights: npt.NDArray[np.float32], places: tuple[Integers, Integers], further: tuple[bool, bool]
) -> None:
    """Add one of the four neighbours' weights: the nearer or the further one along each axis."""
    inside = np.ones(places[0].shape, bool)
    product = np.ones(places[0].shape, np.int64)
    source = np.zeros(places[0].shape, np.int64)
    for place, is_further in zip(places, further, strict=True):
        neighbour, fraction = place // _FRACTION + is_further, place % _FRACTION
        product *= fraction if is_further else _FRACTION - fraction
        inside &= (neighbour >= 0) & (neighbour < _SOURCE_SIDE)
        source = source * _SOURCE_SIDE + neighbour
    number, pixel = np.nonzero(inside)
    # No two neighbours of one pixel are the same source pixel, so assignment would do as well.
    weights[number, source[inside], pixel] += product[inside]
