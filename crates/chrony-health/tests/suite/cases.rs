//! Judges the stored cases, over the Unix socket and over the command port.

use chrony_health::{Cause, Facts, Limits, Measure, Policy, VERDICT_SCHEMA, Verdict, assess, judge};
use libchrony::{Address, Connection, Library};
use std::time::Duration;
use testbed::{Case, Scripted};

/// The time that a chronyd has to answer.
const TIMEOUT: Duration = Duration::from_millis(300);

fn policy(case: &Case) -> Policy {
    let measure = |name: &str| Measure::named(name).unwrap();
    let limits = case.limits.iter().map(|(name, text)| (measure(name), Limits::parse(text, measure(name)).unwrap()));
    let nts = case.nts.then(|| (measure("nts"), Limits::default()));
    let policy = Policy::default().with_grace(case.grace);
    limits.chain(nts).fold(policy, |policy, (measure, limits)| policy.with(measure, limits))
}

fn judged(case: &Case, address: Address) -> Verdict {
    let mut builder = Connection::builder().address(address).timeout(TIMEOUT);
    if let Some(path) = &case.library {
        builder = match Library::open(path) {
            Ok(library) => builder.library(library),
            Err(error) => return judge(&Facts::unavailable(error.into()), &policy(case)),
        };
    }
    assess(&builder.build().unwrap(), &policy(case)).1
}

/// Judges a case over its Unix socket, and over its command port.
fn both(case: &Case, chronyd: &Scripted) -> [Verdict; 2] {
    let port = format!("127.0.0.1:{}", chronyd.command_port());
    [Address::parse(chronyd.socket()).unwrap(), port.parse().unwrap()].map(|address| judged(case, address))
}

fn first(verdict: &Verdict) -> Option<&'static str> {
    verdict.causes.first().map(|cause| cause.cause.name)
}

/// Returns all text of a verdict that a person may read.
fn text(verdict: &Verdict) -> String {
    let json = serde_json::to_string(&(&verdict.causes, &verdict.headline, &verdict.accuracy)).unwrap();
    let unexplained = verdict.unexplained().map(|finding| format!("{} {}", finding.words, finding.advice));
    unexplained.fold(json, |text, more| text + &more)
}

#[test]
fn each_case_has_its_cause_and_its_level_and_says_nothing_that_is_wrong() {
    let mut wrong = Vec::new();
    for case in Case::all().unwrap() {
        let chronyd = case.start().unwrap();
        let [socket, port] = both(&case, &chronyd);
        let (found, expected) = ((first(&socket), socket.level.name()), (case.cause.as_deref(), &*case.level));
        if found != expected {
            wrong.push(format!("{}: {found:?}, not {expected:?}: {}", case.name, socket.headline));
        }
        if first(&port) != case.over_the_port.as_deref() {
            let found = first(&port);
            wrong.push(format!(
                "{}: {found:?}, not {:?} over the port: {}",
                case.name, case.over_the_port, port.headline
            ));
        }
        let text = text(&socket);
        for word in case.not.iter().filter(|word| text.contains(&**word)) {
            wrong.push(format!("{}: says {word:?}: {text}", case.name));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn each_verdict_is_as_its_schema_says() {
    let schema: serde_json::Value = VERDICT_SCHEMA.parse().unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    for case in Case::all().unwrap() {
        for verdict in both(&case, &case.start().unwrap()) {
            let json = serde_json::to_value(&verdict).unwrap();
            let faults: Vec<_> = validator.iter_errors(&json).map(|fault| fault.to_string()).collect();
            assert!(faults.is_empty(), "{}: {faults:?}", case.name);
        }
    }
}

#[test]
fn each_cause_has_a_case() {
    let cases = Case::all().unwrap();
    let has_case = |cause: &&Cause| {
        let is_it = |name: &Option<String>| name.as_deref() == Some(cause.name);
        cases.iter().any(|case| is_it(&case.cause) || is_it(&case.over_the_port))
    };
    let without: Vec<_> = Cause::ALL.iter().filter(|cause| !has_case(cause)).map(|cause| cause.name).collect();
    assert!(without.is_empty(), "{without:?}");
}

/// Limits that a cause offers for its acceptance must accept it.
#[test]
fn a_state_that_is_accepted_as_advised_is_in_order() {
    let mut accepted = 0;
    for case in Case::all().unwrap() {
        let chronyd = case.start().unwrap();
        let address = Address::parse(chronyd.socket()).unwrap();
        let verdict = judged(&case, address.clone());
        let [cause] = &verdict.causes[..] else { continue };
        if cause.advice.accept.is_empty() {
            continue;
        }
        let policy = cause.advice.accept.iter().fold(policy(&case), |policy, accept| {
            let limits = Limits { warning: Some(accept.warning), critical: Some(accept.critical) };
            policy.with(Measure::named(accept.measure).unwrap(), limits)
        });
        let connection = Connection::builder().address(address).build().unwrap();
        let verdict = assess(&connection, &policy).1;
        assert!(verdict.alarms().next().is_none(), "{}: {}", case.name, verdict.headline);
        accepted += 1;
    }
    assert!(accepted > 3, "{accepted}");
}
