"""Add libchrony and its licence to a wheel from maturin, of pychrony or of the command chrony-report.

    bundle_libchrony.py WHEEL FOLDER

writes a wheel of the same name to FOLDER that also contains

    pychrony/_libs/libchrony.so.0, or                       used if the system does not have libchrony
    chrony_report-*.data/data/lib/chrony-report/libchrony.so.0
    *.dist-info/licenses/LICENSE and LICENSES/LGPL-2.1-or-later.txt

and has the licence expression MIT AND LGPL-2.1-or-later. The library is the published one that fetch_libchrony.py has
verified, and not the system's own. The script also checks that the wheel's platform tag is valid for the library.
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
    """Run a module of this interpreter, and return its output."""
    # Fixed time stamps in the wheel make it reproducible.
    environment = {**os.environ, "SOURCE_DATE_EPOCH": "315532800"}
    command = [sys.executable, "-m", *map(str, arguments)]
    return subprocess.run(command, check=True, env=environment, text=True, stdout=subprocess.PIPE).stdout


def add_library(tree: Path) -> None:
    """Add the library, the licences and the metadata to an unpacked wheel."""
    (dist_info,) = tree.glob("*.dist-info")
    if (tree / "pychrony").is_dir():
        place = tree / "pychrony" / "_libs"
    else:
        # Becomes ../lib/chrony-report, relative to the folder of the installed program.
        place = tree / f"{dist_info.stem}.data" / "data" / "lib" / "chrony-report"
    licences = {"LICENSE": OURS, f"LICENSES/{LICENCE.name}": LICENCE}
    copies = {place / LIBRARY.name: LIBRARY, **{dist_info / "licenses" / name: file for name, file in licences.items()}}
    for target, source in copies.items():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, target)

    head, blank, text = (dist_info / "METADATA").read_text(encoding="utf-8").partition("\n\n")
    lines = [line for line in head.splitlines() if not line.startswith("License-File: ")]
    if lines.count("License-Expression: MIT") != 1:
        sys.exit("bundle_libchrony: METADATA does not have exactly one line License-Expression: MIT")
    place_of_licence = lines.index("License-Expression: MIT")
    lines[place_of_licence : place_of_licence + 1] = [
        "License-Expression: MIT AND LGPL-2.1-or-later",
        *(f"License-File: {name}" for name in licences),
    ]
    (dist_info / "METADATA").write_text("\n".join(lines) + blank + text, encoding="utf-8")


def platform_of(tags: str) -> tuple[str, int, int] | None:
    """Return the C library and its version from the platform tags of a wheel, such as ("manylinux", 2, 17)."""
    match = re.search(r"(manylinux|musllinux)_(\d+)_(\d+)_", tags)
    return (match[1], int(match[2]), int(match[3])) if match else None


def check_tag(wheel: Path) -> None:
    """Refuse a wheel whose files, including libchrony, need a newer C library than its platform tag promises."""
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
