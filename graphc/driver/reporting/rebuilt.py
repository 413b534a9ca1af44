"""Models of their own input: images beside what is rebuilt of them, as an autoencoder does."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from graphc.driver.reporting.material import Material
from graphc.driver.reporting.showing import image_of, image_shape
from graphc.ir.graph import Node
from graphc.ir.system import READ
from graphc.ops.elementwise import SUB, XLOGY
from graphc.types import BATCH
from graphc.view.report.page import Section
from graphc.view.report.rebuilt import Rebuilt, rebuilt

EXAMPLES = 9


def sections(material: Material) -> Iterator[Section]:
    """One for each name that is held against an image."""
    for name, of, shape in pairs(material):
        sample = material.sample(EXAMPLES)
        values = sample.values(name, of)
        images, made = (values[one].reshape(-1, *shape).astype(np.float64) for one in (of, name))
        examples = [str(int(number)) for number in sample.batch.example_ids]
        yield rebuilt(Rebuilt(name, of, images, made, examples), sample.said)


def pairs(material: Material) -> Iterator[tuple[str, str, tuple[int, ...]]]:
    """Names, the images that an error or a cross entropy holds them against, and the shape of these as
    `(channels, N, M)`."""
    system, inputs = material.system, material.program.spec.inputs
    for one, other in dict.fromkeys(_met(material)):
        image = image_of(material, other)
        shape = image_shape(inputs[image]) if image else None
        is_made = one in system.units and BATCH in system.type(one).axes and not image_of(material, one)
        if shape and is_made and system.type(one).sizes == system.type(other).sizes:
            yield one, other, (*(1,) * (3 - len(shape)), *shape)


def _met(material: Material) -> Iterator[tuple[str, str]]:
    """Names that are subtracted from each other, or of which one weighs the logarithm of the other."""
    for unit in material.system.units.values():
        made = {node.result: node for node in unit.nodes if isinstance(node, Node)}
        for node in made.values():
            reads = [made.get(operand) for operand in node.operands] if node.op in (SUB, XLOGY) else []
            names = [str(r.attrs["unit"]) for r in reads if r is not None and r.op is READ]
            if len(names) == 2:
                yield names[0], names[1]
                yield names[1], names[0]
