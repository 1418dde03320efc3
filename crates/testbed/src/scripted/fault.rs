//! The faults of the scripted chronyd, and their times.
//!
//! Faults add up. Each applies to every request until it is cleared, unless [`Fault::Only`] or [`Fault::After`] narrows
//! them. This module decides, and does not send.

use std::str::FromStr;
use std::time::Duration;

use super::request::Request;
use crate::Error;

/// The time that an answer waits to be overtaken.
const OVERTAKEN: Duration = Duration::from_millis(50);

/// The delay of an answer that is kept back: longer than any test.
const HELD: Duration = Duration::from_secs(24 * 60 * 60);

/// One fault. As text, for the program, it has the name in brackets, and then the value.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Fault {
    /// Receive and do not answer (`silence`).
    Silence,
    /// Delay answers (`delay SECONDS`). Requests do not wait for each other.
    Delay(Duration),
    /// Keep answers back until [`release`](super::Scripted::release) (`hold`).
    Hold,
    /// Do not answer the next requests (`drop N`).
    Drop(u32),
    /// Lose a percentage of the answers, evenly spread (`loss PERCENT`, to a thousandth).
    Loss(f64),
    /// Lose at random, in an order that follows from this seed (`seed N`).
    Seed(u64),
    /// Lose requests in place of answers: what is lost is not counted and has no effect (`unheard`).
    Unheard,
    /// Refuse with this status (`status N`).
    Status(u16),
    /// Report these numbers of sources, one for each request, and then always the last one (`count N[,N…]`; -1 is
    /// 4294967295).
    Count(Vec<u32>),
    /// Once, after AFTER requests for records of sources: remove the source of index REMOVE, and append ADD others
    /// (`churn AFTER REMOVE ADD`). As in chronyd, the sources after the removed one move up. libchrony sends two
    /// requests for a record of authdata and of ntpdata, so a source can go between them.
    Churn {
        /// The number of records that are sent before the change.
        after: u32,
        /// The index of the source that goes.
        remove: usize,
        /// The number of sources that are added.
        add: usize,
    },
    /// Send N invalid datagrams before each answer (`junk-before N`).
    JunkBefore(usize),
    /// Send invalid datagrams every few milliseconds in place of an answer (`junk-forever`).
    JunkForever,
    /// Send each answer twice (`duplicate`).
    Duplicate,
    /// Send the answer to the previous request again, and then the right one (`older`).
    Older,
    /// Let the next answer overtake each answer, if it comes soon (`reorder`).
    Reorder,
    /// Answer in this version of the protocol (`version N`).
    Version(u8),
    /// Answer with this packet type (`packet-type N`).
    PacketType(u8),
    /// Answer as if to a request with this code (`request-code N`).
    RequestCode(u16),
    /// Answer with this reply code (`reply-code N`).
    ReplyCode(u16),
    /// Answer with a sequence number that is one off (`sequence-off`).
    SequenceOff,
    /// Cut answers to N bytes (`truncate N`).
    Truncate(usize),
    /// Fill answers with random values, which follow from this seed (`random SEED`).
    Random(u64),
    /// Close the sockets in place of an answer, like a chronyd that exits (`leave`).
    Leave,
    /// Stop reading the sockets, so that the senders' queue fills (`unread`).
    Unread,
    /// Serve every report over UDP, as `opencommands` allows since chrony 4.7 (`open`). This is not a fault.
    Open,
    /// Apply the faults only to requests with these codes (`only CODE[,CODE…]`).
    Only(Vec<u16>),
    /// Answer the first N requests correctly, of the requests that [`Fault::Only`] names (`after N`).
    After(u32),
}

