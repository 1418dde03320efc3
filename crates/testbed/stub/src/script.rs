//! The script in an address, which makes the stub differ from libchrony.
//!
//! An address is `/` and items, separated by `;`. A socket's address has 107 bytes at most, and so has a script.
//!
//! | item | effect |
//! | --- | --- |
//! | `tracking`, or any report, or nothing | none: every report has good values |
//! | `FIELD=VALUE` | the field has this value, in its own type |
//! | `FIELD=TYPE:VALUE` | … in another type: `uint`, `int`, `float`, `time`, `string` |
//! | `FIELD:TYPE` | the field is of another type, or of `none` |
//! | `FIELD=absent` | the record has no such field |
//! | `FIELD>NAME` | the field has this name instead |
//! | `fields=N` | a record has only its first N fields |
//! | `layout=N` | reports have their N-th layout, or their newest if they have fewer |
//! | `records=N` | there are N records (1 unless given; any `int`); `future list` has two more |
//! | `open=ERRNO` | `chrony_open_socket` fails |
//! | `init=CODE` | `chrony_init_session` returns the error |
//! | `count-request=CODE`, `count-process=CODE` | asking for the number of records fails, or its response |
//! | `request=CODE`, `process=CODE` | the same for a record; error 98 has no description |
//! | `errno=ERRNO` | calls that return an error of `init`, `request` or `process` leave this in `errno` |
//! | `again=N` | N responses for other clients come before each right one |
//! | `silent` | no response ever comes |
//!
//! A `VALUE` is a number, `nan`, `inf`, `-inf`; `SECONDS.NANOSECONDS`, both whole and neither bounded; an address, any
//! text with `%XX` for a byte, `null`.
//!
//! `FIELD` is libchrony's name, in every report that has it. An address without `/` has an empty script. A script
//! with a mistake is reported on stderr, and the socket does not open (EINVAL).

use std::ffi::{c_int, c_uint};

use crate::future;
use crate::layout::{Layout, Report};
use crate::record::{Field, Value, type_name};
use crate::reports;

/// The differences from libchrony.
pub(crate) struct Script {
    pub(crate) open: c_int,
    errno: c_int,
    pub(crate) init: c_uint,
    pub(crate) count_request: c_uint,
    pub(crate) count_process: c_uint,
    pub(crate) request: c_uint,
    pub(crate) process: c_uint,
    records: c_int,
    layout: usize,
    pub(crate) again: usize,
    pub(crate) silent: bool,
    fields: usize,
    changes: Vec<(String, Change)>,
}

enum Change {
    Absent,
    Name(String),
    Type(String),
    /// A type, None for the field's own, and a value.
    Value(Option<String>, String),
}

impl Default for Script {
    fn default() -> Self {
        Self {
            open: 0,
            errno: 0,
            init: 0,
            count_request: 0,
            count_process: 0,
            request: 0,
            process: 0,
            records: 1,
            layout: usize::MAX,
            again: 0,
            silent: false,
            fields: usize::MAX,
            changes: vec![],
        }
    }
}

impl Script {
    pub(crate) fn that_fails_to_open(errno: c_int) -> Self {
        Self { open: errno, ..Self::default() }
    }

    pub(crate) fn parse(address: &str) -> Result<Self, String> {
        let mut script = Self::default();
        for item in address.strip_prefix('/').unwrap_or_default().split(';').map(str::trim) {
            script.item(item).ok_or_else(|| format!("not an item of a script: {item}"))?;
        }
        Ok(script)
    }

    fn item(&mut self, item: &str) -> Option<()> {
        if item.is_empty() || reports().any(|report| report.name == item) {
            return Some(());
        }
        if item == "silent" {
            self.silent = true;
            return Some(());
        }
        let Some((name, value)) = item.split_once('=') else {
            if let Some((name, other)) = item.split_once('>') {
                return self.change(name, Change::Name(other.to_owned()));
            }
            let (name, type_name) = item.split_once(':')?;
            return self.change(name, Change::Type(type_name.to_owned()));
        };
        match name {
            "open" => self.open = value.parse().ok()?,
            "errno" => self.errno = value.parse().ok()?,
            "init" => self.init = value.parse().ok()?,
            "count-request" => self.count_request = value.parse().ok()?,
            "count-process" => self.count_process = value.parse().ok()?,
            "request" => self.request = value.parse().ok()?,
            "process" => self.process = value.parse().ok()?,
            "records" => self.records = value.parse().ok()?,
            "layout" => self.layout = value.parse().ok()?,
            "again" => self.again = value.parse().ok()?,
            "fields" => self.fields = value.parse().ok()?,
            _ if value == "absent" => return self.change(name, Change::Absent),
            _ => {
                let types = ["uint", "int", "float", "time", "string"];
                let change = match value.split_once(':').filter(|(type_name, _)| types.contains(type_name)) {
                    Some((type_name, value)) => Change::Value(Some(type_name.to_owned()), value.to_owned()),
                    None => Change::Value(None, value.to_owned()),
                };
                return self.change(name, change);
            }
        }
        Some(())
    }

