"""Show what pychrony and the command chrony-report read from two private chronyds (`make demo`).

    demo.py TESTBED CHRONY_REPORT

The arguments are the paths of both programs. The test bed starts an NTP server and a client of it in temporary folders,
without changing the clock or the system. It stops both when its standard input ends, so they end with this script.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import pychrony

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

START_SECONDS = 30.0
#: Long enough for meaningful statistics, since the client takes 16 samples a second.
SAMPLING_SECONDS = 1.5
#: chronyd's age of a sample that was never taken.
NEVER = 0xFFFFFFFF

# The marks of chronyc for the mode and the state of a source.
MODES: dict[int, str] = {
    pychrony.SourceMode.CLIENT: "^",
    pychrony.SourceMode.PEER: "=",
    pychrony.SourceMode.REFCLOCK: "#",
}
STATES: dict[int, str] = {
    pychrony.SourceState.SELECTED: "*",
    pychrony.SourceState.NONSELECTABLE: "?",
    pychrony.SourceState.FALSETICKER: "x",
    pychrony.SourceState.JITTERY: "~",
    pychrony.SourceState.UNSELECTED: "+",
    pychrony.SourceState.SELECTABLE: "-",
}


class DemoError(Exception):
    """The demo cannot continue. The message has the reason."""


@contextlib.contextmanager
def private_chronyds(testbed: str) -> Iterator[dict[str, Any]]:
    """Run two chronyds, the second synchronised to the first, and yield the test bed's description of them."""
    # In another session, the test bed does not receive Ctrl-C. This script does, and lets the test bed clean up.
    process = subprocess.Popen(
        [testbed, "pair"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        if not select.select([process.stdout], [], [], START_SECONDS)[0]:
            raise DemoError(f"no synchronised chronyd within {START_SECONDS:.0f} s")
        pair = json.loads(process.stdout.readline() or '{"error": "the test bed ended without a word"}')
        if "error" in pair:
            raise DemoError(f"could not start the chronyds: {pair['error']}")
        yield pair
    finally:
        process.stdin.close()
        process.wait()


def quantity(value: float, units: tuple[str, ...] = ("s", "ms", "us", "ns"), sign: str = "") -> str:
    """Return a number with the largest unit in which it is at least 1, or the smallest unit."""
    scaled = value
    for unit in units[:-1]:
        if abs(scaled) >= 1:
            return f"{scaled:{sign}.3f} {unit}"
        scaled *= 1000
    return f"{round(scaled):{sign}d} {units[-1]}"


def heading(title: str, call: str) -> None:
    """Print the title of a report and the call that reads it."""
    print(f"\n\033[1m{title}\033[0m  {call}" if sys.stdout.isatty() else f"\n{title}  {call}")


def table(*rows: tuple[str, ...]) -> None:
    """Print rows in columns. The first column is aligned to the left, all others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for first, *others in rows:
        cells = [f"{first:<{widths[0]}}", *(f"{cell:>{width}}" for cell, width in zip(others, widths[1:], strict=True))]
        print("  " + "   ".join(cells).rstrip())


def show_tracking(tracking: pychrony.TrackingStatus) -> None:
    """Print a tracking report in the order of `chronyc tracking`."""
    moment = datetime.fromtimestamp(tracking.ref_time, timezone.utc)
    direction = "slow" if tracking.offset >= 0 else "fast"
    rate = "fast" if tracking.frequency >= 0 else "slow"
    for name, value in {
        "Reference ID": f"{tracking.reference_id:08X} ({tracking.reference_id_name})",
        "Stratum": f"{tracking.stratum}",
        "Ref time": f"{moment:%Y-%m-%d %H:%M:%S} UTC",
        "System time": f"{quantity(abs(tracking.offset))} {direction} of NTP time",
        "Last offset": quantity(tracking.last_offset, sign="+"),
        "RMS offset": quantity(tracking.rms_offset),
        "Frequency": f"{abs(tracking.frequency):.3f} ppm {rate}",
        "Residual freq": f"{tracking.residual_freq:+.3f} ppm",
        "Skew": f"{tracking.skew:.3f} ppm",
        "Root delay": quantity(tracking.root_delay),
        "Root dispersion": quantity(tracking.root_dispersion),
        "Update interval": quantity(tracking.update_interval),
        "Leap status": tracking.leap_status_name,
    }.items():
        print(f"  {name:<17}{value}")


def show_sources(sources: list[pychrony.Source]) -> None:
    """Print a line for each source, like `chronyc sources`."""
    rows = [("Source", "Stratum", "Poll", "Reach", "Last sample", "Offset", "Error bound", "State")]
    for source in sources:
        seen = source.last_sample_ago != NEVER
        rows.append(
            (
                f"{MODES.get(source.mode, ' ')}{STATES.get(source.state, ' ')} {source.address}",
                f"{source.stratum}",
                quantity(2.0**source.poll),
                f"{source.reachability:03o}",
                f"{source.last_sample_ago} s ago" if seen else "never",
                quantity(source.latest_meas, sign="+") if seen else "-",
                f"+/- {quantity(source.latest_meas_err)}" if seen else "-",
                source.state_name,
            )
        )
    table(*rows)


def show_source_stats(stats: list[pychrony.SourceStats]) -> None:
    """Print a line for each source, like `chronyc sourcestats`."""
    rows = [("Source", "Samples", "Runs", "Span", "Frequency", "Skew", "Offset", "Std dev")]
    rows += [
        (
            f"   {one.address or format(one.reference_id, '08X')}",
            f"{one.samples}",
            f"{one.runs}",
            f"{one.span} s",
            f"{one.resid_freq:+.3f} ppm",
            f"{one.skew:.3f} ppm",
            quantity(one.offset, sign="+"),
            quantity(one.std_dev),
        )
        for one in stats
    ]
    table(*rows)


def show_rtc(socket: str) -> None:
    """Print the report of the real-time clock, or the reason that chronyd does not track it."""
    try:
        rtc = pychrony.get_rtc_data(socket)
    except pychrony.ChronyDataError as error:
        text = f"not tracked: {error.message}"
        print(textwrap.fill(text, 100, initial_indent="  ", subsequent_indent="  "))
        return
    print(f"  {quantity(rtc.offset, sign='+')}, {rtc.freq_offset:+.3f} ppm, from {rtc.samples} samples")


def show_command(program: str, sockets: list[str]) -> None:
    """Run the command: for both chronyds, and to judge the client."""
    columns = shutil.get_terminal_size((100, 24)).columns
    hosts = [word for socket in sockets for word in ("-H", socket)]
    for title, arguments in {
        "Both chronyds": [*hosts, "get", "tracking", "sources"],
        "Is the client's clock right?": hosts[:2],
    }.items():
        heading(title, f"chrony-report {' '.join(arguments)}")
        sys.stdout.flush()
        # A bad judgement is not a failure of the demo.
        subprocess.run([program, *arguments], check=False, env={**os.environ, "COLUMNS": str(columns)})


def demo(testbed: str, command: str) -> None:
    """Start the chronyds, show everything, and stop them."""
    library = pychrony.libchrony_path()
    print("Starting two private chronyds, a server and its client. They do not change the clock.", flush=True)
    with private_chronyds(testbed) as pair:
        time.sleep(SAMPLING_SECONDS)
        socket = pair["socket"]
        print(f"Reading the client over {socket} with {library}:")

        heading("Tracking", "pychrony.get_tracking(socket)")
        show_tracking(pychrony.get_tracking(socket))
        heading("Sources", "pychrony.get_sources(socket)")
        show_sources(pychrony.get_sources(socket))
        heading("Source statistics", "pychrony.get_source_stats(socket)")
        show_source_stats(pychrony.get_source_stats(socket))
        heading("Real-time clock", "pychrony.get_rtc_data(socket)")
        show_rtc(socket)
        show_command(command, [socket, pair["server"]["socket"]])

    print(
        "\nBoth chronyds have ended. Next:\n"
        "  tools/run python -c 'import pychrony; print(pychrony.get_tracking())'   this machine's chronyd (as root)\n"
        "  make wheel   a wheel to install anywhere       make help   everything else"
    )


def end(number: int, _frame: FrameType | None) -> None:
    """Exit on a signal, so that the chronyds end first."""
    sys.exit(128 + number)


def main() -> int:
    """Run the command line described at the top."""
    if len(sys.argv) != 3:
        print("usage: demo.py TESTBED CHRONY_REPORT (or just: make demo)", file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGHUP, end)
    try:
        demo(*map(os.path.realpath, sys.argv[1:]))
    except (DemoError, OSError, pychrony.ChronyError) as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    return 0


if __name__ == "__main__":
    sys.exit(main())
