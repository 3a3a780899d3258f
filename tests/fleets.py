"""Made-up sessions over several machines: what each block's ratio is, machine by machine."""

from __future__ import annotations

import math

import msgspec
from makers import MACHINE, make_record

from benchbench.compare.baseline import Baseline
from benchbench.compare.comparison import compare
from benchbench.compare.contrast import Question

# Steady epochs of a run, beside the mean: their median is the mean.
EPOCHS = (1.5, 1.0, 1.01, 0.99, 1.0)


def machine(host, **changes):
    """Return a machine of the kind that all made-up records have."""
    return msgspec.structs.replace(MACHINE, host=host, **changes)


def fleet(log_ratios, *, session="s1", model="single-layer", first=0, spoil=None, **changes):
    """Return the records of torch and keras over machines.

    `log_ratios` are those of torch to keras, by machine, one a block; blocks are numbered on over
    the machines. `spoil` may replace or leave out a record.
    """
    numbers = iter(range(first, 10**6))
    records = []
    for host, logs in log_ratios.items():
        own = host if not isinstance(host, str) else machine(host)
        for log in logs:
            block = next(numbers)
            for backend, factor in (("torch", math.exp(log)), ("keras", 1.0)):
                record = make_record(
                    run_id=f"{session}-{block:05d}-{model}-{backend}",
                    session_id=session,
                    block=block,
                    seed=block,
                    order_seed=block,
                    backend=backend,
                    model=model,
                    machine=own,
                    train_seconds=[2 * factor * one for one in EPOCHS],
                    **changes,
                )
                records += [record] if spoil is None else spoil(record)
    return records


def even(ratio, *, machines=5, blocks=3, between=0.0, within=0.004):
    """Return log-ratios of machines that differ and scatter by as much, none at random."""
    found = {}
    for number in range(machines):
        place = (number - (machines - 1) / 2) / max(1, (machines - 1) / 2)
        found[f"node{number}"] = [
            math.log(ratio) + between * place + within * (block - (blocks - 1) / 2)
            for block in range(blocks)
        ]
    return found


QUESTION = Question()
KERAS = Baseline("keras")


def one_section(records, question=QUESTION, **options):
    """Return the one section that records are compared in; certificates are not asked for."""
    (section,) = compare(records, question, KERAS, **({"certified": False} | options))
    return section


def pooled(records, question=QUESTION, **options):
    """Return the one row over machines of such a section."""
    (row,) = one_section(records, question, **options).over_machines
    return row
