//! The encoding of one value: JSON to bytes in network byte order.
//!
//! Types with forms that no healthy chronyd sends also have a raw form in JSON. This module knows types, but not
//! reports.

use std::net::IpAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use super::layout::Wire;

/// Returns the default of a field, which is text in the layout, as JSON.
pub(super) fn default(wire: Wire, text: &str) -> Value {
    match wire {
        Wire::Address | Wire::Source | Wire::Time if text.is_empty() => Value::Null,
        Wire::Address | Wire::Source => json!(text),
        Wire::Time => {
            let (sec, nsec) = text.split_once('.').expect("seconds, a point, nine digits");
            json!({"sec": number(sec), "nsec": number(nsec)})
        }
        Wire::Float => json!(text.parse::<f64>().expect("a number")),
        _ => number(text),
    }
}

fn number(text: &str) -> Value {
    text.parse().expect("a whole number")
}

/// Encodes `value`:
///
/// - whole numbers: a number in the range of the type;
/// - floats: a number (rounded to the nearest one of the format), or `{"raw": 32 bits}`;
/// - addresses: null, an IPv4 or IPv6 address, `{"id": 32 bits}` for an unresolved name, `{"family": any}`;
/// - times: whole seconds, `{"sec", "nsec"}`, `{"ago": seconds}` before the moment of encoding (after it if negative), or
///   `{"high", "low", "nsec"}` for the three words, unchanged.
pub(super) fn encode(wire: Wire, value: &Value) -> Result<Vec<u8>, String> {
    let wrong = || format!("{value} is not a {wire:?}");
    let unsigned = || value.as_u64().ok_or_else(wrong);
    let bytes = match wire {
        Wire::U64 => unsigned()?.to_be_bytes().to_vec(),
        Wire::U32 => u32::try_from(unsigned()?).map_err(|_| wrong())?.to_be_bytes().to_vec(),
        Wire::U16 => u16::try_from(unsigned()?).map_err(|_| wrong())?.to_be_bytes().to_vec(),
        Wire::U8 => u8::try_from(unsigned()?).map_err(|_| wrong())?.to_be_bytes().to_vec(),
        Wire::I16 => value.as_i64().and_then(|n| i16::try_from(n).ok()).ok_or_else(wrong)?.to_be_bytes().to_vec(),
        Wire::I8 => value.as_i64().and_then(|n| i8::try_from(n).ok()).ok_or_else(wrong)?.to_be_bytes().to_vec(),
        Wire::Float => match value.as_f64() {
            Some(number) => float(number).to_be_bytes().to_vec(),
            None => word(value, "raw").ok_or_else(wrong)?.to_be_bytes().to_vec(),
        },
        Wire::Address | Wire::Source => address(value).ok_or_else(wrong)?,
        Wire::Time => time(value).ok_or_else(wrong)?,
    };
    Ok(bytes)
}

fn word(value: &Value, key: &str) -> Option<u32> {
    value.get(key)?.as_u64()?.try_into().ok()
}

fn address(value: &Value) -> Option<Vec<u8>> {
    let (family, bytes) = if value.is_null() {
        (0, vec![])
    } else if let Some(text) = value.as_str() {
        match text.parse().ok()? {
            IpAddr::V4(v4) => (1, v4.octets().to_vec()),
            IpAddr::V6(v6) => (2, v6.octets().to_vec()),
        }
    } else if let Some(id) = word(value, "id") {
        (3, id.to_be_bytes().to_vec())
    } else {
        (u16::try_from(word(value, "family")?).ok()?, vec![])
    };
    Some(address_bytes(family, &bytes))
}

/// Returns an address in wire format.
pub(crate) fn address_bytes(family: u16, bytes: &[u8]) -> Vec<u8> {
    let mut all = [0; 20];
    all[..bytes.len()].copy_from_slice(bytes);
    all[16..18].copy_from_slice(&family.to_be_bytes());
    all.to_vec()
}

fn time(value: &Value) -> Option<Vec<u8>> {
    let words = if let Some(high) = word(value, "high") {
        [high, word(value, "low")?, word(value, "nsec")?]
    } else if let Some(ago) = value.get("ago") {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("a time after 1970");
        // chronyd cannot have a time before 1970.
        let time = Duration::try_from_secs_f64(since.as_secs_f64() - ago.as_f64()?).ok()?;
        let [low, high] = [time.as_secs() & 0xffff_ffff, time.as_secs() >> 32].map(|word| u32::try_from(word).ok());
        [high?, low?, time.subsec_nanos()]
    } else {
        let seconds = value.as_i64().or_else(|| value.get("sec")?.as_i64())?.cast_unsigned();
        let low = u32::try_from(seconds & 0xffff_ffff).expect("masked");
        let high = u32::try_from(seconds >> 32).expect("shifted");
        [high, low, word(value, "nsec").unwrap_or(0)]
    };
    Some(words.into_iter().flat_map(u32::to_be_bytes).collect())
}