    /// Adds a change. Returns `None` if no report has the field, or if the field cannot take the change.
    fn change(&mut self, name: &str, change: Change) -> Option<()> {
        let mut fields = reports().flat_map(|report| newest(report).fields()).filter(|field| field.0 == name);
        let (_, wire, default) = fields.next()?;
        if !matches!(change, Change::Absent) {
            change.apply(type_name(*wire), default)?;
        }
        self.changes.push((name.to_owned(), change));
        Some(())
    }

    /// Returns an error code, and sets the errno that the script gives it.
    pub(crate) fn fail(&self, code: c_uint) -> c_uint {
        if code != 0 && self.errno != 0 {
            set_errno(self.errno);
        }
        code
    }

    /// Returns the number of records of a report.
    pub(crate) fn records(&self, report: &Report) -> c_int {
        self.records.saturating_add(if report.name == future::LIST { future::MORE } else { 0 })
    }

    /// Returns the record of a report: the defaults with the changes.
    pub(crate) fn record(&self, report: &'static Report) -> Vec<Field> {
        let layout = report.layouts.get(self.layout.wrapping_sub(1)).unwrap_or_else(|| newest(report));
        let fields = layout.fields().filter_map(|(name, wire, default)| {
            let own = type_name(*wire);
            let of_default = || Value::of_type(own, default).expect("a default of its type");
            let (name, value) = match self.changes.iter().rfind(|(changed, _)| changed == name) {
                Some((_, Change::Name(other))) => (other.as_str(), of_default()),
                Some((_, change)) => (*name, change.apply(own, default)?),
                None => (*name, of_default()),
            };
            Some(Field::new(report.name, name, value))
        });
        fields.take(self.fields).collect()
    }
}

impl Change {
    /// Returns the value instead of the default, or `None` if there is no field, or the value does not have the type.
    fn apply(&self, own: &str, default: &str) -> Option<Value> {
        match self {
            Self::Absent => None,
            Self::Name(_) => Value::of_type(own, default),
            Self::Type(type_name) => Value::of_type(type_name, default),
            Self::Value(type_name, text) => Value::parse(type_name.as_deref().unwrap_or(own), text),
        }
    }
}

pub(crate) fn set_errno(errno: c_int) {
    // SAFETY: the address of this thread's errno is always valid.
    unsafe { *libc::__errno_location() = errno };
}

fn newest(report: &'static Report) -> &'static Layout {
    report.layouts.last().expect("a report has a layout")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(script: &str, report: &str, field: &str) -> Option<Value> {
        let report = reports().find(|candidate| candidate.name == report).unwrap();
        let record = Script::parse(script).unwrap().record(report);
        record.into_iter().find(|candidate| candidate.name.to_bytes() == field.as_bytes()).map(|field| field.value)
    }

    #[test]
    fn each_item_does_what_the_grammar_says() {
        assert_eq!(value("/tracking", "tracking", "stratum"), Some(Value::Uint(2)));
        assert_eq!(value("/stratum=absent", "tracking", "stratum"), None);
        assert_eq!(value("/stratum>Stratum", "tracking", "stratum"), None);
        assert_eq!(value("/stratum>Stratum", "tracking", "Stratum"), Some(Value::Uint(2)));
        assert_eq!(value("/stratum:float", "tracking", "stratum"), Some(Value::Float(2.0)));
        assert_eq!(value("/stratum:none", "tracking", "stratum"), Some(Value::None));
        assert_eq!(value("/stratum=uint:99", "tracking", "stratum"), Some(Value::Uint(99)));
        assert_eq!(value("/poll=65534", "sources", "poll"), Some(Value::Int(65534)));
        assert_eq!(value("/offset=inf;frequency offset=-inf", "rtcdata", "offset"), Some(Value::Float(f64::INFINITY)));
        assert!(matches!(value("/skew=nan", "tracking", "skew"), Some(Value::Float(skew)) if skew.is_nan()));
        assert_eq!(value("/address=null", "sources", "address"), Some(Value::Text(None)));
        assert_eq!(value("/address=a%ff", "sources", "address"), Some(Value::Text(Some(c"a\xff".into()))));
        let time = Some(Value::Time(-1, 2_000_000_000));
        assert_eq!(value("/reference time=-1.2000000000", "tracking", "reference time"), time);
        assert_eq!(value("/fields=0", "tracking", "stratum"), None);
        assert_eq!(Script::parse("/records=-1").unwrap().records, -1);
        assert_eq!(value("/layout=1", "serverstats", "dropped NTP requests"), Some(Value::Uint(1004)));
        assert_eq!(value("/layout=1", "serverstats", "held NTP timestamps"), None);
        assert_eq!(value("/layout=1", "tracking", "stratum"), Some(Value::Uint(2)));
    }

    #[test]
    fn mistakes_are_reported() {
        for script in ["/stratun=1", "/stratum=x", "/stratum:text", "/open=x", "/nonsense"] {
            assert!(Script::parse(script).is_err(), "{script}");
        }
    }
}
