"""The equations of a spec and of its gradients as LaTeX: sections of `align*`, alone or in a document."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from graphc.ir.system import System
from graphc.view.latex.backward import Backward
from graphc.view.latex.forward import Forward
from graphc.view.latex.gradients import Gradients
from graphc.view.latex.naming import Naming
from graphc.view.latex.rows import Line, aligned
from graphc.view.latex.typeset import Latex

Section = tuple[str, Sequence[Sequence[Line]], str]
"""A heading, groups of equations that are aligned with each other, and a sentence before them."""

_COUPLED = "B is the number of examples, and (b) says which one is meant."
_ONE = "These are for one example; the gradient of a batch is the mean over its examples."


def tex(
    system: System,
    found: Gradients,
    *,
    classes: Mapping[str, str],
    standalone: bool = False,
    title: str = "",
) -> str:
    """LaTeX for everything that leads to the loss, and for its gradients.

    A fragment of `align*` environments, or with `standalone` a document with that title. `classes` has the
    number of classes of inputs that are class numbers, as a dim or in digits.
    """
    naming = Naming.of(system, found)
    sections = [section for section in _sections(naming, classes) if any(section[1])]
    body = "\n".join(_section(*section, as_heading=standalone) for section in sections)
    return _document(title, body) if standalone else body


def _sections(naming: Naming, classes: Mapping[str, str]) -> Iterator[Section]:
    forward, backward = Forward(naming, classes), Backward(naming)
    yield "Given", [forward.given()], ""
    yield "Forward", [forward.equations()], _COUPLED if naming.found.couples else ""
    for layer in forward.layers():
        yield f"Layer {layer}", [forward.leaves(layer), forward.equations(layer)], ""
    yield "Values on the way", [forward.on_the_way()], ""
    for_one = naming.found.seed is not None and not naming.found.couples
    yield "Backward", [backward.cotangents()], _ONE if for_one else ""
    yield "Gradients", [backward.gradients()], ""


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
