"""The front page and the pages of docs/: their Python examples run unchanged, and print what the pages show."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest
from tests.support.machine import PRIVATE_RUN
from tests.support.programs import PROGRAMS
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.daemon import Daemon, Start

pytestmark = pytest.mark.blocking_only("the examples of the pages are programs of their own")

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


#: Makes an example run with another user's rights.
#: Without rights, a checkout in a private folder cannot be read, so the modules of the example are imported before.
GIVE_UP_RIGHTS = (
    f"import sys; sys.path.insert(0, {str(PROGRAMS)!r}); import common, pychrony.health; common.give_up_rights()\n"
)


class Example(NamedTuple):
    """A block of Python code, and the block of output right below it, if there is one."""

    page: str
    code: str
    output: str


def examples() -> Iterator[Example]:
    """Yield the examples of all pages."""
    for page in PAGES:
        for code, output in re.findall(
            r"^```python\n(.*?)^```\n(?:\n```text\n(.*?)^```\n)?", page.read_text(), re.DOTALL | re.MULTILINE
        ):
            yield Example(page.name, code, output)


ALL = list(examples())
PRINTING = [example for example in ALL if "print(" in example.code]
#: Makes SIGTERM a normal exit.
(HANDLER,) = (example.code for example in ALL if "signal" in example.code)
#: Serves the verdict.
(ENDPOINT,) = (example.code for example in ALL if "FastAPI" in example.code)


@pytest.fixture(scope="module")
def daemon(start_shared: Start, tmp_path_factory: pytest.TempPathFactory) -> Daemon:
    """Start a pair whose client is at the default socket and at the command port, in its own namespaces."""
    private = ["unshare", "--mount", "--net", "sh", "-c", PRIVATE_RUN, "sh", str(tmp_path_factory.mktemp("run"))]
    pair = start_shared(
        "pair",
        "--local-address",
        "192.0.2.1",
        "--line",
        "server 192.0.2.1 {server}",
        "--line",
        "cmdport 323",
        wrapper=private,
    )
    mount = 'mkdir -p /run/chrony && mount --bind "$1" /run/chrony'
    subprocess.run([*pair.inside("mount"), "sh", "-c", mount, "sh", str(pair.folder)], check=True)
    # With fewer samples, the frequency is unknown, and the verdict has one cause more.
    wait_until(lambda: int(str(pair.say("chronyc sourcestats")["output"]).split(",")[1]) >= 4, "four samples")
    return pair


def without_numbers(text: str) -> str:
    """Replace each number with a letter."""
    return re.sub(r"[-+]?\d[\d.]*", "N", text)


@pytest.mark.parametrize("example", PRINTING, ids=[example.page for example in PRINTING])
def test_an_example_prints_what_its_page_shows(daemon: Daemon, example: Example) -> None:
    # The examples of the front page are for any user.
    rights = GIVE_UP_RIGHTS if example.page == "README.md" and example.output else ""
    command = [*daemon.inside("mount", "net"), sys.executable, "-c", rights + example.code]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout
    if example.output:
        assert without_numbers(done.stdout) == without_numbers(example.output)


def test_the_endpoint_starts_without_chronyd_and_serves_the_verdict_later(daemon: Daemon) -> None:
    daemon.say("kill")
    command = [*daemon.inside("mount", "net"), sys.executable, str(PROGRAMS / "endpoint.py"), ENDPOINT, "/clock"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write("now\n")
        assert process.stdout.readline() == "503 CRITICAL\n"
        daemon.say("restart")
        daemon.say("wait-synchronised 30")
        process.stdin.write("now\n")
        assert process.stdout.readline() in {"200 OK\n", "200 WARNING\n"}


def test_every_page_with_examples_is_found() -> None:
    pages = {example.page for example in ALL}
    assert pages == {page.name for page in PAGES if "```py" in page.read_text()}
    assert "README.md" in pages
    assert any(example.output for example in ALL)


def test_rust_examples_of_every_page_are_doctests() -> None:
    crate = (ROOT / "crates/libchrony/src/lib.rs").read_text()
    pages = [page.relative_to(ROOT) for page in PAGES if "```rust" in page.read_text()]
    assert pages
    assert [page for page in pages if f'include_str!("../../../{page}")' not in crate] == []


@pytest.mark.parametrize(("lines", "status", "left"), [(HANDLER, 0, 0), ("", -signal.SIGTERM, 1)])
def test_the_handler_for_sigterm_leaves_nothing_and_without_it_a_directory_is_left(
    lines: str, status: int, left: int, start: Start
) -> None:
    daemon = start("chronyd")
    command = [sys.executable, "-c", lines + (PROGRAMS / "left_open.py").read_text(), daemon.socket]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        assert len(daemon.leftovers()) == 1
        process.terminate()
        assert process.wait(10) == status
    assert len(daemon.leftovers()) == left


def test_every_target_of_the_makefile_is_named_truly() -> None:
    """Each target that a page tells the reader to type exists."""
    makefile = (ROOT / "Makefile").read_text()
    pages = [*PAGES, ROOT / "CONTRIBUTING.md"]
    named = [
        target for page in pages for target in re.findall(r"(?:^|`)make ([a-z][a-z-]*)", page.read_text(), re.MULTILINE)
    ]
    assert {"demo", "test"} <= set(named)
    assert [target for target in named if f"\n{target}:" not in makefile] == []


def test_every_link_leads_somewhere() -> None:
    """Linked files exist, and so do linked headings."""
    wrong = []
    for page in [*PAGES, ROOT / "SECURITY.md", ROOT / "CONTRIBUTING.md"]:
        for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
            path, _, anchor = link.partition("#")
            target = (page.parent / path).resolve() if path else page
            if "://" not in link and not (target.exists() and (not anchor or anchor in anchors(target))):
                wrong.append((page.name, link))
    assert wrong == []


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_front_page_is_short() -> None:
    assert len(PAGES[0].read_text().splitlines()) <= 120
