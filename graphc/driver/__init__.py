"""The compiler as one straight function, and what it gives."""

from graphc.driver.compile import check, compile, load, parse
from graphc.driver.fitting import FitResult
from graphc.driver.program import Program

__all__ = ["FitResult", "Program", "check", "compile", "load", "parse"]
