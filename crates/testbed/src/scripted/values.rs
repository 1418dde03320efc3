//! The values of the scripted chronyd: records by report, over plausible defaults.
//!
//! As JSON, they are an object with any of these keys. Other values do not change:
//!
//! - a report with one record (`tracking`, `activity`, `serverstats`, `rtcdata`, `smoothing`): an object of libchrony's
//!   field names, or null for "chronyd has no such thing" (`rtcdata` is null unless given);
//! - a report about sources (`sources`, `sourcestats`, `selectdata`, `authdata`, `ntpdata`): a list of such objects,
//!   or the number of default records. Unless given, and again after null, the other lists have the addresses and the
//!   length of `sources`. `authdata` and `ntpdata` may have null in the place of a reference clock;
//! - `open`: true if the command port serves every report, as with `opencommands` since chrony 4.7;
//! - `layouts`: the layout of a reply, counted from 1: `{"serverstats": 4, "ntpdata": 2}` (the newest unless given).
//!
//! A source with a `reference ID` in place of an address is a reference clock. See [`super::wire`] for the values.

use std::collections::{BTreeMap, HashMap};
use std::net::Ipv4Addr;

use serde_json::{Map, Value, json};

use super::layout::{Field, Key, Layout, REPORTS, Report, Wire};
use super::wire;
use crate::Error;

type Record = Map<String, Value>;

/// The records of every report. The default has one source and no RTC.
#[derive(Debug, Clone)]
pub struct Values {
    records: BTreeMap<&'static str, Vec<Record>>,
    layouts: BTreeMap<&'static str, usize>,
    pub(super) is_open: bool,
    /// The index of the source with each address, in wire format. A reference clock does not have an address.
    by_address: HashMap<Vec<u8>, usize>,
    /// The number of sources that were added.
    added: u32,
}

impl Default for Values {
    fn default() -> Self {
        let one = || vec![Record::new()];
        let reports = ["tracking", "sources", "activity", "serverstats", "smoothing"];
        let mut records: BTreeMap<_, _> = reports.into_iter().map(|name| (name, one())).collect();
        records.insert("rtcdata", vec![]);
        let mut values =
            Self { records, layouts: BTreeMap::new(), is_open: false, by_address: HashMap::new(), added: 0 };
        values.find_addresses();
        values
    }
}

impl Values {
    /// Returns the defaults, changed by `values`. Panics if these are invalid, as a test should.
    pub fn new(values: &Value) -> Self {
        let mut all = Self::default();
        all.change(values).unwrap_or_else(|error| panic!("{error}"));
        all
    }

    /// Replaces the values that `values` names. Changes nothing if any of them is invalid.
    pub fn change(&mut self, values: &Value) -> Result<(), Error> {
        let mut changed = self.clone();
        changed.take(values).map_err(Error::Script)?;
        changed.find_addresses();
        *self = changed;
        Ok(())
    }

    fn take(&mut self, values: &Value) -> Result<(), String> {
        for (name, value) in values.as_object().ok_or("values are a JSON object")? {
            if name == "open" {
                self.is_open = value.as_bool().ok_or("open is true or false")?;
                continue;
            }
            if name == "layouts" {
                for (name, number) in value.as_object().ok_or("layouts are a JSON object")? {
                    let report = find(name)?;
                    let number = number.as_u64().and_then(|number| usize::try_from(number).ok()).unwrap_or(0);
                    let known = (1..=report.layouts.len()).contains(&number);
                    self.layouts
                        .insert(report.name, known.then_some(number).ok_or(format!("no such layout of {name}"))?);
                }
                continue;
            }
            let report = find(name)?;
            let mut records = match value {
                Value::Object(record) if report.key == Key::Single => vec![record.clone()],
                Value::Null if report.key == Key::Single => vec![],
                Value::Null if report.name != "sources" => {
                    self.records.remove(report.name);
                    continue;
                }
                Value::Array(list) if report.key != Key::Single => {
                    let record = |record: &Value| match record {
                        Value::Null if report.key == Key::Address => Some(Record::new()),
                        record => record.as_object().cloned(),
                    };
                    let records: Option<_> = list.iter().map(record).collect();
                    records.ok_or(format!("{name}: a record is a JSON object"))?
                }
                Value::Number(number) if report.key != Key::Single => default_sources(number.as_u64().unwrap_or(0)),
                _ => return Err(format!("{name}: not its records: {value}")),
            };
            for record in &mut records {
                // A source with a reference ID is a reference clock unless it says otherwise.
                if report.name == "sources" && record.contains_key("reference ID") {
                    record.entry("mode").or_insert(json!(2));
                }
                check(report, record)?;
            }
            self.records.insert(report.name, records);
        }
        Ok(())
    }

