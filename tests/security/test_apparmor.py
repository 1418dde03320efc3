"""The AppArmor rule in the message about a silent socket, compiled by Debian's parser with Debian's profile."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
ADVICE = ROOT / "crates" / "libchrony" / "src" / "error" / "advice.rs"
UNPACKED = ROOT / ".provision"


@pytest.mark.skipif(shutil.which("apt-get") is None, reason="only Debian and its derivatives confine chronyd this way")
def test_the_rule_compiles_in_the_profile_of_chronyd(tmp_path: Path) -> None:
    rule = re.search(r"`(@\{run\}/chrony/[^`]*)`", ADVICE.read_text())
    assert rule is not None
    base = tmp_path / "apparmor.d"
    shutil.copytree(UNPACKED / "apparmor" / "etc" / "apparmor.d", base)
    shutil.copytree(UNPACKED / "chrony" / "etc" / "apparmor.d", base, dirs_exist_ok=True)
    local = base / "local" / "usr.sbin.chronyd"
    local.parent.mkdir(exist_ok=True)

    def compiled(text: str) -> subprocess.CompletedProcess[bytes]:
        local.write_text(text)
        parser = UNPACKED / "apparmor" / "sbin" / "apparmor_parser"
        options = ["--skip-kernel-load", "--skip-read-cache", "--skip-cache", "--stdout", "--base", str(base)]
        return subprocess.run([parser, *options, base / "usr.sbin.chronyd"], capture_output=True, check=False)

    without, with_rule, wrong = compiled(""), compiled(f"{rule[1]}\n"), compiled("no rule\n")
    assert (without.returncode, with_rule.returncode) == (0, 0), with_rule.stderr
    assert with_rule.stdout != without.stdout, "the rule is part of the profile"
    assert wrong.returncode != 0
