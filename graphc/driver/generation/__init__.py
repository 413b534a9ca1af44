"""Sequences that a model writes itself: from a prompt, step by step."""