impl FromStr for Fault {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let bad = || Error::Script(format!("not a fault: {text}"));
        let (name, value) = text.trim().split_once(' ').unwrap_or((text.trim(), ""));
        let value = value.trim();
        let fault = match name {
            "delay" => {
                let seconds: f64 = value.parse().map_err(|_| bad())?;
                Self::Delay(Duration::try_from_secs_f64(seconds).map_err(|_| bad())?)
            }
            "drop" => value.parse().map(Self::Drop).map_err(|_| bad())?,
            "loss" => {
                let percent = value.parse().ok().filter(|percent| (0.0..=100.0).contains(percent));
                Self::Loss(percent.ok_or_else(bad)?)
            }
            "seed" => value.parse().map(Self::Seed).map_err(|_| bad())?,
            "status" => value.parse().map(Self::Status).map_err(|_| bad())?,
            "count" => Self::Count(
                list(value, |number| match number {
                    "-1" => Some(u32::MAX),
                    _ => number.parse().ok(),
                })
                .ok_or_else(bad)?,
            ),
            "churn" => {
                let numbers = value.split_whitespace().map(|number| number.parse().ok()).collect::<Option<Vec<u32>>>();
                let Some(&[after, remove, add]) = numbers.as_deref() else { return Err(bad()) };
                Self::Churn { after, remove: remove as usize, add: add as usize }
            }
            "junk-before" => value.parse().map(Self::JunkBefore).map_err(|_| bad())?,
            "version" => value.parse().map(Self::Version).map_err(|_| bad())?,
            "packet-type" => value.parse().map(Self::PacketType).map_err(|_| bad())?,
            "request-code" => value.parse().map(Self::RequestCode).map_err(|_| bad())?,
            "random" => value.parse().map(Self::Random).map_err(|_| bad())?,
            "reply-code" => value.parse().map(Self::ReplyCode).map_err(|_| bad())?,
            "truncate" => value.parse().map(Self::Truncate).map_err(|_| bad())?,
            "only" => Self::Only(list(value, |number| number.parse().ok()).ok_or_else(bad)?),
            "after" => value.parse().map(Self::After).map_err(|_| bad())?,
            _ if !value.is_empty() => return Err(bad()),
            "silence" => Self::Silence,
            "hold" => Self::Hold,
            "unheard" => Self::Unheard,
            "duplicate" => Self::Duplicate,
            "older" => Self::Older,
            "reorder" => Self::Reorder,
            "leave" => Self::Leave,
            "junk-forever" => Self::JunkForever,
            "sequence-off" => Self::SequenceOff,
            "unread" => Self::Unread,
            "open" => Self::Open,
            _ => return Err(bad()),
        };
        Ok(fault)
    }
}

fn list<T>(text: &str, parse: impl Fn(&str) -> Option<T>) -> Option<Vec<T>> {
    text.split(',').map(|item| parse(item.trim())).collect()
}

/// The faults in effect.
#[derive(Debug, Default)]
pub(super) struct Faults {
    silence: bool,
    drop: u32,
    loss: Loss,
    churn: Option<Churn>,
    only: Vec<u16>,
    after: u32,
    pub(super) unread: bool,
    pub(super) open: bool,
    wrong: Wrong,
}

/// The fate of a request.
pub(super) enum Judgement {
    /// The request never arrives.
    Unheard,
    /// The request gets no answer.
    Unanswered,
    /// The request gets an answer with these faults.
    Answered(Wrong),
}

/// A source to remove, and the number of sources to add.
#[derive(Debug, Clone, Copy)]
pub(super) struct Churn {
    after: u32,
    pub(super) remove: usize,
    pub(super) add: usize,
}

/// The faults of an answer.
#[derive(Debug, Default, Clone)]
pub(crate) struct Wrong {
    pub(super) delay: Duration,
    pub(super) status: Option<u16>,
    pub(super) count: Option<u32>,
    pub(super) copies: usize,
    pub(super) older: bool,
    /// The time that it waits to be overtaken.
    pub(super) overtaken: Option<Duration>,
    pub(super) version: Option<u8>,
    pub(super) packet_type: Option<u8>,
    pub(super) request_code: Option<u16>,
    pub(super) reply_code: Option<u16>,
    pub(super) sequence_off: u32,
    pub(super) truncate: Option<usize>,
    pub(super) random: Option<fastrand::Rng>,
    pub(super) leave: bool,
    /// The change of the sources before the answer.
    pub(super) churn: Option<Churn>,
    pub(super) junk_before: usize,
    pub(super) junk_forever: bool,
    counts: Vec<u32>,
}

/// All answers, as a rate in thousandths of a percent.
const ALL: u32 = 100_000;

