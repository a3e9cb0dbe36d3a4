//! One exposure in the plan of a night, and the cards that do not depend on the instrument.

use phoenix_core::unit::Mjd;

use super::cards::{Cards, rounded};
use crate::paranal::{ELEVATION_M, LATITUDE_DEG, LONGITUDE_DEG, Track};
use crate::projection::SkyPoint;

/// What an exposure is and when it is taken.
#[derive(Debug, Clone)]
pub(crate) struct Shot {
    pub(crate) start: Mjd,
    pub(crate) exptime_s: f64,
    pub(crate) dpr: Dpr,
    pub(crate) object: String,
    pub(crate) place: Option<SkyPoint>,
    pub(crate) template: Template,
    pub(crate) block: Block,
}

/// `DPR CATG`, `TYPE`, `TECH`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Dpr {
    pub(crate) catg: &'static str,
    pub(crate) kind: &'static str,
    pub(crate) tech: &'static str,
}

/// A template and the exposure's place in it.
#[derive(Debug, Clone)]
pub(crate) struct Template {
    pub(crate) id: String,
    pub(crate) start: Mjd,
    pub(crate) number: usize,
    pub(crate) n_exposures: usize,
}

/// An observing block.
#[derive(Debug, Clone)]
pub(crate) struct Block {
    pub(crate) id: i64,
    pub(crate) name: String,
    pub(crate) prog_id: &'static str,
}

/// What tells the instruments of the observatory apart in every header.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Site {
    pub(crate) telescope: &'static str,
    pub(crate) instrument: &'static str,
    /// First part of `ARCFILE`.
    pub(crate) archive: &'static str,
}

impl Shot {
    /// Returns `DATE-OBS`.
    pub(crate) fn date_obs(&self) -> String {
        self.start.to_iso()
    }

    /// Returns `ARCFILE`.
    pub(crate) fn arcfile(&self, site: &Site) -> String {
        format!("{}.{}.fits", site.archive, self.date_obs())
    }

    /// Returns where the telescope stands; for lamps the zenith.
    pub(crate) fn track(&self, elapsed_s: f64) -> Track {
        let time = Mjd(self.start.0 + elapsed_s / 86_400.0);
        Track::of(self.pointing(), time)
    }

    pub(crate) fn pointing(&self) -> SkyPoint {
        self.place.unwrap_or_else(|| {
            let anywhere = SkyPoint {
                ra_deg: 0.0,
                dec_deg: LATITUDE_DEG,
            };
            SkyPoint {
                ra_deg: Track::of(anywhere, self.start).lst_s / 240.0,
                dec_deg: LATITUDE_DEG,
            }
        })
    }

    /// Returns the mean airmass of the exposure.
    pub(crate) fn airmass(&self) -> f64 {
        0.5 * (self.track(0.0).airmass + self.track(self.exptime_s).airmass)
    }

    /// Appends the cards of every instrument.
    pub(crate) fn cards(&self, cards: &mut Cards, site: &Site) {
        let track = self.track(0.0);
        let place = self.pointing();
        cards.push("ORIGIN", "ESO-PARANAL", "European Southern Observatory");
        cards.push("TELESCOP", site.telescope, "ESO <TEL>");
        cards.push("INSTRUME", site.instrument, "Instrument used");
        cards.push("OBJECT", self.object.as_str(), "Original target");
        cards.push("RA", rounded(place.ra_deg, 6), "[deg] RA (J2000) pointing");
        cards.push("DEC", rounded(place.dec_deg, 6), "[deg] DEC (J2000) pointing");
        cards.push("EQUINOX", 2000.0, "Standard FK5 (years)");
        cards.push("RADECSYS", "FK5", "Coordinate reference frame");
        cards.push("EXPTIME", self.exptime_s, "Total integration time");
        cards.push("MJD-OBS", rounded(self.start.0, 8), "MJD start");
        cards.push("DATE-OBS", self.date_obs(), "Date of observation");
        let utc_s = (self.start.0 - self.start.0.floor()) * 86_400.0;
        cards.push("UTC", rounded(utc_s, 3), "UTC at start (sec)");
        cards.push("LST", rounded(track.lst_s, 3), "LST at start (sec)");
        cards.push("ARCFILE", self.arcfile(site), "Archive File Name");
        cards.push("OBS.ID", self.block.id, "Observation block ID");
        cards.push("OBS.NAME", self.block.name.as_str(), "OB name");
        cards.push("OBS.PROG.ID", self.block.prog_id, "ESO program identification");
        if self.place.is_some() {
            cards.push("OBS.TARG.NAME", self.object.as_str(), "OB target name");
        }
        cards.push("TPL.ID", self.template.id.as_str(), "Template signature ID");
        cards.push("TPL.START", seconds(self.template.start), "TPL start time");
        cards.push(
            "TPL.NEXP",
            self.template.n_exposures,
            "Number of exposures within template",
        );
        cards.push("TPL.EXPNO", self.template.number, "Exposure number within template");
        cards.push("DPR.CATG", self.dpr.catg, "Observation category");
        cards.push("DPR.TYPE", self.dpr.kind, "Observation type");
        cards.push("DPR.TECH", self.dpr.tech, "Observation technique");
        self.telescope(cards, &track);
    }

    fn telescope(&self, cards: &mut Cards, track: &Track) {
        let end = self.track(self.exptime_s);
        cards.push("TEL.ALT", rounded(track.altitude_deg, 3), "Alt angle at start (deg)");
        cards.push(
            "TEL.AZ",
            rounded(track.azimuth_deg, 3),
            "Az angle at start (deg) S=0,W=90",
        );
        cards.push("TEL.GEOELEV", ELEVATION_M, "Elevation above sea level (m)");
        cards.push("TEL.GEOLAT", LATITUDE_DEG, "Tel geo latitude (+=North) (deg)");
        cards.push("TEL.GEOLON", LONGITUDE_DEG, "Tel geo longitude (+=East) (deg)");
        cards.push("TEL.AIRM.START", rounded(track.airmass, 3), "Airmass at start");
        cards.push("TEL.AIRM.END", rounded(end.airmass, 3), "Airmass at end");
        cards.push(
            "TEL.PARANG.START",
            rounded(track.parallactic_deg, 3),
            "Parallactic angle at start (deg)",
        );
        cards.push(
            "TEL.PARANG.END",
            rounded(end.parallactic_deg, 3),
            "Parallactic angle at end (deg)",
        );
        cards.push("TEL.AMBI.FWHM.START", 0.85, "Observatory Seeing");
        cards.push("TEL.AMBI.FWHM.END", 0.85, "Observatory Seeing");
        cards.push("TEL.AMBI.PRES.START", 744.0, "Observatory ambient air pressure");
        cards.push("TEL.AMBI.PRES.END", 744.0, "Observatory ambient air pressure");
        cards.push("TEL.AMBI.TEMP", 12.0, "Observatory ambient temperature");
        cards.push("TEL.AMBI.RHUM", 10.0, "Observatory ambient relative humidity");
    }
}

/// Spells a time to the second, as `TPL START` has it.
pub(crate) fn seconds(time: Mjd) -> String {
    let mut text = Mjd((time.0 * 86_400.0).round() / 86_400.0 + 1e-9).to_iso();
    text.truncate(19);
    text
}
