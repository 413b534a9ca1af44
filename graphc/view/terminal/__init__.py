"""Curves as text, for terminals and for files."""
