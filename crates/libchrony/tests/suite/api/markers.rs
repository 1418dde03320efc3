//! The types that threads may send and share, checked when the tests are compiled.

use libchrony::{
    Address, AddressError, AsyncConnection, Builder, Connection, Error, ErrorKind, Field, FieldError, LeapStatus,
    LibchronyError, Library, LibraryError, ReferenceId, RtcData, Source, SourceMode, SourceState, SourceStats, Stage,
    Tracking, Transport, Unit, Value,
};
use static_assertions::{assert_impl_all, assert_not_impl_any};
use std::error::Error as StdError;
use std::fmt::Debug;

assert_impl_all!(Library: Send, Sync, Clone, Debug);
assert_impl_all!(Address: Send, Sync, Clone, Debug);
assert_impl_all!(Connection: Send, Sync, Debug);
assert_impl_all!(AsyncConnection: Send, Sync, Clone, Debug);
assert_impl_all!(libchrony::nonblocking::Connection: Send, Sync, Clone, Debug);
assert_impl_all!(libchrony::nonblocking::Call<Vec<Source>>: Send, Debug);
assert_impl_all!(libchrony::fleet::Fleet: Send, Debug);
assert_impl_all!(libchrony::fleet::Round<libchrony::fleet::Fleet, (Tracking, Vec<Source>)>: Send, Debug);
assert_impl_all!(Builder: Send, Sync, Debug);
assert_impl_all!(Error: Send, Sync, StdError);
assert_impl_all!(AddressError: Send, Sync, StdError);
assert_impl_all!(LibraryError: Send, Sync, StdError);
assert_impl_all!(LibchronyError: Send, Sync, StdError);
assert_impl_all!(FieldError: Send, Sync, StdError);
assert_impl_all!(Tracking: Send, Sync, Clone, Debug);
assert_impl_all!(Source: Send, Sync, Clone, Debug);
assert_impl_all!(SourceStats: Send, Sync, Clone, Debug);
assert_impl_all!(RtcData: Send, Sync, Clone, Debug);
assert_impl_all!(LeapStatus: Send, Sync, Copy);
assert_impl_all!(SourceState: Send, Sync, Copy);
assert_impl_all!(SourceMode: Send, Sync, Copy);
assert_impl_all!(ReferenceId: Send, Sync, Copy);
assert_impl_all!(ErrorKind: Send, Sync, Copy);
assert_impl_all!(Transport: Send, Sync, Copy);
assert_impl_all!(Field: Send, Sync, Copy);
assert_impl_all!(Stage: Send, Sync, Copy);
assert_impl_all!(Unit: Send, Sync, Copy);
assert_impl_all!(Value<'static>: Send, Sync, Copy);
// Two connections on one socket would take each other's responses.
assert_not_impl_any!(Connection: Clone);
