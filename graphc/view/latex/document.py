"""The equations of a spec and of its gradients as LaTeX: sections of `align*`, alone or in a document."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from graphc.ir.system import System
from graphc.types import BATCH
from graphc.view.latex.backward import Backward
from graphc.view.latex.forward import Forward
from graphc.view.latex.gradients import Gradients
from graphc.view.latex.naming import Naming
from graphc.view.latex.rows import Line, aligned
from graphc.view.latex.typeset import Latex

Section = tuple[str, Sequence[Sequence[Line]], str]
"""A heading, groups of equations that are aligned with each other, and a sentence before them."""

_COUPLED = "{batch} is the number of examples, and (b) says which one is meant{lengths}."
_ONE = "These are for one example; the gradient of a batch is the mean over its examples."


def tex(
    system: System,
    losses: Mapping[str, Gradients],
    *,
    classes: Mapping[str, str],
    standalone: bool = False,
    title: str = "",
) -> str:
    """LaTeX for everything that leads to a loss, and for its gradients: of each of the `losses`, by heading.

    A fragment of `align*` environments, or with `standalone` a document with that title. `classes` has the
    number of classes of inputs that are class numbers, as a dim or in digits.
    """
    body = ""
    for number, (heading, found) in enumerate(losses.items(), 1):
        naming = Naming.of(system, found, str(number) if len(losses) > 1 else "")
        sections = [section for section in _sections(naming, classes) if any(section[1])]
        if len(losses) > 1:
            body += rf"\part*{{{Latex().escaped(heading)}}}" if standalone else f"% {heading}\n"
            body += "\n"
        body += "\n".join(_section(*section, as_heading=standalone) for section in sections)
        body += "\n" if number < len(losses) else ""
    return _document(title, body) if standalone else body


def _sections(naming: Naming, classes: Mapping[str, str]) -> Iterator[Section]:
    forward, backward = Forward(naming, classes), Backward(naming)
    yield "Given", [forward.given()], ""
    yield "Forward", [forward.equations()], _coupled(naming) if naming.found.couples else ""
    for layer in forward.layers():
        yield f"Layer {layer}", [forward.leaves(layer), forward.equations(layer)], ""
    yield "Values on the way", [forward.on_the_way()], ""
    for_one = naming.found.seed is not None and not naming.found.couples
    yield "Backward", [backward.cotangents()], _ONE if for_one else ""
    yield "Gradients", [backward.gradients()], ""


def _coupled(naming: Naming) -> str:
    leaves = naming.system.leaves.values()
    own = dict.fromkeys(i.length.name for leaf in leaves for i in leaf.indices if BATCH in i.dependencies)
    lengths = f"; each has its own {' and '.join(own)}" if own else ""
    return _COUPLED.format(batch=naming.writer.batch, lengths=lengths)


def _section(name: str, groups: Sequence[Sequence[Line]], sentence: str, *, as_heading: bool) -> str:
    heading = rf"\section*{{{Latex().escaped(name)}}}" if as_heading else f"% {name}"
    text = (sentence if as_heading else f"% {sentence}") + "\n" if sentence else ""
    blocks = (f"\\begin{{align*}}\n{aligned(lines)}\n\\end{{align*}}\n" for lines in groups if lines)
    return f"{heading}\n{text}{''.join(blocks)}"


def _document(title: str, body: str) -> str:
    return "\n".join(
        [
            r"\documentclass{article}",
            r"\usepackage{amsmath, amssymb}",
            r"\usepackage[margin=2cm]{geometry}",
            r"\allowdisplaybreaks",
            rf"\title{{{Latex().escaped(title)}}}",
            r"\date{}",
            r"\begin{document}",
            r"\maketitle",
            body.rstrip("\n"),
            r"\end{document}",
            "",
        ]
    )
