//! Judge whether the clock of chronyd is right, and say why not.

#![expect(missing_docs, reason = "a move; the next commit has them")]

mod document;
mod facts;
mod measure;
pub mod quantity;
mod range;
mod verdict;

pub use document::markdown;
pub use facts::{Fact, Facts, Polled, follows_source, is_away, is_usable, update_interval};
pub use measure::{CHRONYD, RULES, Rule, rule};
pub use range::{Range, Unit};
pub use verdict::{Finding, GRACE, Level, Limits, Settings, Verdict, judge, right};
