//! Prints `docs/causes.md` (`make fields`): each cause, with what is said of a stored case.

use chrony_health::{Advice, Cause, Facts, Limits, Measure, NamedCause, Policy, Text, assess, judge};
use libchrony::{Address, Connection, Library};
use std::error::Error;
use std::time::Duration;
use testbed::Case;

const HEAD: &str = "\
# Causes

If something is wrong with a clock, the [judgement](judgement.md) names the cause and the next steps. Here are all causes, in
the order in which they are named, each with an example: a state of a chronyd, and what is said about it. The page is
generated from the table of the causes and from stored facts. Both are tested on chronyds in these states.
";

fn main() -> Result<(), Box<dyn Error>> {
    let cases = Case::all()?;
    println!("{HEAD}");
    for cause in Cause::ALL {
        println!("## {}\n\n{}.\n", cause.name, cause.about);
        println!("- Evidence: {}", cause.method);
        println!("- Explains: {}", explained(cause));
        let [socket, port] =
            [false, true].map(|is_port| cases.iter().find(|case| expected(case, is_port) == Some(cause.name)));
        let Some(case) = socket.or(port) else { return Err(format!("no case of {}", cause.name).into()) };
        let named = named(case, socket.is_none())?;
        println!("\n{}\n\n```text\n{}", case.case, broken(&named.words, ""));
        for step in said(&named.advice) {
            println!("{}", broken(&step, "- "));
        }
        let others: Vec<_> = named.alternatives.iter().map(|other| other.words).collect();
        match &others[..] {
            [] => {}
            [other] => println!("{}", broken(&format!("Or: {other}"), "")),
            [first @ .., last] => {
                let others = format!("Possible causes: {}; or {last}", first.join("; "));
                println!("{}", broken(&others, ""));
            }
        }
        println!("```\n");
    }
    Ok(())
}

fn expected(case: &Case, is_port: bool) -> Option<&str> {
    if is_port { case.over_the_port.as_deref() } else { case.cause.as_deref() }
}

fn explained(cause: &Cause) -> String {
    let names = |names: &[&str]| names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    match cause.explains.without_usable {
        [] => names(cause.explains.always),
        more => format!("{}; without a usable source also {}", names(cause.explains.always), names(more)),
    }
}

/// Judges a case, and returns its first cause.
fn named(case: &Case, is_port: bool) -> Result<NamedCause, Box<dyn Error>> {
    let mut policy = Policy::default().with_grace(case.grace);
    for (name, text) in &case.limits {
        let measure = Measure::named(name).ok_or("no such measure")?;
        policy = policy.with(measure, Limits::parse(text, measure)?);
    }
    if case.nts {
        policy = policy.with(Measure::named("nts").ok_or("no such measure")?, Limits::default());
    }
    let chronyd = case.start()?;
    let (socket, port) = (chronyd.socket().to_owned(), format!("127.0.0.1:{}", chronyd.command_port()));
    let address = if is_port { port.parse()? } else { Address::parse(&socket)? };
    let builder = Connection::builder().address(address).timeout(Duration::from_secs(1));
    let verdict = match case.library.as_deref().map(Library::open) {
        Some(Err(error)) => judge(&Facts::unavailable(error.into()), &policy),
        _ => assess(&builder.build()?, &policy).1,
    };
    let mut first = verdict.causes.into_iter().next().ok_or("no cause")?;
    let socket = socket.to_string_lossy();
    let words = first.words.replace(&*socket, "/run/chrony/chronyd.sock").replace(&port, "127.0.0.1:323");
    // The message of a silent socket names the security module of this machine.
    words.split(". Or ").next().unwrap_or_default().clone_into(&mut first.words);
    Ok(first)
}

/// Returns the steps, and the limits that accept the state.
fn said(advice: &Advice) -> Vec<String> {
    let steps = advice.steps.iter().map(|step| match &step.text {
        Some(Text::Chronyc(command)) => format!("{}: chronyc {command}", step.words),
        Some(Text::ChronyConf(directive)) => format!("{} (chrony.conf): {directive}", step.words),
        Some(Text::Shell(command)) => format!("{}: {command}", step.words),
        _ => step.words.clone(),
    });
    let limits = advice.accept.iter().map(|accept| {
        format!("If this is intended, accept it: {} = \"{},{}\"", accept.measure, accept.warning, accept.critical)
    });
    steps.chain(limits).collect()
}

/// Breaks a text into lines of 100 columns.
fn broken(text: &str, first: &str) -> String {
    let mut lines = vec![first.to_owned()];
    for word in text.split_whitespace() {
        let line = lines.last_mut().map_or(0, |line| line.len());
        match lines.last_mut() {
            Some(last) if line + word.len() < 100 || line == first.len() => {
                if !last.is_empty() && !last.ends_with(' ') {
                    last.push(' ');
                }
                last.push_str(word);
            }
            _ => lines.push(format!("{:1$}{word}", "", first.len())),
        }
    }
    lines.join("\n")
}
