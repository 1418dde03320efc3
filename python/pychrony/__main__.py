"""Print the text for a bug report: ``python -m pychrony [ADDRESS]``.

The text has the versions, the file of libchrony, the address that answered, the tracking report, and the verdict of
`pychrony.health`. A failure to read is part of the text.
"""

import argparse
import contextlib
import io
import os
import platform
import re
import sys
import textwrap
import time
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import TextIO

import pychrony
from pychrony import ChronyConnection, ChronyError, TrackingStatus, _core, health

_NAME = "python -m pychrony"
#: The longest time to wait for chronyd, in seconds.
_TIMEOUT = 5.0
#: The least time that is left for the tracking report if the verdict took long.
_LEAST = 1.0
_WIDTH = 80
_INDENT = 10
#: A blank at which no line is broken.
_NO_BREAK = "\xa0"

_READ, _NOT_READ, _USAGE, _NOT_PRINTED, _INTERRUPTED = 0, 1, 2, 3, 130
_DESCRIPTION = f"""\
Print the text for a bug report: the versions, the file of libchrony, the
address that answered, chronyd's tracking report, and the verdict on its clock.
Nothing is changed. A chronyd that does not answer takes {_TIMEOUT:.0f} s."""
_STATUSES = f"""\
exit status:
  {_READ}  chronyd was read
  {_NOT_READ}  chronyd could not be read; the text says why, and what to do
  {_USAGE}  usage error
  {_NOT_PRINTED}  the text could not be printed"""


def _address(text: str) -> str:
    """Refuse a text that is not an address."""
    try:
        _core.ConnectionSettings(text, _TIMEOUT, 1)
    except ChronyError as error:
        raise argparse.ArgumentTypeError(error.message) from error
    return text


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=_NAME,
        description=_DESCRIPTION,
        epilog=_STATUSES,
        formatter_class=lambda prog: argparse.RawDescriptionHelpFormatter(prog, width=_WIDTH),
    )
    parser.add_argument(
        "address",
        metavar="ADDRESS",
        nargs="?",
        type=_address,
        help="the path of chronyd's Unix socket, or the IP address or host name of its command port; by default the "
        "Unix sockets are tried, and then 127.0.0.1 and ::1",
    )
    parser.add_argument("--version", action="version", version=f"pychrony {pychrony.__version__}")
    return parser


