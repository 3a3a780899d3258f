"""What a user's Keras factory may return, and what is said of the rest."""

from __future__ import annotations

from typing import Any

import keras

from benchbench.plugins.ports import PortError


def checked(made: Any) -> tuple[Any, Any, Any]:
    """Return model, optimizer and loss as the file gives them, None for none. Raises PortError."""
    model, optimizer, loss = made if isinstance(made, tuple) else (made, None, None)
    if not isinstance(model, keras.Model):
        raise PortError(f"expected a keras.Model, got {type(model).__name__}")
    if isinstance(loss, keras.optimizers.Optimizer) or isinstance(optimizer, keras.losses.Loss):
        raise PortError(
            "the factory returned (model, loss, optimizer); expected (model, optimizer, loss)"
        )
    if optimizer is not None:
        try:
            optimizer = keras.optimizers.get(optimizer)
        except (ValueError, TypeError):
            raise PortError(
                f"expected an optimizer of Keras, or its name, behind the model, got {optimizer!r}"
            ) from None
    elif model.compiled:
        optimizer = model.optimizer
    if loss is None and model.compiled:
        loss = model.loss
    if isinstance(loss, dict | list | tuple) and len(loss) == 1:
        (loss,) = loss.values() if isinstance(loss, dict) else loss
    if isinstance(loss, dict | list | tuple):
        raise PortError("expected a model with one output and one loss, got several losses")
    return model, optimizer, loss
