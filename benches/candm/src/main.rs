//! The crate chrony-candm as a contestant of the benchmark, in a long-lived process.
//!
//! It answers each line `CASE ADDRESS COUNT` on stdin with one line of JSON: the wall time and the CPU time of COUNT
//! calls in nanoseconds, and the number of records of one call. With the prefix `once-`, each request of a case has its
//! own socket, through the crate's blocking functions. Otherwise all calls share one socket. The crate's
//! `UnixDatagramClient` sends one request at a time, and its `Client` over UDP eight.
//!
//! The crate always uses the Unix socket `/var/run/chrony/chronyd.sock`, which must be a link to ADDRESS.

use chrony_candm::reply::{NSources, Reply, ReplyBody, Status};
use chrony_candm::request::{RequestBody, SourceData, SourceStats};
use chrony_candm::{ClientOptions, UnixDatagramClient, blocking_query, blocking_query_uds};
use futures::stream::{self, StreamExt, TryStreamExt};
use std::error::Error;
use std::hint::black_box;
use std::io::{BufRead, Write};
use std::net::{Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Instant;
use tokio::runtime::Runtime;

const SOCKET: &str = "/var/run/chrony/chronyd.sock";
const REQUESTS_AT_ONCE: usize = 8;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

#[expect(deprecated, reason = "the crate has no other client that keeps a UDP socket")]
type UdpClient = chrony_candm::Client;

enum Client {
    /// A socket for each request. The address is `None` for the Unix socket.
    Once(Option<SocketAddr>),
    Unix(UnixDatagramClient),
    Udp(UdpClient, SocketAddr),
}

/// The last client, and the kind of calls and the address that it was opened for.
struct Open {
    once: bool,
    address: String,
    /// The file that the path of the Unix socket resolved to.
    target: PathBuf,
    client: Client,
}

fn open(once: bool, address: &str, runtime: &Runtime) -> Result<Client> {
    if address.starts_with('/') {
        return Ok(if once { Client::Once(None) } else { Client::Unix(runtime.block_on(UnixDatagramClient::new())?) });
    }
    let mut server: SocketAddr = address.parse()?;
    if let SocketAddr::V4(v4) = server {
        // The crate sends from an IPv6 socket.
        let mapped: Ipv6Addr = v4.ip().to_ipv6_mapped();
        server = (mapped, v4.port()).into();
    }
    Ok(if once {
        Client::Once(Some(server))
    } else {
        Client::Udp(UdpClient::spawn(runtime.handle(), ClientOptions::default()), server)
    })
}

#[expect(clippy::large_types_passed_by_value, reason = "the caller gets it back")]
fn check(reply: Reply) -> Result<Reply> {
    if reply.status == Status::Success { Ok(reply) } else { Err(format!("{:?}", reply.status).into()) }
}

/// Sends the requests and waits for all replies.
fn query(client: &mut Client, runtime: &Runtime, requests: Vec<RequestBody>) -> Result<Vec<Reply>> {
    let options = ClientOptions::default();
    match client {
        Client::Once(None) => {
            requests.into_iter().map(|request| check(blocking_query_uds(request, options)?)).collect()
        }
        Client::Once(Some(server)) => {
            requests.into_iter().map(|request| check(blocking_query(request, options, server)?)).collect()
        }
        Client::Unix(client) => runtime.block_on(async {
            let mut replies = Vec::with_capacity(requests.len());
            for request in requests {
                replies.push(check(client.query(request, options).await?)?);
            }
            Ok(replies)
        }),
        Client::Udp(client, server) => runtime.block_on(async {
            let replies = stream::iter(requests.into_iter().map(|request| client.query(request, *server)));
            replies.buffered(REQUESTS_AT_ONCE).err_into().and_then(async |reply| check(reply)).try_collect().await
        }),
    }
}

fn read(client: &mut Client, runtime: &Runtime, report: &str) -> Result<usize> {
    let request = match report {
        "tracking" => return Ok(black_box(query(client, runtime, vec![RequestBody::Tracking])?).len()),
        "sources" => |index: u32| RequestBody::SourceData(SourceData { index: index.cast_signed() }),
        _ => |index| RequestBody::SourceStats(SourceStats { index }),
    };
    let replies = query(client, runtime, vec![RequestBody::NSources])?;
    let Some(ReplyBody::NSources(NSources { n_sources })) = replies.first().map(|reply| reply.body) else {
        return Err("not the number of sources".into());
    };
    let requests = (0..n_sources).map(request).collect();
    Ok(black_box(query(client, runtime, requests)?).len())
}

/// Returns the CPU time of this process in nanoseconds.
fn cpu_time() -> i64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: a writable timespec; the clock exists on every Linux.
    unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &raw mut time) };
    time.tv_sec * 1_000_000_000 + time.tv_nsec
}

fn run(kept: &mut Option<Open>, runtime: &Runtime, line: &str) -> Result<String> {
    let unsupported = Ok(r#"{"unsupported": true}"#.to_owned());
    let [case, address, count] = *line.split(' ').collect::<Vec<_>>() else { return unsupported };
    let (once, report) = case.strip_prefix("once-").map_or((false, case), |report| (true, report));
    let target = std::fs::canonicalize(SOCKET).unwrap_or_default();
    let is_there = !address.starts_with('/') || std::fs::canonicalize(address)? == target;
    if !matches!(report, "tracking" | "sources" | "sourcestats") || !is_there {
        return unsupported;
    }
    let same = kept.take().filter(|open| open.once == once && open.address == address && open.target == target);
    let mut opened = match same {
        Some(opened) => opened,
        None => Open { once, address: address.to_owned(), target, client: open(once, address, runtime)? },
    };
    let count: u32 = count.parse()?;
    let mut records = 0;
    let (cpu, wall) = (cpu_time(), Instant::now());
    for _ in 0..count {
        records = read(&mut opened.client, runtime, report)?;
    }
    let (wall, cpu) = (wall.elapsed().as_nanos(), cpu_time() - cpu);
    *kept = Some(opened);
    Ok(format!(r#"{{"wall": {wall}, "cpu": {cpu}, "records": {records}}}"#))
}

fn main() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut kept = None;
    let mut out = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let answer = run(&mut kept, &runtime, line?.trim());
        let answer = answer.unwrap_or_else(|error| format!(r#"{{"error": {:?}}}"#, error.to_string()));
        writeln!(out, "{answer}")?;
        out.flush()?;
    }
    Ok(())
}
