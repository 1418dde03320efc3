//! Judges whether the clock of chronyd, the NTP daemon, is right, and says why not.
//!
//! [`assess`] reads the reports of one chronyd and judges them by a [`Policy`]. The [`Verdict`] has a [`Level`], a
//! headline, a [`Finding`] for each [`Measure`], a [`Diagnosis`] for each source, and the causes of what is not in order,
//! with [`Advice`]. The crate does not print anything and does not parse a command line. The command `chrony-report` is
//! built on it.
//!
//! ```
//! # let chronyd = testbed::Chronyd::builder().start()?;
//! # let address = libchrony::Address::parse(chronyd.socket())?;
//! use chrony_health::{Level, Policy, assess};
//! use libchrony::Connection;
//!
//! let chronyd = Connection::builder().address(address).build()?;
//! let (facts, verdict) = assess(&chronyd, &Policy::default());
//! println!("{}: {}", verdict.level, verdict.headline);
//! for cause in &verdict.causes {
//!     println!("{}: {} ({})", cause.level, cause.words, cause.cause.name);
//!     for step in &cause.advice.steps {
//!         println!("- {}", step.words);
//!     }
//! }
//! # // This chronyd has no sources, and was started just now.
//! # assert_eq!((verdict.level, verdict.worst), (Level::Ok, Level::Critical));
//! # assert_eq!((verdict.causes[0].cause.name, facts.views().len()), ("no-sources", 0));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A policy can set limits, and add the measures that are off by default:
//!
//! ```
//! use chrony_health::{Limits, Measure, Policy, Range};
//!
//! let bound = Measure::named("bound").ok_or("no such measure")?;
//! let limits = Limits { warning: Some(Range::up_to(0.001)), critical: Some(Range::up_to(0.01)) };
//! let policy = Policy::default().with(bound, limits);
//! # assert!(policy.has("bound"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The answers of a [fleet](libchrony::fleet) are judged in the same way. A further round reads the details of those
//! in trouble, within the same timeout:
//!
//! ```
//! # let (one, other) = (testbed::Scripted::start(Default::default())?, testbed::Scripted::start(Default::default())?);
//! # let addresses = [&one, &other].map(|chronyd| format!("127.0.0.1:{}", chronyd.command_port()).parse().unwrap());
//! use chrony_health::{Details, Facts, Policy, judge};
//! use libchrony::fleet::Fleet;
//! use libchrony::{Activity, AuthData, NtpData, SelectData, Source, SourceStats, Tracking};
//! use std::collections::BTreeMap;
//!
//! let policy = Policy::default();
//! let mut fleet = Fleet::builder(addresses.into()).build()?;
//! let addresses = fleet.addresses();
//! let mut verdicts = BTreeMap::new();
//! let mut troubled = BTreeMap::new();
//! for (index, answers) in fleet.read::<(Tracking, Vec<Source>, Vec<SelectData>, Activity)>() {
//!     let facts = Facts::of_answers(&addresses[index], answers);
//!     let verdict = judge(&facts, &policy);
//!     if verdict.wants() != Details::None {
//!         troubled.insert(index, facts);
//!     }
//!     verdicts.insert(index, verdict);
//! }
//! # assert_eq!(troubled.len(), 2);
//! let indexes: Vec<_> = troubled.keys().copied().collect();
//! for (index, details) in fleet.read_from::<(Vec<Option<AuthData>>, Vec<SourceStats>, Vec<Option<NtpData>>)>(&indexes) {
//!     if let Some(mut facts) = troubled.remove(&index) {
//!         facts.add_details(details);
//!         verdicts.insert(index, judge(&facts, &policy));
//!     }
//! }
//! for (index, verdict) in verdicts {
//!     println!("{}: {}", addresses[index], verdict.headline);
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod advice;
mod assessment;
mod case;
mod cause;
mod diagnosis;
mod document;
mod facts;
mod level;
mod measure;
mod policy;
pub mod quantity;
mod range;
#[cfg(feature = "schema")]
mod schema;
mod site;
mod verdict;

pub use advice::{Accept, Advice, Alternative, Step, Text};
pub use assessment::{Answer, Assessment, assess};
pub use cause::{Cause, Explains, Need};
pub use diagnosis::{Diagnosis, Reason};
pub use document::markdown;
pub use facts::{
    Answers, DetailAnswers, Details, Fact, Facts, Polled, Uptime, View, expected_update_interval, followed,
    follows_source, is_away, is_usable,
};
pub use level::Level;
pub use measure::{Measure, reference};
pub use policy::{Limits, LimitsError, Policy};
pub use range::{Range, RangeError, Unit};
pub use site::{Site, SiteError};
pub use verdict::{Finding, NamedCause, Verdict, judge};

/// The JSON Schema of a serialised [`Verdict`].
pub const VERDICT_SCHEMA: &str = include_str!("../verdict.schema.json");

/// Runs the example of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
