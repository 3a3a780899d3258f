"""What every experiment that trains has in common: does the data fit, and then conduct it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchbench.errors import UsageError
from benchbench.spec.protocol import TrainingProtocol
from benchbench.spec.task import task_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from benchbench.data.chosen import Chosen
    from benchbench.plugins.registry import Registry
    from benchbench.records import RunRecord
    from benchbench.run.conductor import RunListener
    from benchbench.run.plan import Group
    from benchbench.run.store import Store
    from benchbench.spec.model import ModelSpec

# The data set that the models are for; for most that is MNIST, or else digits.
AUTO = "auto"


def find_dataset(
    wanted: str,
    registry: Registry,
    models: Sequence[ModelSpec],
    *,
    note: Callable[[str], None],
    quick: bool = False,
) -> Chosen:
    """Find and verify a data set that the models take; tell `note` where it comes from.

    "auto" is the data set that the models are for, see `default_dataset`.

    Raises UsageError, DataError or Unavailable.
    """
    from benchbench.data import catalog
    from benchbench.data.names import AUTOENCODER

    if wanted == AUTO:
        wanted = default_dataset(models)
    plain = wanted.removesuffix(AUTOENCODER)
    if plain in registry.datasets:
        from benchbench.run.offered_dataset import choose_offered

        owner = registry.datasets[plain].distribution
        note(f"the plugin {owner} looks for its data set '{plain}' and loads it ...")
        chosen = choose_offered(wanted, registry, quick=quick)
    else:
        offered = {name: offer.item for name, offer in registry.datasets.items()}
        try:
            chosen = catalog.choose(wanted, offered, quick=quick, told=note)
        except UsageError:
            registry.must_not_be_quarantined(plain)
            raise
    if chosen.note:
        note(chosen.note)
    for remark in chosen.remarks:
        note(f"warning: {chosen.name}: {remark}")
    must_fit(models, chosen)
    return chosen


def default_dataset(models: Sequence[ModelSpec]) -> str:
    """Return the data set of these models, by name; that of a model of one's own is "auto".

    Raises UsageError where they have several.
    """
    from benchbench.spec.catalog import dataset_for

    by_model = {model.name: dataset_for(model) or AUTO for model in models}
    names = list(dict.fromkeys(by_model.values()))
    if len(names) > 1:
        told = ", ".join(f"{name} on {dataset}" for name, dataset in by_model.items())
        raise UsageError(
            f"the models are trained on different data ({told}): run them one after another, or "
            f"name a --dataset that all of them take, such as synthetic"
        )
    return names[0] if names else AUTO


def must_fit(models: Sequence[ModelSpec], chosen: Chosen) -> None:
    """Raise UsageError for a model that does not take the data set.

    The loss that a model learns follows from its output layer: a protocol cannot make it another.
    """
    from benchbench.data.fit import misfit_of

    for model in models:
        told = misfit_of(model, task_of(model, TrainingProtocol()), chosen)
        if told:
            raise UsageError(told)


def exceeds(budget_seconds: float, spent_seconds: float, blocks: int) -> bool:
    """Say whether one more block, as long as the `blocks` before, would end after the budget."""
    return spent_seconds * (blocks + 1) / blocks > budget_seconds


def conduct(
    groups: Sequence[Group], store: Store, timeout: float, listener: RunListener
) -> list[RunRecord]:
    """Run the groups, one after another; return the records, all of them saved.

    `timeout` is in seconds of work, for each run.
    """
    from benchbench.run.conductor import Conductor

    return list(Conductor(store=store, listener=listener, timeout=timeout).conduct(groups))
