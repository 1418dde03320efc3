//! The causes that are the reason of a source, such as a server that does not answer.

use super::{Cause, Explains, Found, Need};
use crate::diagnosis::{ANSWER_WITH_KEY, CLOCK, LOST_OVER_THE_PORT, NO_ANSWER, NTS_KEYS, NTS_NTP, Reason, UNUSABLE};
use crate::quantity::seconds;

macro_rules! said {
    ($case:ident, $found:ident, $many:literal) => {
        $case.say(&$found.sources, $many)
    };
    ($case:ident, $found:ident, $many:literal, $none:literal) => {
        $case.say_none(&$found.sources, $many, $none)
    };
}

/// Defines a cause that holds for each source with a reason. For one source, it has the words of the reason. `$none` follows "none of
/// the sources".
macro_rules! of_reason {
    ($constant:ident, $name:literal, $about:literal, $method:literal, [$($need:ident),*], $explains:expr, $others:expr, $reason:pat, $many:literal $(, $none:literal)?) => {
        pub(super) const $constant: Cause = Cause {
            name: $name,
            about: $about,
            method: $method,
            needs: &[Need::Sources, $(Need::$need),*],
            explains: $explains,
            not_told_from: $others,
            holds: |case| Found::sources(case.places(|view, reason| !view.is_usable && matches!(reason, $reason))),
            says: |case, found| said!(case, found, $many $(, $none)?),
            advice: |case, found| case.advice(&found.sources),
        };
    };
}

of_reason!(
    NTS_REFUSED,
    "nts-refused",
    "A server refuses the NTS cookies",
    "authdata: NAK",
    [AuthData],
    Explains::loss_and(&["sources", "reach", "nts"]),
    &[],
    Reason::NtsRefused,
    "refused the NTS cookies (NAK)"
);
of_reason!(
    NTS_NO_KEYS,
    "nts-no-keys",
    "A server gives no NTS keys",
    "authdata: mode NTS, no cookies, and failed attempts to get keys",
    [AuthData],
    Explains::loss_and(&["sources", "reach", "nts"]),
    NTS_KEYS,
    Reason::NtsNoKeys { .. },
    "have given no NTS keys",
    "has given NTS keys"
);
of_reason!(
    NTS_SILENT,
    "nts-silent",
    "A server gave NTS keys, but answers no requests that use them",
    "authdata: mode NTS with a key. ntpdata: messages were transmitted, but none received",
    [AuthData, NtpData],
    Explains::loss_and(&["sources", "reach", "nts"]),
    NTS_NTP,
    Reason::NtsSilent { .. },
    "gave NTS keys, but answer no NTP requests"
);
of_reason!(
    KEY_MISSING,
    "key-missing",
    "The key of a source is not in the key file",
    "authdata: mode symmetric key without a key. ntpdata: nothing was transmitted",
    [AuthData, NtpData],
    Explains::loss(),
    &[],
    Reason::KeyMissing { .. },
    "need keys that are not in the key file"
);
of_reason!(
    KEY_REJECTED,
    "key-rejected",
    "A server answers with a wrong key, or without one",
    "authdata: mode symmetric key. ntpdata: messages were received, but none was valid",
    [AuthData, NtpData],
    Explains::loss(),
    &[],
    Reason::KeyRejected { .. },
    "send no answers that their keys authenticate",
    "sends answers that its key authenticates"
);
of_reason!(
    RATE_LIMITED,
    "rate-limited",
    "A server limits the rate of requests",
    "ntpdata: the reference ID of the last valid message is RATE",
    [NtpData],
    Explains::loss(),
    &[],
    Reason::RateLimited,
    "limit the rate of requests (RATE)"
);
of_reason!(
    UNSYNCHRONISED_SERVERS,
    "unsynchronised-servers",
    "The servers answer, but are not synchronised themselves",
    "ntpdata: test 6 failed for the last valid message, which has no kiss code",
    [NtpData],
    Explains::loss(),
    &[],
    Reason::Unsynchronised,
    "answer, but are not synchronised themselves"
);
of_reason!(
    LOOP,
    "loop",
    "A source follows this clock",
    "ntpdata: test D failed",
    [NtpData],
    Explains::loss(),
    &[],
    Reason::Loop,
    "follow this clock: they would follow each other"
);
of_reason!(
    STRATUM_OUT_OF_RANGE,
    "stratum-out-of-range",
    "chrony.conf does not allow the stratum of a source",
    "selectdata: state r",
    [SelectData],
    Explains::loss(),
    &[],
    Reason::StratumOutOfRange { .. },
    "have a stratum that chrony.conf does not allow"
);
of_reason!(
    ORPHANS,
    "orphans",
    "The sources are in local mode, as this server is",
    "selectdata: state O",
    [SelectData],
    Explains::loss(),
    &[],
    Reason::Orphan,
    "are in local mode (orphan), as this server is"
);
of_reason!(
    TOO_FAR,
    "too-far",
    "A source is farther away from a reference clock than maxdistance allows",
    "selectdata: state d. Or ntpdata: test 7 failed. Or sources: not usable, with an error over 3 s",
    [],
    Explains::loss(),
    &[],
    Reason::TooFar { .. },
    "are too far away from a reference clock"
);
of_reason!(
    JITTERY,
    "jittery",
    "The measurements of a source vary more than maxjitter allows",
    "sources: state jittery",
    [],
    Explains::loss(),
    &[],
    Reason::Jittery { .. },
    "vary more than maxjitter allows"
);
of_reason!(
    REJECTED,
    "rejected",
    "chronyd rejects the answers of a source because of their delay",
    "ntpdata: test A, B or C failed",
    [NtpData],
    Explains::loss(),
    &[],
    Reason::Rejected { .. },
    "send answers that chronyd rejects because of their delay"
);
of_reason!(
    NOT_TRUSTED,
    "not-trusted",
    "A source does not agree with the trusted ones",
    "selectdata: state T",
    [SelectData],
    Explains::loss(),
    &[],
    Reason::NotTrusted,
    "do not agree with the trusted sources",
    "agrees with the trusted sources"
);
of_reason!(
    NEVER_ANSWERED,
    "never-answered",
    "A source has never answered",
    "ntpdata: messages were transmitted, but none received",
    [NtpData],
    Explains::loss(),
    ANSWER_WITH_KEY,
    Reason::NeverAnswered { .. },
    "have never answered",
    "has ever answered"
);
of_reason!(
    INVALID,
    "invalid-answers",
    "A source sends only invalid answers",
    "ntpdata: messages were received, but none was valid",
    [NtpData],
    Explains::loss(),
    &[],
    Reason::Invalid { .. },
    "send no valid answers",
    "sends valid answers"
);
pub(super) const SOURCES_LOST: Cause = Cause {
    name: "sources-lost",
    about: "A source has been lost: it answered before, but no longer does",
    method: "sources: reachability 0, and a sample",
    needs: &[Need::Sources],
    explains: Explains::loss(),
    not_told_from: LOST_OVER_THE_PORT,
    holds: |case| {
        let is_lost = |reason: &Reason| matches!(reason, Reason::Lost { .. } | Reason::Stale { .. });
        Found::sources(case.places(|view, reason| !view.is_usable && is_lost(reason)))
    },
    says: |case, found| {
        let said = case.say_none(
            &found.sources,
            "gave no valid answer to the last 8 polls",
            "gave a valid answer to the last 8 polls",
        );
        let last = found.sources.iter().map(|place| case.views[*place].source.last_sample_ago).min();
        match last {
            Some(last) if last < u32::MAX && found.sources.len() > 1 => {
                format!("{said}; the last sample is {} old", seconds(last.into()))
            }
            _ => said,
        }
    },
    advice: |case, found| case.advice(&found.sources),
};

