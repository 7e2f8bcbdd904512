"""The README's two commands, tried on a Debian that has nothing but Python. `tests/bare_machine/run` starts it."""
