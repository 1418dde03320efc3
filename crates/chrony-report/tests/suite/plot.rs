//! Tests of pictures of recordings and of live readings.

use crate::clocks::right;
use crate::recording::{AGAIN, AWAY, Folder, LENGTH, SYNCHRONISED, header, snapshot, text};
use crate::support::{Ran, program, run};
use png::{ColorType, Decoder};
use quick_xml::Reader;
use quick_xml::events::Event;
use rustix::process::{Pid, Signal, kill_process};
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::BufReader;
use std::os::unix::fs::symlink;

/// The colours of curves, and of times without a value.
const CURVE: &str = "#0072B2";
const UNKNOWN: &str = "#EEEEEE";

fn plot(folder: &Folder, output: &str) -> Ran {
    let output = folder.path(output);
    run(["plot".as_ref(), folder.path("clock.jsonl").as_os_str(), "-o".as_ref(), output.as_os_str()])
}

/// The name and the attributes of an element.
type Element = (String, Vec<(String, String)>);

/// Returns the elements of an SVG with their attributes, and its text.
fn elements(svg: &str) -> (Vec<Element>, String) {
    let mut reader = Reader::from_str(svg);
    let (mut elements, mut text) = (Vec::new(), String::new());
    loop {
        match reader.read_event().unwrap() {
            Event::Start(tag) | Event::Empty(tag) => {
                let attributes = tag.attributes().map(|attribute| {
                    let attribute = attribute.unwrap();
                    let name = String::from_utf8(attribute.key.as_ref().to_vec()).unwrap();
                    (name, String::from_utf8(attribute.value.to_vec()).unwrap())
                });
                elements.push((String::from_utf8(tag.name().as_ref().to_vec()).unwrap(), attributes.collect()));
            }
            Event::Text(part) => text += &part.decode().unwrap(),
            Event::Eof => return (elements, text),
            _ => {}
        }
    }
}

fn attribute<'a>(attributes: &'a [(String, String)], name: &str) -> &'a str {
    attributes.iter().find(|(found, _)| found == name).map_or("", |(_, value)| value)
}

/// Returns the points of each piece of a curve in an SVG, in pixels.
fn curves(svg: &str) -> Vec<Vec<(i32, i32)>> {
    let (elements, _) = elements(svg);
    let lines =
        elements.iter().filter(|(tag, attributes)| tag == "polyline" && attribute(attributes, "stroke") == CURVE);
    let point = |point: &str| {
        let (x, y) = point.split_once(',').unwrap();
        (x.parse().unwrap(), y.parse().unwrap())
    };
    let points = lines.map(|(_, attributes)| attribute(attributes, "points").split_whitespace().map(point).collect());
    // The lines of error bars have two points.
    points.filter(|points: &Vec<_>| points.len() > 2).collect()
}

#[test]
fn an_svg_has_titles_units_and_words_for_signs() {
    let folder = Folder::new();
    let ran = plot(&folder, "clock.svg");
    assert_eq!((ran.code, &*ran.out, &*ran.err), (Some(0), "", ""));
    let (_, text) = elements(&fs::read_to_string(folder.path("clock.svg")).unwrap());
    for part in [
        "Clock of gauge by chronyd at /run/chrony/chronyd.sock",
        "2026-01-01 00:00:00 to 2026-01-01 00:09:59 UTC",
        "off by",
        "200 us fast",
        "200 us slow",
        "12.30 ppm slow",
        "00:05:00",
        "error bound",
        "falseticker",
        "never sampled",
        "35 ms fast +/- 2 ms",
    ] {
        assert!(text.contains(part), "no {part:?} in {text}");
    }
}

#[test]
fn what_is_not_known_is_a_gap_in_an_svg() {
    let folder = Folder::new();
    assert_eq!(plot(&folder, "clock.svg").code, Some(0));
    let svg = fs::read_to_string(folder.path("clock.svg")).unwrap();
    let curves = curves(&svg);
    // There are three charts, each with two pieces.
    assert_eq!(curves.len(), 6, "{curves:?}");
    let (left, right) = (130.0, 970.0);
    let x = |second: u32| left + (right - left) * f64::from(second) / f64::from(LENGTH - 1);
    for pair in curves.chunks(2) {
        let wanted = [(x(SYNCHRONISED), x(AWAY - 1)), (x(AGAIN), x(LENGTH - 1))];
        for (found, wanted) in pair.iter().zip(wanted) {
            let near = |found: Option<&(i32, i32)>, wanted: f64| (f64::from(found.unwrap().0) - wanted).abs() <= 2.0;
            assert!(near(found.first(), wanted.0) && near(found.last(), wanted.1), "{found:?}, not {wanted:?}");
        }
    }
    let (elements, _) = elements(&svg);
    let unknown = elements.iter().filter(|(tag, attributes)| tag == "rect" && attribute(attributes, "fill") == UNKNOWN);
    // Each chart has the start, the restart, and the sign in the legend.
    assert_eq!(unknown.count(), 9);
}

