//! The test bed as a program, for callers outside Rust: the Python tests, the demo and the benchmarks.
//!
//! The program prints one JSON line once it is ready. Then it reads one command per line on stdin, and answers each
//! with one JSON line. At the end of stdin, and on SIGTERM or SIGINT, it ends and removes all that it started. This
//! file only parses and prints.

use std::io::{BufRead, Write};
use std::process::{Command, ExitCode};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use serde_json::{Value, json};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use testbed::{Builder, Chronyd, Error, Fleet, Pair, Scripted, Values};

const CHRONYD_COMMANDS: &str = "\
Commands on stdin, each answered by one JSON line:
  suspend                     stop it (SIGSTOP)
  resume                      continue it (SIGCONT)
  kill                        end it as a crash would
  terminate                   end it as a service manager would
  restart                     end it if it runs and start it again, same ports; answers like the first line
  wait-synchronised SECONDS   wait until it has a reference
  chronyc ARGS…               run chronyc -c -n on its socket; answers {\"output\": …}";

const PAIR_COMMANDS: &str = "\
Options and commands are those of testbed chronyd, for the client; commands after \"server\" are for the server.

{server} in a line stands for the server's port and quick polling, {port} for its port alone, for NTP and for NTS:
  --line 'server 127.0.0.2 {server} nts ntsport {port}' --line 'server 127.0.0.3 {server} key 3'
Without a line with {server}, there is one source, 127.0.0.1. With some, the client has four good measurements of each
when it is ready.

--all-kinds adds the reference clock GPS; 127.0.0.1 with NTS, 127.0.0.2 with key 3, 127.0.0.3 interleaved, 127.0.0.4 to
127.0.0.7 with noselect, prefer, trust, and require with key 13; 127.0.0.101 and 127.0.0.102, whose NTS fails;
127.0.0.103, offline; 127.0.0.104 with a missing key; a name that does not resolve; and smoothtime.";

const SCRIPTED_COMMANDS: &str = "\
Commands on stdin, each answered by one JSON line:
  fault NAME [VALUE]   add a fault:
                         silence, delay SECONDS, hold, drop N, loss PERCENT, seed N, unheard, status N,
                         count N[,N…], churn AFTER REMOVE ADD, duplicate, older, reorder, junk-before N,
                         junk-forever, version N, packet-type N, request-code N, reply-code N, sequence-off,
                         truncate N, random SEED, leave, unread, open; only CODE[,CODE…] and after N narrow the
                         others
  clear                remove all faults
  release              end hold, delay and unread: send the answers kept back
  values JSON          replace the reports named in it
  requests             answers {\"requests\": {CODE: NUMBER, …}}, received so far
  die                  close and remove the sockets
  come-back            open them again";

const FLEET_COMMANDS: &str = "\
Commands on stdin, each answered by one JSON line. DAEMONS are numbers and ranges (0-999,5000), or all:
  leave DAEMONS           stop answering
  come DAEMONS            answer again
  delay SECONDS DAEMONS   delay answers
  loss PERCENT [SEED]     lose a percentage of the answers, at random
  values JSON             replace the reports named in it, for all
  open                    serve every report, as opencommands allows since chrony 4.7
  tally                   answers {\"requests\": {CODE: NUMBER, …}, \"answers\": …, \"least\": …,
                          \"most\": …, \"cpu\": …}: least and most are the requests to the daemon that was
                          asked least, and most; cpu is in seconds
Daemon number N has the address FIRST + N, which is also its reference ID. The address of a source is
fd00::ADDRESS:INDEX.";

/// Start a chronyd for a test, and stop it when standard input ends
#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    bed: Bed,
}

#[derive(Subcommand)]
enum Bed {
    /// Run a real chronyd in a folder of its own
    #[command(after_help = CHRONYD_COMMANDS)]
    Chronyd(Options),
    /// Run a real server and a client synchronised to it
    #[command(after_help = PAIR_COMMANDS)]
    Pair(PairOptions),
    /// Play a scripted chronyd
    #[command(after_help = SCRIPTED_COMMANDS)]
    Scripted,
    /// Play thousands of chronyds on 127.0.0.0/8 in one thread, over UDP
    #[command(after_help = FLEET_COMMANDS)]
    Fleet(FleetOptions),
    /// Build the stub library, print {"library": PATH} and end
    Stub,
}

#[derive(Args)]
struct Options {
    /// Add a line to its chrony.conf; {folder} in it stands for its folder
    #[arg(long = "line", value_name = "LINE")]
    lines: Vec<String>,
    /// Serve NTP on a free port, as stratum 1
    #[arg(long)]
    server: bool,
    /// Serve NTS too, on the same port over TCP
    #[arg(long)]
    nts: bool,
    /// Answer commands over UDP too, on a free port of 127.0.0.1 and ::1
    #[arg(long)]
    command_port: bool,
    /// Bring up the loopback interface with this address (in a network namespace)
    #[arg(long = "local-address", value_name = "ADDRESS")]
    local_addresses: Vec<String>,
}

#[derive(Args)]
struct PairOptions {
    #[command(flatten)]
    client: Options,
    /// Add a source of every kind
    #[arg(long)]
    all_kinds: bool,
}

impl PairOptions {
    fn start(self) -> Result<Pair, Error> {
        let client = self.client.prepare()?;
        if self.all_kinds { Pair::of_all_kinds(client) } else { Pair::start(client) }
    }
}

#[derive(Args)]
struct FleetOptions {
    /// Play this number of daemons
    #[arg(long, default_value_t = 1000)]
    count: u32,
    /// Keep this number of them silent, counted from the first
    #[arg(long, default_value_t = 0)]
    silent: u32,
    /// Give each daemon this number of sources
    #[arg(long, default_value_t = 1)]
    sources: u32,
}

impl FleetOptions {
    fn start(&self) -> Result<Fleet, Error> {
        let fleet = Fleet::start(self.count, Values::new(&json!({"sources": self.sources})))?;
        fleet.leave(0..self.silent)?;
        Ok(fleet)
    }
}

impl Options {
    fn prepare(self) -> Result<Builder, Error> {
        if !self.local_addresses.is_empty() {
            ip(&["link", "set", "lo", "up"])?;
        }
        for address in &self.local_addresses {
            ip(&["addr", "add", address, "dev", "lo"])?;
        }
        let mut builder = Chronyd::builder();
        if self.server {
            builder = builder.server();
        }
        if self.nts {
            builder = builder.nts();
        }
        if self.command_port {
            builder = builder.command_port();
        }
        Ok(self.lines.into_iter().fold(builder, Builder::line))
    }
}

fn ip(args: &[&str]) -> Result<(), Error> {
    let mut command = Command::new("ip");
    command.args(args);
    testbed::run(command).map(drop)
}

fn main() -> ExitCode {
    let events = events();
    let result = match Cli::parse().bed {
        Bed::Chronyd(options) => options.prepare().and_then(Builder::start).map(|mut chronyd| {
            say(&describe(&chronyd));
            serve(&events, |line| command(&mut chronyd, line));
        }),
        Bed::Pair(options) => options.start().map(|mut pair| {
            let mut description = describe(&pair.client);
            description["server"] = describe(&pair.server);
            say(&description);
            serve(&events, |line| match line.strip_prefix("server ") {
                Some(line) => command(&mut pair.server, line),
                None => command(&mut pair.client, line),
            });
        }),
        Bed::Scripted => Scripted::start(Values::default()).map(|scripted| {
            say(&json!({
                "socket": scripted.socket(),
                "command_port": scripted.command_port(),
                "folder": scripted.folder(),
            }));
            serve(&events, |line| script(&scripted, line));
        }),
        Bed::Fleet(options) => options.start().map(|fleet| {
            say(&json!({
                "first": fleet.address(0).ip(),
                "count": fleet.count(),
                "command_port": fleet.command_port(),
                "receive_buffer": fleet.receive_buffer(),
            }));
            serve(&events, |line| order(&fleet, line));
        }),
        Bed::Stub => testbed::stub_library().map(|library| say(&json!({"library": library}))),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&failure(error));
            ExitCode::FAILURE
        }
    }
}

