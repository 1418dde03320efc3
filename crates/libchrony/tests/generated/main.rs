//! Generated input: chronyd's replies, read through the real libchrony, and addresses that a user may type.
//!
//! The number of cases is limited, and each run has another seed. A failure prints the smallest case that proptest
//! finds. The fuzzer in `fuzz/` tests the replies without this limit, guided by coverage.
#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail their test")]

mod addresses;
mod promise;
mod replies;
mod server;
