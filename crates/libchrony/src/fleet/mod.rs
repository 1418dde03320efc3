//! The same reports from thousands of chronyds, in one thread, round after round.
//!
//! For a single chronyd, use a [`Connection`](crate::Connection).
//!
//! ```
//! # let (one, other) = (testbed::Scripted::start(Default::default())?, testbed::Scripted::start(Default::default())?);
//! # let addresses = [&one, &other].map(|chronyd| format!("127.0.0.1:{}", chronyd.command_port()).parse().unwrap());
//! use libchrony::fleet::Fleet;
//! use libchrony::{Address, Source, Tracking};
//! use std::time::Duration;
//!
//! let addresses: Vec<Address> = addresses.into();
//! let mut fleet = Fleet::builder(addresses).timeout(Duration::from_secs(2)).build()?;
//! let addresses = fleet.addresses();
//! // In the order in which the results arrive.
//! for (index, tracking) in fleet.read::<Tracking>() {
//!     match tracking {
//!         Ok(tracking) => println!("{}: {:+.9} s off", addresses[index], tracking.offset),
//!         Err(error) => println!("{}: {error}", addresses[index]),
//!     }
//! }
//! // The next round uses the same sockets.
//! for (index, (tracking, sources)) in fleet.read::<(Tracking, Vec<Source>)>() {
//!     println!("{}: stratum {}, {} sources", addresses[index], tracking?.stratum, sources?.len());
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod call;
mod descriptors;
mod members;
mod reports;
mod round;
mod schedule;
#[cfg(feature = "tokio")]
mod tokio;

pub use crate::engine::policy::DEFAULT_IN_FLIGHT;
pub use descriptors::Descriptors;
pub use members::{Builder, Fleet};
pub use reports::Reports;
pub use round::Round;
pub use schedule::Progress;
#[cfg(feature = "tokio")]
pub use tokio::AsyncRound;
