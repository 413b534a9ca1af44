"""The compiler as one straight function (`compile`), and what it gives (`program`)."""
