"""The equations of a program and of its gradients, as LaTeX."""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphc.analysis.usage import needed
from graphc.driver.pictures.numbers import MODE
from graphc.driver.pictures.picturing import named_unit
from graphc.view.latex.document import tex
from graphc.view.latex.gradients import Gradients, gradients

if TYPE_CHECKING:
    from graphc.driver.compiled import Compiled


def equations(program: Compiled, *, inputs: bool = False, standalone: bool = False) -> str:
    """The equations of everything that leads to the loss, and the derived ones of its gradients; of several
    losses for each of them.

    Gradients are those of the parameters, with `inputs` of the real inputs too, which is so anyway where
    there is nothing to train. A fragment of `align*` environments, or with `standalone` a document. Raises
    E242 if `inputs` asks for gradients where there is no loss.
    """
    spec = program.pipeline.spec(MODE)
    if inputs:
        program.pipeline.loss_unit(MODE)
    texts = [" ".join(objective.span.text.split()) for objective in spec.objectives] or [""]
    losses = {
        f"Loss {number + 1} of {len(texts)}: {text}": derived_equations(
            program, inputs=inputs, objective=number
        )
        for number, text in enumerate(texts)
    }
    classes = {name: found.dim or str(found.classes) for name, found in spec.inputs.items() if found.classes}
    return tex(
        spec.system,
        losses,
        classes=classes,
        standalone=standalone,
        title=program.spec.file.span.source.name,
    )


def derived_equations(program: Compiled, *, inputs: bool = False, objective: int = 0) -> Gradients:
    """The same as formulas, by the parameters that a loss moves; without a loss of the forward pass alone."""
    pipeline = program.pipeline
    spec = pipeline.spec(MODE)
    system = spec.system
    if not pipeline.has_loss(MODE):
        need = needed(system, [*spec.names, *spec.outputs])
        return gradients(system, None, [name for name in system.units if name in need], ())
    seed = named_unit(system, pipeline.loss_unit(MODE, objective))
    need = needed(system, [seed])
    leaves = [leaf for leaf in system.leaves.values() if leaf.type.dtype == "real" and leaf.name in need]
    moved = spec.objectives[objective].over if spec.objectives else None
    params = [leaf.name for leaf in leaves if leaf.kind == "param"]
    wanted = [name for name in params if moved is None or name in moved]
    if inputs or not wanted:
        wanted += [leaf.name for leaf in leaves if leaf.kind == "input"]
    return gradients(system, seed, [name for name in system.units if name in need], wanted)
