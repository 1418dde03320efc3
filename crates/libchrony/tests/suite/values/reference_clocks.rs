//! Lists by address: each record belongs to the source that has its place now, and a reference clock has none.
//! libchrony may take the address of a source from an earlier answer, when another source had the place.

use crate::common::*;
use libchrony::Connection;
use std::time::Duration;
use testbed::Scripted;

/// The record at each index: the number of a source, or `None` for a reference clock.
type Places = Vec<Option<u32>>;

fn tell(chronyd: &Scripted, places: &Places) {
    let source = |place: &Option<u32>| match place {
        Some(number) => format!(r#"{{"address": "127.3.0.{number}"}}"#),
        None => r#"{"reference ID": 1196446464}"#.to_owned(),
    };
    let key = |place: &Option<u32>| place.map_or("null".to_owned(), |number| format!(r#"{{"key ID": {number}}}"#));
    let sources: Vec<_> = places.iter().map(source).collect();
    let keys: Vec<_> = places.iter().map(key).collect();
    let values = format!(
        r#"{{"sources": [{}], "authdata": [{}], "sourcestats": null, "ntpdata": null}}"#,
        sources.join(", "),
        keys.join(", ")
    );
    chronyd.change(values.parse().unwrap()).unwrap();
}

/// Reads authdata, in which the key of a source is its number.
fn authenticated(connection: &Connection) -> Places {
    connection.auth_data().unwrap().iter().map(|record| Some(record.as_ref()?.key_id)).collect()
}

/// Reads ntpdata, in which the address of a source has its number.
fn measured(connection: &Connection) -> Places {
    let number = |address: &str| address.rsplit('.').next().unwrap().parse().unwrap();
    let records = connection.ntp_data().unwrap();
    records.iter().map(|record| Some(number(record.as_ref()?.remote_address.as_ref().unwrap()))).collect()
}

/// Returns lists of a length, before and after a change.
fn changes(length: u32) -> impl Iterator<Item = [Places; 2]> {
    let usual: Places = (1..=length).map(Some).collect();
    (0..usual.len()).flat_map(move |place| {
        let [mut clock, mut other, mut turned] = [(); 3].map(|()| usual.clone());
        (clock[place], other[place]) = (None, Some(200));
        turned.rotate_left(place);
        let [usual, clock, other, turned] = [&usual, &clock, &other, &turned];
        let changes = [(usual, clock), (clock, usual), (clock, other), (usual, other), (usual, turned)];
        changes.map(|(before, after)| [before.clone(), after.clone()])
    })
}

fn addresses(connection: &Connection) -> Places {
    connection.source_stats().unwrap();
    vec![]
}

#[test]
fn each_place_has_the_record_of_what_is_there_now() {
    let chronyd = scripted(r#"{"open": true}"#);
    let many: Places = (1..=40).map(Some).collect();
    for address in both(&chronyd) {
        for lanes in [1, 8] {
            let connection = to(&address).timeout(Duration::from_secs(20)).lanes(lanes, 4).build().unwrap();
            for read in [authenticated, measured] {
                for read_before in [addresses, authenticated, measured] {
                    for [before, after] in [1, 3].into_iter().flat_map(changes) {
                        // The connection may have lost lanes because of a missing source. This opens them again.
                        tell(&chronyd, &many);
                        assert_eq!(read(&connection), many);
                        tell(&chronyd, &before);
                        read_before(&connection);
                        tell(&chronyd, &after);
                        assert_eq!(read(&connection), after, "{address}, {lanes} lanes");
                    }
                }
            }
        }
    }
}
