"""Put libchrony and its licence into a wheel that maturin has built: that of pychrony, or of the command chrony-report.

    bundle_libchrony.py WHEEL FOLDER

writes a wheel of the same name to FOLDER that has, in addition,

    pychrony/_libs/libchrony.so.0, or                       what is loaded where the system has no libchrony
    chrony_report-*.data/data/lib/chrony-report/libchrony.so.0
    *.dist-info/licenses/LICENSE and LICENSES/LGPL-2.1-or-later.txt

and the licence expression MIT AND LGPL-2.1-or-later. The library is always the published one that fetch_libchrony.py
has verified, never this system's own. The wheel is for other machines, too, and its platform tag must hold for the
library as well, which is checked here.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from fetch_libchrony import LIBRARY, LICENCE

OURS = Path(__file__).resolve().parents[2] / "LICENSE"


def run(*arguments: str | Path) -> str:
    """Run a module of this interpreter and return what it prints."""
    # The time stamps inside the wheel are fixed, so that the same input gives the same wheel.
    environment = {**os.environ, "SOURCE_DATE_EPOCH": "315532800"}
    command = [sys.executable, "-m", *map(str, arguments)]
    return subprocess.run(command, check=True, env=environment, text=True, stdout=subprocess.PIPE).stdout


def add_library(tree: Path) -> None:
    """Add the library, the licences and the metadata to an unpacked wheel."""
    (dist_info,) = tree.glob("*.dist-info")
    if (tree / "pychrony").is_dir():
        place = tree / "pychrony" / "_libs"
    else:
        # Below the folder above the program's, wherever that is installed.
        place = tree / f"{dist_info.stem}.data" / "data" / "lib" / "chrony-report"
    licences = {"LICENSE": OURS, f"LICENSES/{LICENCE.name}": LICENCE}
    copies = {place / LIBRARY.name: LIBRARY, **{dist_info / "licenses" / name: file for name, file in licences.items()}}
    for target, source in copies.items():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, target)

    head, blank, text = (dist_info / "METADATA").read_text(encoding="utf-8").partition("\n\n")
    lines = [line for line in head.splitlines() if not line.startswith("License-File: ")]
    if lines.count("License-Expression: MIT") != 1:
        sys.exit("bundle_libchrony: METADATA does not have the licence MIT once")
    place_of_licence = lines.index("License-Expression: MIT")
    lines[place_of_licence : place_of_licence + 1] = [
        "License-Expression: MIT AND LGPL-2.1-or-later",
        *(f"License-File: {name}" for name in licences),
    ]
    (dist_info / "METADATA").write_text("\n".join(lines) + blank + text, encoding="utf-8")


def platform_of(tags: str) -> tuple[str, int, int] | None:
    """The C library and version in the platform tags of a wheel's name, as ("manylinux", 2, 17)."""
    match = re.search(r"(manylinux|musllinux)_(\d+)_(\d+)_", tags)
    return (match[1], int(match[2]), int(match[3])) if match else None


def check_tag(wheel: Path) -> None:
    """Refuse a wheel whose files, libchrony among them, need a newer C library than its platform tag promises."""
    needed_tag = json.loads(run("auditwheel", "show", "--json", wheel))["overall_tag"]
    promised, needed = platform_of(wheel.name), platform_of(needed_tag)
    if promised is None or needed is None or promised[0] != needed[0] or needed > promised:
        sys.exit(f"bundle_libchrony: the files in {wheel.name} need {needed_tag}")


def main() -> None:
    """Run the command line described at the top."""
    wheel, folder = map(Path, sys.argv[1:])
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        run("wheel", "unpack", "--dest", temporary, wheel)
        (tree,) = Path(temporary).iterdir()
        add_library(tree)
        run("wheel", "pack", "--dest-dir", folder, tree)
    bundled = folder / wheel.name
    check_tag(bundled)
    print(bundled)


if __name__ == "__main__":
    main()
