//! The crate libchrony, used as in any Rust program.

use crate::{Case, Contestant, Report};
use libchrony::{Address, Connection, Library};
use std::collections::HashMap;
use std::error::Error;
use std::hint::black_box;

pub(crate) struct Crate {
    library: Library,
    open: HashMap<String, Connection>,
}

impl Crate {
    pub(crate) fn new() -> Result<Self, Box<dyn Error>> {
        Ok(Self { library: Library::load()?, open: HashMap::new() })
    }

    fn connect(&self, address: &str) -> Result<Connection, Box<dyn Error>> {
        let builder = Connection::builder().library(self.library.clone());
        Ok(builder.address(Address::parse(address)?).build()?)
    }
}

fn read(connection: &Connection, case: &Case<'_>) -> Result<usize, Box<dyn Error>> {
    Ok(match case.report {
        Report::Tracking => {
            black_box(connection.tracking()?);
            1
        }
        Report::Sources => black_box(connection.sources()?).len(),
        Report::SourceStats => black_box(connection.source_stats()?).len(),
        Report::NtpData => black_box(connection.ntp_data()?).len(),
    })
}

impl Contestant for Crate {
    fn call(&mut self, case: &Case<'_>) -> Result<usize, Box<dyn Error>> {
        if case.once {
            return read(&self.connect(case.address)?, case);
        }
        if !self.open.contains_key(case.address) {
            self.open.insert(case.address.to_owned(), self.connect(case.address)?);
        }
        read(&self.open[case.address], case)
    }
}