def _give_up(stream: TextIO) -> None:
    """Discard all that the interpreter still has to write to a stream, so that it does not fail at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _print(text: str) -> None:
    """Print a text at once. Exit if that is not possible."""
    # A stream that was closed at the start is None.
    try:
        if sys.stdout:
            print(text, flush=True)
            return
        reason = "It is closed"
    except OSError as error:
        reason = str(error.strerror)
        _give_up(sys.stdout)
    if sys.stderr:
        try:
            print(f"{_NAME}: cannot write to standard output: {reason}. Write elsewhere", file=sys.stderr, flush=True)
        except OSError:
            _give_up(sys.stderr)
    sys.exit(_NOT_PRINTED)


def _lines(text: str, first: str) -> str:
    """Break a text into lines. Paths and commands stay whole, to be copied, and numbers stay with their units."""
    visible = "".join(letter if letter.isprintable() or letter == _NO_BREAK else ascii(letter)[1:-1] for letter in text)
    glued = re.sub(r"(?<=\d) (?=([num]?s|min|h|d|years|ppm)\b)", _NO_BREAK, visible)
    lines = textwrap.fill(
        glued,
        _WIDTH,
        initial_indent=first,
        subsequent_indent=" " * len(first),
        break_long_words=False,
        break_on_hyphens=False,
    )
    return lines.replace(_NO_BREAK, " ")


def _field(name: str, *texts: str) -> Iterator[str]:
    """Yield a named text, and others below it."""
    for text in texts:
        yield _lines(text, f"{name:{_INDENT}}")
        name = ""


def _item(text: str) -> str:
    return _lines(text, f"{'':{_INDENT}}- ")


def _typed(command: str) -> str:
    return command.replace(" ", _NO_BREAK)


def _versions() -> Iterator[str]:
    package = Path(pychrony.__file__).parent
    yield from _field("pychrony", f"{pychrony.__version__} in {package}")
    yield from _field(
        "Python", f"{platform.python_implementation()} {platform.python_version()}, run by user ID {os.geteuid()}"
    )
    try:
        distribution = platform.freedesktop_os_release()["PRETTY_NAME"]
    except OSError:
        distribution = "unknown distribution"
    kernel = os.uname()
    yield from _field("system", f"{distribution}, {kernel.sysname} {kernel.release} ({kernel.machine})")
    try:
        path, reports = pychrony.libchrony_path(), len(pychrony.list_reports())
    except ChronyError:
        # The verdict says why.
        yield from _field("libchrony", "could not be loaded")
        return
    named = os.environ.get("LIBCHRONY_PATH")
    if named and Path(named).resolve() == Path(path).resolve():
        choice = "named by LIBCHRONY_PATH"
    elif Path(path).is_relative_to(package):
        choice = "pychrony's own copy"
    else:
        choice = "the system's"
    yield from _field("libchrony", path, f"{choice}, with {reports} reports; does not tell its version")


def _tracking(status: TrackingStatus) -> Iterator[str]:
    followed = status.reference_id_name or "no source"
    yield from _field("follows", f"{followed}, stratum {status.stratum}, leap status {status.leap_status_name}")

    def signed(value: float, decimals: int, unit: str, positive: str, negative: str) -> str:
        return f"{abs(value):.{decimals}f} {unit} {negative if value < 0 else positive}"

    offset = signed(status.offset, 9, "s", "slow", "fast")
    last = signed(status.last_offset, 9, "s", "fast", "slow")
    yield from _field("offset", f"{offset}, last {last}, RMS {status.rms_offset:.9f} s")
    frequency = signed(status.frequency, 3, "ppm", "fast", "slow")
    yield from _field("frequency", f"{frequency}, residual {status.residual_freq:+.3f} ppm, skew {status.skew:.3f} ppm")
    yield from _field("root", f"delay {status.root_delay:.9f} s, dispersion {status.root_dispersion:.9f} s")
    if status.ref_time:
        ago = time.time() - status.ref_time
        relation = f"{ago:.1f} s ago" if ago >= 0 else f"{-ago:.1f} s in the future"
        yield from _field("updated", f"{_date(status.ref_time)}, {relation}, interval {status.update_interval:.1f} s")


def _date(seconds: float) -> str:
    try:
        return f"{datetime.fromtimestamp(seconds, timezone.utc):%Y-%m-%d %H:%M:%S} UTC"
    except (OverflowError, ValueError, OSError):
        return f"{seconds:.0f} s after 1970"


def _verdict(verdict: health.Verdict) -> Iterator[str]:
    def said(words: str) -> str:
        return "" if words in verdict.headline else f": {words}"

    yield from _field("verdict", f"{verdict.level}: {verdict.headline}")
    for cause in verdict.causes:
        yield from _field("cause", f"{cause.name}{said(cause.words)}")
        yield from map(_item, map(_step, cause.advice.steps))
        # Without an address, the message of the error has named them.
        if cause.alternatives and verdict.address:
            yield _item(_alternatives(cause.alternatives))
    for measure in verdict.measures:
        if measure.level is not health.Level.OK and measure.cause is None:
            words = said(measure.words)
            if words or measure.advice:
                yield from _field("measure", f"{measure.name}{words}")
            if measure.advice:
                yield _item(measure.advice)
    if verdict.refused:
        yield from _field("refused", f"{', '.join(verdict.refused)}; as root, use chronyd's Unix socket")


def _step(step: health.Step) -> str:
    if step.chronyc:
        return f"{step.words}: {_typed(f'chronyc {step.chronyc}')}"
    if step.chrony_conf:
        return f"{step.words} (chrony.conf; restart chronyd): {_typed(step.chrony_conf)}"
    return f"{step.words}: {_typed(step.shell)}" if step.shell else step.words


def _alternatives(alternatives: tuple[health.Alternative, ...]) -> str:
    words = "; or ".join(other.words for other in alternatives)
    commands = dict.fromkeys(_typed(f"chronyc {other.chronyc}") for other in alternatives if other.chronyc)
    return f"Or: {words}" + (f". As root on its machine: {', '.join(commands)}" if commands else "")


def _report(address: str | None) -> int:
    """Print the text, and return the exit status."""
    for line in _versions():
        _print(line)
    end = time.monotonic() + _TIMEOUT
    verdict = health.check(address, timeout=_TIMEOUT)
    status = None
    found = [f"could not be read at {address or 'any of the default addresses'}"]
    if any(measure.name == "chronyd" and measure.level is health.Level.OK for measure in verdict.measures):
        timeout = max(_LEAST, end - time.monotonic())
        try:
            with ChronyConnection(address or verdict.address, timeout=timeout) as connection:
                status = connection.get_tracking()
                transport = connection.transport
            found = [
                f"{verdict.address} ({transport and transport.value})",
                f"does not tell its version; please add the output of {_typed('chronyd --version')}",
            ]
        except ChronyError as error:
            # chronyd has answered the verdict's requests, and not this one.
            found = [error.message]
    _print("\n".join(_field("chronyd", *found)))
    if status:
        _print("\n".join(["", *_tracking(status)]))
    _print("\n".join(["", *_verdict(verdict)]))
    return _NOT_READ if status is None else _READ


def main() -> int:
    """Run the command, and return the exit status."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    # argparse does not report that it could not print.
    printed = io.StringIO()
    try:
        with contextlib.redirect_stdout(printed):
            arguments = _parser().parse_args()
    except SystemExit:
        if text := printed.getvalue():
            _print(text.rstrip())
        raise
    try:
        return _report(arguments.address)
    except KeyboardInterrupt:
        return _INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
