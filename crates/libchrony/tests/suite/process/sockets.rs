//! Sockets: calls leave nothing behind, child programs inherit nothing, and errors say why a socket does not open.

use crate::common::alone::{Alone, alone};
use crate::common::open::{clients_in, descriptors, folders_in, inheritable};
use crate::common::system::{StreamClosed, drop_rights, in_fork, own_empty_run};
use crate::common::*;
use libchrony::{Address, Connection, Error, ErrorKind, Library};
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::path::Path;
use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread;
use std::time::Instant;
use testbed::Fault;

fn refused(path: &Path) -> Error {
    connect(&unix(path), ms(300)).tracking().unwrap_err()
}

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_thousand_connections_leave_no_descriptor_and_no_folder() {
    alone("process::sockets::a_thousand_connections_leave_no_descriptor_and_no_folder", || {
        let chronyd = scripted("{}");
        let [socket, port] = both(&chronyd);
        let before = descriptors();
        for round in 0..1000 {
            let address = if round % 4 == 0 { &port } else { &socket };
            let connection = connect(address, ms(5000));
            if round % 10 == 5 {
                chronyd.set(Fault::Status(2));
                connection.tracking().unwrap_err();
                chronyd.clear();
            } else {
                connection.tracking().unwrap();
            }
        }
        assert_eq!(descriptors(), before);
        assert!(folders_in(chronyd.folder()).is_empty());
    });
}

/// The diagnosis of a socket that does not open reads /dev/urandom, which other threads open for their sessions.
#[test]
fn threads_whose_calls_fail_have_others_leave_no_descriptor() {
    alone("process::sockets::threads_whose_calls_fail_have_others_leave_no_descriptor", || {
        let chronyd = scripted("{}");
        let [_, port] = both(&chronyd);
        let gone = chronyd.folder().join("gone.sock");
        drop(UnixDatagram::bind(&gone).unwrap());
        let before = descriptors();
        let left = AtomicUsize::new(2);
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    (0..2000).for_each(|_| drop(connect(&port, ms(20_000)).tracking().unwrap()));
                    left.fetch_sub(1, Relaxed);
                });
                scope.spawn(|| {
                    while left.load(Relaxed) > 0 {
                        refused(&gone);
                    }
                });
            }
        });
        assert_eq!(descriptors(), before);
    });
}

#[test]
fn sessions_that_fail_to_start_leave_no_descriptor() {
    alone("process::sockets::sessions_that_fail_to_start_leave_no_descriptor", || {
        let connections = ["/init=1", "/open=111", "/request=7", "/silent"].map(|script| hasty_stub(script, ms(100)));
        let before = descriptors();
        for connection in &connections {
            for _ in 0..3 {
                connection.tracking().unwrap_err();
            }
        }
        assert_eq!(descriptors(), before);
    });
}

#[test]
fn no_descriptor_is_inherited_by_a_child_program() {
    alone("process::sockets::no_descriptor_is_inherited_by_a_child_program", || {
        let chronyd = scripted("{}");
        let before = inheritable();
        let connections = both(&chronyd).map(|address| connect(&address, ms(5000)));
        for connection in &connections {
            connection.tracking().unwrap();
        }
        let urandom = descriptors().iter().filter(|(_, what)| what == "/dev/urandom").count();
        // One for each connection, and one more if a request was sent again over UDP.
        assert!(urandom >= 2, "{urandom}");
        assert_eq!(clients_in(chronyd.folder()).len(), 1);
        assert_eq!(inheritable(), before);
    });
}

#[test]
fn no_descriptor_is_inherited_when_threads_open_at_the_same_time() {
    alone("process::sockets::no_descriptor_is_inherited_when_threads_open_at_the_same_time", || {
        let chronyd = scripted("{}");
        let before = inheritable();
        let together = Barrier::new(8);
        let mut judged = 0;
        for _ in 0..40 {
            let start = Instant::now();
            let connections: Vec<_> = thread::scope(|scope| {
                let open = |number: usize| {
                    let connection = connect(&both(&chronyd)[number % 2], ms(20_000));
                    together.wait();
                    connection.tracking().unwrap();
                    connection
                };
                let threads: Vec<_> = (0..8).map(|number| scope.spawn(move || open(number))).collect();
                threads.into_iter().map(|thread| thread.join().unwrap()).collect()
            });
            // A thread that has waited for a second stops waiting for the lock, because its holder seems to hang.
            if start.elapsed() < ms(500) {
                assert_eq!(inheritable(), before);
                judged += 1;
            }
            drop(connections);
        }
        assert!(judged > 0, "the machine is busy each time");
    });
}

