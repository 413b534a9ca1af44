"""Drawings of a program: what is drawn, where it stands, and how it is written down."""
