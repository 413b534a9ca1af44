"""Weights that can be looked at: over images, in convolutions, and tables that symbols are looked up in."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from graphc.driver.reporting.material import Material
from graphc.driver.reporting.showing import COLOURS, image_of, image_shape, read_by
from graphc.ir.graph import Node
from graphc.ir.op import Op
from graphc.ops.contraction import CONTRACT
from graphc.ops.convolution import CONV
from graphc.ops.indexing import GATHER
from graphc.view.report.page import Section
from graphc.view.report.weights import Embedding, Filters, embeddings, filters


def sections(material: Material) -> Iterator[Section]:
    """Filters and embeddings, where a spec has any."""
    found = [*_over_images(material), *_kernels(material)]
    if found:
        yield filters(found)
    if tables := list(_tables(material)):
        yield embeddings(tables)


def _uses(material: Material, op: Op) -> Iterator[list[str]]:
    """The names that each node of an op reads, also element by element, as a scaled image is read; "" for an
    operand that is computed in another way."""
    for unit in material.system.units.values():
        for node in unit.nodes:
            if isinstance(node, Node) and node.op is op:
                yield [material.original(read_by(material, unit, operand)) for operand in node.operands]


def _over_images(material: Material) -> Iterator[Filters]:
    program = material.program
    weights = program.weights()
    for one, other in dict.fromkeys(tuple(names[:2]) for names in _uses(material, CONTRACT)):
        for param, name in ((one, other), (other, one)):
            if param not in program.spec.params or weights[param].ndim != 2:
                continue
            image = image_of(material, name)
            shape = image_shape(program.spec.inputs[image]) if image else None
            if shape is None or len(shape) != 2 or len(program.spec.inputs[image].type.sizes) != 1:
                continue
            rows = weights[param] if param == one else weights[param].T
            about = f"the weights of {image} as {shape[0]} by {shape[1]} pixels."
            yield Filters(param, rows.reshape(-1, 1, *shape).astype(np.float64), about)


def _kernels(material: Material) -> Iterator[Filters]:
    weights, inputs = material.program.weights(), material.program.spec.inputs
    for image, name in dict.fromkeys((names[0], names[1]) for names in _uses(material, CONV)):
        kernel = weights.get(name) if name in material.program.spec.params else None
        if kernel is None or kernel.ndim != 4 or min(kernel.shape[-2:]) < 2:
            continue
        is_colour = image in inputs and kernel.shape[1] == COLOURS
        said = "the three colours" if is_colour else f"{kernel.shape[1]} channels"
        about = f"{kernel.shape[0]} kernels over {said if kernel.shape[1] > 1 else '1 channel'}."
        yield Filters(name, kernel.astype(np.float64), about, is_colour)


def _tables(material: Material) -> Iterator[Embedding]:
    program = material.program
    weights = program.weights()
    for table, name in dict.fromkeys((names[0], names[1]) for names in _uses(material, GATHER)):
        info = program.spec.inputs.get(name)
        rows = weights.get(table) if table in program.spec.params else None
        if info is None or info.classes is None or rows is None or rows.ndim != 2 or len(rows) < 3:
            continue
        # Rows behind the vocabulary stand for nothing and were never moved.
        known = len(program.preparation.vocabularies.get(name, rows))
        yield Embedding(
            f"{table}, looked up by {name}", rows[:known].astype(np.float64), material.labels(name, known)
        )