of_reason!(
    CLOCK_SILENT,
    "clock-silent",
    "A reference clock has never given a sample",
    "sources: a reference clock without a sample",
    [],
    Explains::loss(),
    CLOCK,
    Reason::ClockSilent,
    "have never given a sample",
    "has ever given a sample"
);
of_reason!(
    CLOCK_LOST,
    "clock-lost",
    "A reference clock no longer gives samples",
    "sources: a reference clock with reachability 0 and an old sample",
    [],
    Explains::loss(),
    CLOCK,
    Reason::ClockLost { .. },
    "no longer give samples",
    "still gives samples"
);
of_reason!(
    NO_USABLE_ANSWER,
    "no-usable-answer",
    "A source has given no usable answer. chronyd did not give the reports that show the reason",
    "sources: reachability 0, and no sample",
    [],
    Explains::loss(),
    NO_ANSWER,
    Reason::NoUsableAnswer,
    "have given no usable answer",
    "has given a usable answer"
);
of_reason!(
    UNUSABLE_SOURCES,
    "unusable",
    "chronyd does not use a source, and did not give the reports that show the reason",
    "sources: a source that answers, with the state nonselectable",
    [],
    Explains::loss(),
    UNUSABLE,
    Reason::Unusable,
    "are not used (chronyd gives the reason over its Unix socket)"
);
of_reason!(
    NOT_SENT,
    "not-sent",
    "No request to a source could be sent",
    "ntpdata: nothing was transmitted",
    [NtpData],
    Explains::loss(),
    &[],
    Reason::NotSent,
    "were not polled: no request could be sent"
);

pub(super) const STARTING: Cause = Cause {
    name: "starting",
    about: "chronyd has too few samples of the sources yet",
    method: "sourcestats: fewer than 3 samples. Or selectdata: state M or w. Or ntpdata: no message was sent yet",
    needs: &[Need::Sources],
    explains: Explains::loss(),
    not_told_from: &[],
    holds: |case| {
        let is_new = |reason: &Reason| {
            let is_young = matches!(reason, Reason::FewSamples { .. } | Reason::WaitingForSamples | Reason::NotAsked);
            is_young && !reason.loses_answers()
        };
        Found::sources(case.places(|view, reason| !view.is_usable && is_new(reason)))
    },
    says: |case, found| case.say(&found.sources, "have too few samples yet"),
    advice: |case, found| case.advice(&found.sources),
};
