"""The default sockets and the examples in the docstrings, in mount namespaces where chronyd is at those sockets."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from tests.support.programs import PROGRAMS
from tests.support.reports import CALLS

if TYPE_CHECKING:
    from tests.support.daemon import Daemon, Start
    from tests.support.programs import Python

pytestmark = pytest.mark.blocking_only("both kinds of calls look for chronyd alike")

StartAt = Callable[..., "Daemon"]


def read_all(python: Python, wrapper: list[str], *options: str) -> dict[str, list[Any]]:
    """Read all reports with functions. Return the error's name and code, and the representation or message."""
    found: dict[str, list[Any]] = json.loads(python("read_all.py", *options, *CALLS, wrapper=wrapper))
    return {name: found[name][:3] for name in CALLS}


@pytest.mark.parametrize("place", ["/run/chrony", "/var/run/chrony"])
def test_each_default_socket_is_found(place: str, start_at: StartAt, python: Python) -> None:
    daemon = start_at(place, "pair")
    results = read_all(python, daemon.inside("mount"))
    assert "reference_id_name='127.0.0.1'" in results["get_tracking"][2]
    assert results["get_sources"][2].startswith("[Source(address='127.0.0.1'")
    assert results["get_source_stats"][2].startswith("[SourceStats(")
    name, code, message = results["get_rtc_data"]
    assert (name, code) == ("ChronyNotAvailableError", -4)
    # The message names the socket.
    assert f" {place}/chronyd.sock " in message


def test_the_first_default_socket_comes_first(start_at: StartAt, start: Start, python: Python) -> None:
    first = start_at("/run/chrony", "chronyd", "--line", "local stratum 4")
    second = start("chronyd", "--line", "local stratum 5", wrapper=first.inside("mount"))
    mount = ["sh", "-c", 'mkdir -p /var/run/chrony && mount --bind "$1" /var/run/chrony', "sh", str(second.folder)]
    subprocess.run([*first.inside("mount"), *mount], check=True)
    code = "import pychrony; print(pychrony.get_tracking().stratum)"
    assert python("-c", code, wrapper=first.inside("mount")) == "4\n"
    # A killed chronyd leaves its socket behind. A refusal there does not end the search.
    first.say("kill")
    assert python("-c", code, wrapper=first.inside("mount")) == "5\n"


def test_neither_default_socket_exists(private_run: list[str], python: Python) -> None:
    results = read_all(python, private_run)
    assert len(results) == len(CALLS)
    for name, code, message in results.values():
        assert (name, code) == ("ChronyConnectionError", -2)
        tried = "chronyd socket not found. Tried: /run/chrony/chronyd.sock, /var/run/chrony/chronyd.sock"
        assert message.startswith(tried)


def test_a_default_socket_that_refuses_is_not_called_missing(start_at: StartAt, python: Python) -> None:
    daemon = start_at("/run/chrony", "chronyd")
    daemon.say("kill")
    results = read_all(python, daemon.inside("mount"))
    for name, code, message in results.values():
        assert (name, code) == ("ChronyConnectionError", -1)
        assert message.startswith("Failed to connect to chronyd at /run/chrony/chronyd.sock")


def test_a_default_socket_without_permission_is_told(start_at: StartAt, python: Python) -> None:
    daemon = start_at("/run/chrony", "chronyd")
    results = read_all(python, daemon.inside("mount"), "--nobody")
    for name, code, message in results.values():
        assert (name, code) == ("ChronyPermissionError", -3)
        assert message.startswith("Permission denied accessing /run/chrony/chronyd.sock")


def run_doctests(daemon: Daemon, *names: str) -> dict[str, Any]:
    command = [*daemon.inside("mount"), sys.executable, str(PROGRAMS / "run_doctests.py"), *names]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    results: dict[str, Any] = json.loads(done.stdout)
    return results


def test_every_example_in_a_docstring_does_what_it_shows(start_at: StartAt) -> None:
    """Against the scripted chronyd, which is always synchronised and has RTC data."""
    scripted = start_at("/run/chrony", "scripted")
    scripted.say('values {"rtcdata": {"frequency offset": -1.234}}')
    found = run_doctests(scripted)
    assert found["report"] == ""
    assert found["ran"] == found["all"]
    functions = {f"pychrony.functions.{name}" for name in [*CALLS, "libchrony_path"]}
    assert functions | {"pychrony"} <= set(found["all"])


def test_the_examples_are_compared(start_at: StartAt) -> None:
    """The example of `get_rtc_data` fails without an RTC."""
    results = run_doctests(start_at("/run/chrony", "chronyd"), "get_rtc_data")
    assert "RTC tracking is not available" in results["report"]