fn command(chronyd: &mut Chronyd, line: &str) -> Result<Value, Error> {
    let words: Vec<&str> = line.split_whitespace().collect();
    match words.as_slice() {
        ["suspend"] => chronyd.suspend()?,
        ["resume"] => chronyd.resume()?,
        ["kill"] => chronyd.kill(),
        ["terminate"] => chronyd.terminate()?,
        ["restart"] => {
            chronyd.restart()?;
            return Ok(describe(chronyd));
        }
        ["wait-synchronised", seconds] => {
            chronyd.wait_synchronised(duration(seconds)?)?;
        }
        ["chronyc", args @ ..] => return Ok(json!({"output": chronyd.chronyc(args)?})),
        _ => return Err(Error::Script(format!("unknown command: {line}"))),
    }
    Ok(json!({"done": words[0]}))
}

fn script(scripted: &Scripted, line: &str) -> Result<Value, Error> {
    let (command, rest) = line.split_once(' ').unwrap_or((line, ""));
    match command {
        "fault" => scripted.set(rest.parse()?),
        "clear" => scripted.clear(),
        "release" => scripted.release(),
        "values" => scripted.change(parse(rest)?)?,
        "requests" => return Ok(json!({"requests": scripted.requests()})),
        "die" => scripted.die(),
        "come-back" => scripted.come_back()?,
        _ => return Err(Error::Script(format!("unknown command: {line}"))),
    }
    Ok(json!({"done": line}))
}

