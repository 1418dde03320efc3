//! The assessment of one chronyd: the order in which its reports are read, and the end of the reading.

use crate::cause::Need;
use crate::facts::{Details, Fact, Facts};
use crate::policy::Policy;
use crate::verdict::{Verdict, judge};
use libchrony::{Activity, Address, AuthData, Connection, Error, NtpData, SelectData, Source, SourceStats, Tracking};
use std::sync::Arc;
use std::time::SystemTime;

/// The answer to the request for a report.
#[derive(Debug)]
#[expect(missing_docs, reason = "each has the report of its name")]
pub enum Answer {
    Tracking(Result<Tracking, Error>),
    Sources(Result<Vec<Source>, Error>),
    SelectData(Result<Vec<SelectData>, Error>),
    Activity(Result<Activity, Error>),
    AuthData(Result<Vec<Option<AuthData>>, Error>),
    SourceStats(Result<Vec<SourceStats>, Error>),
    NtpData(Result<Vec<Option<NtpData>>, Error>),
}

/// An assessment in progress, for programs that wait for chronyd in their own way.
///
/// It names the next report to read, and takes the answer. If chronyd does not answer, the remaining reports are not
/// requested: a silent chronyd costs one timeout.
///
/// ```
/// # let chronyd = testbed::Chronyd::builder().start()?;
/// # let address = libchrony::Address::parse(chronyd.socket())?;
/// use chrony_health::{Answer, Assessment, Need, Policy};
/// use libchrony::Connection;
///
/// let chronyd = Connection::builder().address(address).build()?;
/// let mut assessment = Assessment::new(Policy::default());
/// while let Some(report) = assessment.next_report() {
///     let answer = match report {
///         Need::Tracking => Answer::Tracking(chronyd.tracking()),
///         Need::Sources => Answer::Sources(chronyd.sources()),
///         Need::SelectData => Answer::SelectData(chronyd.select_data()),
///         Need::Activity => Answer::Activity(chronyd.activity()),
///         Need::SourceStats => Answer::SourceStats(chronyd.source_stats()),
///         Need::AuthData => Answer::AuthData(chronyd.auth_data()),
///         Need::NtpData => Answer::NtpData(chronyd.ntp_data()),
///         other => unreachable!("there is no report {}", other.name()),
///     };
///     assessment.take(answer, chronyd.address());
/// }
/// let (facts, verdict) = assessment.into_verdict();
/// # assert!(facts.tracking.is_ok() && facts.ntp_data.is_some());
/// # assert_eq!(verdict.causes[0].cause.name, "no-sources");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[must_use = "an assessment does nothing unless it takes answers"]
pub struct Assessment {
    policy: Policy,
    facts: Facts,
    verdict: Verdict,
    /// The reports that are left to read.
    left: &'static [Need],
}

impl Assessment {
    /// Returns an assessment by this policy.
    pub fn new(policy: Policy) -> Self {
        // A report counts as interrupted until it is read.
        let facts = Facts::unavailable(Error::Interrupted);
        let verdict = judge(&facts, &policy);
        Self { policy, facts, verdict, left: &[Need::Tracking, Need::Sources, Need::SelectData, Need::Activity] }
    }

    /// Returns the report to read next. `None` if the assessment is over.
    #[must_use]
    pub fn next_report(&self) -> Option<Need> {
        self.left.first().copied()
    }

    /// Takes the answer to the request for the next report, and the address that has answered, if any has.
    pub fn take(&mut self, answer: Answer, address: Option<Address>) {
        let silence = self.note(answer);
        self.left = self.left.get(1..).unwrap_or_default();
        if let Some(error) = silence {
            for report in std::mem::take(&mut self.left) {
                self.leave_out(*report, &error);
            }
        }
        if !self.left.is_empty() {
            return;
        }
        let had_details = self.facts.auth_data.is_some();
        if !had_details {
            self.facts.locate(address);
        }
        self.verdict = judge(&self.facts, &self.policy);
        let wanted = if had_details { Details::None } else { self.verdict.wants() };
        self.left = match wanted {
            Details::None => &[],
            Details::Authentication => &[Need::AuthData, Need::SourceStats],
            Details::All => &[Need::AuthData, Need::SourceStats, Need::NtpData],
        };
    }

    /// Returns the verdict on the reports that were read.
    #[must_use]
    pub fn verdict(&self) -> &Verdict {
        &self.verdict
    }

    /// Returns the facts and the verdict. A report that was not read counts as interrupted.
    #[must_use]
    pub fn into_verdict(self) -> (Facts, Verdict) {
        (self.facts, self.verdict)
    }

    /// Notes an answer. Returns the error if there was no answer.
    fn note(&mut self, answer: Answer) -> Option<Arc<Error>> {
        fn note<T>(fact: &mut Fact<T>, answer: Result<T, Error>) -> Option<Arc<Error>> {
            *fact = answer.map_err(Arc::new);
            fact.as_ref().err().filter(|error| !error.is_answer()).cloned()
        }
        fn note_detail<T>(fact: &mut Option<Fact<T>>, answer: Result<T, Error>) -> Option<Arc<Error>> {
            note(fact.insert(Err(Arc::new(Error::Interrupted))), answer)
        }
        let facts = &mut self.facts;
        match answer {
            Answer::Tracking(answer) => {
                facts.time = SystemTime::now();
                note(&mut facts.tracking, answer)
            }
            Answer::Sources(answer) => note(&mut facts.sources, answer),
            Answer::SelectData(answer) => note(&mut facts.select_data, answer),
            Answer::Activity(answer) => note(&mut facts.activity, answer),
            Answer::AuthData(answer) => note_detail(&mut facts.auth_data, answer),
            Answer::SourceStats(answer) => note_detail(&mut facts.source_stats, answer),
            Answer::NtpData(answer) => note_detail(&mut facts.ntp_data, answer),
        }
    }

    /// Notes that a report was not requested, because chronyd was silent before.
    fn leave_out(&mut self, report: Need, error: &Arc<Error>) {
        let (facts, error) = (&mut self.facts, Arc::clone(error));
        match report {
            Need::Tracking => facts.tracking = Err(error),
            Need::Sources => facts.sources = Err(error),
            Need::SelectData => facts.select_data = Err(error),
            Need::Activity => facts.activity = Err(error),
            Need::AuthData => facts.auth_data = Some(Err(error)),
            Need::SourceStats => facts.source_stats = Some(Err(error)),
            Need::NtpData => facts.ntp_data = Some(Err(error)),
        }
    }
}

/// Reads the reports of one chronyd, and judges its clock.
///
/// If something is not in order, the reports that tell the cause are read, too, and the clock is judged again. chronyd
/// answers authdata and ntpdata only over its Unix socket, unless `opencommands` in chrony.conf allows them over UDP.
#[must_use]
pub fn assess(connection: &Connection, policy: &Policy) -> (Facts, Verdict) {
    let mut assessment = Assessment::new(policy.clone());
    while let Some(report) = assessment.next_report() {
        let answer = match report {
            Need::Tracking => Answer::Tracking(connection.tracking()),
            Need::Sources => Answer::Sources(connection.sources()),
            Need::SelectData => Answer::SelectData(connection.select_data()),
            Need::Activity => Answer::Activity(connection.activity()),
            Need::AuthData => Answer::AuthData(connection.auth_data()),
            Need::SourceStats => Answer::SourceStats(connection.source_stats()),
            Need::NtpData => Answer::NtpData(connection.ntp_data()),
        };
        assessment.take(answer, connection.address());
    }
    assessment.into_verdict()
}
