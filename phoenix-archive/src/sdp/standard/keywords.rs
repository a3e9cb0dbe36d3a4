//! The table of keywords (S8 table 8 and section 5, with CHK where it is stricter or laxer).

use super::Family;

/// The type of a keyword's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Character string.
    Text,
    /// Integer.
    Integer,
    /// Real.
    Real,
    /// Logical.
    Logical,
}

impl Kind {
    /// Names the kind as `Value::kind` does.
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Integer => "integer",
            Self::Real => "real",
            Self::Logical => "logical",
        }
    }
}

/// Where a keyword stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The primary HDU.
    Primary,
    /// Every HDU with pixels.
    Pixels,
    /// Every HDU with pixels that are values, not flags.
    Values,
    /// Every extension with pixels; a single image in the primary HDU needs none.
    Extension,
    /// The table of a spectrum.
    Table,
}

/// What a category asks of a keyword.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Duty {
    /// It must be there.
    Mandatory,
    /// It should be there.
    Recommended,
    /// It may be there; if so, type and value must be right.
    Optional,
    /// It must not be there.
    Refused,
}

/// Which values are allowed.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Allowed {
    /// Any.
    Any,
    /// One of these texts, compared without case.
    OneOf(&'static [&'static str]),
    /// A number from the first to the second, both included.
    Between(f64, f64),
    /// A number above this one.
    Above(f64),
    /// A text that begins with a date `yyyy-mm-dd`.
    Date,
    /// A 19-character bibcode, a `doi:`, or nothing.
    Reference,
}

/// One row of the table.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct KeyRule {
    /// The keyword.
    pub key: &'static str,
    /// Its type.
    pub kind: Kind,
    /// Where it stands.
    pub place: Place,
    /// One letter for spectrum, cube, image, white light, exposure map: M, R, O, X, or `.` for not applicable.
    duties: &'static str,
    /// Allowed values.
    pub allowed: Allowed,
    /// Instruments of which the archive does not ask it (CHK).
    pub exempt: &'static [&'static str],
}

impl KeyRule {
    /// Returns what a family asks of the keyword.
    pub fn duty(&self, family: Family) -> Option<Duty> {
        let column = match family {
            Family::Spectrum => 0,
            Family::Cube => 1,
            Family::Image => 2,
            Family::WhiteLight => 3,
            Family::ExposureMap => 4,
            Family::Other => return None,
        };
        match self.duties.as_bytes().get(column)? {
            b'M' => Some(Duty::Mandatory),
            b'R' => Some(Duty::Recommended),
            b'O' => Some(Duty::Optional),
            b'X' => Some(Duty::Refused),
            _ => None,
        }
    }
}

const fn row(key: &'static str, kind: Kind, place: Place, duties: &'static str, allowed: Allowed) -> KeyRule {
    KeyRule {
        key,
        kind,
        place,
        duties,
        allowed,
        exempt: &[],
    }
}

const fn except(exempt: &'static [&'static str], rule: KeyRule) -> KeyRule {
    KeyRule { exempt, ..rule }
}

use Allowed::{Above, Any, Between, OneOf};
use Kind::{Integer, Logical, Real, Text};
use Place::{Extension, Pixels, Primary, Table, Values};

const FRAMES: &[&str] = &[
    "TOPOCENT", "GEOCENTR", "BARYCENT", "HELIOCEN", "LSRK", "LSRD", "GALACTOC", "LOCALGRP", "CMBDIPOL", "SOURCE",
];
const DEGREES: Allowed = OneOf(&["deg"]);
const DAYS: Allowed = Between(40_587.0, 200_000.0);
const SECONDS: Allowed = Between(1e-15, 1e15);

