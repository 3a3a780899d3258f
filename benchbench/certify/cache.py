"""What is kept between certifications, in the cache: certificates, and the reference's answers."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt

from benchbench.certificates import Certificate
from benchbench.certify.exercise import Exercise
from benchbench.certify.sources import sources_sha256
from benchbench.certify.starting_weights import Answers
from benchbench.data.cache import cache_folder, store
from benchbench.files import open_file, read_file
from benchbench.plugins.contract import BackendInfo

_HASH = "sha256"


class CertificateKey(msgspec.Struct, frozen=True, kw_only=True):
    """All that a certificate depends on and that can be known without importing the framework.

    Machines that share a folder for caches may have processors of several kinds.
    """

    backend: str
    division: str
    device: str
    threads: int
    certified_sha256: str
    seed: int
    sources_sha256: str
    versions: dict[str, str]
    processor: str = ""

    @property
    def file_name(self) -> str:
        content = msgspec.json.encode(self, order="sorted")
        return f"{hashlib.sha256(content).hexdigest()}.json"


def keep(key: CertificateKey, certificate: Certificate) -> None:
    """Keep a certificate for the next time; where there is no room, it is made again."""
    text = msgspec.json.format(msgspec.json.encode(certificate), indent=1)
    with suppress(OSError):
        store(cache_folder("certificates"), {key.file_name: text})


def kept(key: CertificateKey) -> tuple[Certificate | None, str | None]:
    """Return the certificate kept under this key, and what was wrong with one that is ignored."""
    path = cache_folder("certificates") / key.file_name
    try:
        certificate = msgspec.json.decode(read_file(path), type=Certificate)
    except FileNotFoundError:
        return None, None
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        return None, f"the kept certificate {path} cannot be read ({error}): ignored"
    if not certificate.genuine:
        return None, (
            f"the kept certificate {path} was edited (its hash no longer fits): ignored, and made "
            f"again"
        )
    return certificate, None


class KeptAnswers:
    """The reference's answers to one exercise, on disk as plain arrays (float32; no pickles).

    A file holds the hash of its arrays: one that is damaged, edited or empty is made again.
    """

    def __init__(self, answers_sha256: str) -> None:
        self._folder = cache_folder("reference") / answers_sha256[:32]

    @classmethod
    def of(cls, exercise: Exercise, reference: BackendInfo) -> KeptAnswers:
        """Return the answers to an exercise, named by all that they depend on."""
        content = f"{exercise.sha256} {exercise.seed} {sources_sha256(reference)}"
        return cls(hashlib.sha256(content.encode()).hexdigest())

    def __call__(self, name: str, work_out: Callable[[], Answers]) -> Answers:
        """Return the arrays kept under this name, or work them out and keep them."""
        path = self._folder / f"{name}.npz"
        # Whatever a damaged file makes NumPy or a decoder raise.
        with suppress(Exception):
            return _read(path)
        # Rounded before they are used, so that the first certificate is the same as the second.
        arrays = {one: np.asarray(array, np.float32) for one, array in work_out().items()}
        buffer = io.BytesIO()
        np.savez(buffer, allow_pickle=False, **arrays | {_HASH: _hash(arrays)})
        with suppress(OSError):
            store(self._folder, {path.name: buffer.getvalue()})
        return {one: array.astype(np.float64) for one, array in arrays.items()}


def _read(path: Path) -> Answers:
    """Return the arrays of a file. Raises ValueError where they are not what was written."""
    with open_file(path) as file, np.load(file, allow_pickle=False) as kept_arrays:
        arrays = dict(kept_arrays)
    if not np.array_equal(arrays.pop(_HASH, None), _hash(arrays)):
        raise ValueError(f"{path} does not hold what was written to it")
    return {one: array.astype(np.float64) for one, array in arrays.items()}


def _hash(arrays: Answers) -> npt.NDArray[np.uint8]:
    digest = hashlib.sha256()
    for name, array in sorted(arrays.items()):
        digest.update(f"{name} {array.dtype} {array.shape}\n".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return np.frombuffer(digest.digest(), np.uint8)
