//! The clock: the age of its last update, its accuracy, and chronyd's start.

use super::source::POLLS;
use super::{Facts, View};
use crate::quantity::seconds;
use libchrony::{ReferenceId, Tracking};
use std::time::Duration;

/// The shortest expected update interval, in seconds. A few missed polls 1/16 s apart are harmless.
const SHORTEST: f64 = 1.0;
/// The longest expected update interval, in seconds: eight polls at the longest NTP polling interval, 2^24 s. A
/// reference clock can have a longer interval. Without this limit, no age would raise an alarm.
const LONGEST: f64 = POLLS * 16_777_216.0;
/// The longest default polling interval (`maxpoll 10`), in seconds.
const USUAL: f64 = 1024.0;
/// The lowest stratum at which a server in the chain probably follows only its own clock.
pub(crate) const LOCAL_STRATUM: u8 = 10;
/// The reference ID of a server in local mode.
pub(crate) const LOCAL: ReferenceId = ReferenceId(0x7F7F_0101);

/// The time since chronyd was started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Uptime {
    /// The time, or a longer one if it is not exact.
    pub at_most: Duration,
    /// True if `at_most` is the uptime. It is false if the clock was stepped after the start.
    pub is_exact: bool,
}

impl Facts {
    /// Returns the time since chronyd was started. `None` if it is unknown, as over UDP.
    ///
    /// chronyd creates its Unix socket when it starts, so the modification time of the socket is the start, by the
    /// clock of that moment. If the clock was stepped since, the difference to the present time is wrong. Two other
    /// facts limit it: the time since the machine was booted, and the number of messages that chronyd has sent to its
    /// sources, as long as it is below eight for each.
    #[must_use]
    pub fn uptime(&self) -> Option<Uptime> {
        let booted = self.since_boot?;
        let by_socket = self.time.duration_since(self.started?).ok();
        let known = by_socket.filter(|uptime| *uptime <= booted);
        // While no source answers, chronyd replaces the addresses of a pool, and counts anew.
        let by_messages = self
            .tracking
            .as_ref()
            .ok()
            .filter(|tracking| follows_source(tracking))
            .and_then(|_| self.most_by_messages())
            // The counts of sources that were added later say nothing about the start.
            .filter(|most| known.is_none_or(|known| *most < known / 2));
        match (known, by_messages) {
            (_, Some(at_most)) => Some(Uptime { at_most, is_exact: false }),
            (Some(at_most), None) => Some(Uptime { at_most, is_exact: true }),
            (None, None) => by_socket.map(|_| Uptime { at_most: booted, is_exact: false }),
        }
    }

    /// Returns the longest time in which chronyd can have sent its messages. `None` unless it has sent fewer than eight
    /// to each of its NTP sources, and at least one.
    fn most_by_messages(&self) -> Option<Duration> {
        let views = self.views_while_updated();
        let sent = views.iter().filter(|view| view.is_resolved() && !view.is_clock()).map(|view| {
            let sent = view.ntp_data?.transmitted_messages;
            (1..8).contains(&sent).then(|| f64::from(sent + 1) * view.source.poll_interval())
        });
        let longest = sent.collect::<Option<Vec<_>>>()?.into_iter().reduce(f64::max)?;
        Duration::try_from_secs_f64(longest).ok()
    }

    /// Returns the time since the last update of the clock, in seconds. `None` without the tracking report.
    ///
    /// The reference time is in chronyd's idea of true time, so the correction that is left counts. It is up to one
    /// second too early, since chronyd hides its exact value. An age below 0 means that the chronyd of another machine
    /// was asked, whose clock differs from this one.
    #[must_use]
    pub fn age(&self) -> Option<f64> {
        let tracking = self.tracking.as_ref().ok()?;
        let elapsed = match self.time.duration_since(tracking.ref_time) {
            Ok(elapsed) => elapsed.as_secs_f64(),
            Err(ahead) => -ahead.duration().as_secs_f64(),
        };
        Some(elapsed + tracking.offset)
    }

