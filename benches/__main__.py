"""Measure pychrony and the crates next to the raw library, chronyc and other clients.

    make bench                                       every case of docs/performance.md, with an optimised build
    tools/run python -m benches CASE…                the named cases, each in a process of its own
    tools/run python -m benches CASE --help          the options of a case

Run it in the root of the checkout. In every round each contestant runs once, in a new order, so that other load affects
all alike. Times are medians over the rounds, and ratios are medians of the ratios within a round. The chronyds are
private, and end with the case. The cases in Python measure the pychrony that is installed: `make build` installs it
without optimisation, and `make bench` with it.
"""

from __future__ import annotations

import argparse
import importlib
import itertools
import subprocess
import sys

#: The cases, in the order of docs/performance.md. True if the case has a section there; `make bench` runs these.
CASES = {"reports": True, "aio": True, "fleet": True, "command": True, "crowd": False, "loss": False, "age": False}


def run(name: str, arguments: list[str]) -> None:
    """Parse the options of a case, and run it in this process."""
    case = importlib.import_module(f"benches.cases.{name}")
    parser = argparse.ArgumentParser(
        prog=f"python -m benches {name}", description=case.__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="measure less, to see that the case works")
    if case.ROUNDS is not None:
        rounds = f"alternating runs of each contestant ({case.ROUNDS}; 3 if quick)"
        parser.add_argument("--rounds", type=int, metavar="N", help=rounds)
    if CASES[name]:
        parser.add_argument("--write-docs", action="store_true", help="write the section of docs/performance.md")
    case.add_options(parser)
    options = parser.parse_args(arguments)
    if case.ROUNDS is not None:
        options.rounds = options.rounds or (3 if options.quick else case.ROUNDS)
    case.run(options)


def main() -> None:
    """Run a single case in this process, or each of several in a process of its own."""
    names = list(itertools.takewhile(CASES.__contains__, sys.argv[1:]))
    rest = sys.argv[1 + len(names) :]
    if len(names) == 1:
        run(names[0], rest)
        return
    parser = argparse.ArgumentParser(
        prog="python -m benches", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    in_docs = [name for name, is_in_docs in CASES.items() if is_in_docs]
    parser.add_argument("case", nargs="*", help=f"{', '.join(CASES)} (default: {', '.join(in_docs)})")
    parser.add_argument("--quick", action="store_true", help="measure less, to see that the cases work")
    parser.add_argument("--write-docs", action="store_true", help="write docs/performance.md")
    options = parser.parse_args(rest)
    if options.case:
        parser.error(f"no such case: {options.case[0]}")
    for name in names or in_docs:
        print(f"\n{name}", flush=True)
        if code := subprocess.run([sys.executable, "-m", "benches", name, *rest], check=False).returncode:
            sys.exit(code)


if __name__ == "__main__":
    main()