    /// Removes the source of an index, as chronyd does: the sources after it move up. Then appends `add` sources, each
    /// with an address that no source has had.
    pub(super) fn churn(&mut self, remove: usize, add: usize) {
        let first = u32::from(Ipv4Addr::new(127, 2, 0, 1)) + self.added;
        let add = u32::try_from(add).expect("a number of sources");
        self.added += add;
        let new = sources(first, add);
        for (name, records) in &mut self.records {
            let report = find(name).expect("checked when given");
            if report.key == Key::Single {
                continue;
            }
            if remove < records.len() {
                records.remove(remove);
            }
            let record = |source: &Record| if *name == "sources" { source.clone() } else { follow(report, source) };
            records.extend(new.iter().map(record));
        }
        self.find_addresses();
    }

    fn find_addresses(&mut self) {
        let indexes = (0..self.sources()).rev().filter(|&index| !self.is_reference_clock(index));
        self.by_address = indexes.filter_map(|index| Some((self.address(index)?, index))).collect();
    }

    /// The number of sources.
    pub fn sources(&self) -> usize {
        self.records["sources"].len()
    }

    /// Returns the index of the source with this address, in wire format.
    pub(crate) fn source_at(&self, address: &[u8]) -> Option<usize> {
        self.by_address.get(address).copied()
    }

    /// Returns the address of a source, in wire format.
    pub(crate) fn address(&self, index: usize) -> Option<Vec<u8>> {
        let source = self.records["sources"].get(index)?;
        Some(value_bytes(source, &SOURCE_ADDRESS).expect("checked when given"))
    }

    /// Returns true if a source is a reference clock, which has no address.
    pub(crate) fn is_reference_clock(&self, index: usize) -> bool {
        self.records["sources"].get(index).is_some_and(|source| source.contains_key("reference ID"))
    }

    /// Returns the reply code and the bytes of a record, or `None` if the record does not exist.
    pub(super) fn encode(&self, report: &'static Report, index: usize) -> Option<(u16, Vec<u8>)> {
        let source = self.records["sources"].get(index);
        let follows = report.key != Key::Single && report.name != "sources";
        let followed = source.filter(|_| follows).map(|source| follow(report, source));
        let record = match self.records.get(report.name) {
            Some(records) => {
                let given = records.get(index)?.clone();
                followed.into_iter().flatten().chain(given).collect()
            }
            None => followed?,
        };
        let layout = self.layout(report);
        let bytes = layout.fields().flat_map(|field| value_bytes(&record, field).expect("checked when given"));
        Some((layout.reply, bytes.collect()))
    }

    fn layout(&self, report: &'static Report) -> &'static Layout {
        let newest = report.layouts.len();
        &report.layouts[self.layouts.get(report.name).copied().unwrap_or(newest) - 1]
    }
}

const SOURCE_ADDRESS: Field = ("address", Wire::Source, "127.0.0.1");

fn find(name: &str) -> Result<&'static Report, String> {
    REPORTS.iter().find(|report| report.name == name).ok_or(format!("no such report: {name}"))
}

/// Returns `number` records that differ in their address.
fn default_sources(number: u64) -> Vec<Record> {
    sources(u32::from(Ipv4Addr::new(127, 1, 0, 1)), u32::try_from(number).expect("a number of sources"))
}

fn sources(first: u32, number: u32) -> Vec<Record> {
    (first..first + number)
        .map(|address| Record::from_iter([("address".to_owned(), json!(Ipv4Addr::from(address)))]))
        .collect()
}

/// Returns a source's record of a report, which has only its address or its reference ID.
fn follow(report: &Report, source: &Record) -> Record {
    let address = source.get("address").cloned().unwrap_or_else(|| wire::default(SOURCE_ADDRESS.1, SOURCE_ADDRESS.2));
    let mut record = Record::new();
    if report.name == "ntpdata" {
        record.insert("remote address".into(), address);
    } else if let Some(reference_id) = source.get("reference ID") {
        record.insert("reference ID".into(), reference_id.clone());
        record.insert("address".into(), Value::Null);
    } else if report.key == Key::Index {
        let id = wire::encode(Wire::Address, &address).expect("checked when given");
        // An unresolved name does not have a reference ID.
        let id = if id[17] == 3 { 0 } else { u32::from_be_bytes(id[..4].try_into().expect("four bytes")) };
        record.insert("reference ID".into(), json!(id));
        record.insert("address".into(), address);
    }
    record
}

fn check(report: &'static Report, record: &Record) -> Result<(), String> {
    // The newest layout has the widest fields.
    let fields = || report.layouts.iter().rev().flat_map(Layout::fields);
    for (name, value) in record {
        let Some(field) = fields().find(|field| field.0 == name || (field.1 == Wire::Source && name == "reference ID"))
        else {
            return Err(format!("{} has no field \"{name}\"", report.name));
        };
        value_bytes(record, field).map_err(|error| format!("{}: {name}: {error}: {value}", report.name))?;
    }
    Ok(())
}