#[test]
fn a_closed_standard_stream_stays_closed() {
    alone("process::sockets::a_closed_standard_stream_stays_closed", || {
        let chronyd = scripted("{\"sources\": 40}");
        for closed in [vec![0], vec![0, 1], vec![0, 1, 2]] {
            let streams: Vec<_> = closed.into_iter().map(StreamClosed::new).collect();
            for address in both(&chronyd) {
                let connection = connect(&address, ms(20_000));
                assert_eq!(connection.sources().unwrap().len(), 40);
                assert!(descriptors().iter().any(|(_, what)| what == "/dev/urandom"));
                let low: Vec<_> = descriptors().into_iter().filter(|(fd, _)| (0..3).contains(fd)).collect();
                assert_eq!(low.len(), 3 - streams.len(), "{low:?}");
            }
            assert!(folders_in(chronyd.folder()).is_empty());
        }
    });
}

#[test]
fn a_connection_that_is_never_dropped_leaves_no_folder_when_the_process_ends() {
    const FOLDER: &str = "LIBCHRONY_TEST_SOCKET";
    let chronyd = scripted("{}");
    let name = "process::sockets::a_connection_that_is_never_dropped_leaves_no_folder_when_the_process_ends";
    Alone::new(name, "only").env(FOLDER, chronyd.socket()).run(|| {
        let socket = std::path::PathBuf::from(std::env::var_os(FOLDER).unwrap());
        let connection = Box::leak(Box::new(connect(&unix(&socket), ms(20_000))));
        connection.tracking().unwrap();
        assert_eq!(folders_in(socket.parent().unwrap()).len(), 1);
    });
    assert!(folders_in(chronyd.folder()).is_empty());
}

#[test]
fn a_path_that_is_not_there() {
    let chronyd = scripted("{}");
    let missing = chronyd.folder().join("missing.sock");
    let error = refused(&missing);
    assert_eq!(error.kind(), ErrorKind::NotFound);
    let start = format!("Failed to connect to chronyd at {}: No such file", missing.display());
    assert!(error.to_string().starts_with(&start), "{error}");
    assert!(error.to_string().ends_with("See bindcmdaddress in chrony.conf"), "{error}");
    assert!(chain(&error)[1].contains("os error 2"), "{:?}", chain(&error));
    // A dangling link exists, but does not count as a socket that exists.
    let link = chronyd.folder().join("link.sock");
    symlink(&missing, &link).unwrap();
    assert_eq!(refused(&link).kind(), ErrorKind::NotFound);
}

#[test]
fn a_path_that_is_not_a_chronyds() {
    let chronyd = scripted("{}");
    let at = |name| chronyd.folder().join(name);
    fs::write(at("file"), "").unwrap();
    drop(UnixDatagram::bind(at("closed.sock")).unwrap());
    let _stream = UnixListener::bind(at("stream.sock")).unwrap();
    for (path, words) in [
        (at("file"), "that of a file or a folder"),
        (at("closed.sock"), "no chronyd listens there"),
        (at("stream.sock"), "Is this chronyd's socket"),
        (at("file").join("chronyd.sock"), "Is this chronyd's socket"),
        (chronyd.folder().to_owned(), "that of a file or a folder"),
    ] {
        let error = refused(&path);
        assert!(matches!(error, Error::Connect { .. }) && error.kind() == ErrorKind::Connection, "{error:?}");
        assert!(error.to_string().starts_with(&format!("Failed to connect to chronyd at {}: ", path.display())));
        assert!(error.to_string().contains(words), "{error}");
    }
    assert!(folders_in(chronyd.folder()).is_empty());
}

#[test]
fn an_errno_that_makes_no_sense_is_checked_against_the_path() {
    for errno in [22, 1, 13] {
        let error = stub(&format!("/open={errno}")).tracking().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound, "{error:?}");
        assert!(error.to_string().contains("No such file or directory"), "{error}");
    }
}

#[test]
fn a_folder_with_too_long_a_path() {
    let chronyd = scripted("{}");
    for (length, fits) in [(62, true), (63, false)] {
        let mut folder = chronyd.folder().join("x");
        let missing = length - folder.as_os_str().len();
        folder.set_file_name("x".repeat(missing + 1));
        fs::create_dir(&folder).unwrap();
        let _server = UnixDatagram::bind(folder.join("chronyd.sock")).unwrap();
        let error = refused(&folder.join("chronyd.sock"));
        assert_eq!(matches!(error, Error::TimedOut { .. }), fits, "{length}: {error}");
        assert_eq!(error.to_string().contains("62 bytes at most"), !fits, "{error}");
    }
}

