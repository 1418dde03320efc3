"""The public API word for word: names, signatures, fields, numbers, documentation and types."""

from __future__ import annotations

import ast
import dataclasses
import importlib.metadata
import inspect
import itertools
import re
import subprocess
import sys
from enum import IntEnum
from pathlib import Path
from typing import Any, Optional, get_type_hints

import pytest
from tests.support.programs import PROGRAMS
from tests.support.reports import Report, each_report

import pychrony
from pychrony import Record, aio, models

pytestmark = pytest.mark.blocking_only("the package itself: names, signatures and records")

# A copy of the contract's `__all__`.
CONTRACT = [
    "get_tracking",
    "TrackingStatus",
    "ChronyError",
    "ChronyConnectionError",
    "ChronyPermissionError",
    "ChronyDataError",
    "ChronyLibraryError",
    "get_sources",
    "get_source_stats",
    "get_rtc_data",
    "Source",
    "SourceStats",
    "RTCData",
]
BEYOND_IT = ["LeapStatus", "SourceMode", "SourceState", "libchrony_path", "__version__"]
PUBLIC = [name for name in pychrony.__all__ if not name.startswith("_")]

FIELDS: dict[str, list[tuple[str, type]]] = {
    "TrackingStatus": [
        ("reference_id", int),
        ("reference_id_name", str),
        ("stratum", int),
        ("leap_status", int),
        ("offset", float),
        ("last_offset", float),
        ("rms_offset", float),
        ("frequency", float),
        ("residual_freq", float),
        ("skew", float),
        ("root_delay", float),
        ("root_dispersion", float),
        ("update_interval", float),
        ("reference_ip", str),
        ("ref_time", float),
    ],
    "Source": [
        ("address", str),
        ("poll", int),
        ("stratum", int),
        ("state", int),
        ("mode", int),
        ("flags", int),
        ("reachability", int),
        ("last_sample_ago", int),
        ("orig_latest_meas", float),
        ("latest_meas", float),
        ("latest_meas_err", float),
    ],
    "SourceStats": [
        ("reference_id", int),
        ("address", str),
        ("samples", int),
        ("runs", int),
        ("span", int),
        ("std_dev", float),
        ("resid_freq", float),
        ("skew", float),
        ("offset", float),
        ("offset_err", float),
    ],
    "RTCData": [
        ("ref_time", float),
        ("samples", int),
        ("runs", int),
        ("span", int),
        ("offset", float),
        ("freq_offset", float),
    ],
}

HELPERS: dict[str, dict[str, str]] = {
    "TrackingStatus": {
        "is_synchronized": "(self) -> bool",
        "is_leap_pending": "(self) -> bool",
        "is_local": "(self) -> bool",
        "clock_error_bound": "(self, *, at: float | None = None) -> float | None",
    },
    "Source": {
        "is_reachable": "(self) -> bool",
        "is_selected": "(self) -> bool",
        "has_sample": "(self) -> bool",
    },
    "SourceStats": {"has_sufficient_samples": "(self, minimum: int = 4) -> bool"},
    "RTCData": {"is_calibrated": "(self) -> bool"},
}

NAMES = {
    "TrackingStatus": ["leap_status_name"],
    "Source": ["mode_name", "state_name"],
    "SourceStats": [],
    "RTCData": [],
}

CONSTANTS: dict[str, dict[str, int]] = {
    "LeapStatus": {"NORMAL": 0, "INSERT": 1, "DELETE": 2, "UNSYNC": 3},
    "SourceState": {
        "SELECTED": 0,
        "NONSELECTABLE": 1,
        "FALSETICKER": 2,
        "JITTERY": 3,
        "UNSELECTED": 4,
        "SELECTABLE": 5,
    },
    "SourceMode": {"CLIENT": 0, "PEER": 1, "REFCLOCK": 2},
}


def test_every_name_of_the_contract_is_exported() -> None:
    assert set(CONTRACT) | set(BEYOND_IT) <= set(pychrony.__all__)
    assert len(set(pychrony.__all__)) == len(pychrony.__all__)
    for name in pychrony.__all__:
        assert hasattr(pychrony, name)


def test_nothing_else_is_public() -> None:
    """Every name that completion offers is exported or a module."""
    found = {name for name in dir(pychrony) if not name.startswith("_")}
    modules = {name for name in found if inspect.ismodule(getattr(pychrony, name))}
    assert found - modules == set(PUBLIC)


