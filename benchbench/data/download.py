"""Files from a server: within so much time and so many bytes, or not at all."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable

from benchbench.errors import DataError

# Until a connection is there, and between two packets.
_SILENCE_SECONDS = 5
_CHUNK_BYTES = 1 << 16
# Between two words on how far it is.
_WORD_SECONDS = 5.0


def download(
    urls: Iterable[str],
    *,
    seconds: float,
    largest_bytes: int,
    told: Callable[[str], None] = lambda _: None,
    first_word_seconds: float = 1.0,
) -> list[bytes]:
    """Return what is at these addresses: all within `seconds`, each of so many bytes at most.

    Where it takes longer than a moment, `told` hears how far it is, again and again. Raises
    DataError with the name of the file and the reason.
    """
    errand = _Errand(list(urls), largest_bytes)
    # A server that drips holds up whoever reads from it; only another thread can be left waiting.
    thread = threading.Thread(target=errand.run, daemon=True)
    thread.start()
    ends = time.monotonic() + seconds
    wait = first_word_seconds
    while thread.is_alive() and (left := ends - time.monotonic()) > 0:
        thread.join(min(wait, left))
        if thread.is_alive() and time.monotonic() < ends:
            told(errand.progress)
        wait = _WORD_SECONDS
    if thread.is_alive():
        errand.given_up = True
        raise DataError(
            f"{errand.name}: expected it within {seconds:g} s, but only {errand.size:,} bytes had "
            f"come; try again where the network is faster"
        )
    if errand.failure:
        raise errand.failure
    return errand.files


class _Errand:
    """What the thread fetches, and how far it has come."""

    def __init__(self, urls: list[str], largest_bytes: int) -> None:
        self.files: list[bytes] = []
        self.failure: DataError | None = None
        self.given_up = False
        self.name = ""
        # Of the current file, as its server states it; 0 where it does not.
        self.total = 0
        self._urls = urls
        self._largest_bytes = largest_bytes
        self._content = bytearray()

    @property
    def size(self) -> int:
        """How many bytes of the current file have come."""
        return len(self._content)

    @property
    def progress(self) -> str:
        """Say how far it has come."""
        number = min(len(self.files) + 1, len(self._urls))
        size = f"{self.size / 1e6:.1f}" + (f" of {self.total / 1e6:.1f}" if self.total else "")
        return f"downloading {self.name}, file {number} of {len(self._urls)}: {size} MB"

    def run(self) -> None:
        """Fetch one after another, until one fails."""
        import pooch

        get = pooch.HTTPDownloader(
            timeout=_SILENCE_SECONDS, chunk_size=_CHUNK_BYTES, progressbar=self
        )
        for url in self._urls:
            self.name = url.rpartition("/")[2]
            self._content.clear()
            self.total = 0
            try:
                get(url, self, None)
            # requests and urllib3 have a family of exceptions each.
            except Exception as error:
                self.failure = DataError(f"{self.name}: {_reason(error)}")
                return
            self.files.append(bytes(self._content))

    def write(self, chunk: bytes) -> int:
        """Take some bytes, as the file would that pooch writes to."""
        if self.given_up:
            raise DataError("the download was given up")
        if self.size + len(chunk) > self._largest_bytes:
            raise DataError(f"expected {self._largest_bytes:,} bytes at most, but more follow")
        self._content += chunk
        return len(chunk)

    def flush(self) -> None:
        """Do nothing: all is in memory."""

    def update(self, _size: int) -> None:
        """Do nothing, as what pooch shows its progress with: `progress` is asked for."""

    def reset(self) -> None:
        """Do nothing, likewise."""

    def close(self) -> None:
        """Do nothing, likewise."""


def _reason(error: BaseException) -> str:
    """Return the innermost cause of a network error: its wrappers repeat the address."""
    while isinstance(error.args[0] if error.args else None, BaseException):
        error = error.args[0]
    reason = getattr(error, "reason", None)
    return str(reason) if isinstance(reason, BaseException) else str(error) or type(error).__name__
