//! Resolves the options, the environment and a file of hosts into addresses, and opens connections.

use crate::args::Chronyds;
use crate::error::Failure;
use libchrony::{Address, Builder, Connection, DEFAULT_TIMEOUT, Error, Library};
use std::io::Read as _;
use std::path::Path;
use std::time::Duration;
use std::{env, fs, io};

/// The bundled copy of libchrony, relative to the parent of `bin`, where the program is.
const BUNDLED: &str = "lib/chrony-report/libchrony.so.0";

/// The environment variable with the default address.
const HOST: &str = "CHRONY_REPORT_HOST";

/// The chronyds to ask.
#[derive(Debug)]
pub(crate) struct Targets {
    /// The addresses. Empty for the default ones.
    pub(crate) addresses: Vec<Address>,
    /// The timeout per report, or per host if there are several.
    pub(crate) timeout: Duration,
    pub(crate) verbose: bool,
}

impl Targets {
    pub(crate) fn of(typed: &Chronyds) -> Result<Self, Failure> {
        let timeout = typed.timeout.unwrap_or(DEFAULT_TIMEOUT);
        Ok(Self { addresses: addresses(typed)?, timeout, verbose: typed.verbose })
    }
}

/// Loads the libchrony of this machine, or the bundled copy.
pub(crate) fn library(verbose: bool) -> Result<Library, Failure> {
    let program = env::current_exe().ok();
    // A program that was only copied somewhere must not load a library from there.
    let folder = program.as_deref().and_then(Path::parent).filter(|folder| folder.ends_with("bin"));
    let bundled = folder.and_then(Path::parent).map(|folder| folder.join(BUNDLED));
    let library = Library::load_or(bundled.as_deref()).map_err(Error::from)?;
    if verbose {
        anstream::eprintln!("libchrony: {}", library.path().to_string_lossy().escape_debug());
    }
    Ok(library)
}

fn addresses(typed: &Chronyds) -> Result<Vec<Address>, Failure> {
    let mut addresses = typed.hosts.clone();
    let Some(file) = &typed.hosts_file else {
        if let Some(host) = env::var_os(HOST).filter(|host| addresses.is_empty() && !host.is_empty()) {
            addresses.push(Address::parse(host).map_err(|error| Failure::Usage(format!("{HOST}: {error}")))?);
        }
        return Ok(addresses);
    };
    let text = if file == Path::new("-") {
        let mut text = Vec::new();
        io::stdin().read_to_end(&mut text).map(|_| text)
    } else {
        fs::read(file)
    };
    let shown = file.display();
    let text = text.map_err(|source| Failure::File {
        what: format!("cannot read the hosts in {shown}"),
        source,
        advice: "Give a file with an address a line",
    })?;
    for (number, line) in text.split(|byte| *byte == b'\n').enumerate() {
        let line = String::from_utf8_lossy(line);
        let line = line.split('#').next().unwrap_or_default().trim();
        if !line.is_empty() {
            let address = Address::parse(line)
                .map_err(|error| Failure::Usage(format!("line {} of {shown}: {error}", number + 1)))?;
            addresses.push(address);
        }
    }
    if addresses.is_empty() {
        return Err(Failure::Usage(format!("there is no address in {shown}")));
    }
    Ok(addresses)
}

/// Opens a connection to the only chronyd.
pub(crate) fn connection(typed: &Chronyds) -> Result<Connection, Failure> {
    Ok(builder(typed)?.build()?)
}

/// Returns a connection builder for the only chronyd.
pub(crate) fn builder(typed: &Chronyds) -> Result<Builder, Failure> {
    let Targets { mut addresses, timeout, verbose } = Targets::of(typed)?;
    if addresses.len() > 1 {
        return Err(Failure::Usage("this command is about one chronyd; give one address".to_owned()));
    }
    Ok(builder_at(library(verbose)?, addresses.pop(), timeout))
}

/// Returns a connection builder for this address, or for the default ones.
pub(crate) fn builder_at(library: Library, address: Option<Address>, timeout: Duration) -> Builder {
    let builder = Connection::builder().library(library).timeout(timeout);
    match address {
        Some(address) => builder.address(address),
        None => builder.addresses(Address::defaults()),
    }
}
