//! The options that choose the chronyds to ask. `read` turns them into addresses.

use super::duration;
use crate::error::Failure;
use clap::Args;
use clap::builder::{OsStringValueParser, TypedValueParser};
use libchrony::{Address, DEFAULT_TIMEOUT};
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

/// The chronyds to ask, from the options before or after a command.
#[derive(Clone, Debug, Args)]
pub(crate) struct Chronyds {
    /// Ask the chronyd at ADDRESS: the path of its Unix socket, or a host with or without a port. Repeatable. By
    /// default, the usual sockets are tried, then the command port on this machine; CHRONY_REPORT_HOST in the
    /// environment is another default
    #[arg(short = 'H', long = "host", value_name = "ADDRESS", value_parser = address_parser())]
    pub(crate) hosts: Vec<Address>,
    /// Ask the chronyds whose addresses are in FILE, one a line; `#` begins a comment, `-` is the standard input
    #[arg(long, value_name = "FILE")]
    pub(crate) hosts_file: Option<PathBuf>,
    #[arg(long, value_name = "TIME", value_parser = duration, help = format!(
        "How long one chronyd may take for a report, and each of many chronyds for all of them. One that is silent is \
         asked for no more [default: {DEFAULT_TIMEOUT:?}]"
    ))]
    pub(crate) timeout: Option<Duration>,
    /// Say on standard error which libchrony was loaded, what was asked, and how long that took
    #[arg(short, long)]
    pub(crate) verbose: bool,
}

impl Chronyds {
    /// Adds the options after the command to the options before it. The last timeout and the last file win.
    pub(crate) fn with(&self, after: &Self) -> Self {
        Self {
            hosts: [&*self.hosts, &after.hosts].concat(),
            hosts_file: after.hosts_file.as_ref().or(self.hosts_file.as_ref()).cloned(),
            timeout: after.timeout.or(self.timeout),
            verbose: self.verbose || after.verbose,
        }
    }

    /// Fails if a chronyd is given to a command that reads a recording.
    pub(crate) fn refuse(&self) -> Result<(), Failure> {
        if self.hosts.is_empty() && self.hosts_file.is_none() {
            return Ok(());
        }
        Err(Failure::Usage("a recording has its own chronyd; give either a recording or an address".to_owned()))
    }
}

/// Parses an address. A path need not be UTF-8.
fn address_parser() -> impl TypedValueParser<Value = Address> {
    OsStringValueParser::new().try_map(|text: OsString| {
        // chronyc accepts alternatives.
        let is_list = text.to_string_lossy().contains(',');
        Address::parse(text).map_err(|error| {
            if is_list {
                "one address only. Leave the option out to try the Unix socket, 127.0.0.1 and ::1 in turn".to_owned()
            } else {
                error.to_string()
            }
        })
    })
}
