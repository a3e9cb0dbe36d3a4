//! The cubes of a run: opened, put in order, their grids compared key by key.

use std::sync::Arc;

use phoenix_core::frame::FrameRef;
use phoenix_core::header::{Header, Value};
use phoenix_core::traits::{ColumnSource, FrameReader, HduInfo, RecipeError};
use phoenix_kernels::SourceError;
use phoenix_kernels::cubes::{CubeSource, Layer};
use phoenix_kit::inherit::is_world;
use phoenix_kit::units;

use crate::exposure::in_file;

/// Part of a value by which keys of one grid may differ: writers round.
const SAME: f64 = 1e-9;
/// Degrees, and steps per degree, below which a value counts as zero: 1e-7 of a MUSE pixel.
const NOTHING: f64 = 5e-12;

/// One cube: what a run needs of it, pixels stay in the file.
#[derive(Debug)]
pub struct CubeFile {
    /// The frame.
    pub frame: FrameRef,
    /// `DATE-OBS`, if it has one.
    pub date_obs: Option<String>,
    /// `EXPTIME` in seconds, if it has one.
    pub exptime_s: Option<f64>,
    /// `MJD-END` in days, if it has one.
    pub mjd_end: Option<f64>,
    /// `PRO.DATANCOM`: frames combined in it, 1 if it does not say.
    pub n_combined: i64,
    data: Arc<dyn ColumnSource>,
    stat: Option<Arc<dyn ColumnSource>>,
}

/// Cubes on one grid, in order of `DATE-OBS`.
#[derive(Debug)]
pub struct CubeFiles {
    /// The cubes.
    pub cubes: Vec<CubeFile>,
    /// Shape (wave, y, x).
    pub shape: [usize; 3],
    /// Primary header of the first cube.
    pub primary: Header,
    /// Header of the first cube's `DATA`.
    pub grid: Header,
}

/// A cube with the headers that only the comparison needs.
struct Opened {
    cube: CubeFile,
    shape: [usize; 3],
    primary: Header,
    grid: Header,
}

fn fault(frame: &FrameRef, reason: String) -> RecipeError {
    RecipeError::Frame {
        frame: frame.id.clone(),
        reason,
    }
}

fn layer(frame: &FrameRef, hdus: &[HduInfo], name: &str) -> Result<Option<(usize, [usize; 3])>, RecipeError> {
    let Some(hdu) = hdus.iter().find(|hdu| hdu.name.eq_ignore_ascii_case(name)) else {
        return Ok(None);
    };
    match hdu.shape[..] {
        [nz, ny, nx] => Ok(Some((hdu.index, [nz, ny, nx]))),
        _ => Err(fault(
            frame,
            format!("key NAXIS of {name} is {}, expected 3", hdu.shape.len()),
        )),
    }
}

impl Opened {
    fn open(frame: &FrameRef, reader: &dyn FrameReader) -> Result<Self, RecipeError> {
        let hdus = reader.hdus(frame).map_err(in_file(frame))?;
        let column = |hdu: usize| reader.column(frame, hdu, None).map_err(in_file(frame));
        let (data, shape) =
            layer(frame, &hdus, "DATA")?.ok_or_else(|| fault(frame, "extension DATA is missing".into()))?;
        let stat = match layer(frame, &hdus, "STAT")? {
            Some((_, found)) if found != shape => {
                return Err(fault(
                    frame,
                    format!("keys NAXISn of STAT give {found:?}, of DATA {shape:?}"),
                ));
            }
            Some((stat, _)) => Some(column(stat)?),
            None => None,
        };
        let primary = hdus.first().map(|hdu| hdu.header.clone()).unwrap_or_default();
        let grid = hdus.get(data).map(|hdu| hdu.header.clone()).unwrap_or_default();
        let real = |key: &str| primary.f64(key).ok().filter(|value| value.is_finite());
        Ok(Self {
            cube: CubeFile {
                frame: frame.clone(),
                date_obs: primary.str("DATE-OBS").ok().map(str::to_owned),
                exptime_s: real("EXPTIME"),
                mjd_end: real("MJD-END"),
                n_combined: primary.i64("PRO.DATANCOM").unwrap_or(1).max(1),
                data: column(data)?,
                stat,
            },
            shape,
            primary,
            grid,
        })
    }
}

