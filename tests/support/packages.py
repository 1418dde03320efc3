"""Code that the tests of packages share: building a package, and the version of the workspace."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent


def make(target: str, folder: Path, **variables: str) -> Path:
    """Run `make TARGET` with these variables in its environment; return the one file that it leaves in `folder`."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    command = ["make", "--no-print-directory", "-C", str(ROOT), target, f"DIST={folder}"]
    result = subprocess.run(
        command, env=environment | variables, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    assert result.returncode == 0, result.stdout
    (file,) = folder.iterdir()
    return file


def workspace_version() -> str:
    """Return the version in Cargo.toml."""
    match = re.search(r'^version = "(.+)"$', (ROOT / "Cargo.toml").read_text(), re.MULTILINE)
    assert match is not None
    return match[1]


#: Builds the command without optimisation, in a quarter of the time: its speed is not tested.
QUICKLY = {
    "CARGO_PROFILE_COMMAND_LTO": "off",
    "CARGO_PROFILE_COMMAND_OPT_LEVEL": "0",
    "CARGO_PROFILE_COMMAND_CODEGEN_UNITS": "16",
}
