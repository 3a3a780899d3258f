"""A text that every Python holds: the names of Unicode's characters, one a line.

They are those of the characters below U+2000 in Unicode 3.2, which Python keeps beside the newest
version (`unicodedata.ucd_3_2_0`); Unicode never changes a name. They are put in the order of their
SHA-256, so that neighbours are no relatives and the test piece has names of every script.
"""

from __future__ import annotations

import hashlib

from benchbench.data.names import UNICODE_NAMES
from benchbench.data.text import Text, make_text
from benchbench.errors import DataError

SHA256 = "9ff52b387394f4cc6cb0918db474361d28fd2b29f2c0179713747187a6467f9a"
_END = 0x2000


def read() -> Text:
    """Return the text. Raises DataError if this Python's names are others."""
    text = make_text(_text(), f"{UNICODE_NAMES}, which Python holds")
    if text.sha256 != SHA256:
        raise DataError(
            f"the names of Unicode's characters in this Python are not those of Unicode 3.2: "
            f"expected SHA-256 {SHA256}, but it is {text.sha256}; take another Python, or a text "
            f"of your own, --dataset text:FILE"
        )
    return text


def _text() -> str:
    from unicodedata import ucd_3_2_0

    names = {ucd_3_2_0.name(chr(code), "") for code in range(_END)} - {""}
    ordered = sorted(names, key=lambda name: hashlib.sha256(name.encode()).digest())
    return "".join(f"{name}\n" for name in ordered)
