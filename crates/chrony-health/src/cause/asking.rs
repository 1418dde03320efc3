//! The causes for which no report could be read.

use super::{Cause, Explains, Found, Need};
use crate::advice::{Advice, Alternative, step};
use crate::case::Case;
use crate::facts::is_away;
use libchrony::{Error, ErrorKind};
use std::sync::Arc;

const CHRONYD: Explains = Explains::these(&["chronyd"]);

pub(super) const NO_LIBCHRONY: Cause = Cause {
    name: "no-libchrony",
    about: "libchrony is not installed, or cannot be loaded",
    method: "The error of loading it",
    needs: &[],
    explains: CHRONYD,
    not_told_from: &[],
    holds: |case| asked(case, |error| error.kind() == ErrorKind::Library),
    says: |case, _| fault(case.facts.tracking.as_ref().err()),
    advice: |case, _| advice(case.facts.tracking.as_ref().err()),
};

pub(super) const NO_PERMISSION: Cause = Cause {
    name: "no-permission",
    about: "This user has no permission to ask chronyd, or chronyd refuses this host",
    method: "The error of the request for tracking",
    needs: &[],
    explains: CHRONYD,
    not_told_from: &[],
    holds: |case| asked(case, |error| error.kind() == ErrorKind::Permission && !is_away(error)),
    says: |case, _| fault(case.facts.tracking.as_ref().err()),
    advice: |case, _| advice(case.facts.tracking.as_ref().err()),
};

pub(super) const SILENCE: Cause = Cause {
    name: "silence",
    about: "Requests are accepted, but not answered",
    method: "The request for tracking timed out",
    needs: &[],
    explains: CHRONYD,
    not_told_from: &[
        Alternative::of("chronyd hangs or is stopped"),
        Alternative::of("over the command port: cmdallow in chrony.conf does not include this host"),
        Alternative::of("over the Unix socket: AppArmor or SELinux keeps chronyd from answering"),
    ],
    holds: |case| asked(case, is_timeout),
    says: |case, _| fault(case.facts.tracking.as_ref().err()),
    advice: |case, _| advice(case.facts.tracking.as_ref().err()),
};

pub(super) const NO_CHRONYD: Cause = Cause {
    name: "no-chronyd",
    about: "No chronyd runs at this address",
    method: "The error of the request for tracking: no socket, nothing listens, or the name has no address",
    needs: &[],
    explains: CHRONYD,
    not_told_from: &[],
    holds: |case| asked(case, |error| is_away(error) && !is_timeout(error)),
    says: |case, _| fault(case.facts.tracking.as_ref().err()),
    advice: |case, _| advice(case.facts.tracking.as_ref().err()),
};

pub(super) const SOURCES_UNKNOWN: Cause = Cause {
    name: "sources-unknown",
    about: "The sources report could not be read",
    method: "The error of the request for sources",
    needs: &[Need::Tracking],
    explains: Explains::these(&["sources", "reach", "falsetickers", "agreement", "nts"]),
    not_told_from: &[],
    holds: |case| case.facts.sources.is_err().then(Found::default),
    says: |case, _| fault(case.facts.sources.as_ref().err()),
    advice: |case, _| advice(case.facts.sources.as_ref().err()),
};

pub(super) const AUTHENTICATION_UNKNOWN: Cause = Cause {
    name: "authentication-unknown",
    about: "The authdata report could not be read",
    method: "The error of the request for authdata",
    needs: &[Need::Tracking, Need::Sources],
    explains: Explains::these(&["nts"]),
    not_told_from: &[],
    holds: |case| case.facts.auth_data.as_ref().is_some_and(Result::is_err).then(Found::default),
    says: |case, _| fault(authentication_error(case)),
    advice: |case, _| advice(authentication_error(case)),
};

fn is_timeout(error: &Error) -> bool {
    match error {
        Error::Unreachable { best, .. } => is_timeout(best),
        _ => matches!(error, Error::TimedOut { .. }),
    }
}

fn asked(case: &Case<'_>, is_meant: impl Fn(&Error) -> bool) -> Option<Found> {
    case.facts.tracking.as_ref().is_err_and(|error| is_meant(error)).then(Found::default)
}

fn authentication_error<'a>(case: &Case<'a>) -> Option<&'a Arc<Error>> {
    case.facts.auth_data.as_ref()?.as_ref().err()
}

/// Returns the first sentence of the message. The others say what to do.
fn fault(error: Option<&Arc<Error>>) -> String {
    sentences(error).into_iter().next().unwrap_or_default()
}

fn advice(error: Option<&Arc<Error>>) -> Advice {
    Advice { steps: sentences(error).into_iter().skip(1).map(step).collect(), accept: Vec::new() }
}

fn sentences(error: Option<&Arc<Error>>) -> Vec<String> {
    let message = error.map_or_else(String::new, ToString::to_string);
    message.split(". ").map(str::to_owned).collect()
}
