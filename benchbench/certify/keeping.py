"""What is kept between certifications, in the cache: certificates, and the reference's answers."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from benchbench.certificates import Certificate
from benchbench.data.cache import cache_folder, store


class CertificateKey(msgspec.Struct, frozen=True, kw_only=True):
    """All that a certificate depends on and that can be known without importing the framework."""

    backend: str
    division: str
    device: str
    threads: int
    certified_sha256: str
    seed: int
    sources_sha256: str
    versions: dict[str, str]

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
        certificate = msgspec.json.decode(path.read_bytes(), type=Certificate)
    except FileNotFoundError:
        return None, None
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        return None, f"the kept certificate {path} cannot be read ({error}): ignored"
    if not certificate.genuine:
        return None, (
            f"the kept certificate {path} was edited (its hash no longer fits): ignored, and made "
            f"again"
        )
    return certificate, None


class KeptAnswers:
    """The reference's answers to one exercise, on disk as plain arrays (float32; no pickles)."""

    def __init__(self, exercise_sha256: str) -> None:
        self._folder = cache_folder("reference") / exercise_sha256[:32]

    def __call__(self, name: str, work_out: Callable[[], npt.NDArray[Any]]) -> npt.NDArray[Any]:
        """Return the vector kept under this name, or work it out and keep it."""
        path = self._folder / f"{name}.npy"
        with suppress(OSError, ValueError):
            row: npt.NDArray[Any] = np.load(path, allow_pickle=False)
            return row.astype(np.float64)
        # Rounded before it is used, so that the first certificate is the same as the second.
        row = work_out().astype(np.float32)
        buffer = io.BytesIO()
        np.save(buffer, row, allow_pickle=False)
        with suppress(OSError):
            store(self._folder, {path.name: buffer.getvalue()})
        return row.astype(np.float64)
