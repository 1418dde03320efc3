//! Reports that no libchrony has: of many types and contents, in two layouts, and a list that is not one of sources.

use std::ffi::{CStr, c_uint};

use crate::layout::Wire::{Address, Float, I8, I16, Time, U8, U16, U32, U64};
use crate::layout::{Field, Key, Layout, Report};

/// The number of records that the list has in addition to the sources.
pub(crate) const MORE: std::ffi::c_int = 2;
/// The name of the list.
pub(crate) const LIST: &str = "future list";

/// The reports that a libchrony of the future may have.
pub(crate) const REPORTS: &[Report] = &[
    Report {
        name: "future",
        request: 0,
        key: Key::Single,
        layouts: &[Layout { reply: 1, fields: &[OLD] }, Layout { reply: 2, fields: &[ADDED, OLD] }],
    },
    Report { name: LIST, request: 0, key: Key::Index, layouts: &[Layout { reply: 3, fields: &[ADDED] }] },
];

const ADDED: &[Field] = &[("future ratio", Float, "1.5")];
const OLD: &[Field] = &[
    ("future count", U64, "18446744073709551615"),
    ("future time", Time, "1700000000.500000000"),
    ("future poll", I8, "-6"),
    ("future offset", Float, "-0.25"),
    ("future delay", Float, "0.5"),
    ("future skew", Float, "0.125"),
    ("future ID", U32, "2130706433"),
    ("future state", U16, "2"),
    ("future flags", U32, "2147483717"),
    ("future address", Address, "127.0.0.1"),
    ("future bias", I16, "65534"),
    ("future answer", U8, "7"),
    ("future length", U32, "128"),
    ("future riddle", U32, "9"),
];

/// Returns libchrony's number of the content of a field, if the field is in one of these reports.
pub(crate) fn content(field: &[u8]) -> Option<c_uint> {
    Some(match field.strip_prefix(b"future ")? {
        b"count" => 1,
        b"time" => 2,
        b"poll" => 3,
        b"offset" => 5,
        b"delay" => 6,
        b"skew" => 8,
        b"ratio" => 10,
        b"ID" => 11,
        b"state" => 12,
        b"flags" => 14,
        b"address" => 15,
        b"length" => 18,
        b"answer" => 20,
        b"riddle" => 99,
        _ => 0,
    })
}

/// Returns the name of a constant of these reports.
pub(crate) fn constant_name(field: &[u8], value: u64) -> Option<&'static CStr> {
    let names: &[(u64, &CStr)] = match field {
        b"future state" => &[(1, c"dim"), (2, c"bright")],
        b"future flags" => &[(64, c"sixty-four"), (1, c"one"), (0x8000_0000, c"last"), (2, c"two")],
        _ => &[],
    };
    names.iter().find(|(known, _)| *known == value).map(|(_, words)| *words)
}
