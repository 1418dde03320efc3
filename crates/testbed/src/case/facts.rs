//! The facts of a case in a short form: many values in the reports follow from others.
//!
//! - `sources`: a list of sources, each with `address` (or a list of addresses, for several equal sources; or `{"id":
//!   N}` for an unresolved name) or `reference ID` (a text such as GPS, of a reference clock), and `state`, the
//!   letter of the selectdata report. Then the differences from a good source with a poll of 64 s:
//!     - fields of the sources report, with `offset` and `error` of the last sample;
//!     - `options`, and `effective options` if they differ: lists of noselect, prefer, trust and require;
//!     - `offline`: true;
//!     - `sourcestats`, `selectdata`, `authdata`, `ntpdata`: fields of these reports. In ntpdata, `failed` has the
//!       letters of the failed tests, such as 6ABCD.
//!
//!   A source in state M or s has no sample, unless there is a `last sample ago`.
//! - `tracking`: its fields. The rest follows from the selected source, or from the source whose address or reference
//!   ID is `follows`. Without a source, the clock is not synchronised. With `local`, a stratum, it follows itself.
//! - `activity`: its fields, if they do not follow from the sources.
//! - `values`: anything else that [`Values`] takes.

use serde_json::{Map, Value, json};

use crate::Values;

type Record = Map<String, Value>;

/// The letters of the selection's states, by the state of the sources report: selected, not selectable, falseticker,
/// jittery, combined, selectable.
const STATES: [&str; 6] = ["*", "NsMrdwSOT", "x", "~", "+", "WPUDL"];
/// The tests of a packet, from the highest bit.
const TESTS: &str = "123567ABCD";
const OPTIONS: [&str; 4] = ["noselect", "prefer", "trust", "require"];
const NEVER: u32 = u32::MAX;
const REPORTS_OF_SOURCES: [&str; 5] = ["sources", "sourcestats", "selectdata", "authdata", "ntpdata"];

/// Takes the facts out of a file, and returns them as values.
pub(super) fn values(file: &mut Record) -> Result<Values, String> {
    let mut sources = vec![];
    for short in file.remove("sources").unwrap_or(json!([])).as_array().ok_or("sources is a list")? {
        let short = short.as_object().ok_or("a source is a JSON object")?;
        match short.get("address") {
            Some(Value::Array(addresses)) => {
                for address in addresses {
                    let mut one = short.clone();
                    one.insert("address".into(), address.clone());
                    sources.push(Source::new(one)?);
                }
            }
            _ => sources.push(Source::new(short.clone())?),
        }
    }
    let mut all = json!({
        "tracking": tracking(file.remove("tracking"), &sources)?,
        "activity": activity(file.remove("activity"), &sources)?,
    });
    for (at, report) in REPORTS_OF_SOURCES.iter().enumerate() {
        all[report] = sources.iter().map(|source| source.records[at].clone()).collect();
    }
    let mut values = Values::default();
    values.change(&all).map_err(|error| error.to_string())?;
    if let Some(more) = file.remove("values") {
        values.change(&more).map_err(|error| error.to_string())?;
    }
    Ok(values)
}

/// A source, in each of the reports about sources.
struct Source {
    records: [Value; 5],
    is_clock: bool,
    is_offline: bool,
}

