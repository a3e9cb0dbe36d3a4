//! The columns of the catalogue, in one place.

use phoenix_core::frame::Frame;
use phoenix_core::unit::Night;

use crate::frames::time_of;

/// One frame or product as the catalogue knows it.
#[derive(Debug, Clone, PartialEq)]
pub struct CatalogRow {
    /// The archive name.
    pub id: String,
    /// Where it is.
    pub location: String,
    /// `INSTRUME`; empty if the header has none.
    pub instrument: String,
    /// The civil date of the evening; empty if the header has no time.
    pub night: String,
    /// When it was taken, as modified Julian date.
    pub mjd: Option<f64>,
    /// `PRODCATG`, else `PRO CATG`, else `DPR CATG`.
    pub category: String,
    /// `DPR TYPE`.
    pub kind: String,
    /// `INS MODE`.
    pub mode: String,
    /// `OBJECT`.
    pub object: String,
    /// `OBS ID`, else `OBID1`.
    pub ob_id: Option<i64>,
    /// `EXPTIME` in seconds.
    pub exptime_s: Option<f64>,
    /// The size in bytes.
    pub size_bytes: Option<i64>,
}

/// Names of the columns, in their order.
pub(crate) mod column {
    pub(crate) const ID: &str = "id";
    pub(crate) const LOCATION: &str = "location";
    pub(crate) const INSTRUMENT: &str = "instrument";
    pub(crate) const NIGHT: &str = "night";
    pub(crate) const MJD: &str = "mjd";
    pub(crate) const CATEGORY: &str = "category";
    pub(crate) const KIND: &str = "kind";
    pub(crate) const MODE: &str = "mode";
    pub(crate) const OBJECT: &str = "object";
    pub(crate) const OB_ID: &str = "ob_id";
    pub(crate) const EXPTIME_S: &str = "exptime_s";
    pub(crate) const SIZE_BYTES: &str = "size_bytes";
}

impl CatalogRow {
    /// Describes a frame.
    pub fn of(frame: &Frame) -> Self {
        let header = &frame.header;
        let text = |keys: &[&str]| {
            let found = keys.iter().find_map(|key| header.str(*key).ok());
            found.map(|text| text.trim().to_owned()).unwrap_or_default()
        };
        let time = time_of(header);
        Self {
            id: frame.id.to_string(),
            location: frame.location.clone(),
            instrument: text(&["INSTRUME"]),
            night: time.map(|time| Night::of(time).to_string()).unwrap_or_default(),
            mjd: time.map(|time| time.0),
            category: text(&["PRODCATG", "PRO.CATG", "DPR.CATG"]),
            kind: text(&["DPR.TYPE"]),
            mode: text(&["INS.MODE"]),
            object: text(&["OBJECT"]),
            ob_id: header.i64("OBS.ID").or_else(|_| header.i64("OBID1")).ok(),
            exptime_s: header.f64("EXPTIME").ok().filter(|value| value.is_finite()),
            size_bytes: frame.size_bytes.and_then(|bytes| i64::try_from(bytes).ok()),
        }
    }
}
