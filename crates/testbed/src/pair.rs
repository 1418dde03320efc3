//! A real server and a real client that is synchronised to it: the quickest way to a chronyd with real data.

use std::time::Duration;

use crate::{Builder, Chronyd, Error};

/// About 0.25 s is usual.
const SYNCHRONISE_DEADLINE: Duration = Duration::from_secs(20);
/// About 1.5 s is usual with several sources: the first selection waits for all of them.
const MEASURE_DEADLINE: Duration = Duration::from_secs(30);

/// The options of four good sources, for [`Pair::of`].
pub const FOUR: &[&str] = &[""; 4];

/// The placeholder for the server's port and quick polling in the line of a source.
const SERVER: &str = "{server}";
/// The placeholder for the server's port alone, for NTP and for NTS.
const PORT: &str = "{port}";

/// A client, and its server.
#[derive(Debug)]
pub struct Pair {
    /// The synchronised chronyd.
    pub client: Chronyd,
    /// The client's only source, unless its lines add others.
    pub server: Chronyd,
}

impl Pair {
    /// Starts a server, and `client` with that server as a source. Waits until the client is synchronised.
    ///
    /// In the client's lines, `{port}` is the server's port, and `{server}` the port with quick polling. An example is
    /// `server 127.0.0.2 {server} nts ntsport {port}`. Each address of 127.0.0.0/8 is another source. Without a line
    /// with `{server}` there is one source, 127.0.0.1. With some, the client has four good measurements of each when
    /// this returns.
    ///
    /// With `iburst`, chronyd waits 0.2 s before the first sample, and takes the next ones a quarter of the polling
    /// interval apart. It selects a source once it has three. No other option makes it quicker.
    pub fn start(mut client: Builder) -> Result<Self, Error> {
        let lines = client.lines_mut();
        let measured: Vec<String> =
            lines.iter().filter(|line| line.contains(SERVER)).map(|line| address(line)).collect();
        if measured.is_empty() {
            lines.push(format!("server 127.0.0.1 {SERVER}"));
        }
        let nts = lines.iter().any(|line| line.split_whitespace().any(|word| word == "nts"));
        let server = Chronyd::builder();
        let server = if nts { server.nts() } else { server.server() }.start()?;

        let port = server.ntp_port().expect("a server has an NTP port").to_string();
        for line in lines.iter_mut() {
            *line = line.replace(SERVER, "port {port} iburst minpoll -4 maxpoll -4").replace(PORT, &port);
        }
        if let Some(certificate) = server.certificate() {
            lines.extend(["nosystemcert".into(), format!("ntstrustedcerts {}", certificate.display())]);
        }
        let client = client.start()?;
        client.wait_synchronised(SYNCHRONISE_DEADLINE)?;
        client.wait_until(&["ntpdata"], MEASURE_DEADLINE, |ntpdata| {
            measured.iter().all(|address| ntpdata.lines().any(|line| good_measurements(line, address) >= 4))
        })?;
        Ok(Self { client, server })
    }

    /// Starts `server`, and `client` with a source for each of `sources`: 127.0.0.2, 127.0.0.3 and so on, which are all
    /// that server, polled each second. Each item has further options for its source; [`FOUR`] has none.
    ///
    /// In the client's lines, `{port}` is the server's port. This does not wait until the client is synchronised.
    pub fn of(server: Builder, sources: &[&str], mut client: Builder) -> Result<Self, Error> {
        let server = server.ntp_port().start()?;
        let port = server.ntp_port().expect("a server has an NTP port").to_string();
        let source = |(at, options): (usize, &&str)| {
            format!("server 127.0.0.{} port {{port}} iburst minpoll 0 maxpoll 0 {options}", at + 2)
        };
        let lines = client.lines_mut();
        lines.extend(sources.iter().enumerate().map(source));
        for line in lines.iter_mut() {
            *line = line.replace(PORT, &port);
        }
        Ok(Self { client: client.start()?, server })
    }

    /// Starts a pair whose client has a source of every kind, in addition to the given lines:
    ///
    /// - the reference clock GPS, which has no samples;
    /// - 127.0.0.1 with NTS, 127.0.0.2 with key 3 (SHA256), 127.0.0.3 in interleaved mode, 127.0.0.4 to 127.0.0.7 with
    ///   `noselect`, `prefer`, `trust` and `require`, the last one with key 13 (AES128) too;
    /// - 127.0.0.101 and 127.0.0.102, whose NTS key establishment fails: nothing listens, and the certificate is for
    ///   other addresses;
    /// - 127.0.0.103, which is offline; 127.0.0.104 with a key that does not exist; a name that cannot be resolved.
    ///
    /// The client also has `smoothtime`.
    pub fn of_all_kinds(client: Builder) -> Result<Self, Error> {
        let lines = [
            "refclock SOCK {folder}/refclock.sock refid GPS",
            "server 127.0.0.1 {server} nts ntsport {port}",
            "server 127.0.0.2 {server} key 3",
            "server 127.0.0.3 {server} xleave",
            "server 127.0.0.4 {server} noselect",
            "server 127.0.0.5 {server} prefer",
            "server 127.0.0.6 {server} trust",
            "server 127.0.0.7 {server} require key 13",
            // No program is expected on port 9 (discard).
            "server 127.0.0.101 port 9 nts ntsport 9",
            "server 127.0.0.102 port {port} nts ntsport {port}",
            "server 127.0.0.103 port 9 offline",
            "server 127.0.0.104 port 9 key 4294967295",
            "server name.invalid",
            "smoothtime 400 1",
        ];
        let pair = Self::start(lines.into_iter().fold(client, Builder::line))?;
        // A line of a source with NTS: address, "NTS", key ID, type, length, age, attempts.
        let failed = |authdata: &str, address: &str| {
            let start = format!("{address},NTS,0,0,0,4294967295,");
            let attempts = authdata.lines().find_map(|line| line.strip_prefix(&start));
            attempts.is_some_and(|attempts| !attempts.starts_with("0,"))
        };
        // An attempt is counted when it begins, and logged when it has failed.
        pair.client.wait_until(&["authdata"], MEASURE_DEADLINE, |authdata| {
            let log = pair.client.log();
            failed(authdata, "127.0.0.101")
                && failed(authdata, "127.0.0.102")
                && log.contains("Connection refused")
                && log.contains("name in the certificate does not match")
        })?;
        pair.client.wait_until(&["smoothing"], MEASURE_DEADLINE, |smoothing| smoothing.starts_with("Yes,"))?;
        Ok(pair)
    }
}

/// Returns the address in a source's line of chrony.conf.
fn address(line: &str) -> String {
    line.split_whitespace().nth(1).unwrap_or_default().to_owned()
}

/// Returns the number of good measurements of this source, if the line of `chronyc ntpdata` is the source's, or else 0.
fn good_measurements(line: &str, address: &str) -> u32 {
    let fields: Vec<&str> = line.split(',').collect();
    if fields[0] == address { fields[33].parse().expect("a count") } else { 0 }
}