const COEFFICIENT_BITS: i32 = 25;
/// The largest coefficient: one bit is for the sign.
const COEFFICIENT_MAX: f64 = 16_777_215.0;

/// Returns the nearest number of the format: coefficient × 2^(exponent − 25), 25 and 7 bits, both signed.
///
/// A number beyond the range becomes the largest one. A number that is too small, and NaN, become 0.
fn float(number: f64) -> u32 {
    if number == 0.0 || number.is_nan() {
        return 0;
    }
    let scale = |exponent: i32| (number * f64::from(COEFFICIENT_BITS - exponent).exp2()).round();
    // The exponent that uses all bits of the coefficient, or the next one if rounding carries.
    let mut exponent = (-64..63).find(|&exponent| scale(exponent).abs() <= COEFFICIENT_MAX).unwrap_or(63);
    let coefficient = scale(exponent).clamp(-COEFFICIENT_MAX - 1.0, COEFFICIENT_MAX);
    if coefficient == 0.0 {
        exponent = 0;
    }
    #[expect(clippy::cast_possible_truncation, reason = "a whole number of at most 25 bits")]
    let coefficient = coefficient as i32;
    (exponent.cast_unsigned() << COEFFICIENT_BITS) | (coefficient.cast_unsigned() & 0x01ff_ffff)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Decodes a float by the protocol's definition.
    fn decode(raw: u32) -> f64 {
        let exponent = raw.cast_signed() >> 25;
        let coefficient = (raw << 7).cast_signed() >> 7;
        f64::from(coefficient) * f64::from(exponent - 25).exp2()
    }

    #[test]
    fn floats_come_back() {
        for number in [0.0, 1.0, -1.0, 0.5, 64.25, -1.5, 1e-9, -3.3e-6, 1e9, 123_456.789, 1.0 - 1e-9] {
            let back = decode(float(number));
            assert!((back - number).abs() <= number.abs() * 2e-7, "{number} came back as {back}");
        }
    }

    #[test]
    fn floats_saturate() {
        assert!(decode(float(1e300)) > 4e18);
        assert!(decode(float(-1e300)) < -4e18);
        assert_eq!(float(1e-300), 0);
        assert_eq!(float(f64::NAN), 0);
    }

    #[test]
    fn raw_forms_pass_unchanged() {
        assert_eq!(encode(Wire::Float, &json!({"raw": 0xdead_beef_u32})), Ok(vec![0xde, 0xad, 0xbe, 0xef]));
        let time = encode(Wire::Time, &json!({"high": 0x7fff_ffff, "low": 1, "nsec": 2})).unwrap();
        assert_eq!(time, [0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 1, 0, 0, 0, 2]);
        assert_eq!(encode(Wire::Time, &json!(-1)).unwrap()[..8], [0xff; 8]);
        assert_eq!(encode(Wire::Address, &json!({"family": 77})).unwrap()[16..18], [0, 77]);
    }

    #[test]
    fn a_time_ago_is_one_before_now() {
        let now = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        for (ago, earlier) in [(-7495.5, -7495), (0.0, 0), (3600.0, 3600)] {
            let before = now();
            let bytes = encode(Wire::Time, &json!({"ago": ago})).unwrap();
            let seconds = u64::from_be_bytes(bytes[..8].try_into().unwrap()).checked_add_signed(earlier).unwrap();
            // The half second may carry into the next second.
            assert!((before..=now() + 1).contains(&seconds), "{ago}: {seconds}");
        }
        for bad in [json!({"ago": "1"}), json!({"ago": 1e12}), json!({"ago": null})] {
            assert!(encode(Wire::Time, &bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn nonsense_is_refused() {
        assert!(encode(Wire::U16, &json!(65536)).is_err());
        assert!(encode(Wire::I8, &json!(-129)).is_err());
        assert!(encode(Wire::Address, &json!("localhost")).is_err());
        assert!(encode(Wire::Float, &json!("1")).is_err());
    }
}
