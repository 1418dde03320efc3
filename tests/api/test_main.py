"""`python -m pychrony`, the text for a bug report: as a process of its own, in each state of chronyd."""

from __future__ import annotations

import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.support.daemon import ROOT
from tests.support.programs import PROGRAMS
from tests.support.reports import defaults
from tests.support.waiting import PATIENCE

import pychrony
from pychrony import health
from pychrony.__main__ import _lines, main

if TYPE_CHECKING:
    from tests.support.daemon import Daemon, Start
    from tests.support.machine import Machine
    from tests.support.programs import Python

pytestmark = pytest.mark.blocking_only("the command makes blocking calls, in a process of its own")

COMMAND = (sys.executable, "-W", "error", "-m", "pychrony")
# Without rights, it may be too late to import `locale`.
CALL = "import common, locale; from pychrony.__main__ import main; common.give_up_rights(); sys.exit(main())"
#: The command with the rights of another user, who may be unable to read the checkout.
OTHER_USER = (sys.executable, "-c", f"import sys; sys.path.insert(0, {str(PROGRAMS)!r}); {CALL}")
#: Runs a command without the system's libchrony.
WITHOUT_THE_SYSTEMS = """
for file in $(ldconfig -p | sed -n 's/.*libchrony\\.so\\.0 .*=> //p'); do mount --bind /dev/null "$file"; done
exec "$@"
"""
#: States of a scripted chronyd, as commands of the test bed.
STATES = [
    'values {"tracking": {"reference ID": 0, "stratum": 0, "leap status": 3}}',
    'values {"open": false, "tracking": {"stratum": 12, "current correction": 5.0}}',
    'values {"sources": 0}',
    'values {"tracking": {"stratum": 200}}',
]
#: Data that a buffer holds at exit fails again. An empty value leaves the stream buffered.
each_buffering = pytest.mark.parametrize("unbuffered", ["", "1"], ids=["buffered", "unbuffered"])
READ, NOT_READ, USAGE, NOT_PRINTED, INTERRUPTED = 0, 1, 2, 3, 130


