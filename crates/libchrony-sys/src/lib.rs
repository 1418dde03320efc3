//! Run-time loaded bindings to [libchrony], the C library for monitoring chronyd.
//!
//! This crate is for authors of safe wrappers. It has the C types and constants of `chrony.h` ([`types`]), and a table
//! with a pointer to each of its functions ([`Symbols`]). The library is opened with `dlopen`: a program that uses this
//! crate builds without libchrony's header and starts without the library.
//!
//! Applications should use the crate `libchrony` instead. This crate does not make decisions, check arguments or hide
//! libchrony's pitfalls.
//!
//! [libchrony]: https://gitlab.com/chrony/libchrony
//!
//! ```no_run
//! use libchrony_sys::Symbols;
//!
//! // SAFETY: the file is the system's libchrony, whose initialisers are harmless.
//! let chrony = unsafe { Symbols::load("libchrony.so.0".as_ref()) }?;
//! // SAFETY: the function takes no argument and only reads a constant.
//! let reports = unsafe { (chrony.chrony_get_number_supported_reports)() };
//! println!("{} serves {reports} reports", chrony.path().display());
//! # Ok::<(), libchrony_sys::LoadError>(())
//! ```
#![expect(unsafe_code, reason = "this crate is the boundary to C")]

mod symbols;
pub mod types;

pub use symbols::{LoadError, Symbols};
