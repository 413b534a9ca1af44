"""graphc beside PyTorch and JAX: the same work, in turns, in one run. `docs/benchmarks.md` says how."""
