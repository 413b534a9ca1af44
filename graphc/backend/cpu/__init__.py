"""The CPU backend: kernels as Numba source, compiled once, cached on disk. The one place that imports Numba."""
