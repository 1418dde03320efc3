//! Tests of `explain`: the lists, the limits in force, and unknown names.

use crate::support::{SITE, program, run};
use chrony_health::{Cause, Measure};
use std::fs;

fn names() -> impl Iterator<Item = &'static str> {
    Measure::ALL.iter().map(|measure| measure.name).chain(Cause::ALL.iter().map(|cause| cause.name))
}

/// Checks that a text fits a terminal, and returns it with single blanks.
fn fitting(text: &str) -> String {
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn without_a_name_it_lists_all_with_their_meanings() {
    let text = fitting(&run(["explain"]).fine());
    for (name, about) in Measure::ALL
        .iter()
        .map(|measure| (measure.name, measure.about))
        .chain(Cause::ALL.iter().map(|cause| (cause.name, cause.about)))
    {
        assert!(text.contains(&format!(" {name} {about}")), "{name}: {text}");
    }
}

#[test]
fn each_name_is_explained_at_length() {
    for measure in Measure::ALL {
        let text = fitting(&run(["explain", measure.name]).fine());
        assert!(text.starts_with(&format!("measure {} value {} limits ", measure.name, measure.about)), "{text}");
        assert!(text.contains(measure.method), "{text}");
        let explained = Cause::ALL.iter().filter(|cause| cause.explains.always.contains(&measure.name));
        assert!(explained.clone().count() > 0 && explained.clone().all(|cause| text.contains(cause.name)), "{text}");
    }
    for cause in Cause::ALL {
        let text = fitting(&run(["explain", cause.name]).fine());
        // The measure of this name, if there is one, comes first.
        let start = format!("cause {} meaning {} evidence ", cause.name, cause.about);
        assert!(text.starts_with(&start) || Measure::named(cause.name).is_some() && text.contains(&start), "{text}");
        let others = cause.not_told_from.iter().map(|other| other.words);
        let told = [cause.method].into_iter().chain(cause.explains.always.iter().copied()).chain(others);
        assert!(told.clone().all(|words| text.contains(words)), "{text}");
    }
}

#[test]
fn the_limits_are_those_in_force() {
    let limits = |site: &str, name: &str| {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("site.toml");
        fs::write(&file, site).unwrap();
        let output = program(["explain", name]).env(SITE, file).output().unwrap();
        fitting(&String::from_utf8(output.stdout).unwrap())
    };
    assert!(limits("", "bound").contains("No warning: 0.1 s; not critical: 1 s."));
    assert!(limits("limits.bound = '10ms,'", "bound").contains("No warning: 0.01 s; not critical: 1 s."));
    assert!(limits("", "nts").contains("Judged only when asked for."));
    assert!(!limits("limits.nts = ','", "nts").contains("Judged only when asked for."));
    assert!(limits("one-source-is-enough = true", "sources").contains("No warning: 1:; not critical: 1:."));
}

#[test]
fn an_unknown_name_is_a_usage_error_that_suggests_a_similar_one() {
    for (name, similar) in [("bond", "'bound'"), ("nts-no-key", "'nts-no-keys'"), ("xyzzy", "lists all names")] {
        let ran = run(["explain", name]);
        ran.failed_usage(&[name, similar, "chrony-report explain lists all names"]);
        assert!(ran.err.lines().count() < 10 && !ran.err.contains("possible values"), "{}", ran.err);
    }
    assert!(names().all(|name| run(["explain", name]).code == Some(0)));
}
