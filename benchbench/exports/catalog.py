"""The consumers by name, and how an export becomes a file or a folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from benchbench.errors import UsageError, must_be_known
from benchbench.exports import bencher, github_action_benchmark, mlflow, pyperf, pytest_benchmark
from benchbench.files import make_folder, write_output
from benchbench.records import RunRecord

# A text is the content of one file; several, by their paths, are that of a folder.
EXPORTS: MappingProxyType[str, Callable[[Sequence[RunRecord]], str | dict[str, str]]] = (
    MappingProxyType(
        {
            "pytest-benchmark": pytest_benchmark.export,
            "pyperf": pyperf.export,
            "bencher": bencher.export,
            "github-action-benchmark": github_action_benchmark.export,
            "mlflow": mlflow.export,
        }
    )
)


def export(consumer: str, records: Sequence[RunRecord], target: Path) -> None:
    """Write the records as the consumer reads them: a file, for MLflow a new folder.

    Raises UsageError for a consumer that there is not and a target that cannot be written,
    NotMeasured where the records hold nothing that it takes.
    """
    must_be_known("export to", consumer, EXPORTS)
    content = EXPORTS[consumer](records)
    try:
        if isinstance(content, str):
            write_output(target, content.encode())
        else:
            _write_folder(target, content)
    except OSError as error:
        raise UsageError(f"cannot write {target}: {error.strerror or error}") from None


def _write_folder(target: Path, files: Mapping[str, str]) -> None:
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise UsageError(f"{target} is there already: name a new folder, or an empty one")
    for name, content in files.items():
        if name.endswith("/"):
            make_folder(target / name)
            continue
        make_folder((target / name).parent)
        (target / name).write_text(content, encoding="utf-8")
