"""Named texts: those that an installed package carries, read without a download."""

from __future__ import annotations

import importlib

from graphc.diagnostics import fault
from graphc.train.data.origins import Origin


def named_text(origin: Origin) -> str:
    """The text `python_topics`: what Python's `help` shows on its keywords, operators, types and statements.

    The topics stand in the order of their names, one right behind the other. Each version of Python has its
    own: about half a million characters, a hundred different ones.

    Raises E411 where Python came without them.
    """
    try:
        module = importlib.import_module("pydoc_data.topics")
    except ImportError:
        raise fault(
            "E411",
            f'`source = "{origin.name}"` needs the topics of `help`, which this Python came without',
            origin.span,
            help="Python's standard library has them in `pydoc_data`; some systems install that apart",
        ) from None
    return "".join(text for _, text in sorted(module.topics.items()))
