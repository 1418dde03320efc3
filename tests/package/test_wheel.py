"""The wheel and the source distribution, as a user gets them: built, inspected, installed."""

from __future__ import annotations

import ctypes
import os
import subprocess
import tarfile
import venv
import zipfile
from email.parser import HeaderParser
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.support.packages import ROOT, make, workspace_version
from tests.support.programs import PROGRAMS

if TYPE_CHECKING:
    from tests.support.daemon import Start

LIBRARY = "pychrony/_libs/libchrony.so.0"

# A release build from nothing takes a minute or two.
pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make("wheel", tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make("sdist", tmp_path_factory.mktemp("sdist"))


def test_one_wheel_serves_every_python_and_old_distributions(wheel: Path) -> None:
    name, version, python, abi, platform = wheel.stem.split("-")
    assert (name, version) == ("pychrony", workspace_version())
    assert (python, abi) == ("cp310", "abi3")
    if "musllinux" not in platform:
        assert "manylinux_2_17" in platform


def test_wheel_holds_the_package_the_library_and_both_licences(wheel: Path) -> None:
    dist_info = f"pychrony-{workspace_version()}.dist-info"
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        metadata = HeaderParser().parsestr(archive.read(f"{dist_info}/METADATA").decode())
        lgpl = archive.read(f"{dist_info}/licenses/LICENSES/LGPL-2.1-or-later.txt").decode()
        library = archive.read(LIBRARY)
    package = {path.relative_to(ROOT / "python").as_posix() for path in (ROOT / "python").rglob("*.py*")}
    package = {name for name in package if not name.endswith(".pyc")}
    assert {"pychrony/__init__.py"} <= package
    assert names >= package | {"pychrony/py.typed", "pychrony/_core.abi3.so", f"{dist_info}/licenses/LICENSE"}
    assert {name for name in names if "libchrony" in name} == {LIBRARY}
    assert library.startswith(b"\x7fELF")
    assert "GNU LESSER GENERAL PUBLIC LICENSE" in lgpl
    assert metadata["License-Expression"] == "MIT AND LGPL-2.1-or-later"
    assert metadata.get_all("License-File") == ["LICENSE", "LICENSES/LGPL-2.1-or-later.txt"]
    assert metadata["Requires-Python"] == ">=3.10"
    assert metadata.get_all("Requires-Dist") is None


class Installed:
    """The wheel in a clean environment."""

    def __init__(self, wheel: Path, folder: Path) -> None:
        venv.create(folder / "venv", with_pip=True)
        self.folder = folder
        self.run("-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-index", str(wheel))

    def run(self, *arguments: str) -> str:
        """Run the environment's Python, which must succeed and leave stderr empty, and return its output."""
        ours = {"LIBCHRONY_PATH", "PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV"}
        environment = {name: value for name, value in os.environ.items() if name not in ours}
        command = [str(self.folder / "venv" / "bin" / "python"), *arguments]
        result = subprocess.run(
            command, cwd=self.folder, env=environment, capture_output=True, text=True, timeout=120, check=False
        )
        assert (result.returncode, result.stderr) == (0, "")
        return result.stdout.strip()


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    return Installed(wheel, tmp_path_factory.mktemp("installed"))


def test_installed_wheel_brings_its_own_libchrony(installed: Installed) -> None:
    """The system's library comes first, if there is one. The package's own library is the fallback."""
    package = Path(installed.run("-c", "import pychrony; print(pychrony.__file__)")).parent
    assert package.is_relative_to(installed.folder)
    used = Path(installed.run("-c", "import pychrony; print(pychrony.libchrony_path())"))
    try:
        ctypes.CDLL("libchrony.so.0")
    except OSError:
        assert used == package / "_libs" / "libchrony.so.0"
    else:
        assert not used.is_relative_to(installed.folder)
    version = installed.run("-c", "import importlib.metadata as metadata; print(metadata.version('pychrony'))")
    assert version == workspace_version()


def test_installed_wheel_reads_and_ends_in_the_middle_of_calls(installed: Installed, start: Start) -> None:
    """CPython may end daemon threads by unwinding their stacks, and so has to unwind the wheel's Rust code."""
    chronyd = start("chronyd", *(f"--line=server 127.1.0.{number} offline" for number in range(1, 41)))
    for _ in range(10):
        assert installed.run(str(PROGRAMS / "daemon_threads.py"), chronyd.socket) == "40"
    assert chronyd.leftovers() == []


def test_sdist_holds_all_that_a_build_needs_and_no_library(sdist: Path) -> None:
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    crates = [ROOT / "crates" / name for name in ("libchrony-sys", "libchrony", "pychrony")]
    sources = {path.relative_to(ROOT).as_posix() for crate in crates for path in (crate / "src").rglob("*.rs")}
    package = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "python" / "pychrony").iterdir()
        if path.suffix in {".py", ".pyi", ".typed"}
    }
    assert names >= sources | package | {"Cargo.toml", "Cargo.lock", "LICENSE", "PKG-INFO", "pyproject.toml"}
    assert not {name for name in names if ".so" in name}


def test_sdist_compiles_with_the_locked_dependencies(sdist: Path, tmp_path: Path) -> None:
    """The workspace in the sdist is complete. `cargo check` shows this within seconds, without a build."""
    # With -m, the files have the current time. All files in an sdist have one old time, so cargo would not see changes.
    subprocess.run(["tar", "-x", "-m", "-f", sdist, "-C", tmp_path], check=True)
    (tree,) = tmp_path.iterdir()
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "sdist"
    locked = packages(tree / "Cargo.lock")
    # cargo removes packages from the lock file that only the missing members of the workspace need.
    command = ["cargo", "check", "--package", "pychrony", "--offline", "--target-dir", str(target)]
    result = subprocess.run(command, cwd=tree, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert packages(tree / "Cargo.lock") <= locked


def packages(lock: Path) -> set[str]:
    """Return the entry of each package in a lock file, without its dependencies."""
    return {package.partition("\ndependencies")[0].strip() for package in lock.read_text().split("[[package]]")[1:]}
