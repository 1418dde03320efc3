"""The wheel of the command chrony-report, as a user gets it: built, inspected, installed, run."""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import venv
import zipfile
from email.parser import HeaderParser
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.support.packages import QUICKLY, ROOT, make, workspace_version

if TYPE_CHECKING:
    from tests.support.daemon import Start

VERSION = workspace_version()
LIBRARY = "lib/chrony-report/libchrony.so.0"

pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make("report-wheel", tmp_path_factory.mktemp("wheel"), **QUICKLY)


def test_one_wheel_serves_every_python_and_old_distributions(wheel: Path) -> None:
    name, version, python, abi, platform = wheel.stem.split("-")
    assert (name, version, python, abi) == ("chrony_report", VERSION, "py3", "none")
    if "musllinux" not in platform:
        assert "manylinux_2_17" in platform


def test_wheel_holds_the_program_the_library_and_both_licences(wheel: Path) -> None:
    dist_info = f"chrony_report-{VERSION}.dist-info"
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        metadata = HeaderParser().parsestr(archive.read(f"{dist_info}/METADATA").decode())
        lgpl = archive.read(f"{dist_info}/licenses/LICENSES/LGPL-2.1-or-later.txt").decode()
        program = archive.getinfo(f"chrony_report-{VERSION}.data/scripts/chrony-report")
    assert {f"chrony_report-{VERSION}.data/data/{LIBRARY}", f"{dist_info}/licenses/LICENSE"} <= names
    assert "GNU LESSER GENERAL PUBLIC LICENSE" in lgpl
    assert program.external_attr >> 16 & 0o111 == 0o111
    assert metadata["License-Expression"] == "MIT AND LGPL-2.1-or-later"
    assert metadata.get_all("License-File") == ["LICENSE", "LICENSES/LGPL-2.1-or-later.txt"]
    readme = (ROOT / "crates/chrony-report/README.md").read_text()
    assert str(metadata.get_payload()).strip() == readme.strip()


def test_installed_program_brings_its_own_libchrony_and_reads(wheel: Path, start: Start, tmp_path: Path) -> None:
    venv.create(tmp_path / "venv", with_pip=True)
    scripts = tmp_path / "venv" / "bin"
    pip = [str(scripts / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-index"]
    subprocess.run([*pip, str(wheel)], check=True, timeout=120)
    environment = {name: value for name, value in os.environ.items() if name != "LIBCHRONY_PATH"}
    chronyd = start("chronyd", "--line=server 127.1.0.1 offline")

    # Also through a link, as pipx and uv install it.
    link = tmp_path / "chrony-report"
    link.symlink_to(scripts / "chrony-report")
    for program in (scripts / "chrony-report", link):
        command = [str(program), "-v", "-H", chronyd.socket, "sources", "--format", "json"]
        ran = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=True)
        assert [row["source"] for row in json.loads(ran.stdout)] == ["127.1.0.1"]
        (library,) = (line for line in ran.stderr.splitlines() if line.startswith("libchrony: "))
        try:
            ctypes.CDLL("libchrony.so.0")
        except OSError:
            assert library == f"libchrony: {tmp_path}/venv/{LIBRARY}"
    assert chronyd.leftovers() == []
    version = subprocess.run([link, "--version"], capture_output=True, text=True, check=True)
    assert version.stdout == f"chrony-report {VERSION}\n"