def run(
    *arguments: str,
    command: Sequence[str] = COMMAND,
    wrapper: Sequence[str] = (),
    environment: Mapping[str, str | None] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run the command, which never prints a traceback."""
    found = {name: value for name, value in {**os.environ, **(environment or {})}.items() if value is not None}
    done = subprocess.run(
        [*wrapper, *command, *arguments], capture_output=True, text=True, env=found, timeout=PATIENCE, check=False
    )
    assert "Traceback" not in done.stderr + done.stdout
    return done


def text(
    status: int,
    *arguments: str,
    command: Sequence[str] = COMMAND,
    wrapper: Sequence[str] = (),
    environment: Mapping[str, str | None] | None = None,
) -> str:
    """Run the command, which has to print the whole text, and return it."""
    done = run(*arguments, command=command, wrapper=wrapper, environment=environment)
    assert (done.returncode, done.stderr) == (status, "")
    # Only a word that is too long for a line, such as a path, makes a line longer.
    assert [line for line in done.stdout.splitlines() if len(line) > 80 and len(line.split()) > 2] == []
    assert list(fields(done.stdout))[:5] == ["pychrony", "Python", "system", "libchrony", "chronyd"]
    assert "verdict" in fields(done.stdout)
    return done.stdout


def fields(printed: str) -> dict[str, str]:
    """Return the named texts. Those with the same name follow each other."""
    found: dict[str, str] = {}
    name = ""
    for line in filter(None, printed.splitlines()):
        name = line[:10].strip() or name
        found[name] = f"{found[name]} {line[10:].strip()}" if name in found else line[10:].strip()
    return found


def test_the_versions_and_the_address_are_named(pair: Daemon) -> None:
    for address, transport in [(pair.socket, "Unix socket"), (pair.udp, "command port"), (pair.udp6, "command port")]:
        found = fields(text(READ, address))
        assert found["pychrony"] == f"{pychrony.__version__} in {Path(pychrony.__file__).parent}"
        assert found["Python"] == f"CPython {platform.python_version()}, run by user ID {os.geteuid()}"
        distribution, kernel = platform.freedesktop_os_release()["PRETTY_NAME"], os.uname()
        assert found["system"] == f"{distribution}, Linux {kernel.release} ({kernel.machine})"
        assert found["libchrony"].startswith(pychrony.libchrony_path())
        assert f"with {len(pychrony.list_reports())} reports" in found["libchrony"]
        assert found["chronyd"].startswith(f"{address} ({transport}) does not tell its version")


def test_without_an_address_the_default_ones_are_tried(machine: Machine) -> None:
    found = fields(text(NOT_READ, wrapper=machine.inside))
    assert found["chronyd"] == "could not be read at any of the default addresses"
    assert found["verdict"].startswith("CRITICAL: Failed to connect to chronyd at 127.0.0.1:323: Connection refused")
    assert found["cause"].startswith("no-chronyd - No chronyd listens on this port")
    assert "/run/chrony/chronyd.sock" in found["cause"]
    machine.start("cmdport 323", place="/run/chrony")
    assert "/run/chrony/chronyd.sock (Unix socket)" in text(READ, wrapper=machine.inside)
    # The socket is closed to others, and the command port is not.
    found = fields(text(READ, command=OTHER_USER, wrapper=machine.inside))
    assert found["chronyd"].startswith("127.0.0.1:323 (command port)")
    assert found["Python"].endswith("run by user ID 65534")


def test_the_tracking_report_is_described(scripted: Daemon) -> None:
    values = {
        "reference ID": 0x7F000001,
        "stratum": 3,
        "leap status": 1,
        "current correction": 1.5,
        "last offset": 0.25,
        "RMS offset": 0.125,
        "frequency offset": 2.5,
        "residual frequency": -0.5,
        "skew": 0.25,
        "root delay": 0.0625,
        "root dispersion": 0.03125,
        "last update interval": 64,
        "reference time": {"sec": 1700000000, "nsec": 0},
    }
    found = fields(tracking(scripted, values))
    assert found["follows"] == "127.0.0.1, stratum 3, leap status insert second"
    assert found["offset"] == "1.500000000 s slow, last 0.250000000 s fast, RMS 0.125000000 s"
    assert found["frequency"] == "2.500 ppm fast, residual -0.500 ppm, skew 0.250 ppm"
    assert found["root"] == "delay 0.062500000 s, dispersion 0.031250000 s"
    assert re.fullmatch(r"2023-11-14 22:13:20 UTC, \d+\.\d s ago, interval 64\.0 s", found["updated"])
    # The signs are those of chronyc.
    behind = {"current correction": -1.5, "last offset": -0.25, "frequency offset": -2.5}
    found = fields(tracking(scripted, values | behind))
    assert found["offset"] == "1.500000000 s fast, last 0.250000000 s slow, RMS 0.125000000 s"
    assert found["frequency"].startswith("2.500 ppm slow, ")


def tracking(scripted: Daemon, values: dict[str, Any]) -> str:
    scripted.say(defaults().replace('"tracking": {}', f'"tracking": {values}'.replace("'", '"')))
    return text(READ, scripted.socket)


def test_a_clock_without_a_source_or_with_an_absurd_time_is_described(scripted: Daemon) -> None:
    lost = {"reference ID": 0, "stratum": 0, "leap status": 3, "reference time": {"sec": 0, "nsec": 0}}
    found = fields(tracking(scripted, lost))
    assert found["follows"] == "127.0.0.1, stratum 0, leap status not synchronized"
    assert "updated" not in found
    found = fields(tracking(scripted, {"reference time": {"sec": 10**15, "nsec": 0}}))
    assert found["updated"].startswith("1000000000000000 s after 1970, 99")
    assert "s in the future" in found["updated"]


@pytest.mark.parametrize("state", STATES)
def test_the_verdict_has_all_causes_with_their_steps(scripted: Daemon, state: str) -> None:
    scripted.say(state)
    verdict = health.check(scripted.udp)
    printed = text(NOT_READ if "200" in state else READ, scripted.udp)
    words = " ".join(printed.split())
    assert f"{verdict.level}: " in fields(printed)["verdict"]
    assert [cause.name for cause in verdict.causes] == re.findall("^cause     ([^:\n]*)", printed, re.MULTILINE)
    for cause in verdict.causes:
        # Times in the words differ.
        assert without_numbers(cause.words) in without_numbers(words)
        for step in cause.advice.steps:
            assert f"- {step.words}" in words
            assert (step.chronyc or step.chrony_conf or step.shell or "") in printed
    assert fields(printed).get("refused", "").startswith(", ".join(verdict.refused))


def without_numbers(words: str) -> str:
    return re.sub(r"\d+(\.\d+)? \w+", "N", words)


@pytest.mark.parametrize("state", STATES)
def test_a_program_can_call_the_command(
    scripted: Daemon, state: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """For example with `runpy`. Coverage is measured here, because it does not see other processes."""
    scripted.say(state)
    monkeypatch.setattr(sys, "argv", ["pychrony", scripted.udp])
    status = main()
    printed = capsys.readouterr().out
    assert without_numbers(printed) == without_numbers(text(status, scripted.udp))


def test_a_clock_that_is_right_has_no_cause(start: Start) -> None:
    found = fields(text(READ, start("pair", "--all-kinds").socket))
    assert found["verdict"].startswith("OK: error bound ")
    assert "cause" not in found


def test_a_missing_libchrony_is_a_cause(scripted: Daemon) -> None:
    found = fields(text(NOT_READ, scripted.socket, environment={"LIBCHRONY_PATH": "/nowhere"}))
    assert found["libchrony"] == "could not be loaded"
    assert found["verdict"] == "UNKNOWN: libchrony bindings not available"
    assert found["cause"].startswith("no-libchrony - Tried: LIBCHRONY_PATH=/nowhere (")
    assert "- Install libchrony" in found["cause"]


def test_the_choice_of_libchrony_is_named(tmp_path: Path) -> None:
    library = pychrony.libchrony_path()
    assert_named("named by LIBCHRONY_PATH", library, {"LIBCHRONY_PATH": library})
    (tmp_path / "libchrony.so.0").symlink_to(library)
    system = {"LIBCHRONY_PATH": None, "LD_LIBRARY_PATH": str(tmp_path)}
    assert_named("the system's", tmp_path / "libchrony.so.0", system)
    package = tmp_path / "pychrony"
    shutil.copytree(Path(pychrony.__file__).parent, package, ignore=shutil.ignore_patterns("_libs", "__pycache__"))
    (package / "_libs").mkdir()
    own = shutil.copy(library, package / "_libs/libchrony.so.0")
    wrapper = ["unshare", "--mount", "sh", "-euc", WITHOUT_THE_SYSTEMS, "sh"]
    environment = {"LIBCHRONY_PATH": None, "LD_LIBRARY_PATH": None, "PYTHONPATH": str(tmp_path)}
    assert_named("pychrony's own copy", own, environment, wrapper)


def assert_named(
    choice: str, file: str | Path, environment: Mapping[str, str | None], wrapper: Sequence[str] = ()
) -> None:
    found = fields(text(NOT_READ, "/nowhere", environment=environment, wrapper=wrapper))
    assert found["libchrony"].startswith(f"{file} {choice}, with ")


def test_a_chronyd_that_is_not_there_is_a_cause() -> None:
    found = fields(text(NOT_READ, "/nowhere"))
    assert found["chronyd"] == "could not be read at /nowhere"
    assert found["verdict"].startswith("CRITICAL: Failed to connect to chronyd at /nowhere: No such file or directory")
    assert found["cause"].startswith("no-chronyd - Is chronyd running, ")
    found = fields(text(NOT_READ, "no-such-host.invalid"))
    assert found["cause"].startswith("no-chronyd - Is the host name right")


def test_a_user_without_permission_is_a_cause(start: Start) -> None:
    address = start("chronyd").socket
    found = fields(text(NOT_READ, address, command=OTHER_USER))
    assert found["verdict"].startswith(f"UNKNOWN: Permission denied accessing {address}")
    assert found["cause"].startswith("no-permission - ")


@pytest.mark.parametrize("transport", ["socket", "udp"])
def test_a_silent_chronyd_takes_one_timeout(scripted: Daemon, timed: Callable[..., Any], transport: str) -> None:
    scripted.say("fault silence")
    address = getattr(scripted, transport)
    # The slack is also for the start of Python.
    found = fields(timed(lambda: text(NOT_READ, address), 5, 3))
    assert found["chronyd"] == f"could not be read at {address}"
    assert found["cause"].startswith("silence - ")
    assert scripted.leftovers() == []


def test_a_chronyd_that_goes_away_after_the_verdict_is_reported(scripted: Daemon) -> None:
    # The second request for tracking is rejected.
    scripted.say("fault status 2")
    scripted.say("fault only 33")
    scripted.say("fault after 1")
    found = fields(text(NOT_READ, scripted.socket))
    assert found["chronyd"].startswith("Failed to process tracking response: ")
    assert found["verdict"]
    assert "follows" not in found


@pytest.mark.parametrize("address", ["a b", "", "127.0.0.1:99999"])
def test_what_is_no_address_is_a_usage_error(address: str) -> None:
    done = run(address)
    assert (done.returncode, done.stdout) == (USAGE, "")
    assert "\npython -m pychrony: error: argument ADDRESS: Failed to connect to chronyd at " in done.stderr


def test_other_arguments_are_usage_errors() -> None:
    for arguments in (["--nothing"], ["/nowhere", "/nowhere"]):
        done = run(*arguments)
        assert (done.returncode, done.stdout) == (USAGE, "")
        assert "python -m pychrony: error: unrecognized arguments: " in done.stderr


def test_the_help_has_the_exit_statuses_and_fits_the_terminal() -> None:
    done = run("--help", environment={"COLUMNS": "200"})
    assert (done.returncode, done.stderr) == (0, "")
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert done.stdout.startswith("usage: python -m pychrony [-h] [--version] [ADDRESS]\n")
    statuses = done.stdout.partition("exit status:\n")[2].splitlines()
    assert [int(line.split()[0]) for line in statuses] == [READ, NOT_READ, USAGE, NOT_PRINTED]


def test_the_version_is_the_packages() -> None:
    done = run("--version")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"pychrony {pychrony.__version__}\n", "")


@each_buffering
@pytest.mark.parametrize("argument", ["/nowhere", "--help", "--version"])
@pytest.mark.parametrize(
    ("redirection", "words"),
    [(">/dev/full", "No space left on device"), (">&-", "It is closed"), ("", "Broken pipe")],
    ids=["full", "closed", "pipe"],
)
def test_an_output_that_does_not_take_the_text_is_reported(
    argument: str, redirection: str, words: str, unbuffered: str, tmp_path: Path
) -> None:
    errors = tmp_path / "errors"
    # In developer mode, Python reports a failure to close a stream at exit.
    command = [COMMAND[0], "-X", "dev", *COMMAND[1:], argument]
    reader, writer = os.pipe()
    os.close(reader)
    with errors.open("w") as stream:
        done = subprocess.run(
            ["sh", "-c", f'"$@" {redirection}', "sh", *command],
            stdout=writer,
            stderr=stream,
            env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
            check=False,
        )
    os.close(writer)
    assert done.returncode == NOT_PRINTED
    assert errors.read_text() == f"python -m pychrony: cannot write to standard output: {words}. Write elsewhere\n"


@each_buffering
@pytest.mark.parametrize("redirection", [">/dev/full 2>/dev/full", ">/dev/full 2>&-", ">&- 2>&-"])
def test_nothing_can_be_printed_at_all(redirection: str, unbuffered: str) -> None:
    wrapper = ["sh", "-c", f'"$@" {redirection}', "sh"]
    done = run("/nowhere", wrapper=wrapper, environment={"PYTHONUNBUFFERED": unbuffered})
    assert (done.returncode, done.stdout, done.stderr) == (NOT_PRINTED, "", "")


def test_an_address_cannot_add_lines_or_colours(scripted: Daemon, folder: Path) -> None:
    odd = folder / "\n\x1b[31m\udc80"
    odd.symlink_to(scripted.folder)
    for status, name in [(NOT_READ, "nothing"), (READ, "chronyd.sock")]:
        printed = text(status, str(odd / name))
        assert all(line.isprintable() for line in printed.splitlines())
        assert "[31m" in printed


def test_a_number_stays_with_its_unit() -> None:
    for length in range(60, 80):
        assert "5 us" in _lines(f"{'x' * length} 5 us", "")


def test_an_ascii_terminal_gets_the_text() -> None:
    environment = {"PYTHONIOENCODING": "ascii"}
    assert "could not be read at /chr\\xf6ny\n" in text(NOT_READ, "/chröny", environment=environment)


def test_ctrl_c_ends_the_command_without_a_traceback(
    scripted: Daemon, waits_for_chronyd: Callable[[int], bool], eventually: Callable[..., None]
) -> None:
    scripted.say("fault silence")
    command = [*COMMAND, scripted.socket]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        eventually(lambda: waits_for_chronyd(process.pid), "a request")
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=PATIENCE)
        assert (process.returncode, errors) == (INTERRUPTED, "")
    assert scripted.leftovers() == []


def test_the_document_shows_the_text(pair: Daemon) -> None:
    document = (ROOT / "docs/errors.md").read_text()
    (shown,) = re.findall(r"^\$ python -m pychrony\n(.*?)^```", document, re.DOTALL | re.MULTILINE)
    assert list(fields(textwrap.dedent(shown))) == list(fields(text(READ, pair.socket)))


def test_importing_the_package_does_not_import_the_command(python: Python) -> None:
    code = "import sys, pychrony; print({'pychrony.__main__', 'argparse', 'platform'} & set(sys.modules))"
    assert python("-c", code) == "set()\n"
