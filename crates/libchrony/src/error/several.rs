//! The combination of failures at several addresses into one error.

use super::{Error, ErrorKind};
use std::error::Error as _;

impl Error {
    /// Combines failures. The most informative one comes first.
    pub(crate) fn from_failures(mut failures: Vec<Self>) -> Self {
        if failures.len() > 1 && failures.iter().all(|failure| failure.kind() == ErrorKind::NotFound) {
            let tried = failures.into_iter().filter_map(|failure| failure.address().cloned()).collect();
            return Self::SocketNotFound { tried };
        }
        let rank = |failure: &Self| match (failure, failure.kind()) {
            (_, ErrorKind::Permission) => 0,
            (Self::TimedOut { .. } | Self::Exchange { .. }, _) => 1,
            (_, ErrorKind::NotFound) => 3,
            _ => 2,
        };
        let Some(best) = (0..failures.len()).min_by_key(|&index| rank(&failures[index])) else {
            return Self::SocketNotFound { tried: Vec::new() };
        };
        let best = failures.remove(best);
        if failures.is_empty() {
            return best;
        }
        let others = failures.iter().map(Self::brief).collect::<Vec<_>>().join(", ");
        Self::Unreachable { best: Box::new(best), others }
    }

    /// Returns the address and the reason, without advice.
    fn brief(&self) -> String {
        let reason = self.source().map_or_else(|| "no answer".to_owned(), ToString::to_string);
        self.address().map_or_else(|| self.to_string(), |address| format!("{address} ({reason})"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::io::Errno;

    fn refused(address: &str, errno: Errno) -> Error {
        Error::Connect { address: address.parse().unwrap(), source: errno.into() }
    }

    #[test]
    fn of_several_failures_the_one_that_tells_most_comes_first() {
        let missing = || refused("/nonexistent/chronyd.sock", Errno::NOENT);
        let error = Error::from_failures(vec![missing(), missing()]);
        assert!(matches!(&error, Error::SocketNotFound { tried } if tried.len() == 2), "{error:?}");
        let port = || refused("192.0.2.1", Errno::CONNREFUSED);
        let forbidden = Error::Permission { address: "/a.sock".parse().unwrap(), source: Errno::ACCESS.into() };
        let error = Error::from_failures(vec![missing(), port(), forbidden]);
        assert_eq!(error.kind(), ErrorKind::Permission);
        let words = error.to_string();
        assert!(words.starts_with("Permission denied accessing /a.sock: "), "{words}");
        let others = "(other addresses: /nonexistent/chronyd.sock (No such file or directory (os error 2)), \
                      192.0.2.1:323 (Connection refused (os error 111)))";
        assert!(words.ends_with(others), "{words}");
        let error = Error::from_failures(vec![missing(), port()]);
        assert!(error.to_string().starts_with("Failed to connect to chronyd at 192.0.2.1:323"), "{error}");
        assert!(matches!(Error::from_failures(vec![port()]), Error::Connect { .. }));
    }
}
