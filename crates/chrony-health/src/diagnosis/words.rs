//! The words and the advice for each reason.

use super::{Diagnosis, Reason};
use crate::advice::{Advice, Alternative, Step, chrony_conf, chronyc, shell, step};
use crate::facts::View;
use crate::quantity::seconds;

/// The root distance from which on chronyd ignores answers, in seconds (test 7).
const OUT_OF_REACH: f64 = 16.0;

impl Diagnosis {
    pub(crate) fn new(view: &View<'_>, reason: Reason) -> Self {
        let source = view.source.address.clone();
        Self {
            mode: view.source.mode.name(),
            is_usable: view.is_usable,
            state: reason.label(),
            words: reason.words(),
            advice: reason.advice(&source),
            alternatives: reason.alternatives(),
            reason,
            source,
        }
    }
}

impl Reason {
    /// Returns true if there are too few samples since answers are lost, and not since the source is new.
    pub(crate) fn loses_answers(&self) -> bool {
        matches!(self, Self::FewSamples { answered: ..8, polls: Some(8), .. })
    }

    /// Returns the number that decided the reason, and its words. `None` if no number did.
    pub(crate) fn size(&self) -> Option<(f64, String)> {
        match *self {
            Self::TooFar { distance: size } | Self::Jittery { std_dev: Some(size) } => Some((size, seconds(size))),
            Self::StratumOutOfRange { stratum } => Some((stratum.into(), format!("stratum {stratum}"))),
            _ => None,
        }
    }

