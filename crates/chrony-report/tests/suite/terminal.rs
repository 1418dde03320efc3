//! Tests of the program on a terminal: its width, its colours, and the settings that remove them.

use crate::support::{program, run, scripted};
use libchrony::{REPORTS, Shape};
use rustix::fs::{Mode, OFlags, open};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use std::fs::File;
use std::io::Read;

/// Returns the output of a run on a terminal of this width.
fn on_terminal(asked: &[&str], columns: u16, environment: &[(&str, &str)]) -> String {
    let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&terminal).unwrap();
    unlockpt(&terminal).unwrap();
    let name = ptsname(&terminal, Vec::new()).unwrap();
    let side = open(name, OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).unwrap();
    tcsetwinsize(&side, Winsize { ws_row: 24, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 }).unwrap();
    let mut command = program(asked);
    command.env("TERM", "xterm").envs(environment.iter().copied());
    let mut child = command.stdout(File::from(side)).spawn().unwrap();
    drop(command);
    let (mut text, mut file) = (Vec::new(), File::from(terminal));
    let mut some = [0; 4096];
    // The end of a terminal is an error.
    while let Ok(count @ 1..) = file.read(&mut some) {
        text.extend_from_slice(&some[..count]);
    }
    assert_eq!(child.wait().unwrap().code(), Some(0));
    String::from_utf8(text).unwrap().replace("\r\n", "\n")
}

fn without_styles(text: &str) -> String {
    anstream::adapter::strip_str(text).to_string()
}

#[test]
fn no_line_is_wider_than_the_terminal_and_nothing_is_lost() {
    let chronyd = scripted(r#"{"rtcdata": {}, "sources": 6}"#);
    for table in REPORTS {
        let name = table.name.to_str().unwrap();
        let asked = ["-H", chronyd.socket().to_str().unwrap(), name];
        let piped = run(asked).fine();
        let words = |text: &str| {
            let mut words: Vec<_> = text.split_whitespace().map(str::to_owned).collect();
            words.sort();
            words.dedup();
            words
        };
        for columns in [40, 80, 132] {
            let text = without_styles(&on_terminal(&asked, columns, &[]));
            let widest = text.lines().map(|line| line.chars().count()).max().unwrap();
            // Lists of fields are not broken, and neither are words.
            assert!(widest <= usize::from(columns).max(60), "{columns}: {text}");
            assert_eq!(words(&text), words(&piped), "{text}");
        }
        if table.shape != Shape::Single {
            // Without a terminal, each source has one line.
            assert!(piped.lines().count() <= 6 + 4, "{piped}");
            assert_eq!(piped.lines().filter(|line| line.starts_with("127.1.0.")).count(), 6, "{piped}");
        }
    }
}

#[test]
fn columns_of_the_environment_go_before_the_terminals() {
    let chronyd = scripted(r#"{"sources": 6}"#);
    let asked = ["-H", chronyd.socket().to_str().unwrap(), "sources"];
    let narrow = on_terminal(&asked, 60, &[]);
    assert_eq!(on_terminal(&asked, 200, &[("COLUMNS", "60")]), narrow);
    let mut command = program(asked);
    let piped = command.env("COLUMNS", "60").output().unwrap().stdout;
    assert_eq!(String::from_utf8(piped).unwrap(), without_styles(&narrow));
    assert_eq!(on_terminal(&asked, 60, &[("COLUMNS", "nonsense")]), narrow);
}

#[test]
fn styles_are_for_terminals_only_and_no_color_is_obeyed() {
    let chronyd = scripted(r#"{"sources": 6}"#);
    let asked = ["-H", chronyd.socket().to_str().unwrap(), "get", "sources", "tracking"];
    assert!(on_terminal(&asked, 80, &[]).contains("\x1b[1m"));
    assert!(!on_terminal(&asked, 80, &[("NO_COLOR", "1")]).contains('\x1b'));
    assert!(!on_terminal(&asked, 80, &[("TERM", "dumb")]).contains('\x1b'));
    assert!(!run(asked).fine().contains('\x1b'));
    let mut command = program(asked);
    let forced = command.env("CLICOLOR_FORCE", "1").output().unwrap().stdout;
    assert!(forced.contains(&b'\x1b'));
}

/// The first output that a newcomer sees.
#[test]
fn the_list_of_sources_at_80_columns() {
    let chronyd = scripted(
        r#"{"sources": [
            {"address": "192.0.2.1", "state": 0, "poll": 6, "reachability": 255, "last sample ago": 12,
             "adjusted last sample offset": 2.5e-4, "original last sample offset": 3e-4, "last sample error": 0.021},
            {"address": "2001:db8::2", "state": 4, "poll": 6, "reachability": 127, "last sample ago": 300,
             "adjusted last sample offset": -1e-5, "original last sample offset": -2e-5, "last sample error": 0.001},
            {"address": "192.0.2.3", "state": 2, "poll": 7, "reachability": 1, "last sample ago": 2,
             "adjusted last sample offset": 1.5, "original last sample offset": 1.5, "last sample error": 0.0305},
            {"reference ID": 1196446464, "state": 1, "poll": 4, "reachability": 0, "last sample ago": 4294967295}]}"#,
    );
    let text = on_terminal(&["-H", chronyd.socket().to_str().unwrap(), "sources"], 80, &[("NO_COLOR", "1")]);
    let expected = "\
source           poll  stratum  state          mode             reachability
192.0.2.1        64 s        1  selected       client               11111111
2001:db8::2      64 s        1  unselected     client               01111111
192.0.2.3    2.13 min        1  falseticker    client               00000001
GPS              16 s        1  nonselectable  reference clock      00000000

source             last     original     adjusted     last
             sample ago  last sample  last sample   sample
                              offset       offset    error
192.0.2.1          12 s  300 us fast  250 us fast    21 ms
2001:db8::2       5 min   20 us slow   10 us slow     1 ms
192.0.2.3           2 s   1.5 s fast   1.5 s fast  30.5 ms
GPS               never         none         none     none
";
    assert_eq!(text, expected);
}
