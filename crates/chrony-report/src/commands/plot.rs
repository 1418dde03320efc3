//! `plot`: pictures of a recording, or of live readings, for reports and tickets.
//!
//! plotters draws an SVG itself. `canvas` draws a PNG, at twice the size, so that it is sharp on any screen.

use crate::args::{Chronyds, duration};
use crate::error::{Code, FINE, Failure};
use crate::picture::Picture;
use crate::picture::canvas::Canvas;
use crate::read::open::connection;
use crate::read::signals::heeded;
use crate::timeline::live::{self, Stopwatch};
use crate::timeline::recording::{Header, Outcome, Recording, Snapshot};
use chrony_health::quantity::seconds;
use plotters::prelude::{IntoDrawingArea, SVGBackend, WHITE};
use signal_hook::iterator::Signals;
use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::{Duration, Instant};

/// The pixels of a PNG for one pixel of an SVG.
const SCALE: u32 = 2;
/// The pixels per metre of a PNG that looks as large as an SVG at 96 pixels per inch.
const PER_METRE: u32 = 7559;

/// Pictures of the offset inside its error bound, the frequency and the sources.
///
/// They are of a recording that `watch --record` has written, or of what is read from now on for a while.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  $ chrony-report plot night.jsonl -o night.svg\n  \
                        $ chrony-report plot --for 10m -o now.png")]
pub(crate) struct Plot {
    /// The recording; without one, chronyd is read for the time of `--for`
    file: Option<PathBuf>,
    /// Read chronyd for TIME; Ctrl-C ends that early, and what was read is drawn
    #[arg(long = "for", value_name = "TIME", default_value = "10m", value_parser = duration, conflicts_with = "file")]
    time: Duration,
    /// Read each TIME
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = duration, conflicts_with = "file")]
    every: Duration,
    /// Write the picture to FILE, whose name ends in .svg or .png
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    #[command(flatten)]
    pub(crate) chronyds: Chronyds,
}

#[derive(Clone, Copy)]
enum Kind {
    Svg,
    Png,
}

impl Kind {
    fn of(path: &Path) -> Result<Self, Failure> {
        let end = path.extension().map(|end| end.to_string_lossy().to_lowercase());
        match end.as_deref() {
            Some("svg") => Ok(Self::Svg),
            Some("png") => Ok(Self::Png),
            _ => Err(Failure::Usage(format!("{}: give a name that ends in .svg or .png", path.display()))),
        }
    }
}

/// Draws a picture into its file.
pub(crate) fn run(chronyds: &Chronyds, options: &Plot) -> Result<Code, Failure> {
    let kind = Kind::of(&options.output)?;
    let (picture, mut file) = match &options.file {
        Some(path) => {
            chronyds.refuse()?;
            (recorded(path)?, open(&options.output)?)
        }
        None => read(chronyds, options)?,
    };
    let bytes = drawn(&picture, kind)?;
    let written = file.set_len(0).or_else(is_no_file).and_then(|()| file.write_all(&bytes));
    written.map_err(|source| failure(&options.output, source))?;
    Ok(FINE)
}

/// Ignores the error of a device, which cannot be truncated.
fn is_no_file(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::InvalidInput { Ok(()) } else { Err(error) }
}

/// Opens the file of the picture. Its contents stay until the picture is ready.
fn open(path: &Path) -> Result<File, Failure> {
    let opened = OpenOptions::new().write(true).create(true).truncate(false).open(path);
    opened.map_err(|source| failure(path, source))
}

fn failure(path: &Path, source: io::Error) -> Failure {
    let what = format!("cannot write the picture to {}", path.display());
    Failure::File { what, source, advice: "Free some space, or give a file that you may write to" }
}

fn recorded(path: &Path) -> Result<Picture, Failure> {
    let mut recording = Recording::open(path)?;
    let mut picture = Picture::new(recording.header.clone());
    while let Some(snapshot) = recording.next()? {
        picture.add(snapshot);
    }
    if picture.is_empty() {
        let text = format!("in {} nothing was read of a chronyd. Record one that runs", path.display());
        return Err(Failure::Data(text));
    }
    Ok(picture)
}

/// Reads chronyd until the time is over or a signal comes. The file is opened after chronyd has answered.
fn read(chronyds: &Chronyds, options: &Plot) -> Result<(Picture, File), Failure> {
    let connection = connection(chronyds)?;
    let mut signals = Signals::new(heeded()).map_err(Failure::system("heed signals"))?;
    let (sender, messages) = sync_channel(1);
    let end = sender.clone();
    let wait = move || signals.forever().next().is_some_and(|_| end.send(None).is_ok());
    thread::Builder::new().name("signals".to_owned()).spawn(wait).map_err(Failure::system("start a thread"))?;
    let take = move |snapshot: Snapshot| sender.send(Some(snapshot)).is_ok();
    live::start(connection, options.every, Stopwatch::start(), take).map_err(Failure::system("start a thread"))?;
    let until = Instant::now() + options.time;
    let mut picture = Picture::new(Header::new(options.every));
    let mut file = None;
    while let Ok(Some(snapshot)) = messages.recv_timeout(until.saturating_duration_since(Instant::now())) {
        if file.is_none() {
            if let Outcome::Error(error) = snapshot.outcome {
                return Err(Failure::Data(error));
            }
            file = Some(open(&options.output)?);
            if io::stderr().is_terminal() {
                anstream::eprintln!("reading for {}; Ctrl-C ends that and draws", seconds(options.time.as_secs_f64()));
            }
        }
        picture.add(snapshot);
    }
    let nothing = || Failure::Data("nothing was read of a chronyd in this time. Give a longer one".to_owned());
    Ok((picture, file.ok_or_else(nothing)?))
}

fn drawn(picture: &Picture, kind: Kind) -> Result<Vec<u8>, Failure> {
    let failure = |error: &dyn std::fmt::Display| Failure::Data(format!("the picture cannot be drawn: {error}"));
    let (width, height) = picture.size();
    match kind {
        Kind::Svg => {
            let mut text = String::new();
            let area = SVGBackend::with_string(&mut text, (width, height)).into_drawing_area();
            area.fill(&WHITE).and_then(|()| picture.draw(&area, 1)).map_err(|error| failure(&error))?;
            drop(area);
            Ok(text.into_bytes())
        }
        Kind::Png => {
            let (width, height) = (width * SCALE, height * SCALE);
            let mut pixels = vec![0; width as usize * height as usize * 3];
            let area = Canvas::new(&mut pixels, (width, height)).into_drawing_area();
            picture.draw(&area, SCALE).map_err(|error| failure(&error))?;
            drop(area);
            png(&pixels, width, height).map_err(|error| failure(&error))
        }
    }
}

fn png(pixels: &[u8], width: u32, height: u32) -> Result<Vec<u8>, png::EncodingError> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_pixel_dims(Some(png::PixelDimensions { xppu: PER_METRE, yppu: PER_METRE, unit: png::Unit::Meter }));
    let mut writer = encoder.write_header()?;
    writer.write_image_data(pixels)?;
    writer.finish()?;
    Ok(bytes)
}