impl CubeFiles {
    /// Opens cubes and checks that they share a grid and a unit.
    ///
    /// # Errors
    /// `Inputs` if there are none or one comes twice; `Frame` naming the frame and the key that differs; `Read`.
    pub fn open(frames: &[&FrameRef], reader: &dyn FrameReader) -> Result<Self, RecipeError> {
        let mut first: Option<Opened> = None;
        let mut cubes: Vec<CubeFile> = Vec::with_capacity(frames.len());
        for frame in frames {
            let opened = Opened::open(frame, reader)?;
            let Some(known) = &mut first else {
                first = Some(opened);
                continue;
            };
            compare(known, &opened)?;
            // The earliest gives its headers to the product; those of the others are not kept.
            if order(&opened.cube, &known.cube).is_lt() {
                cubes.push(std::mem::replace(known, opened).cube);
            } else {
                cubes.push(opened.cube);
            }
        }
        let Some(first) = first else {
            return Err(RecipeError::Inputs {
                reason: "there is no cube to combine".into(),
            });
        };
        cubes.push(first.cube);
        cubes.sort_by(order);
        if let Some([cube, _]) = cubes
            .array_windows()
            .find(|[a, b]| a.frame.location == b.frame.location)
        {
            return Err(RecipeError::Inputs {
                reason: format!("frame {} comes twice", cube.frame.id),
            });
        }
        Ok(Self {
            cubes,
            shape: first.shape,
            primary: first.primary,
            grid: first.grid,
        })
    }

    /// Returns the first cube without variances.
    pub fn without_variance(&self) -> Option<&CubeFile> {
        self.cubes.iter().find(|cube| cube.stat.is_none())
    }
}

fn order(a: &CubeFile, b: &CubeFile) -> std::cmp::Ordering {
    let key = |cube: &CubeFile| {
        (
            cube.date_obs.clone(),
            cube.frame.id.clone(),
            cube.frame.location.clone(),
        )
    };
    key(a).cmp(&key(b))
}

/// Fails unless two cubes share shape, world coordinates and unit.
fn compare(first: &Opened, other: &Opened) -> Result<(), RecipeError> {
    let frame = &other.cube.frame;
    for (key, (own, wanted)) in ["NAXIS3", "NAXIS2", "NAXIS1"]
        .into_iter()
        .zip(other.shape.iter().zip(first.shape))
    {
        if *own != wanted {
            let reason = format!("key {key} is {own}, frame {} has {wanted}", first.cube.frame.id);
            return Err(fault(frame, reason));
        }
    }
    let cards = first.grid.cards().iter().chain(other.grid.cards());
    let keys = cards.filter(|card| is_world(card) || card.key.as_str() == "BUNIT");
    for key in keys.map(|card| card.key.as_str()).filter(|key| !key.starts_with("WCS")) {
        let (own, wanted) = (other.grid.get(key), first.grid.get(key));
        if !is_same(key, own, wanted) {
            let told = |value: Option<&Value>| value.map_or_else(|| "absent".to_owned(), Value::display);
            let reason = format!(
                "key {key} is {}, frame {} has {}",
                told(own),
                first.cube.frame.id,
                told(wanted)
            );
            return Err(fault(frame, reason));
        }
    }
    Ok(())
}

/// Tells whether two values of a key mean the same; absent cross terms are zero.
fn is_same(key: &str, a: Option<&Value>, b: Option<&Value>) -> bool {
    let is_linear = ["CD", "PC", "CROTA"].iter().any(|part| key.starts_with(part));
    let number = |value: Option<&Value>| match value {
        None => is_linear.then_some(0.0),
        Some(value) => value.as_f64(),
    };
    if let (Some(a), Some(b)) = (number(a), number(b)) {
        let allowed = SAME * f64::max(a.abs(), b.abs());
        return (a - b).abs() <= if is_linear { allowed.max(NOTHING) } else { allowed };
    }
    match (a.and_then(Value::as_str), b.and_then(Value::as_str)) {
        (Some(a), Some(b)) => units::is_same(a, b),
        (None, None) => a.is_none() && b.is_none(),
        _ => false,
    }
}

impl CubeSource for CubeFiles {
    fn read(&self, cube: usize, layer: Layer, first: u64, out: &mut [f32]) -> Result<(), SourceError> {
        let cube = self.cubes.get(cube).ok_or("there is no such cube")?;
        match layer {
            Layer::Data => cube.data.read_f32(first, out)?,
            Layer::Variance => cube
                .stat
                .as_ref()
                .ok_or("extension STAT is missing")?
                .read_f32(first, out)?,
        }
        Ok(())
    }
}
