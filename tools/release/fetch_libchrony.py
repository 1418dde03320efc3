"""Fetch libchrony from the wheel of pychrony 2.0.3 on PyPI, if the system does not have it.

The wheel has an exact version, and is accepted only with the right SHA-256. Two files are extracted from it:

    .provision/libchrony/libchrony.so.0          the shared library
    .provision/libchrony/LGPL-2.1-or-later.txt   its licence

If the system does not have libchrony, `.provision/libchrony.so.0` becomes a link to the first, which `tools/run` uses.
`tools/release/bundle_libchrony.py` adds both files to wheels.

With --always they are fetched even if the system has libchrony, for the wheels.
With --system nothing is fetched, and the exit status is 0 if the system has libchrony, and 1 otherwise.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import platform
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

PROVISION = Path(__file__).resolve().parents[2] / ".provision"
FOLDER = PROVISION / "libchrony"
LIBRARY = FOLDER / "libchrony.so.0"
LICENCE = FOLDER / "LGPL-2.1-or-later.txt"
SERVES = PROVISION / "libchrony.so.0"

REQUIREMENT = "pychrony==2.0.3"
#: The platform tag and the SHA-256 of the wheel, by machine and C library.
WHEELS = {
    ("x86_64", "glibc"): (
        "manylinux_2_28_x86_64",
        "03b8bdfbd5a5b0f701b751c45f2aa8d27ba7bb48b11bb2a147383342e1a9d1ce",
    ),
    ("aarch64", "glibc"): (
        "manylinux_2_28_aarch64",
        "acc4123ad03c9879b69aa268f93eb902f93f595f2f92772e23e6592a893e80ec",
    ),
    ("x86_64", "musl"): (
        "musllinux_1_2_x86_64",
        "1ed2737dd91e3e352299c51ab9ea88e3746c9ff935a4b5583d5301a5fcf0355b",
    ),
    ("aarch64", "musl"): (
        "musllinux_1_2_aarch64",
        "45da18095cde9e93c4bdee5d4a4cd9592985a24a30475ada2a51234986b92aac",
    ),
}


def system_has_libchrony() -> bool:
    """Return True if the dynamic loader finds libchrony, as it would for pychrony."""
    try:
        ctypes.CDLL("libchrony.so.0")
    except OSError:
        return False
    return True


def download(folder: Path) -> Path:
    """Download the wheel for this machine into a folder. pip refuses a file with another hash."""
    machine = platform.machine()
    libc = "glibc" if platform.libc_ver()[0] == "glibc" else "musl"
    if (machine, libc) not in WHEELS:
        sys.exit(
            f"provision: {REQUIREMENT} has no libchrony for {machine} with {libc}. Build it from "
            "https://gitlab.com/chrony/libchrony and install it, or set LIBCHRONY_PATH to its path."
        )
    tag, sha256 = WHEELS[machine, libc]
    requirements = folder / "requirements.txt"
    requirements.write_text(f"{REQUIREMENT} --hash=sha256:{sha256}\n")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    command += ["--no-deps", "--only-binary", ":all:", "--implementation", "cp"]
    command += ["--python-version", "3.11", "--platform", tag]
    command += ["--require-hashes", "--requirement", str(requirements), "--dest", str(folder)]
    if subprocess.run(command, stdin=subprocess.DEVNULL, check=False).returncode != 0:
        sys.exit(f"provision: could not download {REQUIREMENT} for {tag} (see the error above).")
    (wheel,) = folder.glob("*.whl")
    return wheel


def extract(wheel: Path) -> None:
    """Extract the library and its licence, each atomically."""
    wanted = {
        LICENCE: lambda name: name.endswith("/licenses/LICENSES/LGPL-2.1-or-later.txt"),
        LIBRARY: lambda name: name.startswith("pychrony.libs/libchrony"),
    }
    FOLDER.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(wheel) as archive:
        for target, is_it in wanted.items():
            (member,) = filter(is_it, archive.namelist())
            unfinished = target.with_suffix(".unfinished")
            unfinished.write_bytes(archive.read(member))
            unfinished.chmod(0o755 if target == LIBRARY else 0o644)
            unfinished.rename(target)


def main() -> int:
    """Run the command line described at the top."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--always", action="store_true", help="fetch even if the system has libchrony")
    parser.add_argument("--system", action="store_true", help="only check whether the system has libchrony")
    options = parser.parse_args()

    if options.system:
        return 0 if system_has_libchrony() else 1
    in_system = system_has_libchrony()
    if not (LIBRARY.exists() and LICENCE.exists()) and (options.always or not in_system):
        print(f"provision: extracting libchrony from {REQUIREMENT} into {FOLDER.relative_to(PROVISION.parent)}/")
        with tempfile.TemporaryDirectory() as folder:
            extract(download(Path(folder)))
        ctypes.CDLL(str(LIBRARY))
    if in_system:
        SERVES.unlink(missing_ok=True)
    elif not SERVES.exists():
        SERVES.unlink(missing_ok=True)
        SERVES.symlink_to(os.path.relpath(LIBRARY, PROVISION))
    return 0


if __name__ == "__main__":
    sys.exit(main())
