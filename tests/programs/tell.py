"""A program that opens connections one after the other, and prints what each one reads, or its error."""

from __future__ import annotations

import argparse

from common import give_up_rights, silent, tell

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("addresses", nargs="*", default=[None], help="the default addresses if there is none")
    parser.add_argument("--timeout", type=float, default=5.0)
    parser.add_argument("--silent", action="append", default=[], help="a place at which a socket never answers")
    parser.add_argument("--nobody", action="store_true", help="without rights")
    arguments = parser.parse_args()
    if arguments.nobody:
        give_up_rights()
    sockets = silent(*arguments.silent)
    for address in arguments.addresses:
        tell(address, timeout=arguments.timeout)
