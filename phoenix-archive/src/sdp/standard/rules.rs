//! The rules by their numbers, with severities for both profiles.

use crate::sdp::check::Severity;

/// Where a rule comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The standard's document alone.
    S8,
    /// The list of checks that the archive's validator runs, and usually the document too.
    Chk,
}

/// One rule of the standard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// Its number: G general, K keyword, R relation, C cube, W white light and maps, T spectrum, B batch.
    pub id: &'static str,
    /// What it asks.
    pub text: &'static str,
    /// Where it comes from.
    pub source: Source,
    /// How grave a breach is in data that we write.
    pub strict: Severity,
    /// How grave it is in data that we read; `None` if real data of the archive break it without harm.
    pub tolerant: Option<Severity>,
}

const fn hard(id: &'static str, text: &'static str) -> Rule {
    Rule {
        id,
        text,
        source: Source::Chk,
        strict: Severity::Error,
        tolerant: Some(Severity::Error),
    }
}

/// An error in what we write, a remark about what we read.
const fn soft(id: &'static str, text: &'static str) -> Rule {
    Rule {
        tolerant: Some(Severity::Warning),
        ..hard(id, text)
    }
}

/// An error in what we write, accepted in what we read.
const fn ours(id: &'static str, text: &'static str) -> Rule {
    Rule {
        tolerant: None,
        ..hard(id, text)
    }
}

/// Asked by the document and not enforced.
const fn advice(id: &'static str, text: &'static str) -> Rule {
    Rule {
        id,
        text,
        source: Source::S8,
        strict: Severity::Warning,
        tolerant: None,
    }
}

/// Every rule that is checked.
pub const RULES: &[Rule] = &[
    hard("G1", "the file begins with SIMPLE = T and every card can be read"),
    hard(
        "G2",
        "the file name has at most 68 characters, letters, digits and ._+-: only",
    ),
    hard(
        "G3",
        "the suffix is .fits, or .fits.fz exactly for tile-compressed images",
    ),
    hard("G4", "tables are not tile-compressed"),
    hard("G5", "no CONTINUE, no LONGSTRN, no text longer than 68 characters"),
    hard("G6", "every HDU has CHECKSUM and DATASUM, and they are right"),
    hard("G7", "a mandatory text is not empty, but for REFERENC and TUNITi"),
    hard(
        "G8",
        "every extension has an EXTNAME, unique in the file and not reserved",
    ),
    hard("G9", "PRODCATG and ORIGFILE stand in the primary HDU only"),
    ours("G10", "ORIGFILE is the name of the file"),
    hard("G11", "at least one HDU has data"),
    soft(
        "G12",
        "the coordinates use CDi_j alone, once per header, celestial axes in deg",
    ),
    hard("G13", "indices begin at 1, have no leading zero and no gap"),
    hard("G14", "a keyword that stands twice says the same twice"),
    hard("K1", "a mandatory keyword is there"),
    hard("K2", "a keyword has the type of the standard"),
    hard("K3", "a keyword has an allowed value"),
    hard("K4", "a keyword that does not belong there is absent"),
    advice("K5", "a recommended keyword is there"),
    advice("K6", "a real is written with a decimal point"),
    hard("K7", "PRODCATG is a category that the archive knows"),
    hard("R1", "EXPTIME is at most TEXPTIME"),
    soft("R2", "TEXPTIME is at most the time from MJD-OBS to MJD-END"),
    hard("R3", "MJD-END is not before MJD-OBS"),
    hard("R4", "MJD-END is not after the day of DATE"),
    hard("R5", "RA and DEC lie inside the image"),
    advice("R6", "RA and DEC are the centre of the image"),
    hard("R7", "EQUINOX is 2000.0, and there if RADESYS is FK5"),
    hard(
        "R8",
        "MULTI goes with a numbered list of two or more different values, and only with it",
    ),
    hard("R9", "provenance is there, without duplicates"),
    ours("R10", "a raw frame is named in PROVi without suffix"),
    hard(
        "R11",
        "companions are named once each; those without FITS header have a category and an md5",
    ),
    hard("R12", "data from elsewhere say NOESODAT"),
    hard("R13", "WAVELMIN is at most WAVELMAX and both lie on the spectral axis"),
    hard("R14", "FLUXERR and TOT_FLUX fit FLUXCAL"),
    hard("R15", "OBJECT of an extension begins with that of the primary HDU"),
    hard("R16", "OBIDi are different"),
    hard(
        "C1",
        "a cube has no primary data and one to three image extensions of three axes and one size",
    ),
    hard("C2", "all extensions of a cube have the same coordinates"),
    hard("C3", "an extension says by HDUCLAS1 to HDUCLAS3 what it is"),
    hard(
        "C4",
        "SCIDATA, ERRDATA and QUALDATA name the other extensions, never their own",
    ),
    soft("C5", "BUNIT is a physical unit in ESO's spelling"),
    hard("C6", "science and error data are 32- or 64-bit reals"),
    advice("C7", "wavelengths and resolution are those of the instrument"),
    hard("W1", "a white-light image or exposure map has two axes"),
    hard(
        "W2",
        "an exposure map is in seconds, of 32-bit reals or scaled 16-bit integers, without BLANK",
    ),
    hard("W3", "a companion has no companions"),
    hard(
        "T1",
        "a spectrum is one binary table of one row behind an empty primary HDU",
    ),
    hard("T2", "the columns begin with the spectral coordinate, flux and error"),
    hard("T3", "all columns are vectors of NELEM elements of fixed length"),
    advice("T4", "all columns have the same type"),
    soft("T5", "columns have unit, UCD and utype of the standard"),
    hard("T6", "flux and error have the same unit"),
    hard(
        "T7",
        "TELAPSE, TMID, SPEC_VAL, SPEC_BW and TDMIN1, TDMAX1 follow from the primary HDU and the data",
    ),
    hard("T8", "OBJECT, RA and DEC of the table are those of the primary HDU"),
    advice("T9", "TITLE contains OBJECT"),
    hard(
        "T10",
        "the spectral coordinate rises strictly, no value is infinite, SPEC_BIN is its step",
    ),
    hard("B1", "file names are unique"),
    hard("B2", "every companion that is named is there"),
    hard("B3", "every companion that is there is named"),
    hard(
        "B4",
        "a cube has exactly one white-light image, of its size and coordinates",
    ),
    hard("B5", "titles are unique"),
    hard("B6", "an exposure map has the size and the coordinates of its cube"),
];

/// Returns a rule by its number.
pub fn rule(id: &str) -> Option<&'static Rule> {
    RULES.iter().find(|rule| rule.id == id)
}