    /// Returns the reason in a word or two, for a table.
    #[must_use]
    pub const fn label(&self) -> &'static str {
        match self {
            Self::NoAddress => "no address",
            Self::Noselect => "noselect",
            Self::IgnoredByAuthselectmode => "ignored",
            Self::ClockSilent => "no samples",
            Self::ClockLost { .. } | Self::Lost { .. } => "lost",
            Self::Offline => "offline",
            Self::NtsRefused => "NTS refused",
            Self::NtsNoKeys { .. } => "no NTS keys",
            Self::KeyMissing { .. } => "key missing",
            Self::KeyRejected { .. } => "wrong key",
            Self::NotAsked => "not polled yet",
            Self::NotSent => "not polled",
            Self::NtsSilent { .. } | Self::NeverAnswered { .. } => "no answer",
            Self::Invalid { .. } => "invalid answers",
            Self::RateLimited => "rate limited",
            Self::Unsynchronised => "not synchronised",
            Self::NoUsableAnswer => "no usable answer",
            Self::Loop => "loop",
            Self::Rejected { .. } => "rejected",
            Self::FewSamples { .. } => "too few samples",
            Self::WaitingForSamples => "waits for others",
            Self::Waits => "selectable, waits",
            Self::WaitsForUpdate => "waits for update",
            Self::TooFar { .. } => "too far away",
            Self::Jittery { .. } => "too variable",
            Self::StratumOutOfRange { .. } => "wrong stratum",
            Self::Stale { .. } => "stale",
            Self::Orphan => "orphan",
            Self::NotTrusted => "not trusted",
            Self::Falseticker { .. } => "falseticker",
            Self::NotPreferred => "not preferred",
            Self::NotCombined => "not combined",
            Self::Combined => "combined",
            Self::Selected => "selected",
            Self::Unusable => "unusable",
        }
    }

    /// Returns the reason in words that continue the name of the source.
    #[must_use]
    pub fn words(&self) -> String {
        let ago = |last: &u32| seconds(f64::from(*last));
        match self {
            Self::NoAddress => "has no address: its name was not resolved".to_owned(),
            Self::Noselect => "is only monitored (noselect)".to_owned(),
            Self::IgnoredByAuthselectmode => "is ignored, since it is not authenticated (authselectmode)".to_owned(),
            Self::ClockSilent => "has never given a sample".to_owned(),
            Self::ClockLost { last_sample_ago } | Self::Stale { last_sample_ago } => {
                format!("gave its last sample {} ago", ago(last_sample_ago))
            }
            Self::Offline => "is offline: chronyd does not poll it".to_owned(),
            Self::NtsRefused => "refused the NTS cookies (NAK)".to_owned(),
            Self::NtsSilent { transmitted } => {
                format!("gave NTS keys, but answers no NTP requests ({transmitted} sent)")
            }
            Self::NtsNoKeys { attempts, had_keys: false } => {
                format!("has given no NTS keys ({})", count((*attempts).into(), "attempt"))
            }
            Self::NtsNoKeys { attempts, .. } => {
                format!(
                    "has no NTS cookies left, and its server gives no new keys ({})",
                    count((*attempts).into(), "attempt")
                )
            }
            Self::KeyMissing { key } => format!("needs key {key}, which is not in the key file"),
            Self::KeyRejected { key, received } => {
                format!("sends no answer that key {key} authenticates ({received} received)")
            }
            Self::NotAsked => "has not been polled yet".to_owned(),
            Self::NotSent => "was not polled: no request could be sent".to_owned(),
            Self::NeverAnswered { transmitted, .. } => {
                format!("has never answered ({} sent)", count(*transmitted, "request"))
            }
            Self::Invalid { received } => format!("sends no valid answer ({received} received)"),
            Self::RateLimited => "limits the rate of requests (RATE)".to_owned(),
            Self::Unsynchronised => "answers, but is not synchronised itself".to_owned(),
            Self::Lost { last_sample_ago: u32::MAX, .. } => "gave no valid answer to the last 8 polls".to_owned(),
            Self::Lost { last_sample_ago, .. } => {
                format!("gave no valid answer to the last 8 polls; its last sample is {} old", ago(last_sample_ago))
            }
            Self::NoUsableAnswer => "has given no usable answer".to_owned(),
            Self::Loop => "follows this clock: the two would follow each other".to_owned(),
            Self::Rejected { tests } => format!("sends answers that chronyd rejects (test {tests})"),
            Self::FewSamples { answered, .. } if self.loses_answers() => {
                format!("has too few samples (it answered {answered} of the last 8 polls)")
            }
            Self::FewSamples { answered, polls, .. } => {
                let of = polls.map_or_else(String::new, |polls| format!(" of {polls}"));
                format!("has too few samples yet (it answered {answered}{of} polls)")
            }
            Self::WaitingForSamples => "waits for samples of other sources".to_owned(),
            Self::TooFar { distance } if *distance >= OUT_OF_REACH => {
                format!(
                    "is {} away from a reference clock, and chronyd ignores answers from 16 s on",
                    seconds(*distance)
                )
            }
            Self::TooFar { distance } => {
                format!("is {} away from a reference clock, more than maxdistance allows", seconds(*distance))
            }
            Self::Jittery { std_dev: Some(std_dev) } => {
                format!("varies by {}, more than maxjitter allows", seconds(*std_dev))
            }
            Self::Jittery { std_dev: None } => "varies more than maxjitter allows".to_owned(),
            Self::StratumOutOfRange { stratum } => format!("is at stratum {stratum}, which chrony.conf does not allow"),
            Self::Orphan => "is in local mode (orphan), as this server is".to_owned(),
            Self::NotTrusted => "does not agree with the trusted sources".to_owned(),
            Self::Falseticker { offset, error } => {
                format!("is {} off, with an error of {}, and is a falseticker", seconds(offset.abs()), seconds(*error))
            }
            Self::Waits => "is selectable, but chronyd waits".to_owned(),
            Self::WaitsForUpdate => "is selectable after the next update of the clock".to_owned(),
            Self::NotPreferred => "is usable, but another source is preferred".to_owned(),
            Self::NotCombined => "is usable, but not combined".to_owned(),
            Self::Combined => "is combined with the selected source".to_owned(),
            Self::Selected => "is selected".to_owned(),
            Self::Unusable => "is not used (chronyd gives the reason over its Unix socket)".to_owned(),
        }
    }

    /// Returns the next steps for this source.
    #[must_use]
    pub fn advice(&self, source: &str) -> Advice {
        let ntpdata = || chronyc("See the last valid answer", format!("ntpdata {source}"));
        let capture = || shell("Watch the packets, as root", format!("tcpdump -n host {source} and port 123"));
        match self {
            Self::NoAddress => Advice::of([
                shell("Check that this machine resolves names", "getent hosts pool.ntp.org"),
                chronyc("Let chronyd look up the names now", "refresh"),
            ]),
            Self::Noselect => Advice::of([chrony_conf("To use a source, remove its option", "noselect")]),
            Self::IgnoredByAuthselectmode => Advice::of([chrony_conf(
                "If you can do without authentication, use the other sources as well",
                "authselectmode ignore",
            )]),
            Self::ClockSilent | Self::ClockLost { .. } => Advice::of([
                step("Check that the receiver has a signal, and that its driver or gpsd runs"),
                step("Check that chronyd may open its device, socket or memory segment"),
            ]),
            Self::Offline => Advice::of([
                chronyc("Let chronyd poll the sources again", "online"),
                step("If they go offline again when the network changes, check the scripts of the network manager"),
            ]),
            Self::NtsRefused => Advice::of([
                step("Wait: chronyd gets new keys with its next request"),
                step(
                    "If that does not help, allow TCP port 4460, and look in chronyd's log for a rejected certificate",
                ),
            ]),
            Self::NtsSilent { .. } => Advice::of([
                step("Allow UDP port 123 in both directions, including the longer packets of NTS"),
                capture(),
            ]),
            Self::NtsNoKeys { .. } => Advice::of([
                step("Allow TCP port 4460 to the server"),
                step("Look in chronyd's log for a rejected certificate"),
                chrony_conf(
                    "If this clock is too wrong to verify certificates, set it by hand. As a last resort, ignore their dates until the \
                     first update, although this weakens the authentication",
                    "nocerttimecheck 1",
                ),
            ]),
            Self::KeyMissing { key } => Advice::of([
                step(format!("Add key {key} to the key file")),
                chronyc("Let chronyd read the key file again", "rekey"),
            ]),
            Self::KeyRejected { key, .. } => {
                Advice::of([step(format!("Compare key {key} and its type with the key file on the server"))])
            }
            Self::NotAsked => Advice::of([step("Wait for the first poll")]),
            Self::NotSent => Advice::of([shell("Check that there is a route", route(source))]),
            Self::NeverAnswered { has_key, .. } => {
                let key =
                    step("Compare the key with the key file on the server, which may drop requests with a wrong key");
                let mut advice = Advice::of([
                    step("Check that an NTP server runs at this address"),
                    step("Allow UDP port 123 in both directions"),
                ]);
                advice.steps.extend(has_key.then_some(key));
                advice
            }
            Self::Invalid { .. } => Advice::of([capture()]),
            Self::RateLimited => Advice::of([
                chrony_conf("Raise the shortest polling interval", "minpoll"),
                step("If many hosts share this address (NAT), let one of them serve the others"),
            ]),
            Self::Unsynchronised => {
                Advice::of([step("Find out on the server why it is not synchronised"), step("Or use other servers")])
            }
            Self::Lost { .. } => Advice::of([
                step("Check the network, and that the servers run"),
                step("Look for \"KoD RATE\" in chronyd's log: then poll less often"),
            ]),
            Self::NoUsableAnswer | Self::Unusable => Advice::of([shell(
                "Find the reason on chronyd's machine, as root",
                "chronyc selectdata; chronyc ntpdata",
            )]),
            Self::Loop => Advice::of([step("Remove one of the two from the sources of the other")]),
            Self::Rejected { tests } => rejected(tests, ntpdata()),
            Self::FewSamples { .. } | Self::WaitingForSamples => Advice::of([
                step("Wait for the next polls"),
                chronyc("Or poll now", "burst 4/4"),
                chrony_conf("Synchronise faster after each start", "iburst"),
            ]),
            Self::TooFar { distance } => too_far(*distance, ntpdata()),
            Self::Jittery { .. } => Advice::of([
                step("Use sources with a more constant delay"),
                chrony_conf("Or allow more jitter, if an error of 10 s does no harm", "maxjitter 10"),
            ]),
            Self::StratumOutOfRange { .. } => {
                Advice::of([step("Compare the stratum with minstratum and maxstratum in chrony.conf")])
            }
            Self::Stale { .. } => Advice::of([step("Check that it still answers"), ntpdata()]),
            Self::Orphan => Advice::of([step("Give one of the servers in local mode a source")]),
            Self::NotTrusted => Advice::of([step("Compare its time with the time of the trusted sources")]),
            Self::Falseticker { .. } => {
                Advice::of([step("Compare it with other servers, and remove it if it is wrong")])
            }
            Self::Waits => Advice::of([chronyc("Find what chronyd waits for, as root", "selectdata -v")]),
            Self::WaitsForUpdate | Self::NotPreferred | Self::NotCombined | Self::Combined | Self::Selected => {
                Advice::default()
            }
        }
    }

    /// Returns other reasons with the same signs.
    #[must_use]
    pub fn alternatives(&self) -> &'static [Alternative] {
        match self {
            Self::ClockSilent | Self::ClockLost { .. } => CLOCK,
            Self::NtsNoKeys { .. } => NTS_KEYS,
            Self::NtsSilent { .. } => NTS_NTP,
            Self::NeverAnswered { has_key: false, .. } => ANSWER,
            Self::NeverAnswered { .. } => ANSWER_WITH_KEY,
            Self::Lost { is_silent: true, .. } => LOST,
            Self::Lost { .. } => LOST_OVER_THE_PORT,
            Self::NoUsableAnswer => NO_ANSWER,
            Self::Unusable => UNUSABLE,
            _ => &[],
        }
    }
}

