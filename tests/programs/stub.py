"""A program that reads reports at the addresses of the stub libchrony, and prints their representations or errors."""

from __future__ import annotations

import json
import sys

from common import error_of

import pychrony
from pychrony import ChronyError

#: These addresses never answer.
SILENT = ("/silent", "/process=6;errno=4", "/process=6;errno=11")


def outcome(name: str, address: str) -> list[object]:
    timeout = 0.3 if address.startswith(SILENT) else 5
    try:
        return ["", None, repr(getattr(pychrony, name)(address, timeout=timeout)), []]
    except ChronyError as error:
        causes, cause = [], error.__cause__
        while cause is not None:
            causes.append([type(cause).__name__, str(cause)])
            cause = cause.__cause__
        return [*error_of(error), causes]


if __name__ == "__main__":
    print(json.dumps([outcome(*call) for call in json.loads(sys.argv[1])]))
