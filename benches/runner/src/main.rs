//! The contestants of the benchmark that are written in Rust, in a long-lived process.
//!
//! ```text
//! bench-runner libchrony                       the crate libchrony
//! bench-runner raw [SESSIONS [FORM]]           libchrony's own functions, through the crate libchrony-sys
//! bench-runner fleet FIRST PORT COUNT IN_FLIGHT SECONDS
//!                                              both, with thousands of chronyds; see fleet.rs
//! ```
//!
//! `fleet` answers each line `crate` or `raw` on stdin with one line of JSON about one round. The others answer each
//! line `CASE ADDRESS COUNT` with one line of JSON: the wall time and the CPU time of COUNT calls in nanoseconds, and
//! the number of records of one call. With the prefix `once-`, each call of a case opens and closes its own connection.
//! With the suffix `/N`, only the first N records are read.

mod crate_libchrony;
mod fleet;
mod raw;

use std::error::Error;
use std::io::{BufRead, Write};
use std::time::Instant;

/// The report that one call reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Report {
    Tracking,
    Sources,
    SourceStats,
    NtpData,
}

/// A parsed line of stdin.
struct Case<'a> {
    /// Open, read and close in each call.
    once: bool,
    report: Report,
    /// The maximum number of records to read.
    limit: Option<i32>,
    address: &'a str,
}

/// A client that is measured.
trait Contestant {
    /// Makes one call, and returns the number of records.
    fn call(&mut self, case: &Case<'_>) -> Result<usize, Box<dyn Error>>;
}

fn parse(line: &str) -> Option<(Case<'_>, u32)> {
    let mut words = line.split(' ');
    let (name, address, count) = (words.next()?, words.next()?, words.next()?.parse().ok()?);
    let (once, name) = name.strip_prefix("once-").map_or((false, name), |name| (true, name));
    let (name, limit) = name.split_once('/').map_or((name, None), |(name, limit)| (name, limit.parse().ok()));
    let report = match name {
        "tracking" => Report::Tracking,
        "sources" => Report::Sources,
        "sourcestats" => Report::SourceStats,
        "ntpdata" => Report::NtpData,
        _ => return None,
    };
    Some((Case { once, report, limit, address }, count))
}

/// Returns the CPU time of this process in nanoseconds.
fn cpu_time() -> i64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: a writable timespec; the clock exists on every Linux.
    unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &raw mut time) };
    time.tv_sec * 1_000_000_000 + time.tv_nsec
}

fn run(contestant: &mut dyn Contestant, line: &str) -> Result<String, Box<dyn Error>> {
    let Some((case, count)) = parse(line) else {
        return Ok(r#"{"unsupported": true}"#.to_owned());
    };
    let mut records = 0;
    let (cpu, wall) = (cpu_time(), Instant::now());
    for _ in 0..count {
        records = contestant.call(&case)?;
    }
    let (wall, cpu) = (wall.elapsed().as_nanos(), cpu_time() - cpu);
    Ok(format!(r#"{{"wall": {wall}, "cpu": {cpu}, "records": {records}}}"#))
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.first().map(String::as_str) {
        Some("libchrony") => {
            let mut contestant = crate_libchrony::Crate::new()?;
            serve(|line| run(&mut contestant, line))
        }
        Some("raw") => {
            let mut contestant = raw::Raw::new(&arguments[1..])?;
            serve(|line| run(&mut contestant, line))
        }
        Some("fleet") => {
            let mut fleets = fleet::Fleets::new(&arguments[1..])?;
            serve(|line| fleets.run(line))
        }
        _ => Err("usage: bench-runner libchrony|raw|fleet".into()),
    }
}

fn serve(mut answer: impl FnMut(&str) -> Result<String, Box<dyn Error>>) -> Result<(), Box<dyn Error>> {
    let mut out = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let answer = answer(line?.trim());
        let answer = answer.unwrap_or_else(|error| format!(r#"{{"error": {:?}}}"#, error.to_string()));
        writeln!(out, "{answer}")?;
        out.flush()?;
    }
    Ok(())
}
