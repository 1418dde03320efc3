//! The extension module `pychrony._core`: what the Python package calls.
//!
//! Each function checks and converts its arguments, lets the crate `libchrony` do the work without the GIL, and
//! converts the result or raises the error. No decision about chronyd is taken here.

mod connection;
mod convert;
mod errors;
mod read;

use libchrony::{LeapStatus, SourceMode, SourceState};
use pyo3::prelude::*;

/// libchrony's words for a number, or a placeholder for a number that has none.
fn constant_name(number: u64, name: Option<&'static str>) -> String {
    name.map_or_else(|| format!("unknown ({number})"), str::to_owned)
}

#[pyfunction]
fn leap_status_name(number: u64) -> String {
    constant_name(number, LeapStatus::from_number(number).map(LeapStatus::name))
}

#[pyfunction]
fn source_state_name(number: u64) -> String {
    constant_name(number, SourceState::from_number(number).map(SourceState::name))
}

#[pyfunction]
fn source_mode_name(number: u64) -> String {
    constant_name(number, SourceMode::from_number(number).map(SourceMode::name))
}

#[pymodule(gil_used = false)]
mod _core {
    #[pymodule_export]
    use super::connection::Connection;
    #[pymodule_export]
    use super::read::{get_rtc_data, get_source_stats, get_sources, get_tracking, libchrony_path};
    #[pymodule_export]
    use super::{leap_status_name, source_mode_name, source_state_name};

    #[pymodule_export]
    #[expect(non_upper_case_globals, reason = "Python's name")]
    const __version__: &str = env!("CARGO_PKG_VERSION");
}