/// Returns the bytes of one field: the record's own value or the default.
fn value_bytes(record: &Record, (name, wire, default): &Field) -> Result<Vec<u8>, String> {
    if *wire == Wire::Source
        && let Some(reference_id) = record.get("reference ID")
    {
        return Ok(wire::address_bytes(1, &wire::encode(Wire::U32, reference_id)?));
    }
    match record.get(*name) {
        Some(value) => wire::encode(*wire, value),
        None => wire::encode(*wire, &wire::default(*wire, default)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lengths of the structures in chrony's candm.h, versions 2.2 to 4.9.
    #[test]
    fn layouts_have_the_lengths_of_the_protocol() {
        let lengths = [
            ("tracking", vec![76]),
            ("sources", vec![48]),
            ("sourcestats", vec![56]),
            ("selectdata", vec![48]),
            ("activity", vec![20]),
            ("authdata", vec![24]),
            ("ntpdata", vec![124, 144]),
            ("serverstats", vec![20, 32, 44, 168]),
            ("rtcdata", vec![28]),
            ("smoothing", vec![24]),
        ];
        for (name, expected) in lengths {
            let layouts = find(name).unwrap().layouts;
            let length = |layout: &Layout| layout.fields().map(|field| field.1.size()).sum::<usize>();
            assert_eq!(layouts.iter().map(length).collect::<Vec<_>>(), expected, "{name}");
        }
    }

    #[test]
    fn every_default_can_be_encoded() {
        let mut values = Values::new(&json!({"rtcdata": {}, "sources": 3}));
        for report in REPORTS {
            for number in 1..=report.layouts.len() {
                values.change(&json!({"layouts": {report.name: number}})).unwrap();
                let length: usize = values.layout(report).fields().map(|field| field.1.size()).sum();
                assert_eq!(values.encode(report, 0).unwrap().1.len(), length);
                assert_eq!(values.encode(report, 3), None);
            }
        }
    }

    #[test]
    fn each_field_of_each_layout_takes_any_value_and_no_other_changes() {
        for report in REPORTS {
            for (number, layout) in report.layouts.iter().enumerate() {
                let mut place = 0;
                for (name, wire, _) in layout.fields() {
                    let value = match wire {
                        Wire::I8 | Wire::I16 => json!(-77),
                        Wire::Float => json!({"raw": 0xdead_beef_u32}),
                        Wire::Address | Wire::Source => json!("203.0.113.77"),
                        Wire::Time => json!({"high": 7, "low": 8, "nsec": 9}),
                        Wire::U8 | Wire::U16 | Wire::U32 | Wire::U64 => json!(177),
                    };
                    let bytes = |record: Value| {
                        let records = if report.key == Key::Single { record } else { json!([record]) };
                        let layouts = json!({report.name: number + 1});
                        let values = Values::new(&json!({report.name: records, "layouts": layouts}));
                        values.encode(report, 0).unwrap()
                    };
                    let (changed, plain) = (bytes(json!({*name: value})), bytes(json!({})));
                    assert_eq!((changed.0, plain.0), (layout.reply, layout.reply));
                    let end = place + wire.size();
                    assert_eq!(changed.1[place..end], wire::encode(*wire, &value).unwrap(), "{name}");
                    assert_ne!(changed.1[place..end], plain.1[place..end], "{name}");
                    assert_eq!(
                        (&changed.1[..place], &changed.1[end..]),
                        (&plain.1[..place], &plain.1[end..]),
                        "{name}"
                    );
                    place = end;
                }
            }
        }
    }

    #[test]
    fn sources_come_and_go_as_in_chronyd() {
        let mut values = Values::new(&json!({"sources": 3, "sourcestats": 3}));
        let sources = find("sources").unwrap();
        let before: Vec<_> = (0..3).map(|index| values.encode(sources, index)).collect();
        values.churn(1, 2);
        let after: Vec<_> = (0..5).map(|index| values.encode(sources, index)).collect();
        assert_eq!(after[..2], [before[0].clone(), before[2].clone()]);
        assert!(after[2].is_some() && after[3].is_some() && after[2] != after[3] && after[4].is_none());
        assert_eq!(values.records["sourcestats"].len(), 4);
        assert_eq!(values.records["sourcestats"][2]["address"], "127.2.0.1");
        // A source that does not exist cannot go.
        values.churn(4, 0);
        assert_eq!(values.sources(), 4);
    }

    #[test]
    fn lists_follow_the_sources_again_after_null() {
        let mut values = Values::new(&json!({"sourcestats": 3}));
        let stats = find("sourcestats").unwrap();
        assert!(values.encode(stats, 2).is_some());
        values.change(&json!({"sources": 2, "sourcestats": null})).unwrap();
        assert!(values.encode(stats, 1).is_some());
        assert_eq!(values.encode(stats, 2), None);
    }

    #[test]
    fn nonsense_is_refused_and_changes_nothing() {
        let mut values = Values::default();
        for bad in [
            json!([]),
            json!({"trackin": {}}),
            json!({"tracking": {"stratun": 1}}),
            json!({"tracking": {"stratum": 70000}}),
            json!({"tracking": []}),
            json!({"sources": [1]}),
            json!({"layouts": {"serverstats": 5}}),
        ] {
            assert!(values.change(&bad).is_err(), "{bad}");
        }
        assert_eq!(values.sources(), 1);
    }
}
