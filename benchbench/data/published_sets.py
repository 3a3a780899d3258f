"""What MNIST's relatives and CIFAR-10 consist of: files, hashes, mirrors, how they are packed.

Sources of the hashes: torchvision's `datasets/mnist.py` and the page of CIFAR-10 for MD5,
TensorFlow Datasets' `url_checksums` for SHA-256. Both are of the files as they are published.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from benchbench.data import container, packed


@dataclass(frozen=True, slots=True)
class PublishedFile:
    """A file as it is published; the SHA-256 is None where no second source states it."""

    name: str
    md5: str
    sha256: str | None

    @property
    def hash(self) -> str:
        """The strongest hash that is known."""
        return self.sha256 or self.md5

    def hash_of(self, content: bytes) -> str:
        """Return the hash of that kind of a file's content."""
        return _digest("sha256" if self.sha256 else "md5", content)

    def fault(self, content: bytes) -> str | None:
        """Return what is wrong with the content of a file that bears this name, or None."""
        for kind, expected in (("sha256", self.sha256), ("md5", self.md5)):
            if expected is not None and (actual := _digest(kind, content)) != expected:
                return f"expected {kind.upper()} {expected}, but it is {actual}"
        return None


def _digest(kind: str, content: bytes) -> str:
    # MD5 finds damage; where SHA-256 is known, that holds off forgery too.
    return hashlib.new(kind, content, usedforsecurity=False).hexdigest()


@dataclass(frozen=True, slots=True)
class Published:
    """A data set: its files, where they are published, and how they are read.

    `folder` is where its files lie in the cache; several sets may share it. `torchvision` is the
    folder that torchvision keeps them in. `unpack` takes the files' contents by name and returns
    the four parts, each with the name of its file, as IDX bytes or as arrays.
    """

    title: str
    folder: str
    torchvision: str
    files: tuple[PublishedFile, ...]
    mirrors: tuple[str, ...]
    unpack: Callable[[Mapping[str, bytes], str], packed.Parts]
    seconds: float = 300.0


MNIST_NAMES = tuple(
    container.file_name(part, 1 if "labels" in part else 3) + ".gz" for part in container.PARTS
)
_QMNIST_NAMES = (
    *("qmnist-train-images-idx3-ubyte.gz", "qmnist-train-labels-idx2-int.gz"),
    *("qmnist-test-images-idx3-ubyte.gz", "qmnist-test-labels-idx2-int.gz"),
)


def _files(names: tuple[str, ...], *hashes: tuple[str, str | None]) -> tuple[PublishedFile, ...]:
    return tuple(PublishedFile(name, *both) for name, both in zip(names, hashes, strict=True))


def _emnist(which: str) -> Published:
    return Published(
        title=f"EMNIST, {which}",
        folder="emnist",
        torchvision="EMNIST/raw",
        files=(
            PublishedFile(
                "gzip.zip",
                "58c8d27c78d21e728a6bc7b3cc06412e",
                "fb9bb67e33772a9cc0b895e4ecf36d2cf35be8b709693c3564cea2a019fcda8e",
            ),
        ),
        mirrors=(
            "https://biometrics.nist.gov/cs_links/EMNIST",
            "https://www.itl.nist.gov/iaui/vip/cs_links/EMNIST",
        ),
        unpack=packed.zipped_idx(f"gzip/emnist-{which}-"),
        seconds=3600.0,
    )


SETS: Mapping[str, Published] = MappingProxyType(
    {
        "fashion-mnist": Published(
            title="Fashion-MNIST",
            folder="fashion-mnist",
            torchvision="FashionMNIST/raw",
            files=_files(
                MNIST_NAMES,
                (
                    "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
                    "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
                ),
                (
                    "25c81989df183df01b3e8a0aad5dffbe",
                    "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
                ),
                (
                    "bef4ecab320f06d8554ea6380940ec79",
                    "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
                ),
                (
                    "bb300cfdad3c16e7a12a480ee83cd310",
                    "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
                ),
            ),
            mirrors=(
                "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com",
                "https://storage.googleapis.com/tensorflow/tf-keras-datasets",
            ),
            unpack=packed.idx_files,
        ),
        "kmnist": Published(
            title="KMNIST",
            folder="kmnist",
            torchvision="KMNIST/raw",
            files=_files(
                MNIST_NAMES,
                (
                    "bdb82020997e1d708af4cf47b453dcf7",
                    "51467d22d8cc72929e2a028a0428f2086b092bb31cfb79c69cc0a90ce135fde4",
                ),
                (
                    "e144d726b3acfaa3e44228e80efcd344",
                    "e38f9ebcd0f3ebcdec7fc8eabdcdaef93bb0df8ea12bee65224341c8183d8e17",
                ),
                (
                    "5c965bf0a639b31b8f53240b1b52f4d7",
                    "edd7a857845ad6bb1d0ba43fe7e794d164fe2dce499a1694695a792adfac43c5",
                ),
                (
                    "7320c461ea6c1c855c0b718fb2a4b134",
                    "20bb9a0ef54c7db3efc55a92eef5582c109615df22683c380526788f98e42a1c",
                ),
            ),
            mirrors=("http://codh.rois.ac.jp/kmnist/dataset/kmnist",),
            unpack=packed.idx_files,
        ),
        "qmnist": Published(
            title="QMNIST",
            folder="qmnist",
            torchvision="QMNIST/raw",
            files=_files(
                _QMNIST_NAMES,
                ("ed72d4157d28c017586c42bc6afe6370", None),
                ("0058f8dd561b90ffdd0f734c6a30e5e4", None),
                ("1394631089c404de565df7b7aeaf9412", None),
                ("5b5b05890a5e13444e108efe57b788aa", None),
            ),
            mirrors=("https://raw.githubusercontent.com/facebookresearch/qmnist/master",),
            unpack=packed.idx_files,
        ),
        "emnist-balanced": _emnist("balanced"),
        "emnist-digits": _emnist("digits"),
        "emnist-letters": _emnist("letters"),
        "cifar-10": Published(
            title="CIFAR-10",
            folder="cifar-10",
            torchvision="",
            files=(
                PublishedFile(
                    "cifar-10-binary.tar.gz",
                    "c32a1d4ab5d03f1284b67883e8d87530",
                    "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
                ),
            ),
            mirrors=("https://www.cs.toronto.edu/~kriz",),
            unpack=packed.cifar_10,
            seconds=1800.0,
        ),
    }
)
