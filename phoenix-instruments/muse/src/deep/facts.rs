//! What the header of an exposure tells about where, when and how it was taken.

use phoenix_core::frame::ClassifiedFrame;
use phoenix_core::header::{Header, Key, Value};
use phoenix_core::traits::SelectError;
use phoenix_core::unit::Night;
use phoenix_kit::closest::start;

use crate::select::stamp;

/// Side of the wide field, arcsec. Source: MUSE user manual, field of view of the wide field mode: 59.9 x 60.0 arcsec.
const WIDE_FIELD_ARCSEC: f64 = 60.0;
/// Side of the narrow field, arcsec. Source: MUSE user manual, field of view of the narrow field mode: 7.5 arcsec.
const NARROW_FIELD_ARCSEC: f64 = 7.5;

/// What must agree in one product.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Setup {
    /// Instrument mode: field, adaptive optics, filter.
    pub(super) mode: String,
    /// `OBJECT` or `SKY`.
    pub(super) kind: &'static str,
}

impl Setup {
    /// Returns the side of its field, arcsec.
    pub(super) fn field_arcsec(&self) -> f64 {
        if self.mode.starts_with("NFM") {
            NARROW_FIELD_ARCSEC
        } else {
            WIDE_FIELD_ARCSEC
        }
    }
}

/// An exposure with what its header tells.
#[derive(Debug, Clone)]
pub(super) struct Facts {
    pub(super) member: ClassifiedFrame,
    pub(super) setup: Setup,
    pub(super) date_obs: String,
    pub(super) place_deg: [f64; 2],
    /// Turn of the field on the sky.
    pub(super) posang_deg: f64,
    pub(super) exptime_s: f64,
    pub(super) block: String,
    pub(super) template: String,
    pub(super) run: String,
    pub(super) target: String,
    pub(super) night: String,
    pub(super) grade: String,
    pub(super) seeing_arcsec: Option<f64>,
}

fn text(header: &Header, key: &str) -> Option<String> {
    let value = header.get(key).map(Value::display)?;
    let value = value.trim();
    (!value.is_empty()).then(|| value.to_owned())
}

impl Facts {
    /// Reads the facts of a frame that has no fault.
    ///
    /// # Errors
    /// `MissingKeyword`, naming the key.
    pub(super) fn of(member: &ClassifiedFrame) -> Result<Self, SelectError> {
        let header = &member.frame.header;
        let missing = |key: &str| SelectError::MissingKeyword {
            frame: member.frame.id.clone(),
            key: Key::new(key),
            tag: member.tag.clone(),
        };
        let needed = |key: &str| text(header, key).ok_or_else(|| missing(key));
        let place = |key: &str| {
            let degrees = header.f64(key).ok().filter(|degrees| degrees.is_finite());
            degrees.ok_or_else(|| missing(key))
        };
        let kind = header.str("DPR.TYPE").unwrap_or("OBJECT");
        Ok(Self {
            setup: Setup {
                mode: needed("INS.MODE")?,
                kind: if kind == "SKY" { "SKY" } else { "OBJECT" },
            },
            date_obs: stamp(&member.frame),
            place_deg: [place("RA")?, place("DEC")?],
            posang_deg: header.f64("INS.DROT.POSANG").unwrap_or(0.0),
            exptime_s: header.f64("EXPTIME").unwrap_or(0.0),
            block: needed("OBS.ID")?,
            template: text(header, "TPL.START").unwrap_or_default(),
            run: text(header, "OBS.PROG.ID").unwrap_or_default(),
            target: text(header, "OBS.TARG.NAME")
                .or_else(|| text(header, "OBJECT"))
                .unwrap_or_default(),
            night: start(&member.frame)
                .map(|time| Night::of(time).to_string())
                .unwrap_or_default(),
            grade: text(header, "OBS.GRADE").unwrap_or_else(|| "_".to_owned()),
            seeing_arcsec: crate::exposure::seeing_arcsec(header),
            member: member.clone(),
        })
    }
}
