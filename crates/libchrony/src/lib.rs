//! Read the state of chronyd, the NTP daemon, through the system's [libchrony].
//!
//! chronyd knows how far the clock is off, which sources it follows and how good they are. This crate gives Rust
//! programs that knowledge as typed, validated records. It covers all ten reports of libchrony: [`Tracking`],
//! [`Source`], [`SourceStats`], [`RtcData`], [`Activity`], [`SelectData`], [`AuthData`], [`NtpData`], [`ServerStats`]
//! and [`Smoothing`]. The crate only reads: it cannot change chronyd. libchrony, which speaks the protocol, is loaded
//! at run time, so building does not need a C header.
//!
//! Every call ends by its deadline, even if chronyd is stopped, unless a system call such as opening a socket blocks. A
//! value outside its documented range is an error, never a number.
//!
//! See [`Connection`] for threads, forks and restarts, and [`Address`] for the ways to reach chronyd. Its Unix domain
//! socket serves root and chronyd's user. Its command port (UDP 323 on the loopback interface) serves all users.
//!
//! ```
//! # let chronyd = testbed::Chronyd::builder().start()?;
//! # let address = libchrony::Address::parse(chronyd.socket())?;
//! use libchrony::Connection;
//!
//! // Without an address, four are tried in this order: /run/chrony/chronyd.sock, /var/run/chrony/chronyd.sock,
//! // 127.0.0.1 and ::1.
//! let chronyd = Connection::builder().address(address).build()?;
//! let tracking = chronyd.tracking()?;
//! if tracking.is_synchronized() {
//!     println!("{:+.9} s off {}", tracking.offset, tracking.reference_id_name);
//! } else {
//!     println!("not synchronised; {} sources", chronyd.sources()?.len());
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [libchrony]: https://gitlab.com/chrony/libchrony

#[cfg(not(target_os = "linux"))]
compile_error!("libchrony works only on Linux: it waits with epoll, and looks into /proc");

mod address;
mod connection;
mod drivers;
mod engine;
mod error;
pub mod fleet;
mod library;
mod raw;
mod report;

pub use address::{Address, AddressError, Transport};
pub use connection::{Builder, Connection};
pub use drivers::nonblocking;
#[cfg(feature = "tokio")]
pub use drivers::tokio::AsyncConnection;
pub use engine::policy::{DEFAULT_LANES, DEFAULT_RECORDS_PER_LANE, DEFAULT_TIMEOUT};
pub use error::advice::{SecurityModule, Silence};
pub use error::{Error, ErrorKind, Stage};
pub use library::{Library, LibraryError, UnknownReport};
pub use raw::failure::LibchronyError;
pub use report::any::{AnyField, AnyRecord};
pub use report::collect::{AnyRecords, Readable, Rows};
pub use report::content::{Content, Type, Unit};
pub use report::datum::Datum;
pub use report::field::{Constants, Field, Sense, Value};
pub use report::record::FieldError;
pub use report::reference_id::ReferenceId;
pub use report::value::{Open, UnknownName};
pub use report::*;

/// The examples in the README and in `docs/`, as documentation tests.
#[cfg(doctest)]
mod documents {
    #[doc = include_str!("../../../README.md")]
    struct Readme;

    #[doc = include_str!("../../../docs/errors.md")]
    struct Errors;

    #[doc = include_str!("../../../docs/rust.md")]
    struct Rust;
}
