"""TensorFlow's iterator over the batches of an epoch, let go of as soon as the epoch is over.

`Model.fit` keeps the iterator of an epoch until the next epoch has its own, and destroys it there.
Its destructor cancels the thread that tunes the pipeline and waits for its end. TensorFlow 2.21
wakes that thread before the cancellation is marked, so the thread may sleep on: until its next
look, which comes after a time that grows with the iterator's age. Where other processes have their
turn between two epochs, that is up to a minute, in which the next epoch's clock would run. So the
iterator goes at the end of its own epoch, and a thread waits for its destructor, without the GIL.
"""

from __future__ import annotations

import ctypes
import sys
import threading
from types import FrameType
from typing import Any

_NAME = "iterator"


def let_go_of_iterator() -> None:
    """Take the iterator from the `Model.fit` that calls this, by way of a callback; destroy it.

    Does nothing where `fit` has no such variable: Keras may come to keep it elsewhere.
    """
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and not _is_fit(frame):
        frame = frame.f_back
    if frame is None:
        return
    last = [frame.f_locals[_NAME]]
    frame.f_locals[_NAME] = None
    if sys.version_info < (3, 13):  # what is written there is a copy
        ctypes.pythonapi.PyFrame_LocalsToFast(ctypes.py_object(frame), ctypes.c_int(0))
    threading.Thread(target=_forget, args=(last,), daemon=True).start()


def _forget(last: list[Any]) -> None:
    """Drop the last reference to an object, here, where its destructor makes nobody wait."""
    last.clear()


def _is_fit(frame: FrameType) -> bool:
    module = frame.f_globals.get("__name__", "")
    return module == "keras.src.backend.tensorflow.trainer" and _NAME in frame.f_locals
