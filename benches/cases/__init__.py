"""A module for each benchmark, with a docstring, `ROUNDS`, `add_options` and `run`."""
