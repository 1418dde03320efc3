"""`pychrony.health`: the verdict of `chrony-report check`, as typed values."""

from __future__ import annotations

import dataclasses
import json
import os
import pickle
import re
import signal
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import jsonschema
import pytest
from tests.support.daemon import ROOT, TESTBED

import pychrony
from pychrony import health
from pychrony.health import Level

if TYPE_CHECKING:
    from tests.support.daemon import Daemon, Start
    from tests.support.programs import Python

SCHEMA: dict[str, Any] = json.loads((ROOT / "docs/schemas/verdict.json").read_text())
#: The classes, by their names in the schema.
CLASSES: dict[str, Any] = {
    name: getattr(health, {"Finding": "Measure", "NamedCause": "Cause"}.get(name, name)) for name in SCHEMA["$defs"]
}
#: The states of a scripted chronyd, as commands of the test bed.
STATES = {
    "fine": [],
    "lost": ['values {"tracking": {"reference ID": 0, "stratum": 0, "leap status": 3}}'],
    "refuses": ['values {"open": false}', 'values {"tracking": {"stratum": 12}}'],
    "without sources": ['values {"sources": 0}'],
    "invalid": ['values {"tracking": {"stratum": 200}}'],
    "gone": ["die"],
}


def report(address: str, *options: str) -> str:
    """Return what `chrony-report check --format json` prints."""
    command = [str(TESTBED.with_name("chrony-report")), "check", "--format", "json", "--host", address, *options]
    environment = {**os.environ, "CHRONY_HEALTH_CONFIG_FILE": "/dev/null"}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False).stdout


def without_numbers(verdict: dict[str, Any]) -> str:
    """Put a letter in place of each number, which differ from one moment to the next."""
    return re.sub(r"-?\d+(\.\d+)?(e-?\d+)?", "N", json.dumps(verdict, sort_keys=True))


@pytest.mark.parametrize("transport", ["socket", "udp"])
@pytest.mark.parametrize("state", STATES)
def test_the_verdict_is_the_commands(scripted: Daemon, state: str, transport: str) -> None:
    for command in STATES[state]:
        scripted.say(command)
    address = getattr(scripted, transport)
    verdict = health.check(address)
    jsonschema.validate(verdict.to_dict(), SCHEMA)
    text = report(address)
    assert without_numbers(verdict.to_dict()) == without_numbers(json.loads(text))
    assert health.of_json(text).to_dict() == json.loads(text)


def test_no_value_of_sources_of_all_kinds_is_lost(start: Start) -> None:
    """Compared with the JSON of the command, at one moment."""
    # An alarm, so that all reports are read.
    text = report(start("pair", "--all-kinds").socket, "--stratum", "1:1,")
    verdict = health.of_json(text)
    assert verdict.to_dict() == json.loads(text)
    reasons = {source.reason.name: source.reason for source in verdict.sources}
    assert reasons["key-missing"].numbers == {"key": 2**32 - 1}
    assert reasons["noselect"].numbers == {}
    assert isinstance(verdict.measures[0].level, Level)
    assert any(isinstance(step, health.Step) for source in verdict.sources for step in source.advice.steps)


@pytest.mark.parametrize("name", ["Verdict", *SCHEMA["$defs"]])
def test_the_fields_are_those_of_the_schema(name: str) -> None:
    described = SCHEMA if name == "Verdict" else SCHEMA["$defs"][name]
    if name == "Reason":
        # A variant for each reason, with its own numbers.
        assert all("name" in variant["required"] for variant in described["oneOf"])
        return
    properties = set(described["properties"])
    if name == "Step":
        properties |= {key for variant in described["anyOf"][0]["oneOf"] for key in variant["properties"]}
    assert {field.name for field in dataclasses.fields(CLASSES.get(name, health.Verdict))} == properties


def test_each_field_has_its_documentation() -> None:
    text = Path(health.__file__).read_text()
    fields = [field.name for part in [health.Verdict, *CLASSES.values()] for field in dataclasses.fields(part)]
    assert len(fields) > 40
    assert [name for name in fields if not re.search(rf'^    {name}: .*\n    """', text, re.MULTILINE)] == []


def test_a_verdict_is_a_plain_value(scripted: Daemon) -> None:
    verdict = health.check(scripted.socket)
    assert pickle.loads(pickle.dumps(verdict)) == verdict
    assert hash(verdict) == hash(pickle.loads(pickle.dumps(verdict)))
    assert verdict.address == scripted.socket
    with pytest.raises(dataclasses.FrozenInstanceError):
        verdict.level = Level.OK  # type: ignore[misc]


def test_levels_are_in_order() -> None:
    assert sorted(Level) == [Level.OK, Level.UNKNOWN, Level.WARNING, Level.CRITICAL]
    assert max(Level.OK, Level.CRITICAL, Level.WARNING) is Level.CRITICAL
    assert f"{Level.WARNING}" == str(Level.WARNING) == "WARNING"
    with pytest.raises(TypeError):
        assert Level.OK < "WARNING"


