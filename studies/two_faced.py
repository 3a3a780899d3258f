"""What do the checks of a run catch? `python studies/two_faced.py`

Trains digits in full with backends that are honest while they are certified and only then: with
few samples they are the NumPy backend, with many they have a fault. Prints which checks each fails,
for the faults of `tests/faulty/dishonest.py`, or of another kind with `--faults`. Honest runs are
asked too: exits 1 if one fails a check.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from unittest import mock

from tabulate import tabulate

from benchbench.data import digits
from benchbench.data.chosen import Chosen
from benchbench.data.dataset import DatasetInfo
from benchbench.plugins import registry
from benchbench.plugins.contract import BackendInfo
from benchbench.run import worker
from benchbench.run.messages import Finished
from benchbench.run.plan import Cell, Session
from benchbench.spec.catalog import MODELS
from benchbench.spec.protocol import TrainingProtocol

sys.path.append(str(Path(__file__).parents[1] / "tests"))
from faulty.dishonest import DISHONEST, TwoFacedBackend
from faulty.escapes import ESCAPES
from faulty.large import FAULTS as LARGE
from faulty.later import FAULTS as LATER
from faulty.shuffling import FAULTS as SHUFFLING

KINDS = {
    "dishonest": DISHONEST,
    "late": (*LATER, *ESCAPES),
    "large": LARGE,
    "shuffling": SHUFFLING,
}
LOSSES = ("losses", "losses recounted")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="single-layer")
    parser.add_argument("--honest", type=int, default=3, metavar="SEEDS")
    parser.add_argument("--faults", choices=KINDS, default="dishonest")
    options = parser.parse_args()
    faults = KINDS[options.faults]
    runner = Runner(options.model)
    flagged = [seed for seed in range(options.honest) if runner.failed(None, 100 + seed)]
    rows = []
    for number, fault in enumerate(faults, start=1):
        failed = runner.failed(fault, 100 + number)
        by_losses = [name for name in failed if name in LOSSES]
        others = [name for name in failed if name not in LOSSES]
        rows.append([fault.name, fault.description, ", ".join(by_losses), ", ".join(others)])
        print(f"{number} of {len(faults)}: {fault.name}: {failed}", file=sys.stderr)
    header = ["fault while timed", "what is wrong", "checks of losses", "other checks"]
    command = " ".join(["python", "studies/two_faced.py", *sys.argv[1:]])
    print(f"\n## {options.model} on digits: `{command}`\n")
    print(tabulate(rows, header, tablefmt="pipe"))
    caught, whole = sum(bool(row[2]) for row in rows), sum(any(row[2:]) for row in rows)
    print(f"\n{caught} of {len(faults)} caught by their losses, {whole} by any check of the run;")
    print(f"{len(flagged)} of {options.honest} honest runs flagged")
    sys.exit(1 if flagged else 0)


class Runner:
    """Runs as a worker does, in this process; digits are loaded once."""

    def __init__(self, model: str) -> None:
        self._model = MODELS[model]
        self._data = digits.load(None)
        self._fault = None
        info = BackendInfo("two-faced", (), lambda: TwoFacedBackend(self._fault))
        offers = {
            "backends": {"two-faced": registry.Offer(info, "studies")},
            "datasets": {
                "digits": registry.Offer(DatasetInfo("digits", lambda _: self._data), "studies")
            },
        }
        self._registry = registry.Registry(offers["backends"], {}, offers["datasets"], {}, ())

    def failed(self, fault, seed: int) -> list[str]:
        """Train the model with the fault, None for none; return the checks that failed."""
        self._fault = fault
        session = Session(
            cells=(Cell("two-faced", "idiomatic", self._model),),
            protocol=TrainingProtocol(),
            dataset=Chosen("digits", sha256=self._data.sha256),
            device="cpu",
            threads=1,
            cpus=None,
            seed=seed,
        )
        ((run,),) = (group.runs for group in session.block(0))
        with mock.patch.object(registry, "load_registry", return_value=self._registry):
            ending = worker.execute(run.request, lambda event: None)
        if not isinstance(ending, Finished):
            return [ending.reason]
        return [check.name for check in ending.outcome.checks if check.passed is False]


if __name__ == "__main__":
    main()