#[test]
fn no_permission_on_the_socket_or_its_folder() {
    alone("process::sockets::no_permission_on_the_socket_or_its_folder", || {
        let chronyd = scripted("{}");
        let [closed, crowded] = ["closed", "crowded"].map(|name| chronyd.folder().join(name));
        for folder in [&closed, &crowded] {
            fs::create_dir(folder).unwrap();
        }
        let _servers = [&closed, &crowded].map(|folder| UnixDatagram::bind(folder.join("chronyd.sock")).unwrap());
        let guarded = chronyd.folder().join("guarded.sock");
        let _guarded = UnixDatagram::bind(&guarded).unwrap();
        mode(&guarded, 0o000);
        // The socket may be used, but another one cannot be created next to it.
        mode(&crowded.join("chronyd.sock"), 0o666);
        mode(&crowded, 0o555);
        mode(&closed, 0o000);
        mode(chronyd.folder(), 0o755);
        // The library may be in a folder that only the present user may enter, so load it now.
        let library = Library::load().unwrap();
        let read = |address: &Address| to(address).library(library.clone()).build().unwrap().tracking();
        assert!(in_fork(|| {
            drop_rights();
            for path in [closed.join("chronyd.sock"), crowded.join("chronyd.sock"), guarded.clone()] {
                let error = read(&unix(&path)).unwrap_err();
                assert!(matches!(error, Error::Permission { .. }), "{error:?}");
                assert_eq!(error.kind(), ErrorKind::Permission);
                let start = format!("Permission denied accessing {}: ", path.display());
                assert!(error.to_string().starts_with(&start), "{error}");
                assert!(error.to_string().contains("or use the command port, 127.0.0.1"), "{error}");
                assert!(chain(&error)[1].contains("os error 13"), "{:?}", chain(&error));
            }
            // The advice in the message works.
            read(&udp(chronyd.command_port())).is_ok()
        }));
        mode(&closed, 0o700);
        mode(&crowded, 0o700);
    });
}

#[test]
fn the_default_sockets() {
    const TEST: &str = "process::sockets::the_default_sockets";
    let sockets = || Connection::builder().addresses(Address::default_sockets());
    Alone::new(TEST, "none").prepared(own_empty_run).run(|| {
        let error = sockets().build().unwrap().tracking().unwrap_err();
        assert!(matches!(&error, Error::SocketNotFound { tried } if *tried == Address::default_sockets()), "{error:?}");
        assert_eq!(error.kind(), ErrorKind::NotFound);
        let start = "chronyd socket not found. Tried: /run/chrony/chronyd.sock, /var/run/chrony/chronyd.sock. ";
        assert!(error.to_string().starts_with(start), "{error}");
        assert!(error.to_string().contains("give the command port, 127.0.0.1"), "{error}");
        // Over UDP, a socket opens even without a chronyd. That does not count as a connection.
        let error = Connection::builder().build().unwrap().connect().unwrap_err();
        let start = "Failed to connect to chronyd at 127.0.0.1:323: Connection refused";
        assert!(error.to_string().starts_with(start), "{error}");
        for other in ["/run/chrony/chronyd.sock (No such", "/var/run/chrony/chronyd.sock (No such", "[::1]:323 ("] {
            assert!(error.to_string().contains(other), "{error}");
        }
    });
    Alone::new(TEST, "one").prepared(own_empty_run).run(|| {
        let chronyd = scripted("{}");
        fs::create_dir("/run/chrony").unwrap();
        symlink(chronyd.socket(), "/run/chrony/chronyd.sock").unwrap();
        let connection = Connection::builder().build().unwrap();
        assert_eq!(connection.tracking().unwrap().stratum, 2);
        assert_eq!(connection.address().unwrap().to_string(), "/run/chrony/chronyd.sock");
        drop(connection);
        assert!(folders_in(Path::new("/run/chrony")).is_empty());
    });
    Alone::new(TEST, "dead").prepared(own_empty_run).run(|| {
        fs::create_dir("/run/chrony").unwrap();
        drop(UnixDatagram::bind("/run/chrony/chronyd.sock").unwrap());
        let error = sockets().build().unwrap().tracking().unwrap_err();
        let start = "Failed to connect to chronyd at /run/chrony/chronyd.sock: Connection refused";
        assert!(error.to_string().starts_with(start), "{error}");
    });
}