def test_limits_are_those_that_are_given(scripted: Daemon, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """And not those of the site."""
    site = tmp_path / "site.toml"
    site.write_text('[limits]\nstratum = "1:1,1:1"\n')
    monkeypatch.setenv("CHRONY_HEALTH_CONFIG_FILE", str(site))

    def measures(limits: dict[str, str] | None) -> dict[str, health.Measure]:
        return {measure.name: measure for measure in health.check(scripted.socket, limits=limits).measures}

    stratum = measures(None)["stratum"]
    assert (stratum.level, stratum.value, stratum.warning) == (Level.OK, 2, "1:9")
    assert "skew" not in measures(None)
    found = measures({"stratum": ",5:", "skew": "1,2ppm"})
    assert (found["stratum"].level, found["stratum"].warning, found["stratum"].critical) == (
        Level.CRITICAL,
        "1:9",
        "5:",
    )
    assert (found["skew"].warning, found["skew"].critical) == ("1", "2")


@pytest.mark.parametrize(
    ("limits", "kind", "words"),
    [
        ({"bond": "1,2"}, ValueError, "limits: there is no measure 'bond'; there are reference, leap, bound, "),
        ({"chronyd": "1,2"}, ValueError, "limits: there is no measure 'chronyd'"),
        ({"bound": "10ms"}, ValueError, 'limits["bound"]: give both ranges'),
        ({"bound": "10ms,fast"}, ValueError, 'limits["bound"]: "fast" is no range'),
        ({"bound": "\ud800,"}, ValueError, 'limits["bound"]: '),
        ({"bound": 0.1}, TypeError, 'limits["bound"] must be a str such as "10ms,100ms", not float'),
        ({1: "1,2"}, TypeError, "each key of limits must be a str, not int"),
        ([("bound", "1,2")], TypeError, "limits must be a mapping of str to str, not list"),
    ],
)
def test_wrong_limits_are_refused(limits: Any, kind: type[Exception], words: str) -> None:  # noqa: ANN401
    with pytest.raises(kind, match="^" + re.escape(words)):
        health.check("/nowhere", limits=limits)


def test_other_wrong_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match="timeout"):
        health.check(timeout=0)
    with pytest.raises(pychrony.ChronyConnectionError, match="not an address"):
        health.check("no address")


def test_a_silent_chronyd_is_critical_at_the_timeout(scripted: Daemon, timed: Callable[..., Any]) -> None:
    scripted.say("fault silence")
    verdict = timed(lambda: health.check(scripted.socket, timeout=0.3), 0.3)
    assert (verdict.level, verdict.causes[0].name) == (Level.CRITICAL, "silence")


def test_all_reports_share_one_timeout(scripted: Daemon, timed: Callable[..., Any]) -> None:
    """Each would end in time, and the facts that were read in time are judged."""
    scripted.say('values {"sources": 0}')
    scripted.say("fault delay 0.6")
    verdict = timed(lambda: health.check(scripted.socket, timeout=1.0), 1.0)
    levels = {measure.name: measure.level for measure in verdict.measures}
    assert levels["chronyd"] is Level.OK
    assert levels["sources"] is Level.UNKNOWN


@pytest.mark.blocking_only("the program calls both")
def test_a_missing_libchrony_is_a_cause(python: Python) -> None:
    code = (
        "import asyncio, pychrony.health, pychrony.aio.health\n"
        "found = pychrony.health.check(), asyncio.run(pychrony.aio.health.check())\n"
        "print([(str(verdict.level), verdict.causes[0].name) for verdict in found])"
    )
    assert python("-c", code, environment={"LIBCHRONY_PATH": "/nowhere"}) == f"{[('UNKNOWN', 'no-libchrony')] * 2}\n"


@pytest.mark.blocking_only("the event loop has imported it")
def test_it_is_imported_only_when_asked_for(python: Python) -> None:
    code = "import sys, pychrony; print([name in sys.modules for name in ('pychrony.health', 'json', 'asyncio')])"
    assert python("-c", code) == "[False, False, False]\n"
    code = "import sys, pychrony.health; print([name in sys.modules for name in ('asyncio', 'pychrony.aio')])"
    assert python("-c", code) == "[False, False]\n"
    assert "health" not in pychrony.__all__


def test_threads_check_at_once_and_let_others_run(scripted: Daemon) -> None:
    scripted.say("fault delay 0.05")
    levels = []
    threads = [threading.Thread(target=lambda: levels.append(health.check(scripted.socket).level)) for _ in range(4)]
    for thread in threads:
        thread.start()
    steps = 0
    while any(thread.is_alive() for thread in threads):
        steps += 1
    for thread in threads:
        thread.join()
    assert len(levels) == 4
    assert steps > 100


@pytest.mark.blocking_only("a child has no event loop")
def test_a_forked_child_checks_as_its_parent(scripted: Daemon, python: Python) -> None:
    code = (
        "import os, sys\n"
        "from pychrony import health\n"
        "mine = health.check(sys.argv[1])\n"
        "child = os.fork()\n"
        "if not child:\n"
        "    os._exit(health.check(sys.argv[1]).headline != mine.headline)\n"
        "print(os.waitpid(child, 0)[1])\n"
    )
    assert python("-c", code, scripted.socket) == "0\n"
    assert scripted.leftovers() == []


@pytest.mark.blocking_only("in an event loop, the main thread does not wait for chronyd")
def test_a_signal_handler_ends_the_call(scripted: Daemon) -> None:
    class AlarmError(Exception):
        pass

    def ring(*_: object) -> NoReturn:
        raise AlarmError

    scripted.say("fault silence")
    before = signal.signal(signal.SIGALRM, ring)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        with pytest.raises(AlarmError):
            health.check(scripted.socket, timeout=60)
    finally:
        signal.signal(signal.SIGALRM, before)
    assert scripted.leftovers() == []
