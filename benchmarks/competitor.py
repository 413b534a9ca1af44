"""What takes part in a measurement, and who does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.util import find_spec
from typing import Any, Protocol

from benchmarks.rows import Workload

GRAPHC = "graphc"
RIVALS = ("pytorch", "torch.compile", "jax")
THREADS = 2


class Competitor(Protocol):
    """One implementation of a row, ready to be called again and again."""

    def call(self) -> Any:
        """One training step, or one value with its gradients, done when it returns; the loss before."""
        ...

    def restart(self) -> None:
        """Put the first weights back.

        Thousands of steps on one batch would learn it by heart, and gradients in the range of
        denormal numbers are slow to compute with.
        """
        ...


def available(rivals: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """The rivals whose library is installed, and why the others are absent."""
    needs = {name: "jax" if name == "jax" else "torch" for name in rivals}
    absent = {
        name: f"{library} is not installed" for name, library in needs.items() if not find_spec(library)
    }
    return [name for name in rivals if name not in absent], absent


def rival(name: str) -> Callable[[Workload], Competitor]:
    """What makes a rival of a workload, with its library imported."""
    if name == "jax":
        from benchmarks.jax_rivals import JaxRival

        return JaxRival
    from benchmarks.torch_rivals import TorchRival

    return lambda workload: TorchRival(workload, compiled=name == "torch.compile")