#[test]
fn a_png_decodes_and_shows_the_curves() {
    let folder = Folder::new();
    // Neither fonts nor libchrony may be needed.
    let mut command = program(["plot".as_ref(), folder.path("clock.jsonl").as_os_str(), "-o".as_ref()]);
    command.arg(folder.path("clock.PNG")).env("LIBCHRONY_PATH", "/nonexistent").env("FONTCONFIG_PATH", "/nonexistent");
    assert!(command.status().unwrap().success());
    let mut reader = Decoder::new(BufReader::new(File::open(folder.path("clock.PNG")).unwrap())).read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut pixels).unwrap();
    assert_eq!((info.width, info.color_type), (2000, ColorType::Rgb));
    let count = |wanted: [u8; 3]| pixels.chunks(3).filter(|pixel| *pixel == wanted).count();
    for colour in [[0x00, 0x72, 0xB2], [0xD5, 0x5E, 0x00], [0xEE, 0xEE, 0xEE], [0x22, 0x22, 0x22]] {
        assert!(count(colour) > 500, "{colour:?}: {}", count(colour));
    }
}

#[test]
fn a_long_recording_is_thinned_and_keeps_its_peaks() {
    let peak = "0.0123";
    let lines = (0..6000u32).map(|second| {
        let mut line = snapshot(SYNCHRONISED + second % 200);
        line["elapsed"] = second.into();
        if second == 4007 {
            line["reading"]["tracking"]["offset"] = peak.parse::<f64>().unwrap().into();
            line["reading"]["tracking"]["clock_error_bound"] = 0.013.into();
        }
        line
    });
    let folder = Folder::of(&text([header()].into_iter().chain(lines)));
    assert_eq!(plot(&folder, "clock.svg").code, Some(0));
    let svg = fs::read_to_string(folder.path("clock.svg")).unwrap();
    assert!(svg.len() < 500_000, "{} bytes", svg.len());
    // The peak takes most of the height in both charts of the offset.
    for curve in &curves(&svg)[..2] {
        let heights = || curve.iter().map(|(_, y)| y);
        let height = heights().max().unwrap() - heights().min().unwrap();
        assert!(height > 75, "{height}");
    }
}

#[test]
fn a_recording_of_one_moment_or_without_a_value_is_drawn() {
    for (seconds, output) in [(vec![100], "clock.svg"), (vec![0, 1, 2], "clock.svg"), (vec![0], "clock.png")] {
        let folder = Folder::of(&text([header()].into_iter().chain(seconds.into_iter().map(snapshot))));
        let ran = plot(&folder, output);
        assert_eq!((ran.code, &*ran.err), (Some(0), ""));
    }
}

#[test]
fn a_recording_without_an_answer_is_refused() {
    let folder = Folder::of(&text([header(), snapshot(AWAY)]));
    let ran = plot(&folder, "clock.svg");
    assert_eq!(ran.code, Some(1));
    assert!(ran.err.contains("nothing was read of a chronyd"), "{}", ran.err);
    assert!(!folder.path("clock.svg").exists());
}

#[test]
fn chronyd_is_read_for_a_while_and_drawn() {
    let chronyd = right();
    let folder = Folder::new();
    let output = folder.path("now.svg");
    let args = ["-H".as_ref(), chronyd.socket().as_os_str(), "plot".as_ref(), "--for".as_ref(), "300ms".as_ref()];
    let more = ["--every".as_ref(), "10ms".as_ref(), "-o".as_ref(), output.as_os_str()];
    let ran = run(args.into_iter().chain(more));
    assert_eq!((ran.code, &*ran.err), (Some(0), ""));
    let (_, text) = elements(&fs::read_to_string(output).unwrap());
    assert!(text.contains("synchronised to 127.0.0.1"), "{text}");
}

#[test]
fn an_interrupt_ends_the_reading_and_what_was_read_is_drawn() {
    let chronyd = right();
    let folder = Folder::new();
    let output = folder.path("now.png");
    let args: [&OsStr; 5] =
        ["-H".as_ref(), chronyd.socket().as_os_str(), "plot".as_ref(), "--for".as_ref(), "1h".as_ref()];
    let more = ["--every".as_ref(), "10ms".as_ref(), "-o".as_ref(), output.as_os_str()];
    let mut child = program(args.into_iter().chain(more)).spawn().unwrap();
    while chronyd.requests().values().sum::<u64>() < 10 || !output.exists() {
        std::thread::yield_now();
    }
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert!(fs::read(output).unwrap().starts_with(b"\x89PNG"));
}

#[test]
fn a_chronyd_that_is_not_there_is_reported_at_once() {
    let chronyd = right();
    chronyd.die();
    let folder = Folder::new();
    let output = folder.path("now.svg");
    let args = ["-H".as_ref(), chronyd.socket().as_os_str(), "plot".as_ref(), "-o".as_ref(), output.as_os_str()];
    let ran = run(args);
    assert_eq!(ran.code, Some(1));
    assert!(ran.err.contains(&*chronyd.socket().to_string_lossy()), "{}", ran.err);
    assert!(!output.exists());
}

#[test]
fn a_picture_that_cannot_be_written_is_reported() {
    let folder = Folder::new();
    symlink("/dev/full", folder.path("full.svg")).unwrap();
    for (output, code, said) in [
        ("full.svg", 1, "No space left on device"),
        ("no/clock.svg", 1, "cannot write the picture"),
        ("clock.gif", 2, "give a name that ends in .svg or .png"),
    ] {
        let ran = plot(&folder, output);
        assert_eq!(ran.code, Some(code));
        assert!(ran.err.contains(said), "{}", ran.err);
    }
}