@each_report
def test_functions_have_the_signature_of_the_contract_and_a_timeout(report: Report) -> None:
    for function in (report.function, getattr(aio, report.call)):
        signature = inspect.signature(function)
        socket_path, timeout = signature.parameters.values()
        assert (socket_path.name, socket_path.kind, socket_path.default) == (
            "socket_path",
            inspect.Parameter.POSITIONAL_OR_KEYWORD,
            None,
        )
        assert socket_path.annotation == Optional[str]  # noqa: UP045
        assert (timeout.name, timeout.kind, timeout.default) == ("timeout", inspect.Parameter.KEYWORD_ONLY, 5.0)
        assert type(timeout.default) is float
        assert timeout.annotation is float
        assert signature.return_annotation == report.returned
        assert get_type_hints(function) == inspect.get_annotations(function)


@pytest.mark.parametrize("module", [pychrony, aio], ids=lambda module: module.__name__)
def test_get_report_is_annotated_as_the_others_are(module: Any) -> None:  # noqa: ANN401
    annotations = inspect.get_annotations(module.get_report)
    assert annotations["socket_path"] == Optional[str]  # noqa: UP045
    assert get_type_hints(module.get_report) == annotations


def test_exceptions_have_the_signature_of_the_contract() -> None:
    message, error_code, *beyond = inspect.signature(pychrony.ChronyError).parameters.values()
    assert (message.name, message.annotation, message.default) == ("message", str, inspect.Parameter.empty)
    assert (error_code.name, error_code.default) == ("error_code", None)
    assert error_code.annotation == Optional[int]  # noqa: UP045
    assert all(parameter.default is None for parameter in beyond)
    annotations = inspect.get_annotations(pychrony.ChronyError)
    assert annotations.items() >= {"message": str, "error_code": int | None}.items()
    assert [*inspect.signature(pychrony.ChronyLibraryError).parameters] == ["message"]


def test_a_type_checker_takes_path_objects(tmp_path: Path) -> None:
    """Path objects are accepted, though the contract's annotation names strings only."""
    command = [sys.executable, "-m", "mypy", "--strict", str(PROGRAMS / "path_objects.py")]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", FIELDS)
def test_records_have_the_fields_of_the_contract_in_order_and_frozen(name: str) -> None:
    record = getattr(pychrony, name)
    hints = get_type_hints(record)
    assert [(field.name, hints[field.name]) for field in dataclasses.fields(record)] == FIELDS[name]
    assert list(record.__dataclass_fields__) == [field for field, _ in FIELDS[name]]
    assert record.__dataclass_params__.frozen
    assert record.__match_args__ == tuple(field for field, _ in FIELDS[name])
    beyond = {"reference_ip", "ref_time"} if name == "TrackingStatus" else set()
    without_default = [field.name for field in dataclasses.fields(record) if field.default is dataclasses.MISSING]
    assert without_default == [field for field, _ in FIELDS[name] if field not in beyond]


@each_report
def test_records_have_no_pseudo_fields(report: Report) -> None:
    """Pseudo-fields, such as class variables, would be in `__dataclass_fields__`, but not in `fields`."""
    assert tuple(vars(report.record)["__dataclass_fields__"].values()) == dataclasses.fields(report.record)


@pytest.mark.parametrize("name", HELPERS)
def test_records_have_the_helpers_of_the_contract(name: str) -> None:
    record = getattr(pychrony, name)
    for helper, signature in HELPERS[name].items():
        assert str(inspect.signature(getattr(record, helper))) == signature
    for attribute in NAMES[name]:
        found = inspect.getattr_static(record, attribute)
        assert isinstance(found, property)
        assert get_type_hints(found.fget)["return"] is str


@pytest.mark.parametrize("name", CONSTANTS)
def test_constants_are_integers_with_the_numbers_of_the_contract(name: str) -> None:
    constants: type[IntEnum] = getattr(pychrony, name)
    assert issubclass(constants, IntEnum)
    assert {member.name: member.value for member in constants} == CONSTANTS[name]
    for member in constants:
        assert isinstance(member, int)
        assert member == member.value
        assert hash(member) == hash(int(member))


@pytest.mark.parametrize(
    ("reference_id", "name"),
    [
        (0, ""),
        (0x47505300, "GPS"),
        (0x50505300, "PPS"),
        (0x4C4F434C, "LOCL"),
        (0x7F000001, "127.0.0.1"),
        (0x08080808, "8.8.8.8"),
        (0xC0A80101, "192.168.1.1"),
        (0xFFFFFFFF, "255.255.255.255"),
    ],
)
def test_reference_ids_are_named_by_a_function_of_the_models(reference_id: int, name: str) -> None:
    """The contract's test suite calls the function by this name."""
    assert pychrony.models._ref_id_to_name(reference_id) == name


def test_the_version_is_that_of_the_distribution() -> None:
    assert pychrony.__version__ == importlib.metadata.version("pychrony")
    assert re.fullmatch(r"\d+\.\d+\.\d+\S*", pychrony.__version__)


