"""What is said of a run or a certification when it is over: a line, or two."""

from __future__ import annotations

from benchbench.compare.contrast import cell_name
from benchbench.compare.metrics import metric_name, tested_metric
from benchbench.experiments.certification_messages import Certification
from benchbench.records import EpochRecord, RunRecord
from benchbench.report import ladder, text


def epoch_news(epoch: EpochRecord) -> str:
    """Say what an epoch came to."""
    error = epoch.validation_mean_absolute_error
    validated = text.fraction(epoch.validation_accuracy if error is None else error)
    return f"loss {text.fraction(epoch.loss)}, validated {validated}"


def run_line(record: RunRecord) -> str:
    """Say in a line what came of a run."""
    name = f"{record.model} {cell_name(record)} (block {record.block})"
    outcome = (
        f"test {metric_name(record)} {text.fraction(tested_metric(record))}"
        if record.status == "ok"
        else record.error
    )
    return f"{record.status:>7}  {name}: {outcome}"


def certification_lines(one: Certification) -> str:
    """Say what came of one cell; where it breaks, what the break looks like and what to do."""
    told = ladder.diagnosis(one.certificate) if one.certificate else None
    return "\n".join(filter(None, [certification_line(one), told]))


def certification_line(one: Certification) -> str:
    """Say in a line what came of one cell, after a warning if there is one."""
    certificate = one.certificate
    warning = f"warning: {one.warning}\n" if one.warning else ""
    if certificate is None:
        return f"{warning}not certified: {one.cell}: {one.reason}"
    how = "from the cache" if one.from_cache else f"{certificate.seconds:.1f} s"
    broken = certificate.broken
    ending = f", {broken.summary}" if broken else ""
    return f"{warning}certificate: {one.cell}: {certificate.verdict}{ending} ({how})"
