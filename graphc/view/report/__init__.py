"""The report of a training: figures, tables and texts in one HTML file."""