fn order(fleet: &Fleet, line: &str) -> Result<Value, Error> {
    let (command, rest) = line.split_once(' ').unwrap_or((line, ""));
    match (command, rest.split_whitespace().collect::<Vec<_>>().as_slice()) {
        ("leave", [daemons]) => fleet.leave(numbers(fleet, daemons)?)?,
        ("come", [daemons]) => fleet.come(numbers(fleet, daemons)?)?,
        ("delay", [seconds, daemons]) => fleet.delay(duration(seconds)?, numbers(fleet, daemons)?)?,
        ("loss", [percent, seed @ ..]) if seed.len() <= 1 => {
            let seed = seed.first().copied().unwrap_or("0");
            let (Ok(percent), Ok(seed)) = (percent.parse(), seed.parse()) else {
                return Err(Error::Script(format!("not a loss: {line}")));
            };
            fleet.lose(percent, seed);
        }
        ("values", _) => fleet.change(parse(rest)?)?,
        ("open", []) => fleet.open(),
        ("tally", []) => {
            let tally = fleet.tally();
            return Ok(json!({
                "requests": tally.requests,
                "answers": tally.answers,
                "least": tally.least,
                "most": tally.most,
                "cpu": tally.cpu.as_secs_f64(),
            }));
        }
        _ => return Err(Error::Script(format!("unknown command: {line}"))),
    }
    Ok(json!({"done": line}))
}

/// Parses numbers of daemons, such as `0-999,5000`, or `all`.
fn numbers(fleet: &Fleet, text: &str) -> Result<Vec<u32>, Error> {
    if text == "all" {
        return Ok((0..fleet.count()).collect());
    }
    let range = |item: &str| {
        let (first, last) = item.split_once('-').unwrap_or((item, item));
        Some(first.parse().ok()?..=last.parse().ok()?)
    };
    let ranges: Option<Vec<_>> = text.split(',').map(range).collect();
    let ranges = ranges.ok_or_else(|| Error::Script(format!("not numbers of daemons: {text}")))?;
    Ok(ranges.into_iter().flatten().collect())
}

fn duration(seconds: &str) -> Result<Duration, Error> {
    let duration = seconds.parse().ok().and_then(|number| Duration::try_from_secs_f64(number).ok());
    duration.ok_or_else(|| Error::Script(format!("not a number of seconds: {seconds}")))
}

fn parse(text: &str) -> Result<Value, Error> {
    text.parse().map_err(|error| Error::Script(format!("not JSON: {error}")))
}

fn describe(chronyd: &Chronyd) -> Value {
    json!({
        "socket": chronyd.socket(),
        "command_port": chronyd.command_port(),
        "ntp_port": chronyd.ntp_port(),
        "certificate": chronyd.certificate(),
        "pid": chronyd.pid(),
        "folder": chronyd.folder(),
    })
}

fn failure(error: impl std::fmt::Display) -> Value {
    json!({"error": error.to_string()})
}

/// Answers each line until the end.
fn serve(events: &Receiver<Option<String>>, mut answer: impl FnMut(&str) -> Result<Value, Error>) {
    while let Ok(Some(line)) = events.recv() {
        say(&answer(line.trim()).unwrap_or_else(failure));
    }
}

/// Prints one line and flushes it. If the reader is gone, the program ends with its stdin.
fn say(value: &Value) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{value}").and_then(|()| out.flush()).ok();
}

/// Returns the lines of stdin, and then `None` for the end of stdin, SIGTERM or SIGINT.
fn events() -> Receiver<Option<String>> {
    let (sender, receiver) = channel();
    let mut signals = Signals::new([SIGTERM, SIGINT]).expect("signals can be handled");
    let end: Sender<Option<String>> = sender.clone();
    thread::spawn(move || {
        signals.forever().for_each(|_| {
            end.send(None).ok();
        });
    });
    thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            sender.send(Some(line)).ok();
        }
        sender.send(None).ok();
    });
    receiver
}
