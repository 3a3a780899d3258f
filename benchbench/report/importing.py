"""What an import wrote, as people read it: the files, the layers, the comparison with the file."""

from __future__ import annotations

from benchbench.experiments.importing import ImportReport
from benchbench.report import ports
from benchbench.report.document import Block, Document, Paragraph, items


def build(report: ImportReport) -> Document:
    """Return what was written, what a reader should look at, and the ladder."""
    model = report.model
    layers = [f"{trace.name}: {trace.layer.describe()}" for trace in model.trace()]
    blocks: list[Block] = [
        Paragraph(
            f"{report.source} is {len(layers)} layers with {model.parameter_count:,} parameters, "
            f"input {'x'.join(map(str, model.input_shape))}"
        ),
        *items(layers),
        Paragraph(f"model: {report.path}"),
    ]
    if report.protocol and report.protocol_path:
        blocks.append(Paragraph(f"protocol: {report.protocol_path}: {report.protocol.describe()}"))
    return (*blocks, *items(list(report.notes), "Look at:"), *ports.build(report.report))
