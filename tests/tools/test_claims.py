"""The names of items and tests that `tools/checks/claims.py` finds, misses, or finds more than once."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import pytest
from tools.checks import claims

if TYPE_CHECKING:
    from pathlib import Path

FILES = {
    "crates/libchrony/src/raw/socket.rs": """\
pub(crate) struct Socket {
    number: i32,
}

impl Socket {
    pub(crate) const fn open(
        timeout: i32,
    ) -> Self {
        let number = 1;
        Self { number: 1 }
    }
}

impl Drop for Socket {
    fn drop(&mut self) {}
}
""",
    "crates/libchrony/src/lane.rs": """\
/// The fn open is elsewhere.
pub(crate) struct Lane;

impl Lane {
    fn open() {}
}

report! {
    Source {
        /// The age.
        age: u32 = Interval(c"age");
    }
}

mod tests {
    #[test]
    #[should_panic]
    fn a_lane_opens() {}

    #[test]
    #[ignore]
    fn a_lane_is_ignored() {}

    fn a_helper() {}
}
""",
    "crates/pychrony/src/lib.rs": "fn only_here() {}\n",
    "crates/libchrony/tests/suite/lanes.rs": "#[test]\nfn a_lane_opens() {}\n",
    "tests/values/test_lanes.py": "async def test_a_lane() -> None: ...\n",
}


@pytest.fixture
def _tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in FILES.items():
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    monkeypatch.setattr(claims, "ROOT", tmp_path)


@pytest.mark.usefixtures("_tree")
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Socket", None),
        ("Socket::open", None),
        ("raw::open", None),
        ("lane::open", None),
        ("open", "ambiguous: crates/libchrony/src/lane.rs:5, crates/libchrony/src/raw/socket.rs:6"),
        ("Socket::drop", None),
        ("Socket::number", None),
        ("Source::age", None),
        ("age", "not defined"),
        ("Socket::timeout", "not defined"),
        ("Socket::close", "not defined"),
        ("only_here", "not defined"),
        ("pychrony::only_here", None),
    ],
)
def test_items(name: str, expected: str | None) -> None:
    items: claims.Definitions = defaultdict(list)
    claims.rust(items, defaultdict(list))
    wrong = claims.check(name, items, claims.CRATE)
    assert wrong == (f"`{name}` is {expected}" if expected else None)


@pytest.mark.usefixtures("_tree")
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("test_a_lane", None),
        ("test_lanes::test_a_lane", None),
        ("suite::a_lane_opens", None),
        ("lane::a_lane_opens", None),
        ("a_lane_opens", "ambiguous: crates/libchrony/src/lane.rs:18, crates/libchrony/tests/suite/lanes.rs:2"),
        ("a_lane_is_ignored", "not defined"),
        ("a_helper", "not defined"),
    ],
)
def test_tests(name: str, expected: str | None) -> None:
    tests: claims.Definitions = defaultdict(list)
    claims.rust(defaultdict(list), tests)
    claims.python(tests)
    wrong = claims.check(name, tests)
    assert wrong == (f"`{name}` is {expected}" if expected else None)