pub(crate) const CLOCK: &[Alternative] = &[
    Alternative::of("the device gives no signal or no pulse"),
    Alternative::of("the receiver has no lock"),
    Alternative::of("chronyd has no permission to open the device"),
];
pub(crate) const NTS_KEYS: &[Alternative] = &[
    Alternative::of("TCP port 4460 is blocked"),
    Alternative::of("the certificate is not accepted"),
    Alternative::of("this clock is too wrong to verify it"),
];
pub(crate) const NTS_NTP: &[Alternative] =
    &[Alternative::of("UDP port 123 is blocked"), Alternative::of("the NTP server does not answer")];
pub(crate) const ANSWER: &[Alternative] =
    &[Alternative::of("a firewall"), Alternative::of("a wrong address"), Alternative::of("a server that does not run")];
pub(crate) const ANSWER_WITH_KEY: &[Alternative] = &[
    Alternative::of("a firewall"),
    Alternative::of("a wrong address"),
    Alternative::of("a server that does not run"),
    Alternative::of("a key that the server does not accept"),
];
pub(crate) const LOST: &[Alternative] = &[
    Alternative::of("the network"),
    Alternative::of("the server"),
    Alternative::of("the server drops requests to limit their rate"),
];
pub(crate) const LOST_OVER_THE_PORT: &[Alternative] = &[
    Alternative::of("the network"),
    Alternative::of("the server"),
    Alternative::of("the server drops requests to limit their rate"),
    Alternative::by("the server answers, and is no longer synchronised", "ntpdata"),
    Alternative::by("NTS no longer gives cookies or keys", "authdata"),
];
pub(crate) const NO_ANSWER: &[Alternative] = &[
    Alternative::of("the network, a firewall, or no route"),
    Alternative::of("it was not polled yet"),
    Alternative::by("the server is not synchronised, or too far away", "ntpdata"),
    Alternative::by("NTS gives no keys, or a key is wrong or missing", "authdata"),
];
pub(crate) const UNUSABLE: &[Alternative] = &[
    Alternative::by("it follows this clock, or its answers fail another test", "ntpdata"),
    Alternative::by("it is too far away from a reference clock", "selectdata"),
    Alternative::by("it is only monitored (noselect), or ignored by authselectmode", "selectdata"),
    Alternative::by("it is not trusted, or an orphan, or its stratum is not allowed", "selectdata"),
];

fn count(number: u32, thing: &str) -> String {
    format!("{number} {thing}{}", if number == 1 { "" } else { "s" })
}

fn route(source: &str) -> String {
    format!("ip route get {source}")
}

fn rejected(tests: &str, ntpdata: Step) -> Advice {
    let option = match tests {
        "A" => "maxdelay",
        "B" => "maxdelayratio",
        _ => "maxdelaydevratio",
    };
    Advice::of([ntpdata, chrony_conf("If its delay always varies like this, raise the limit", option)])
}

fn too_far(distance: f64, ntpdata: Step) -> Advice {
    let mut advice = Advice::of([ntpdata, step("Use servers that are nearer to a reference clock")]);
    let allow = || chrony_conf("Or allow the distance, if an error of 16 s does no harm", "maxdistance 16");
    advice.steps.extend((distance < OUT_OF_REACH).then(allow));
    advice
}
