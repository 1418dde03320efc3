//! How the program starts where the C library is glibc: as a program in C.
//!
//! Rust's own start looks for the end of the stack in /proc/self/maps, to be able to say that the stack has overflowed.
//! That takes 4 % of the time of `chrony-report tracking`. Whatever else it does is done here, but for the arguments: the
//! standard library has them from glibc.

use crate::error::Failure;
use rustix::io::{Errno, fcntl_getfd};
use rustix::stdio::{stderr, stdin, stdout};
use signal_hook::consts::SIGPIPE;
use signal_hook::flag;
use std::ffi::c_int;
use std::fs::File;
use std::os::fd::IntoRawFd;
use std::process;
use std::sync::Arc;

#[expect(unsafe_code, reason = "the linker finds the start of a program by its name")]
#[unsafe(no_mangle)]
extern "C" fn main() -> c_int {
    let code = prepare().map_or_else(|failure| failure.report(), |()| crate::cli::run());
    process::exit(code.into())
}

fn prepare() -> Result<(), Failure> {
    for stream in [stdin(), stdout(), stderr()] {
        if fcntl_getfd(stream) == Err(Errno::BADF) {
            // The next socket would have its number otherwise, and what is printed would go to chronyd.
            let null = File::options().read(true).write(true).open("/dev/null");
            let _ = null.map_err(Failure::system("open /dev/null"))?.into_raw_fd();
        }
    }
    // Writing into a closed pipe is an error then, and does not end the program.
    flag::register(SIGPIPE, Arc::default()).map_err(Failure::system("heed signals"))?;
    Ok(())
}
