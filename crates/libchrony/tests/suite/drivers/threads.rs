//! Calls that block: one thread for each.

use super::Driver;
use libchrony::{Address, AnyRecords, Builder, Connection, Error, NtpData, Readable, Rows, Source, Table, Tracking};
use std::sync::Mutex;
use std::thread;

pub(crate) struct Threads(Connection);

impl Driver for Threads {
    const NAME: &'static str = "blocking";

    fn new(builder: Builder) -> Self {
        Self(builder.build().unwrap())
    }

    fn tracking(&self) -> Result<Tracking, Error> {
        self.0.tracking()
    }

    fn sources(&self) -> Result<Vec<Source>, Error> {
        self.0.sources()
    }

    fn read<R: Readable>(&self) -> Result<R, Error> {
        self.0.read()
    }

    fn rows(&self, table: &'static Table) -> Result<Rows, Error> {
        self.0.rows(table)
    }

    fn report(&self, name: &str) -> Result<AnyRecords, Error> {
        self.0.report(name)
    }

    fn ntp_data(&self) -> Result<Vec<Option<NtpData>>, Error> {
        self.0.ntp_data()
    }

    fn connect(&self) -> Result<Address, Error> {
        self.0.connect()
    }

    fn address(&self) -> Option<Address> {
        self.0.address()
    }

    fn close(&self) {
        self.0.close();
    }

    fn together(connections: &[&Self]) -> Vec<(usize, Result<Vec<Source>, Error>)> {
        let ended = Mutex::new(Vec::new());
        thread::scope(|scope| {
            for (number, connection) in connections.iter().enumerate() {
                let ended = &ended;
                scope.spawn(move || {
                    let result = connection.sources();
                    ended.lock().unwrap().push((number, result));
                });
            }
        });
        ended.into_inner().unwrap()
    }
}
