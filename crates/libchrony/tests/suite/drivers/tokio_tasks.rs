//! Calls that tokio waits for. A connection is not tied to a runtime: each call here has a runtime of its own.

use super::{Driver, Tasks};
use crate::common::open;
use crate::common::system::in_fork;
use libchrony::{
    Address, AnyRecords, AsyncConnection, Builder, Error, NtpData, Readable, Rows, Source, Table, Tracking,
};
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::process;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::thread;
use tokio::runtime;
use tokio::task::yield_now;

pub(crate) struct Tokio(AsyncConnection);

fn run<T>(task: impl Future<Output = T>) -> T {
    runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(task)
}

/// Reads the sources over all connections. If there are several connections, the runtime has four threads.
fn run_all(connections: &[&Tokio], given_up: Option<usize>) -> Vec<(usize, Result<Vec<Source>, Error>)> {
    let ended = Arc::new(Mutex::new(Vec::new()));
    let tasks = async {
        let mut tasks = Vec::new();
        for (number, connection) in connections.iter().enumerate() {
            let (connection, ended) = (connection.0.clone(), Arc::clone(&ended));
            tasks.push(tokio::spawn(async move {
                let result = connection.sources().await;
                ended.lock().unwrap().push((number, result));
            }));
        }
        if let Some(number) = given_up {
            yield_now().await;
            tasks.remove(number).abort();
        }
        for task in tasks {
            task.await.unwrap();
        }
    };
    let is_one = connections.iter().all(|connection| std::ptr::eq(*connection, connections[0]));
    if is_one {
        run(tasks);
    } else {
        runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build().unwrap().block_on(tasks);
    }
    Arc::into_inner(ended).unwrap().into_inner().unwrap()
}

impl Driver for Tokio {
    const NAME: &'static str = "tokio";

    fn new(builder: Builder) -> Self {
        Self(builder.build_async().unwrap())
    }

    fn tracking(&self) -> Result<Tracking, Error> {
        run(self.0.tracking())
    }

    fn sources(&self) -> Result<Vec<Source>, Error> {
        run(self.0.sources())
    }

    fn read<R: Readable>(&self) -> Result<R, Error> {
        run(self.0.read())
    }

    fn rows(&self, table: &'static Table) -> Result<Rows, Error> {
        run(self.0.rows(table))
    }

    fn report(&self, name: &str) -> Result<AnyRecords, Error> {
        run(self.0.report(name))
    }

    fn ntp_data(&self) -> Result<Vec<Option<NtpData>>, Error> {
        run(self.0.ntp_data())
    }

    fn connect(&self) -> Result<Address, Error> {
        run(self.0.connect())
    }

    fn address(&self) -> Option<Address> {
        self.0.address()
    }

    fn close(&self) {
        self.0.close();
    }

    fn together(connections: &[&Self]) -> Vec<(usize, Result<Vec<Source>, Error>)> {
        run_all(connections, None)
    }
}

impl Tasks for Tokio {
    fn sources_within(&self, steps: usize) -> Option<Result<Vec<Source>, Error>> {
        run(async {
            let mut call = pin!(self.0.sources());
            let mut left = steps;
            poll_fn(|task| {
                if left == 0 {
                    return Poll::Ready(None);
                }
                left -= 1;
                call.as_mut().poll(task).map(Some)
            })
            .await
        })
    }

    fn together_without(connections: &[&Self], given_up: usize) -> Vec<(usize, Result<Vec<Source>, Error>)> {
        run_all(connections, Some(given_up))
    }

    fn forks_meanwhile(&self) -> usize {
        run(async {
            let mut call = Some(Box::pin(self.0.sources()));
            poll_fn(|task| Poll::Ready(call.as_mut().unwrap().as_mut().poll(task).is_pending())).await;
            let watched = open::watched(process::id());
            assert!(in_fork(|| {
                // The runtime belongs to the parent. Dropping the call here does not disturb the parent.
                drop(call.take());
                let own = thread::scope(|scope| scope.spawn(|| self.sources()).join().unwrap());
                own.is_ok()
            }));
            assert!(
                watched > 0 && open::watched(process::id()) == watched,
                "the child changed its parent's event queue"
            );
            call.unwrap().await.unwrap().len()
        })
    }
}