def functions() -> list[Any]:
    return [getattr(pychrony, name) for name in PUBLIC if inspect.isfunction(getattr(pychrony, name))]


@pytest.mark.parametrize("name", PUBLIC)
def test_everything_public_is_documented(name: str) -> None:
    thing = getattr(pychrony, name)
    assert thing.__doc__
    assert thing.__doc__.strip()[0].isupper() or thing.__doc__.startswith(("chronyd", "libchrony"))
    if dataclasses.is_dataclass(thing):
        assert isinstance(thing, type)
        own = {attribute: value for attribute, value in vars(thing).items() if not attribute.startswith("_")}
        described = re.findall(r"^ {4}(\w+): ", inspect.cleandoc(thing.__doc__), re.MULTILINE)
        assert described == [field.name for field in dataclasses.fields(thing)]
        for value in own.values():
            if inspect.isfunction(value) or isinstance(value, property):
                assert value.__doc__
    if inspect.isclass(thing) and issubclass(thing, IntEnum):
        described = re.findall(r"^ {4}(\w+): ", inspect.cleandoc(thing.__doc__), re.MULTILINE)
        assert described == [member.name for member in thing]


def docstrings() -> dict[tuple[str, str], str]:
    """Return the docstring below each field of a record, by the names of the class and of the field."""
    found = {}
    for body in ast.parse(Path(models.__file__).read_text()).body:
        if isinstance(body, ast.ClassDef):
            for field, text in itertools.pairwise(body.body):
                if (
                    isinstance(field, ast.AnnAssign)
                    and isinstance(text, ast.Expr)
                    and isinstance(text.value, ast.Constant)
                ):
                    found[body.name, ast.unparse(field.target)] = " ".join(str(text.value.value).split())
    return found


def test_fields_are_documented_below_them_as_in_their_metadata() -> None:
    """Editors show the docstrings below the fields. The metadata comes from the tables of the extension."""
    written, described = docstrings(), {}
    for record in Record.__subclasses__():
        for field in dataclasses.fields(record):
            assert list(field.metadata) == ["unit", "doc", "positive", "libchrony", "since"]
            names = field.metadata["libchrony"].replace(" or ", '" or "')
            described[record.__name__, field.name] = f'{field.metadata["doc"]} (libchrony "{names}")'
    assert written == described
    assert dataclasses.fields(pychrony.TrackingStatus)[4].metadata["unit"] == "s"
    assert dataclasses.fields(pychrony.TrackingStatus)[4].metadata["positive"] == "slow"


@pytest.mark.parametrize("function", functions(), ids=lambda function: function.__name__)
def test_functions_are_documented_in_the_style_of_the_contract(function: Any) -> None:  # noqa: ANN401
    text = inspect.getdoc(function)
    assert text is not None
    parameters = list(inspect.signature(function).parameters)
    wanted = [*(["Args"] if parameters else []), "Returns", "Raises", "Example"]
    assert re.findall(r"^(Args|Returns|Raises|Example):$", text, re.MULTILINE) == wanted
    if parameters:
        arguments = text.split("Args:\n")[1].split("\n\n")[0]
        assert re.findall(r"^ {4}(\w+): ", arguments, re.MULTILINE) == parameters
        raised = text.split("Raises:\n")[1].split("\n\n")[0]
        errors = ["ChronyLibraryError", "ChronyConnectionError", "ChronyPermissionError", "ChronyDataError"]
        assert set(errors) <= set(re.findall(r"^ {4}(\w+): ", raised, re.MULTILINE))
    assert ">>> from pychrony import " in text.split("Example:\n")[1]


def test_the_package_says_that_it_is_typed() -> None:
    package = Path(pychrony.__file__).parent
    assert (package / "py.typed").exists()
    assert (package / "_core.pyi").exists()


def test_the_stubs_are_those_of_the_module(tmp_path: Path) -> None:
    config = tmp_path / "mypy.ini"
    config.write_text("[mypy]\nstrict = True\n")
    # Older type checkers do not know the decorator `disjoint_base`.
    options = ["--mypy-config-file", str(config), "--ignore-disjoint-bases"]
    command = [sys.executable, "-m", "mypy.stubtest", *options, "pychrony"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    "kind",
    [pychrony.ChronyConnection, pychrony.Fleet, pychrony.Round, aio.ChronyConnection, aio.Fleet, aio.Round],
    ids=lambda kind: f"{kind.__module__}.{kind.__qualname__}",
)
def test_the_annotations_of_methods_are_found_at_run_time(kind: type[object]) -> None:
    for name, method in vars(kind).items():
        function = method.fget if isinstance(method, property) else method
        if inspect.isfunction(function) and function.__module__ == kind.__module__:
            assert set(get_type_hints(function)) <= {*inspect.signature(function).parameters, "return"}, name
