//! Prints the state of the system clock and of its sources.
//!
//! ```text
//! cargo run --example tracking                        # the default sockets (as root or chronyd's user)
//! cargo run --example tracking 127.0.0.1              # the command port (as any user)
//! ```

use libchrony::{Address, Connection, Error};
use std::process::ExitCode;

fn main() -> ExitCode {
    match print(std::env::args().nth(1)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn print(address: Option<String>) -> Result<(), Error> {
    let mut builder = Connection::builder();
    if let Some(address) = address {
        builder = builder.address(Address::parse(address)?);
    }
    let chronyd = builder.build()?;

    let tracking = chronyd.tracking()?;
    if tracking.is_synchronized() {
        println!("following {} at stratum {}", tracking.reference_id_name, tracking.stratum);
        println!("system clock {:+.9} s off, frequency {:+.3} ppm", tracking.offset, tracking.frequency);
    } else {
        println!("not synchronised");
    }
    for source in chronyd.sources()? {
        println!(
            "{:<40} {:<15} {:<13} stratum {:>2}  {:+.9} s",
            source.address, source.mode, source.state, source.stratum, source.latest_meas
        );
    }
    Ok(())
}
