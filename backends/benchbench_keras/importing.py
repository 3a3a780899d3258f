"""Import Keras on one engine, with none of the user's settings in the way."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

from benchbench import BenchbenchError


def import_keras(engine: str) -> ModuleType:
    """Return the module `keras`, running on `engine` ("tensorflow", "torch" or "jax").

    What `keras.json` and the environment may have changed is put back to Keras's defaults: float32,
    channels last, no cap on epochs or steps. Without KERAS_HOME, Keras is imported with a
    throw-away one, for it writes into its home. Raises BenchbenchError if this process has
    imported Keras on another engine already.
    """
    if "keras" not in sys.modules:
        os.environ["KERAS_BACKEND"] = engine
        with _home():
            import keras
    import keras

    running = keras.backend.backend()
    if running != engine:
        raise BenchbenchError(
            f"expected Keras on {engine}, but this process has imported it on {running}, and Keras "
            f"cannot change its engine; use a fresh process with KERAS_BACKEND={engine}"
        )
    # Both caps are debugging aids that shorten a training with nothing but a warning.
    keras.config.set_max_epochs(None)
    keras.config.set_max_steps_per_epoch(None)
    keras.config.set_floatx("float32")
    keras.config.set_dtype_policy("float32")
    keras.config.set_epsilon(1e-7)
    keras.config.set_image_data_format("channels_last")
    return keras


@contextmanager
def _home() -> Iterator[None]:
    """Give Keras a home for the time of its import, unless it has been given one."""
    if "KERAS_HOME" in os.environ:
        yield
        return
    with tempfile.TemporaryDirectory(prefix="benchbench-keras-") as home:
        os.environ["KERAS_HOME"] = home
        try:
            yield
        finally:
            del os.environ["KERAS_HOME"]