/// Spreads losses evenly, or at random by a seed. Both are reproducible.
#[derive(Debug, Default)]
pub(crate) struct Loss {
    rate: u32,
    sum: u32,
    /// Set if requests are lost in place of answers.
    unheard: bool,
    random: Option<fastrand::Rng>,
}

impl Loss {
    /// Sets the percentage, which is evenly spread unless there is a seed.
    pub(crate) fn set(&mut self, percent: f64) {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most ALL")]
        let rate = (percent.clamp(0.0, 100.0) * f64::from(ALL / 100)).round() as u32;
        (self.rate, self.sum) = (rate, 0);
    }

    pub(crate) fn seed(&mut self, seed: u64) {
        self.random = Some(fastrand::Rng::with_seed(seed));
    }

    pub(crate) fn hits(&mut self) -> bool {
        if let Some(random) = &mut self.random {
            return random.u32(..ALL) < self.rate;
        }
        self.sum += self.rate;
        let hit = self.sum >= ALL;
        self.sum %= ALL;
        hit
    }
}

impl Faults {
    pub(super) fn add(&mut self, fault: Fault) {
        match fault {
            Fault::Silence => self.silence = true,
            Fault::Delay(delay) => self.wrong.delay = delay,
            Fault::Hold => self.wrong.delay = HELD,
            Fault::Drop(number) => self.drop = number,
            Fault::Loss(percent) => self.loss.set(percent),
            Fault::Seed(seed) => self.loss.seed(seed),
            Fault::Unheard => self.loss.unheard = true,
            Fault::Churn { after, remove, add } => self.churn = Some(Churn { after, remove, add }),
            Fault::Status(status) => self.wrong.status = Some(status),
            Fault::Count(counts) => self.wrong.counts = counts,
            Fault::JunkBefore(number) => self.wrong.junk_before = number,
            Fault::JunkForever => self.wrong.junk_forever = true,
            Fault::Duplicate => self.wrong.copies = 1,
            Fault::Older => self.wrong.older = true,
            Fault::Reorder => self.wrong.overtaken = Some(OVERTAKEN),
            Fault::PacketType(number) => self.wrong.packet_type = Some(number),
            Fault::RequestCode(code) => self.wrong.request_code = Some(code),
            Fault::Random(seed) => self.wrong.random = Some(fastrand::Rng::with_seed(seed)),
            Fault::Leave => self.wrong.leave = true,
            Fault::Version(version) => self.wrong.version = Some(version),
            Fault::ReplyCode(code) => self.wrong.reply_code = Some(code),
            Fault::SequenceOff => self.wrong.sequence_off = 1,
            Fault::Truncate(length) => self.wrong.truncate = Some(length),
            Fault::Unread => self.unread = true,
            Fault::Open => self.open = true,
            Fault::Only(codes) => self.only = codes,
            Fault::After(number) => self.after = number,
        }
    }

    /// Returns the fate of this request.
    pub(super) fn judge(&mut self, request: &Request) -> Judgement {
        if !self.only.is_empty() && !self.only.contains(&request.code) {
            return Judgement::Answered(Wrong::default());
        }
        if self.after > 0 {
            self.after -= 1;
            return Judgement::Answered(Wrong::default());
        }
        if self.drop > 0 {
            self.drop -= 1;
            return Judgement::Unanswered;
        }
        let lost = self.loss.hits();
        if lost && self.loss.unheard {
            return Judgement::Unheard;
        }
        if lost || self.silence {
            return Judgement::Unanswered;
        }
        let mut wrong = self.wrong.clone();
        wrong.random = self.wrong.random.as_mut().map(fastrand::Rng::fork);
        if request.asks_number() {
            wrong.count = wrong.counts.first().copied();
            if self.wrong.counts.len() > 1 {
                self.wrong.counts.remove(0);
            }
        }
        if request.asks_source() {
            wrong.churn = self.churn.take_if(|churn| churn.after == 0);
            if let Some(churn) = &mut self.churn {
                churn.after -= 1;
            }
        }
        Judgement::Answered(wrong)
    }

    /// Reads the sockets and answers without a delay again.
    pub(super) fn release(&mut self) {
        self.unread = false;
        self.wrong.delay = Duration::ZERO;
    }

    pub(super) fn streams_junk(&self) -> bool {
        self.wrong.junk_forever
    }
}
