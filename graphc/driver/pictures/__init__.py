"""Programs as pictures and as formulas, with the numbers of a run."""
