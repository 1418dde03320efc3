//! Generated input: what chronyd may answer, through the real libchrony, and what a user may type as an address.
//!
//! A bounded number of cases, from another seed each time; a failure prints the smallest case that proptest finds. The
//! fuzzer in `fuzz/` does the same for as long as it is given, guided by coverage.
#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail their test")]

mod addresses;
mod promise;
mod replies;
mod server;
