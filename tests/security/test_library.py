"""The file that is loaded as libchrony, and the users who can choose it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pychrony

if TYPE_CHECKING:
    from tests.support.programs import Python


def test_a_file_in_the_working_directory_is_not_found_by_itself(tmp_path: Path, python: Python) -> None:
    (tmp_path / "libchrony.so.0").symlink_to(pychrony.libchrony_path())
    environment = {"LIBCHRONY_PATH": None, "LD_LIBRARY_PATH": None}
    printed = python("library.py", "path", environment=environment, cwd=tmp_path).strip()
    assert "Tried: the system's libchrony.so.0" in printed or (tmp_path / printed).parent != tmp_path
    # If LIBCHRONY_PATH names the file, it is loaded.
    assert (
        Path(
            python("library.py", "path", environment={"LIBCHRONY_PATH": "libchrony.so.0"}, cwd=tmp_path).strip()
        ).parent
        == tmp_path
    )