impl Source {
    fn new(mut short: Record) -> Result<Self, String> {
        let is_clock = short.contains_key("reference ID");
        if !is_clock && !short.contains_key("address") {
            return Err("a source has an address or a reference ID".into());
        }
        if let Some(name) = short.get("reference ID").and_then(Value::as_str) {
            short.insert("reference ID".into(), json!(reference_id(name)));
        }
        let letter = short.remove("state").as_ref().and_then(Value::as_str).and_then(|text| text.chars().next());
        let letter = letter.ok_or("a source has a state")?;
        let state = STATES.iter().position(|letters| letters.contains(letter)).ok_or(format!("no state: {letter}"))?;
        let has_sample = !"Ms".contains(letter) || short.contains_key("last sample ago");
        let is_offline = short.remove("offline") == Some(json!(true));
        let mut take = |key: &str| short.remove(key);
        let options = bits(take("options"))?;
        let effective = take("effective options").map_or(Ok(options), |list| bits(Some(list)))?;
        let (offset, error) = (take("offset"), take("error"));
        let [statistics, select, auth, ntp] = ["sourcestats", "selectdata", "authdata", "ntpdata"].map(take);

        let mut source = json!({
            "poll": if is_clock { 4 } else { 6 },
            "stratum": if is_clock || !has_sample { 0 } else { 2 },
            "state": state,
            "reachability": if has_sample { 255 } else { 0 },
            "last sample ago": if has_sample { json!(if is_clock { 6 } else { 23 }) } else { json!(NEVER) },
        });
        let offset = offset.filter(|_| has_sample).unwrap_or(json!(if has_sample { 2e-5 } else { 0.0 }));
        let error = error.unwrap_or(json!(match (has_sample, is_clock) {
            (false, _) => 0.0,
            (true, true) => 2e-6,
            (true, false) => 7e-3,
        }));
        source["original last sample offset"] = offset.clone();
        source["adjusted last sample offset"] = offset.clone();
        source["last sample error"] = error.clone();
        merge(&mut source, Some(Value::Object(short)))?;

        let number = |value: &Value| value.as_f64().unwrap_or(0.0);
        let (offset, error) = (number(&offset), number(&error));
        let statistics = merged(
            if has_sample {
                json!({
                    "span": if is_clock { 112 } else { 448 },
                    "standard deviation": error / 50.0,
                    "offset": offset,
                    "offset error": error / 20.0,
                })
            } else {
                json!({"samples": 0, "runs": 0, "span": 0, "standard deviation": 4, "residual frequency": 0,
                       "skew": 2000, "offset": 0, "offset error": 0})
            },
            statistics,
        )?;
        let auth = merged(json!({}), auth)?;
        let is_limited = has_sample && letter != 'N';
        let select = merged(
            json!({
                "state": u32::from(letter),
                "authentication": u8::from(number(&auth["mode"]) > 0.0),
                "leap status": if has_sample { 0 } else { 3 },
                "configured options": options,
                "effective options": effective,
                "last sample ago": if is_limited { source["last sample ago"].clone() } else { json!(0) },
                "low limit": if is_limited { offset - error } else { 0.0 },
                "high limit": if is_limited { offset + error } else { 0.0 },
            }),
            select,
        )?;
        let ntp = merged(ntp_data(&source, offset, has_sample), ntp.map(failed).transpose()?)?;
        let of_ntp = |record: Value| if is_clock { Value::Null } else { record };
        let records = [source, statistics, select, of_ntp(auth), of_ntp(ntp)];
        Ok(Self { records, is_clock, is_offline })
    }

    fn is(&self, key: &str, value: &Value) -> bool {
        self.records[0][key] == *value
    }
}

/// Returns the reference ID of a reference clock's name.
fn reference_id(name: &str) -> u32 {
    name.bytes().chain([0; 4]).take(4).fold(0, |id, byte| id << 8 | u32::from(byte))
}

/// Returns the ntpdata of a source that answers, or of a source that was never asked.
fn ntp_data(source: &Value, offset: f64, has_sample: bool) -> Value {
    if has_sample {
        return json!({
            "stratum": source["stratum"], "poll": source["poll"], "root delay": 0.004, "root dispersion": 0.001,
            "reference ID": 0xC000_0263_u32, "reference time": {"ago": 100}, "offset": -offset, "peer delay": 0.008,
            "transmitted messages": 60, "received messages": 60,
            "received valid messages": 60, "received good messages": 60,
        });
    }
    json!({
        "local address": null, "version": 0, "mode": 0, "stratum": 0, "poll": 0, "precision": 0, "root delay": 0,
        "root dispersion": 0, "reference ID": 0, "reference time": 0, "offset": 0, "peer delay": 0,
        "peer dispersion": 0, "response time": 0, "flags": 0, "transmit timestamping": 0, "receive timestamping": 0,
        "transmitted messages": 0, "received messages": 0, "received valid messages": 0, "received good messages": 0,
    })
}

/// Replaces the letters of the failed tests by flags, in which 1 means passed.
fn failed(mut ntp: Value) -> Result<Value, String> {
    let record = ntp.as_object_mut().ok_or("ntpdata is a JSON object")?;
    if let Some(letters) = record.remove("failed") {
        let letters = letters.as_str().ok_or("failed has letters of tests")?;
        if let Some(wrong) = letters.chars().find(|letter| !TESTS.contains(*letter)) {
            return Err(format!("no test {wrong}"));
        }
        let flags = TESTS.chars().fold(0, |flags, test| flags << 1 | u16::from(!letters.contains(test)));
        record.insert("flags".into(), json!(flags));
    }
    Ok(ntp)
}