#[rustfmt::skip]
const KEYWORDS: &[KeyRule] = &[
    //                                  SCIWE: spectrum, cube, image, white light, exposure map
    row("DATE",     Text,    Primary,   "MMMMM", Allowed::Date),
    row("ORIGIN",   Text,    Primary,   "MMM..", Any),
    row("TELESCOP", Text,    Primary,   "MMM..", Any),
    row("INSTRUME", Text,    Primary,   "MMM..", Any),
    row("FILTER",   Text,    Primary,   ".XM..", Any),
    row("OBJECT",   Text,    Primary,   "MMM..", Any),
    row("RA",       Real,    Primary,   "MMM..", Between(0.0, 360.0)),
    row("DEC",      Real,    Primary,   "MMM..", Between(-90.0, 90.0)),
    row("RADESYS",  Text,    Primary,   "MMM..", OneOf(&["ICRS", "FK5"])),
    row("EQUINOX",  Real,    Primary,   "OOO..", Any),
    row("TIMESYS",  Text,    Primary,   "OOO..", OneOf(&["UTC", "TAI"])),
    row("EXPTIME",  Real,    Primary,   "MMM..", SECONDS),
    row("TEXPTIME", Real,    Primary,   "MMM..", SECONDS),
    row("MJD-OBS",  Real,    Primary,   "MMM..", DAYS),
    row("MJD-END",  Real,    Primary,   "MMM..", DAYS),
    row("PROG_ID",  Text,    Primary,   "MMM..", Any),
    except(&["APEX"], row("OBID1", Integer, Primary, "MMM..", Above(0.0))),
    row("NCOMBINE", Integer, Primary,   "MMM..", Above(0.0)),
    row("OBSTECH",  Text,    Primary,   "MMM..", Any),
    row("FLUXCAL",  Text,    Primary,   "MM...", OneOf(&["ABSOLUTE", "UNCALIBRATED"])),
    row("FLUXCAL",  Text,    Primary,   "..M..", OneOf(&["ABSOLUTE"])),
    row("PROCSOFT", Text,    Primary,   "MMM..", Any),
    row("REFERENC", Text,    Primary,   "MMM..", Allowed::Reference),
    row("ASSON1",   Text,    Primary,   ".M...", Any),
    row("NOESODAT", Logical, Primary,   "OOO..", Any),
    row("STREHL",   Real,    Primary,   "OOO..", Between(1e-6, 1.0)),
    row("PRODLVL",  Integer, Primary,   "OOO..", Between(1.0, 3.0)),
    row("SPECSYS",  Text,    Primary,   "MM...", OneOf(FRAMES)),
    except(&["XSHOOTER", "FORS2", "VIMOS", "ESPRESSO"], row("EXT_OBJ", Logical, Primary, "R....", Any)),
    row("CONTNORM", Logical, Primary,   "M....", Any),
    row("TOT_FLUX", Logical, Primary,   "M....", Any),
    row("FLUXERR",  Real,    Primary,   "M....", Between(-2.0, 100.0)),
    row("WAVELMIN", Real,    Primary,   "MM...", Above(0.0)),
    row("WAVELMAX", Real,    Primary,   "MM...", Above(0.0)),
    row("SPEC_BIN", Real,    Primary,   "MX...", Above(0.0)),
    row("SPEC_RES", Real,    Primary,   "MM...", Above(0.0)),
    row("SNR",      Real,    Primary,   "M....", Any),
    row("LAMRMS",   Real,    Primary,   "O....", Between(0.0, 1e6)),
    row("SPEC_ERR", Real,    Primary,   "R....", Between(0.0, 1e6)),
    row("SPEC_SYE", Real,    Primary,   "R....", Any),
    row("RA_ERR",   Real,    Primary,   "RX...", Any),
    row("DEC_ERR",  Real,    Primary,   "RX...", Any),
    row("BUNIT",    Text,    Primary,   "XX...", Any),
    except(&["KMOS", "APEX"], row("ABMAGLIM", Real, Primary, ".MM..", Between(0.0, 99.0))),
    row("PIXNOISE", Real,    Primary,   ".M...", Between(0.0, 1e30)),
    except(&["KMOS"], row("SKY_RES", Real, Primary, ".M...", Between(0.0, 99.0))),
    row("SKY_RERR", Real,    Primary,   ".R...", Between(0.0, 99.0)),
    row("DATE-OBS", Text,    Primary,   ".M...", Allowed::Date),
    row("ELLIPTIC", Real,    Primary,   ".O...", Between(0.0, 1.0)),
    row("PHOTZP",   Real,    Pixels,    "..M..", Any),
    row("PHOTSYS",  Text,    Pixels,    "..M..", OneOf(&["VEGA", "AB"])),
    row("PSF_FWHM", Real,    Pixels,    "..M..", Above(0.0)),

    row("BUNIT",    Text,    Values,    ".MM.M", Any),
    row("CTYPE1",   Text,    Pixels,    ".MMMM", Any),
    row("CTYPE2",   Text,    Pixels,    ".MMMM", Any),
    row("CTYPE3",   Text,    Pixels,    ".M...", OneOf(&["AWAV", "WAVE", "AWAV-LOG", "WAVE-LOG", "FREQ"])),
    row("CRVAL1",   Real,    Pixels,    ".MMMM", Any),
    row("CRVAL2",   Real,    Pixels,    ".MMMM", Any),
    row("CRVAL3",   Real,    Pixels,    ".M...", Above(0.0)),
    row("CRPIX1",   Real,    Pixels,    ".MMMM", Any),
    row("CRPIX2",   Real,    Pixels,    ".MMMM", Any),
    row("CRPIX3",   Real,    Pixels,    ".M...", Any),
    row("CUNIT1",   Text,    Pixels,    ".MMMM", DEGREES),
    row("CUNIT2",   Text,    Pixels,    ".MMMM", DEGREES),
    row("CUNIT3",   Text,    Pixels,    ".M...", OneOf(&["angstrom", "nm", "um", "m", "Hz", "GHz"])),
    row("CD1_1",    Real,    Pixels,    ".MMMM", Any),
    row("CD1_2",    Real,    Pixels,    ".MMMM", Any),
    row("CD2_1",    Real,    Pixels,    ".MMMM", Any),
    row("CD2_2",    Real,    Pixels,    ".MMMM", Any),
    row("CD3_3",    Real,    Pixels,    ".M...", Any),
    row("CSYER1",   Real,    Pixels,    ".MR..", Any),
    row("CSYER2",   Real,    Pixels,    ".MR..", Any),
    row("CRDER3",   Real,    Pixels,    ".R...", Any),
    row("HDUCLASS", Text,    Extension, ".MMM.", OneOf(&["ESO"])),
    row("HDUDOC",   Text,    Extension, ".MMM.", OneOf(&["SDP"])),
    row("HDUVERS",  Text,    Extension, ".MMM.", OneOf(&["SDP version 8", "SDP version 7", "SDP version 6", "SDP version 5"])),
    row("HDUCLAS1", Text,    Extension, ".MMM.", OneOf(&["IMAGE"])),
    row("HDUCLAS2", Text,    Extension, ".MMM.", OneOf(&["DATA", "ERROR", "QUALITY", "CONF", "BKG_DATA", "BKG_ERROR", "BKG_CONF"])),
    row("OBJECT",   Text,    Extension, ".M...", Any),

    row("VOCLASS",  Text,    Table,     "M....", OneOf(&["SPECTRUM v1.0", "SPECTRUM v2.0"])),
    row("VOPUB",    Text,    Table,     "M....", OneOf(&["ESO/SAF"])),
    row("TITLE",    Text,    Table,     "M....", Any),
    row("OBJECT",   Text,    Table,     "M....", Any),
    row("RA",       Real,    Table,     "M....", Between(0.0, 360.0)),
    row("DEC",      Real,    Table,     "M....", Between(-90.0, 90.0)),
    row("APERTURE", Real,    Table,     "M....", Between(0.0, 0.1)),
    row("TELAPSE",  Real,    Table,     "M....", Above(0.0)),
    row("TMID",     Real,    Table,     "M....", DAYS),
    row("SPEC_VAL", Real,    Table,     "M....", Above(0.0)),
    row("SPEC_BW",  Real,    Table,     "M....", Above(0.0)),
    row("NELEM",    Integer, Table,     "M....", Above(0.0)),
    row("TDMIN1",   Real,    Table,     "M....", Any),
    row("TDMAX1",   Real,    Table,     "M....", Any),
    row("BUNIT",    Text,    Table,     "X....", Any),
];

/// Returns the table.
pub fn keywords() -> &'static [KeyRule] {
    KEYWORDS
}
