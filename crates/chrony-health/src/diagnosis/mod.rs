//! The diagnosis of a source: the one reason for its state, and the numbers that decided it.

mod decide;
mod words;

pub(crate) use decide::reasons;
pub(crate) use words::{ANSWER_WITH_KEY, CLOCK, LOST_OVER_THE_PORT, NO_ANSWER, NTS_KEYS, NTS_NTP, UNUSABLE};

use crate::advice::{Advice, Alternative};
use serde::Serialize;

/// One source, with the reason for its state.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Diagnosis {
    /// The address of the source, or the reference ID of a reference clock.
    pub source: String,
    /// libchrony's name of the mode: client, peer or reference clock.
    pub mode: &'static str,
    /// True if chronyd can use the source, and the source was sampled within its last eight polls.
    pub is_usable: bool,
    /// The reason in a word or two, for a table.
    pub state: &'static str,
    /// The reason for the state.
    pub reason: Reason,
    /// The reason in words that continue the name of the source: `has never answered (12 requests)`.
    pub words: String,
    /// The next steps.
    pub advice: Advice,
    /// Other reasons with the same signs.
    pub alternatives: &'static [Alternative],
}

/// The reason for the state of a source, with the numbers that decided it. Times are in seconds.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "name", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Reason {
    /// The name of the source was not resolved to an address.
    NoAddress,
    /// The option `noselect` is configured.
    Noselect,
    /// The source is not authenticated, and `authselectmode` ignores it for that.
    IgnoredByAuthselectmode,
    /// The reference clock has never given a sample.
    ClockSilent,
    /// The reference clock gave samples, and gives none now.
    #[expect(missing_docs, reason = "the field is the one of the sources report")]
    ClockLost { last_sample_ago: u32 },
    /// chronyd was told not to poll the source.
    Offline,
    /// The server refused the NTS cookies.
    NtsRefused,
    /// There are NTS keys, and no request with them was answered.
    NtsSilent {
        /// The number of requests.
        transmitted: u32,
    },
    /// There are no NTS keys, or no cookies are left.
    NtsNoKeys {
        /// The number of attempts to get keys since the last success.
        attempts: u16,
        /// True if there were keys before.
        had_keys: bool,
    },
    /// The key of the source is not in the key file.
    KeyMissing {
        /// The number of the key.
        key: u32,
    },
    /// No answer is authenticated by the key.
    KeyRejected {
        /// The number of the key.
        key: u32,
        /// The number of answers.
        received: u32,
    },
    /// The source has not been polled yet.
    NotAsked,
    /// No request could be sent.
    NotSent,
    /// The source has never answered.
    NeverAnswered {
        /// The number of requests.
        transmitted: u32,
        /// True if the requests were authenticated by a symmetric key.
        has_key: bool,
    },
    /// No answer was valid.
    Invalid {
        /// The number of answers.
        received: u32,
    },
    /// The server limits the rate of requests.
    RateLimited,
    /// The server is not synchronised itself.
    Unsynchronised,
    /// The source answered, and does not any more.
    #[expect(missing_docs, reason = "the field is the one of the sources report")]
    Lost {
        last_sample_ago: u32,
        /// True if ntpdata tells that no answers come, and not answers of an unsynchronised server.
        is_silent: bool,
    },
    /// No usable answer came. The reports that tell why were not given.
    NoUsableAnswer,
    /// The source follows this clock.
    Loop,
    /// The last answers failed tests of chronyd.
    Rejected {
        /// The letters of the tests.
        tests: &'static str,
    },
    /// There are too few samples of the source yet.
    FewSamples {
        /// The number of samples. `None` if it is not known.
        samples: Option<u32>,
        /// The number of polls that were answered, of the last eight.
        answered: u32,
        /// The number of polls, up to eight. `None` if it is not known.
        polls: Option<u32>,
    },
    /// chronyd waits for more samples of other sources.
    WaitingForSamples,
    /// The source is too far away from a reference clock.
    TooFar {
        /// The root distance, as far as it is known.
        distance: f64,
    },
    /// The measurements vary too much.
    Jittery {
        /// The standard deviation. `None` if it is not known.
        std_dev: Option<f64>,
    },
    /// The stratum of the source is not allowed.
    StratumOutOfRange {
        /// The stratum.
        stratum: u8,
    },
    /// The last sample is too old.
    #[expect(missing_docs, reason = "the field is the one of the sources report")]
    Stale { last_sample_ago: u32 },
    /// The source has the stratum of this server's local mode, and another server is preferred.
    Orphan,
    /// The source does not agree with the trusted sources.
    NotTrusted,
    /// The source contradicts the others.
    Falseticker {
        /// The last measured offset. Positive if the clock is fast of the source.
        offset: f64,
        /// The error of that offset.
        error: f64,
    },
    /// The source is selectable, and chronyd waits for something else.
    Waits,
    /// The source is selectable after the next update of the clock.
    WaitsForUpdate,
    /// Another source is preferred.
    NotPreferred,
    /// The source is selectable, and not combined with the selected source.
    NotCombined,
    /// The source is combined with the selected source.
    Combined,
    /// The source is selected.
    Selected,
    /// chronyd does not use the source, and the reports that tell why were not given.
    Unusable,
}

impl Reason {
    /// Returns true if both are the same reason, regardless of the numbers.
    #[must_use]
    pub fn is_alike(&self, other: &Self) -> bool {
        std::mem::discriminant(self) == std::mem::discriminant(other)
    }
}
