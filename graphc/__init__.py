"""graphc: write the equations, get the network."""

__version__ = "0.1.0"
