"""The choice of libchrony, and the error without one. Each case has its own process, as a library stays loaded."""

from __future__ import annotations

import ctypes.util
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.support.reports import CALLS

import pychrony

if TYPE_CHECKING:
    from tests.support.programs import Python

pytestmark = pytest.mark.blocking_only("both kinds of calls load libchrony alike")

#: Every function that needs libchrony.
EVERY = ["libchrony_path", *CALLS]


def missing(folder: Path) -> tuple[Path, str]:
    return folder / "libchrony.so.0", "No such file"


def text_file(folder: Path) -> tuple[Path, str]:
    file = folder / "libchrony.so.0"
    file.write_text("not a library\n" * 100)
    return file, "invalid ELF header"


def empty_file(folder: Path) -> tuple[Path, str]:
    file = folder / "libchrony.so.0"
    file.touch()
    return file, "file too short"


def a_folder(folder: Path) -> tuple[Path, str]:
    return folder, "cannot read file data: Is a directory"


def another_library(_folder: Path) -> tuple[Path, str]:
    name = ctypes.util.find_library("m")
    assert name is not None
    ctypes.CDLL(name)
    # This is where the loader found it.
    mapped = {Path(line.split()[-1]) for line in Path("/proc/self/maps").read_text().splitlines() if "/libm" in line}
    file = next(file for file in mapped if file.name.startswith(("libm.", "libm-")))
    return file, "chrony_open_socket"


@pytest.mark.parametrize("prepare", [missing, text_file, empty_file, a_folder, another_library])
def test_a_file_that_does_not_serve_is_told_by_every_call(
    prepare: Callable[[Path], tuple[Path, str]], tmp_path: Path, python: Python
) -> None:
    file, words = prepare(tmp_path)
    results = json.loads(python("library.py", "call_all", *EVERY, environment={"LIBCHRONY_PATH": str(file)}))
    assert len(results) == 2 * len(EVERY)
    for name, code, message, text, cause in results:
        assert (name, code) == ("ChronyLibraryError", None)
        assert message.startswith("libchrony bindings not available")
        assert text == message
        assert f"LIBCHRONY_PATH={file} " in message
        assert words in message
        assert words in cause
        # The message says what to do. No other place was tried.
        assert "Install libchrony" in message
        assert "the system's" not in message


def test_what_cannot_be_seen_in_the_name_is_escaped(python: Python) -> None:
    """The value of the variable must not add lines to a log, or colours to a terminal."""
    results = json.loads(
        python("library.py", "call_all", *EVERY, environment={"LIBCHRONY_PATH": "/nonexistent/\n\x1b[31m.so"})
    )
    for _, _, message, text, cause in results:
        assert "LIBCHRONY_PATH=/nonexistent/\\n\\u{1b}[31m.so (" in message
        assert all(words.isprintable() for words in (message, text, cause))


def test_no_library_at_all_is_told_with_every_place(tmp_path: Path, python: Python) -> None:
    """A mount namespace hides the copies that the machine may have."""
    package = Path(pychrony.__file__).parent
    hide = """
        set -eu
        for file in $(ldconfig -p | sed -n 's/.*libchrony\\.so\\.0 .*=> //p'); do mount --bind /dev/null "$file"; done
        if [ -e "$1/_libs" ]; then mount -t tmpfs tmpfs "$1/_libs"; fi
        shift
        exec "$@"
    """
    wrapper = ["unshare", "--mount", "sh", "-c", hide, "sh", str(package)]
    for value in (None, ""):
        environment = {"LIBCHRONY_PATH": value, "LD_LIBRARY_PATH": None}
        results = json.loads(
            python("library.py", "call_all", *EVERY, wrapper=wrapper, environment=environment, cwd=tmp_path)
        )
        for name, code, message, _, cause in results:
            assert (name, code) == ("ChronyLibraryError", None)
            assert message.startswith("libchrony bindings not available. Tried: the system's libchrony.so.0 (")
            assert f"; the package's own {package}/_libs/libchrony.so.0 (" in message
            assert "LIBCHRONY_PATH=" not in message
            assert "cannot open shared object file" in cause


def test_import_needs_no_library(tmp_path: Path, python: Python) -> None:
    code = "import pychrony; print(len(pychrony.__all__), pychrony.SourceState(2).name)"
    printed = python("-c", code, environment={"LIBCHRONY_PATH": str(tmp_path / "missing")})
    assert printed == f"{len(pychrony.__all__)} FALSETICKER\n"


def test_import_is_cheap(python: Python) -> None:
    """The import does not load modules that are not needed to read a record."""
    code = "import pychrony, sys; print({'asyncio', 'multiprocessing', 'socket', 'threading'} & set(sys.modules))"
    assert python("-c", code) == "set()\n"


def test_a_missing_library_is_looked_for_again(tmp_path: Path, python: Python) -> None:
    file = tmp_path / "libchrony.so.0"
    environment = {"LIBCHRONY_PATH": str(file)}
    printed = python("library.py", "found_later", pychrony.libchrony_path(), environment=environment).strip()
    assert printed
    assert os.path.samefile(printed, file)  # noqa: PTH121


def test_the_named_file_serves_by_a_relative_path_too(tmp_path: Path, python: Python) -> None:
    (tmp_path / "a folder").mkdir()
    file = tmp_path / "a folder" / "chröny.so"
    file.write_bytes(Path(pychrony.libchrony_path()).read_bytes())
    for path in (str(file), "a folder/chröny.so", "./a folder/../a folder/chröny.so"):
        printed = python("library.py", "path", environment={"LIBCHRONY_PATH": path}, cwd=tmp_path).strip()
        assert Path(printed).is_absolute()
        assert Path(printed).resolve() == file
    # A bare name is a file too, not a name to search for.
    printed = python("library.py", "path", environment={"LIBCHRONY_PATH": "chröny.so"}, cwd=file.parent).strip()
    assert Path(printed).resolve() == file


def test_the_named_file_is_not_replaced_by_the_systems(tmp_path: Path, python: Python) -> None:
    """A named library is not replaced, even if it is missing and the loader would find a good one."""
    (tmp_path / "libchrony.so.0").symlink_to(pychrony.libchrony_path())
    environment = {"LIBCHRONY_PATH": None, "LD_LIBRARY_PATH": str(tmp_path)}
    assert Path(python("library.py", "path", environment=environment).strip()).name == "libchrony.so.0"
    results = json.loads(
        python(
            "library.py", "call_all", *EVERY, environment={**environment, "LIBCHRONY_PATH": str(tmp_path / "missing")}
        )
    )
    assert {name for name, *_ in results} == {"ChronyLibraryError"}


def test_an_empty_variable_is_none(tmp_path: Path, python: Python) -> None:
    (tmp_path / "libchrony.so.0").symlink_to(pychrony.libchrony_path())
    environment = {"LIBCHRONY_PATH": "", "LD_LIBRARY_PATH": str(tmp_path)}
    assert Path(python("library.py", "path", environment=environment).strip()).parent == tmp_path
