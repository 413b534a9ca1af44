"""The small loop language between schedules and code generators: typed, printable, of no machine."""
