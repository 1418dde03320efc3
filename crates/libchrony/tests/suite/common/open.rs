//! The open descriptors of this process, and the directories that it has left next to chronyd's socket.

use std::collections::BTreeSet;
use std::fs;
use std::os::fd::RawFd;
use std::path::{Path, PathBuf};

/// The descriptors of this process and what each is, such as `socket:[1234]` or `/dev/urandom`.
pub(crate) fn descriptors() -> Vec<(RawFd, String)> {
    let entries = fs::read_dir("/proc/self/fd").unwrap().map(|entry| entry.unwrap().path());
    let described = entries.filter_map(|path| {
        // The folder's own descriptor is gone by now.
        let what = fs::read_link(&path).ok()?.to_string_lossy().into_owned();
        Some((path.file_name()?.to_str()?.parse().ok()?, what))
    });
    described.filter(|(_, what)| !what.starts_with("/proc/")).collect()
}

/// The descriptors that a child program would inherit.
pub(crate) fn inheritable() -> BTreeSet<(RawFd, String)> {
    descriptors().into_iter().filter(|(fd, _)| !has_cloexec(*fd)).collect()
}

/// Returns true if a descriptor is close-on-exec, by the kernel's own table.
fn has_cloexec(fd: RawFd) -> bool {
    const O_CLOEXEC: u32 = 0o2_000_000;
    let info = fs::read_to_string(format!("/proc/self/fdinfo/{fd}")).unwrap_or_default();
    let flags = info.lines().find_map(|line| line.strip_prefix("flags:")).map_or("0", str::trim);
    u32::from_str_radix(flags, 8).unwrap() & O_CLOEXEC != 0
}

/// The descriptors of sockets that clients have bound next to a chronyd's socket, with their paths.
pub(crate) fn clients_in(folder: &Path) -> Vec<(RawFd, PathBuf)> {
    let table = fs::read_to_string("/proc/net/unix").unwrap();
    let path_of = |inode: &str| {
        let line = table.lines().find(|line| line.split_whitespace().nth(6) == Some(inode))?;
        line.split_whitespace().nth(7).map(PathBuf::from)
    };
    let sockets = descriptors().into_iter().filter_map(|(fd, what)| {
        let path = path_of(what.strip_prefix("socket:[")?.strip_suffix(']')?)?;
        Some((fd, path))
    });
    sockets.filter(|(_, path)| path.starts_with(folder) && path.ends_with("sock")).collect()
}

/// The descriptor of the UDP socket that is connected to `port`.
pub(crate) fn udp_client_of(port: u16) -> RawFd {
    let table = fs::read_to_string("/proc/net/udp").unwrap();
    let is_peer = |line: &&str| line.split_whitespace().nth(2) == Some(&format!("0100007F:{port:04X}"));
    let inode = table.lines().find(is_peer).and_then(|line| line.split_whitespace().nth(9)).unwrap();
    let wanted = format!("socket:[{inode}]");
    descriptors().into_iter().find(|(_, what)| *what == wanted).unwrap().0
}

/// The directories that libchrony has made, and not removed, next to a chronyd's socket.
pub(crate) fn folders_in(folder: &Path) -> Vec<PathBuf> {
    let mut folders: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.retain(|path| path.file_name().unwrap().to_string_lossy().starts_with("libchrony."));
    folders
}

/// The descriptors of this process with the state of each: flags and position, and what an event queue watches. The
/// remaining time of a timer is not included.
pub(crate) fn states() -> Vec<(RawFd, String, String)> {
    let state = |fd| {
        let info = fs::read_to_string(format!("/proc/self/fdinfo/{fd}")).unwrap();
        info.lines().filter(|line| !line.starts_with("it_value")).collect()
    };
    descriptors().into_iter().map(|(fd, what)| (fd, what, state(fd))).collect()
}

/// The number of descriptors that the event queues of a process watch.
pub(crate) fn watched(process: u32) -> usize {
    let files = fs::read_dir(format!("/proc/{process}/fdinfo")).unwrap().map(|entry| entry.unwrap().path());
    let infos = files.map(|file| fs::read_to_string(file).unwrap_or_default());
    infos.map(|info| info.lines().filter(|line| line.starts_with("tfd:")).count()).sum()
}

/// The descriptors of event queues and of the timers that wake them.
pub(crate) fn event_queues() -> Vec<RawFd> {
    let is_queue = |what: &str| what == "anon_inode:[eventpoll]" || what == "anon_inode:[timerfd]";
    descriptors().into_iter().filter(|(_, what)| is_queue(what)).map(|(fd, _)| fd).collect()
}
