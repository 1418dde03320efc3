//! The stored cases, seen by libchrony: each can be served, and its reports do not contradict each other.

use libchrony::{Address, AuthMode, Connection, ErrorKind, NtpFlags, Open, SelectState, SourceMode, SourceState};
use std::time::Duration;
use testbed::{Case, Scripted};

/// Starts the chronyds of the cases in which chronyd answers.
fn chronyds() -> impl Iterator<Item = (Case, Scripted, Connection)> {
    let all = Case::all().unwrap().into_iter();
    all.filter(|case| case.faults.is_empty() && case.library.is_none()).map(|case| {
        let chronyd = case.start().unwrap();
        let address = Address::parse(chronyd.socket()).unwrap();
        (case, chronyd, Connection::builder().address(address).build().unwrap())
    })
}

#[test]
fn all_ten_reports_are_served() {
    let mut number = 0;
    for (case, _chronyd, connection) in chronyds() {
        let served = || {
            let sources = connection.sources()?.len();
            let lists = [
                connection.source_stats()?.len(),
                connection.select_data()?.len(),
                connection.auth_data()?.len(),
                connection.ntp_data()?.len(),
            ];
            assert_eq!(lists, [sources; 4], "{}", case.name);
            connection.tracking()?;
            connection.activity()?;
            connection.server_stats()?;
            connection.smoothing()
        };
        served().unwrap_or_else(|error| panic!("{}: {error}", case.name));
        assert!(connection.rtc_data().is_err(), "{}: chronyd has no RTC", case.name);
        number += 1;
    }
    assert!(number > 60, "only {number} cases were found");
}

#[test]
fn a_chronyd_with_a_fault_does_not_answer() {
    let cases = Case::all().unwrap();
    let kind = |name: &str| {
        let chronyd = cases.iter().find(|case| case.name == name).unwrap().start().unwrap();
        let address = Address::parse(chronyd.socket()).unwrap();
        let connection = Connection::builder().address(address).timeout(Duration::from_millis(200)).build().unwrap();
        connection.tracking().unwrap_err().kind()
    };
    assert_eq!(
        ["no-chronyd", "no-permission", "silence"].map(kind),
        [ErrorKind::NotFound, ErrorKind::Permission, ErrorKind::Timeout]
    );
}

#[test]
fn the_reports_of_a_case_agree() {
    for (case, _chronyd, connection) in chronyds() {
        let name = &case.name;
        let tracking = connection.tracking().unwrap();
        let sources = connection.sources().unwrap();
        let (stats, selection) = (connection.source_stats().unwrap(), connection.select_data().unwrap());
        let (auth, ntp) = (connection.auth_data().unwrap(), connection.ntp_data().unwrap());
        // The tracking report keeps the source that chronyd has followed last.
        let selected = sources.iter().find(|source| source.is_selected());
        if let Some(selected) = selected.filter(|_| tracking.is_synchronized()) {
            assert_eq!(tracking.reference_id_name, selected.address, "{name}");
            assert_eq!(tracking.stratum, selected.stratum + 1, "{name}");
        }
        let mut polled = 0;
        for (at, source) in sources.iter().enumerate() {
            let name = format!("{name}: {}", source.address);
            let is_clock = source.mode == SourceMode::ReferenceClock;
            assert_eq!(source.state, of_selection(selection[at].state), "{name}");
            assert_eq!(source.has_sample(), stats[at].samples > 0, "{name}");
            assert_eq!((auth[at].is_none(), ntp[at].is_none()), (is_clock, is_clock), "{name}");
            let (Some(auth), Some(ntp)) = (&auth[at], &ntp[at]) else { continue };
            assert_eq!(selection[at].authentication, auth.mode != Open::Known(AuthMode::None), "{name}");
            polled += u32::from(!source.address.starts_with("ID#"));
            assert!(ntp.received_good_messages <= ntp.received_valid_messages, "{name}");
            assert!(ntp.received_valid_messages <= ntp.received_messages, "{name}");
            assert!(ntp.received_messages <= ntp.transmitted_messages, "{name}");
            assert_eq!(ntp.received_good_messages > 0, source.has_sample(), "{name}");
            // Only a packet that passes tests 1 to 7 counts as an answer.
            let is_answer =
                [NtpFlags::TEST_5, NtpFlags::TEST_6, NtpFlags::TEST_7].iter().all(|test| ntp.flags.contains(*test));
            assert!(source.reachability == 0 || is_answer && ntp.received_valid_messages > 0, "{name}");
            if ntp.received_valid_messages == 0 {
                assert_eq!((ntp.flags, ntp.local_address.as_ref()), (NtpFlags::default(), None), "{name}");
            }
        }
        let activity = connection.activity().unwrap();
        assert_eq!(activity.online_sources + activity.offline_sources, polled, "{name}");
        let unresolved = sources.iter().filter(|source| source.address.starts_with("ID#")).count();
        assert_eq!(usize::try_from(activity.unresolved_sources).unwrap(), unresolved, "{name}");
    }
}

/// The state in the sources report of a source in this state of the selection, by its letter.
fn of_selection(state: Open<SelectState>) -> SourceState {
    let letter = match state {
        Open::Known(state) => state.number(),
        Open::Unknown(number) => u8::try_from(number).unwrap(),
    };
    match letter {
        b'*' => SourceState::Selected,
        b'+' => SourceState::Unselected,
        b'x' => SourceState::Falseticker,
        b'~' => SourceState::Jittery,
        b'W' | b'P' | b'U' | b'D' | b'L' => SourceState::Selectable,
        _ => SourceState::Nonselectable,
    }
}

#[test]
fn a_case_says_what_is_expected() {
    for case in Case::all().unwrap() {
        let name = &case.name;
        assert!(case.case.ends_with('.'), "{name}: a sentence");
        assert!(["OK", "WARNING", "CRITICAL", "UNKNOWN"].contains(&case.level.as_str()), "{name}: {}", case.level);
        let causes = [&case.cause, &case.over_the_port];
        let is_named = causes.into_iter().flatten().any(|cause| name.starts_with(cause.as_str()));
        assert!(is_named || name.starts_with("good"), "{name}: not the name of a cause that is expected");
        assert_eq!(case.cause.is_none(), name.starts_with("good"), "{name}");
    }
}
