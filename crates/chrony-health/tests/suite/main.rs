//! Tests the judgement through the public API, on scripted chronyds. The tests of `chrony-report` cover each measure.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail their test")]

mod cases;

use chrony_health::{Answers, Facts, Level, Limits, Measure, Policy, Range, Unit, Verdict, assess, judge};
use libchrony::fleet::Fleet;
use libchrony::{Activity, Address, Connection, Error, SelectData, Source, SourceState, Tracking};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use testbed::{Fault, Scripted, Values};

/// Starts a chronyd whose clock is right, except for `tracking`.
fn chronyd(tracking: &str) -> Scripted {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let values = format!(r#"{{"tracking": {{"reference time": {now}{tracking}}}, "sources": 4}}"#);
    Scripted::start(Values::new(&values.parse().unwrap())).unwrap()
}

fn socket(chronyd: &Scripted) -> Address {
    Address::parse(chronyd.socket()).unwrap()
}

fn facts(chronyd: &Scripted) -> Facts {
    Facts::read(&Connection::builder().address(socket(chronyd)).build().unwrap())
}

/// Returns the parts of a verdict that are compared.
fn said(verdict: &Verdict) -> (Level, Level, Vec<(&'static str, Level)>) {
    let findings = verdict.findings.iter().map(|finding| (finding.measure.name, finding.level));
    (verdict.level, verdict.worst, findings.collect())
}

#[test]
fn a_fleet_and_a_connection_are_judged_alike() {
    let chronyds = [chronyd(""), chronyd(r#", "root dispersion": 0.2"#), chronyd(r#", "current correction": 0.1"#)];
    let mut fleet = Fleet::builder(chronyds.iter().map(socket).collect()).build().unwrap();
    let answers: Vec<(usize, Answers)> = fleet.read::<(Tracking, Vec<Source>, Vec<SelectData>, Activity)>().collect();
    assert_eq!(answers.len(), chronyds.len());
    for (index, answers) in answers {
        let facts_of_fleet = Facts::of_answers(&socket(&chronyds[index]), answers);
        assert!(facts_of_fleet.uptime().is_some());
        let [one, other] = [facts_of_fleet, facts(&chronyds[index])].map(|facts| judge(&facts, &Policy::default()));
        assert_eq!(said(&one), said(&other));
        assert_eq!(one.worst, [Level::Ok, Level::Warning, Level::Critical][index], "{}", one.headline);
        assert_eq!(one.headline, other.headline);
    }
}

#[test]
fn a_known_fault_is_worse_than_what_is_not_known() {
    let mut facts = facts(&chronyd(""));
    let level = |facts: &Facts| judge(facts, &Policy::default()).level;
    assert_eq!(level(&facts), Level::Ok);
    facts.sources = Err(Error::Crowded { report: "sources", waited: Duration::ZERO }.into());
    assert_eq!(level(&facts), Level::Unknown);
    facts.tracking.as_mut().unwrap().offset = -0.02;
    let verdict = judge(&facts, &Policy::default());
    let worst = &verdict.findings[0];
    assert_eq!((verdict.level, worst.measure.name, worst.value), (Level::Warning, "offset", Some(0.02)));
    assert_eq!(worst.words, "the clock is 20 ms fast");
    let alarms: Vec<_> = verdict.alarms().map(|finding| finding.measure.name).collect();
    assert_eq!(alarms, ["offset", "sources", "reach", "falsetickers", "agreement"]);
}

/// The first cause must be one of the level of the headline.
#[test]
fn the_worst_causes_come_first() {
    let mut facts = facts(&chronyd(""));
    facts.select_data = Err(Error::Crowded { report: "selectdata", waited: Duration::ZERO }.into());
    facts.sources.as_mut().unwrap()[3].state = SourceState::Falseticker;
    facts.tracking.as_mut().unwrap().root_dispersion = 2.0;
    let verdict = judge(&facts, &Policy::default());
    let causes: Vec<_> = verdict.causes.iter().map(|cause| (cause.cause.name, cause.level)).collect();
    assert_eq!(causes, [("dispersion", Level::Critical), ("falsetickers", Level::Warning)]);
}

#[test]
fn limits_replace_those_of_the_measure_one_by_one() {
    let facts = facts(&chronyd(r#", "stratum": 5"#));
    let stratum = Measure::named("stratum").unwrap();
    let judged = |limits| judge(&facts, &Policy::answering().with(stratum, limits));
    let verdict = judged(Limits { warning: Some(Range::between(1.0, 4.0)), critical: None });
    assert_eq!(
        said(&verdict),
        (Level::Warning, Level::Warning, vec![("stratum", Level::Warning), ("chronyd", Level::Ok)])
    );
    assert_eq!(verdict.findings[0].critical, stratum.critical);
    let verdict = judged(Limits { critical: Some(Range::parse("@5", Unit::Number).unwrap()), ..Limits::default() });
    assert_eq!(verdict.level, Level::Critical);
    assert_eq!(verdict.findings[0].warning, stratum.warning);
}

#[test]
fn a_chronyd_that_cannot_be_asked_is_not_judged_further() {
    let chronyd = chronyd("");
    chronyd.set(Fault::Silence);
    let address = socket(&chronyd);
    let connection = Connection::builder().address(address).timeout(Duration::from_millis(200)).build().unwrap();
    let nts = Measure::named("nts").unwrap();
    let (facts, verdict) = assess(&connection, &Policy::default().with(nts, Limits::default()));
    assert!(facts.auth_data.is_none() && facts.age().is_none());
    assert_eq!(said(&verdict), (Level::Critical, Level::Critical, vec![("chronyd", Level::Critical)]));
    assert_eq!(verdict.causes.iter().map(|cause| cause.cause.name).collect::<Vec<_>>(), ["silence"]);
}

#[test]
fn facts_and_verdicts_go_between_threads() {
    fn goes<T: Send + Sync + Clone>() {}
    goes::<Facts>();
    goes::<Policy>();
    goes::<Verdict>();
}

#[test]
fn the_document_has_the_tables_of_the_measures_and_the_causes() {
    let document = include_str!("../../../../docs/judgement.md");
    for table in chrony_health::markdown() {
        assert!(document.contains(&table), "put this into docs/judgement.md:\n{table}");
    }
}
