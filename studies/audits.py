"""What does the audit of a run catch? `python studies/audits.py`

Trains with every fault of `tests/faulty/disguised.py`, which is honest while it is certified, as a
worker does, on a tenth of the digits, and prints what the audit says; then with those of
`tests/faulty/siblings.py`, which are not. Exits 1 unless each is certified and caught, or caught.

`--false-alarms 20 --backend torch` audits right runs instead, in every division, with as many
seeds, and prints the largest difference over the tolerance. Exits 1 if any breaks.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tabulate import tabulate

from benchbench.certify.audit import compared
from benchbench.certify.reference import REFERENCE
from benchbench.certify.replay import Course
from benchbench.certify.rows import WeightsReader, as_row
from benchbench.certify.stated_order import stated_order
from benchbench.data import catalog
from benchbench.data.targets import adapted
from benchbench.errors import Unsupported
from benchbench.plugins.registry import load_registry
from benchbench.spec.catalog import MODELS
from benchbench.spec.initial import initial_variables
from benchbench.spec.protocol import TrainingProtocol
from benchbench.spec.task import task_of

sys.path.append(str(Path(__file__).parents[1] / "tests"))
from faulty.audited import audit_of
from faulty.disguised import FAULTS as DISGUISED
from faulty.disguised import SIGN_OF
from faulty.late import breaking
from faulty.scoring import catch
from faulty.siblings import FAULTS as SIBLINGS

MODEL = MODELS["single-layer"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--false-alarms", type=int, metavar="SEEDS")
    parser.add_argument("--backend", default="numpy", help="of --false-alarms")
    parser.add_argument("--model", nargs="+", default=["single-layer", "two-layer", "simple-cnn"])
    parser.add_argument("--epochs", type=int, default=2, help="of --false-alarms")
    options = parser.parse_args()
    well = (
        false_alarms(options.backend, options.model, options.false_alarms, options.epochs)
        if options.false_alarms
        else table()
    )
    sys.exit(0 if well else 1)


def table() -> bool:
    """Print where each fault is caught. Return whether all are, as they should."""
    rows = [_row(fault, SIGN_OF[fault].__name__) for fault in DISGUISED]
    caught = sum(row[-2] == "holds" and bool(row[-1]) for row in rows)
    header = ["fault", "what is wrong", "looks at", "certificate", "the audit finds"]
    print(tabulate(rows, header, tablefmt="pipe"))
    print(f"\n{caught} of {len(rows)} plugins that are honest only while certified are caught\n")
    others = [_row(fault) for fault in SIBLINGS]
    found = sum(row[-2] != "holds" or bool(row[-1]) for row in others)
    print(tabulate(others, [*header[:2], *header[3:]], tablefmt="pipe"))
    print(f"\n{found} of {len(others)} faults under other conditions are caught")
    return (caught, found) == (len(rows), len(others))


def _row(fault, *signs) -> list[str]:
    rung = catch(fault, MODEL).rung
    broken = [rung.name] if rung else list(breaking(fault, MODEL))
    found = _found(audit_of(fault, epochs=6))
    return [fault.name, fault.description, *signs, ", ".join(broken) or "holds", found]


def _found(audit) -> str:
    if audit.fault:
        return audit.fault
    broken = next((epoch for epoch in audit.epochs if epoch.breaks), None)
    if broken is None:
        return ""
    size = "no number" if broken.difference is None else f"{broken.difference:.1e}"
    return f"epoch {broken.number} differs by {size} (tolerance {broken.tolerance:.0e})"


def false_alarms(name: str, models: list[str], seeds: int, epochs: int) -> bool:
    """Print how near right runs come to the tolerance. Return whether none breaks."""
    registry = load_registry()
    info = registry.backend(name)
    backend, reference = info.create(), registry.backend(REFERENCE).create()
    broken = 0
    for division in info.divisions:
        for model in (MODELS[one] for one in models):
            protocol = TrainingProtocol(epochs=epochs)
            choice = catalog.choose("digits", {}, quick=True)
            data = adapted(catalog.load(choice, {}, model), task_of(model, protocol))
            found = []
            for seed in range(seeds):
                try:
                    course = _course(backend, division, model, protocol, data, seed=seed)
                except Unsupported:
                    course = None
                if course is None:
                    break
                found += compared(reference, course, seed=seed, check=lambda: None)
            broken += sum(epoch.breaks for epoch in found)
            if found:
                worst = max(found, key=lambda one: one.difference / one.tolerance)
                print(
                    f"{name} {division} {model.name}: {len(found)} epochs of {seeds} seeds; at "
                    f"most {worst.difference:.1e} of {worst.tolerance:.1e}",
                    flush=True,
                )
    print(f"{name}: {broken} epochs flagged")
    return not broken


def _course(backend, division, model, protocol, data, *, seed):
    trainer = backend.trainer(
        model, protocol, device="cpu", division=division, threads=1, seed=seed
    )
    start = initial_variables(model, seed)
    trainer.set_variables([array.copy() for array in start])
    reader = WeightsReader(trainer)
    trainer.fit(data.train, data.validation, reader)
    count = len(data.train)
    orders = [stated_order(trainer, number + 1, count) for number in range(protocol.epochs)]
    if orders[0] is None:
        return None
    rows = [row.astype("float32") for row in reader.rows]
    return Course(model, protocol, data.train, as_row(start), rows, orders)


if __name__ == "__main__":
    main()