fn tracking(short: Option<Value>, sources: &[Source]) -> Result<Value, String> {
    let mut short = short.unwrap_or(json!({}));
    let record = short.as_object_mut().ok_or("tracking is a JSON object")?;
    let followed = match record.remove("follows") {
        Some(name) => {
            let id = json!(reference_id(name.as_str().unwrap_or_default()));
            let mut named =
                sources.iter().filter(|source| source.is("address", &name) || source.is("reference ID", &id));
            Some(named.next().ok_or(format!("no source to follow: {name}"))?)
        }
        None => sources.iter().find(|source| source.is("state", &json!(0))),
    };
    let correction = record.get("current correction").and_then(Value::as_f64).unwrap_or(0.0);
    let base = match (followed, record.remove("local")) {
        (_, Some(stratum)) => json!({
            "reference ID": 0x7F7F_0101, "address": null, "stratum": stratum, "leap status": 0,
            "reference time": {"ago": 1}, "current correction": 0, "last offset": 0, "RMS offset": 0,
            "frequency offset": 0, "residual frequency": 0, "skew": 0, "root delay": 0, "root dispersion": 0,
            "last update interval": 0,
        }),
        (None, None) => json!({
            "reference ID": 0, "address": null, "stratum": 0, "leap status": 3, "reference time": 0,
            "current correction": 0, "last offset": 0, "RMS offset": 0, "residual frequency": 0, "skew": 0,
            "root delay": 1, "root dispersion": 1, "last update interval": 0,
        }),
        (Some(source), None) => {
            let source = &source.records[0];
            let field = |name: &str| source[name].as_f64().unwrap_or(0.0);
            let (age, poll) = (field("last sample ago"), field("poll").exp2());
            let age = if age < f64::from(NEVER) { age } else { 0.0 };
            let mut base = json!({
                "stratum": source["stratum"].as_u64().unwrap_or(0) + 1,
                // In chronyd's estimate of true time.
                "reference time": {"ago": age - correction},
                "current correction": 1e-5,
                "root delay": 0.012, "root dispersion": 0.0015,
                "last update interval": poll,
            });
            if let Some(id) = source.get("reference ID") {
                base["reference ID"] = id.clone();
                base["address"] = Value::Null;
                base["root delay"] = json!(1e-9);
                base["root dispersion"] = json!(2e-6);
            } else {
                let address = source["address"].as_str().and_then(|text| text.parse::<std::net::Ipv4Addr>().ok());
                base["reference ID"] =
                    json!(u32::from(address.ok_or("only a source with an IPv4 address is followed")?));
                base["address"] = source["address"].clone();
            }
            base
        }
    };
    merged(base, Some(short))
}

fn activity(short: Option<Value>, sources: &[Source]) -> Result<Value, String> {
    let count = |is_meant: &dyn Fn(&Source) -> bool| {
        sources.iter().filter(|source| !source.is_clock && is_meant(source)).count()
    };
    let is_resolved = |source: &Source| source.records[0]["address"].get("id").is_none();
    merged(
        json!({
            "online sources": count(&|source| is_resolved(source) && !source.is_offline),
            "offline sources": count(&|source| is_resolved(source) && source.is_offline),
            "unresolved sources": count(&|source| !is_resolved(source)),
        }),
        short,
    )
}

fn bits(options: Option<Value>) -> Result<u16, String> {
    let options = options.unwrap_or(json!([]));
    options.as_array().ok_or("options is a list")?.iter().try_fold(0, |bits, option| {
        let bit = OPTIONS.iter().position(|name| option == *name).ok_or(format!("no option {option}"))?;
        Ok(bits | 1 << bit)
    })
}

fn merged(mut base: Value, more: Option<Value>) -> Result<Value, String> {
    merge(&mut base, more)?;
    Ok(base)
}

fn merge(base: &mut Value, more: Option<Value>) -> Result<(), String> {
    let Some(more) = more else { return Ok(()) };
    let more = more.as_object().ok_or(format!("not a JSON object: {more}"))?;
    base.as_object_mut().expect("a record").extend(more.clone());
    Ok(())
}