    /// Returns the time within which an update of the clock is expected, in seconds: from 1 s to eight polls of 2^24 s.
    /// `None` without the tracking report.
    ///
    /// The source that counts is the selected one, or else the usable source with the longest polling interval, or else
    /// any source with the longest. While it is usable and answers, an update is expected within eight of its polling
    /// intervals, since chronyd may skip most of its measurements. Otherwise, an update is expected within one. Without
    /// sources, it is the interval between the last two updates, or 1024 s if that is longer.
    #[must_use]
    pub fn expected_update_interval(&self) -> Option<f64> {
        let polled = |view: &View<'_>| Polled {
            is_selected: view.source.is_selected(),
            is_usable: view.is_usable,
            interval: view.source.poll_interval(),
            answers: view.source.is_reachable(),
        };
        let last = self.tracking.as_ref().ok()?.update_interval;
        Some(expected_update_interval(last, self.views_while_updated().iter().map(polled)))
    }

    /// Returns the accuracy of the clock in words, and whose time it has: `error bound 4.01 ms, synchronised to
    /// 192.0.2.1 (stratum 1)`. The stratum is that of the source. `None` unless the clock follows a source.
    #[must_use]
    pub fn accuracy(&self) -> Option<String> {
        let tracking = self.tracking.as_ref().ok().filter(|tracking| follows_source(tracking))?;
        let source = followed(tracking);
        let (preposition, source) = if tracking.reference_ip.is_none() {
            ("against", format!("{source}, whose own error chronyd does not know"))
        } else if tracking.stratum >= LOCAL_STRATUM {
            let selected = self.views().into_iter().find(|view| view.source.is_selected());
            let is_local = selected.is_some_and(|view| view.ntp_data.is_some_and(|data| data.reference_id == LOCAL));
            let follows = if is_local { "follows" } else { "may follow" };
            ("against", format!("{source}, which {follows} only a local clock"))
        } else {
            ("synchronised to", source)
        };
        Some(match (tracking.clock_error_bound(), preposition) {
            (None, _) => format!("synchronised to {source}"),
            (Some(bound), "against") => format!("error bound {} against {source}", seconds(bound)),
            (Some(bound), _) => format!("error bound {}, synchronised to {source}", seconds(bound)),
        })
    }
}

/// A source, as [`expected_update_interval`] needs it.
#[derive(Clone, Copy, Debug)]
pub struct Polled {
    /// True if chronyd selected the source.
    pub is_selected: bool,
    /// True if chronyd can use the source.
    pub is_usable: bool,
    /// The polling interval, in seconds.
    pub interval: f64,
    /// True if the source answered at least one of the last eight polls.
    pub answers: bool,
}

/// Returns the time within which an update of the clock is expected, in seconds, as
/// [`Facts::expected_update_interval`] does. `last` is the interval between the last two updates, in seconds.
#[must_use]
pub fn expected_update_interval(last: f64, sources: impl Iterator<Item = Polled>) -> f64 {
    let best = |one: &Polled, other: &Polled| {
        let rank = |polled: &Polled| (polled.is_usable, polled.is_selected);
        rank(one).cmp(&rank(other)).then(one.interval.total_cmp(&other.interval))
    };
    let expected = sources.max_by(best).map_or(last.max(USUAL), |polled| {
        polled.interval * if polled.answers && polled.is_usable { POLLS } else { 1.0 }
    });
    expected.clamp(SHORTEST, LONGEST)
}

/// Returns the name of the source that the clock follows, and its stratum unless it is a reference clock.
#[must_use]
pub fn followed(tracking: &Tracking) -> String {
    let name = &tracking.reference_id_name;
    // chronyd reports its own stratum.
    match tracking.reference_ip {
        Some(_) => format!("{name} (stratum {})", tracking.stratum.saturating_sub(1)),
        None => name.clone(),
    }
}

/// Returns true if the clock follows a source other than itself.
#[must_use]
pub fn follows_source(tracking: &Tracking) -> bool {
    tracking.is_synchronized() && !tracking.is_local()
}
