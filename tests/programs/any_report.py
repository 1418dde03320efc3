"""A program that prints the names of all reports, and reads reports by name."""

from __future__ import annotations

import json
import sys

import pychrony

if __name__ == "__main__":
    calls = json.loads(sys.argv[1])
    print(json.dumps([pychrony.list_reports(), *(pychrony.get_report(*call) for call in calls)]))
