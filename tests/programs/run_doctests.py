"""A program that executes the examples in the docstrings of pychrony, against the chronyd at the default socket.

    run_doctests.py [NAME…]

Runs the examples of the functions and methods with these names, or all examples. Prints a JSON object: the names of the
objects whose examples ran, the names of all objects with examples, and doctest's report of the failures. The numbers
and addresses in examples are made up, so the comparison ignores them. Only words and numbers of decimals have to match.
"""

from __future__ import annotations

import doctest
import importlib
import io
import json
import pkgutil
import re
import sys
from collections.abc import Callable

import pychrony

ALIKE: list[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]]] = [
    (re.compile(r"\b\d+\.\d+\.\d+\.\d+\b"), "ADDRESS"),
    (re.compile(r"[+-]?\d+\.(\d+)"), lambda match: "0." + "0" * len(match[1])),
    (re.compile(r"(?<![\w.])[+-]?\d+(?![\w.])"), "0"),
    (re.compile(r"(?<!\w)/\S+"), "/PATH"),
]


class Checker(doctest.OutputChecker):
    """Compares what the examples show with what they print."""

    def check_output(self, want: str, got: str, optionflags: int) -> bool:
        """Return True if they match."""
        for pattern, replacement in ALIKE:
            want, got = pattern.sub(replacement, want), pattern.sub(replacement, got)
        return super().check_output(want, got, optionflags)


def main(arguments: list[str]) -> None:
    """Run the command line described at the top."""
    modules = [importlib.import_module(module.name) for module in pkgutil.walk_packages(pychrony.__path__, "pychrony.")]
    finder = doctest.DocTestFinder(exclude_empty=True)
    tests = {test.name: test for module in [pychrony, *modules] for test in finder.find(module) if test.examples}
    chosen = [name for name in tests if not arguments or name.rpartition(".")[2] in arguments]
    runner = doctest.DocTestRunner(Checker(), verbose=False)
    report = io.StringIO()
    for name in chosen:
        runner.run(tests[name], out=report.write)
    print(json.dumps({"ran": sorted(chosen), "all": sorted(tests), "report": report.getvalue()}))


if __name__ == "__main__":
    main(sys.argv[1:])
