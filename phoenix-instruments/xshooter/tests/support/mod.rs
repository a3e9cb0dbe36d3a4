//! A night of XSHOOTER as headers.

#![allow(dead_code, reason = "each test takes what it needs")]

use phoenix_core::frame::Frame;
use phoenix_core::header::Value;
use phoenix_testkit::books;

/// An arm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arm {
    Uvb,
    Vis,
    Nir,
}

impl Arm {
    pub(crate) const ALL: [Self; 3] = [Self::Uvb, Self::Vis, Self::Nir];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Uvb => "UVB",
            Self::Vis => "VIS",
            Self::Nir => "NIR",
        }
    }

    fn wheel(self) -> &'static str {
        match self {
            Self::Uvb => "INS.OPTI3.NAME",
            Self::Vis => "INS.OPTI4.NAME",
            Self::Nir => "INS.OPTI5.NAME",
        }
    }

    /// The keys that masters and raw frames share.
    fn setup(self, slit: &str) -> Vec<(&'static str, Value)> {
        let mut cards = vec![
            ("INSTRUME", Value::from("XSHOOTER")),
            ("SEQ.ARM", self.name().into()),
            ("INS.OPTI2.NAME", "SLOT".into()),
            (self.wheel(), slit.into()),
            ("EXPTIME", 600.0.into()),
        ];
        if self == Self::Nir {
            cards.extend([("DET.DIT", 600.0.into()), ("DET.NDIT", 1.into())]);
        } else {
            cards.extend([
                ("DET.WIN1.BINX", 1.into()),
                ("DET.WIN1.BINY", 1.into()),
                ("DET.READ.CLOCK", "100k/1pt/hg".into()),
            ]);
        }
        cards
    }

    /// One raw frame; `lamp` is the number of the lamp that is on.
    pub(crate) fn frame(self, date_obs: &str, kind: &str, technique: &str, slit: &str, lamp: Option<u8>) -> Frame {
        let category = if kind == "OBJECT" || kind == "SKY" {
            "SCIENCE"
        } else {
            "CALIB"
        };
        let mut cards = self.setup(slit);
        cards.extend([
            ("DPR.CATG", category.into()),
            ("DPR.TYPE", kind.into()),
            ("DPR.TECH", technique.into()),
            ("TPL.START", date_obs.get(..16).unwrap_or_default().into()),
            ("OBS.ID", if category == "SCIENCE" { 100 } else { 200 }.into()),
        ]);
        let key = match lamp {
            Some(1) => "INS.LAMP1.ST",
            Some(3) => "INS.LAMP3.ST",
            Some(4) => "INS.LAMP4.ST",
            Some(5) => "INS.LAMP5.ST",
            Some(6) => "INS.LAMP6.ST",
            _ => "INS.LAMP2.ST",
        };
        cards.push((key, lamp.is_some().into()));
        let name = format!("XSHOO.{}", self.name());
        books::frame(&name, date_obs, &cards)
    }

    /// Frames of one template, ten seconds apart; in the near infrared each with its partner without lamp.
    fn lamp(self, minute: &str, n: usize, kind: &str, technique: &str, slit: &str, lamp: u8) -> Vec<Frame> {
        let mut frames = Vec::new();
        for k in 0..n {
            let time = |half: usize| format!("{minute}:{:02}.000", 10 * k + 5 * half);
            frames.push(self.frame(&time(0), kind, technique, slit, Some(lamp)));
            if self == Self::Nir {
                frames.push(self.frame(&time(1), kind, "IMAGE", slit, None));
            }
        }
        frames
    }

    /// The daytime calibrations for one slit.
    pub(crate) fn calibrations(self, slit: &str) -> Vec<Frame> {
        let mut frames = Vec::new();
        let flat = match self {
            Self::Uvb => 4,
            Self::Vis => 5,
            Self::Nir => 6,
        };
        if self != Self::Nir {
            for k in 0..5 {
                let time = format!("2016-05-02T10:00:{:02}.000", 10 * k);
                frames.push(self.frame(&time, "BIAS", "IMAGE", slit, None));
            }
        }
        frames.extend(self.lamp("2016-05-02T11:00", 1, "LAMP,FMTCHK", "ECHELLE,PINHOLE", "Pin_0.5", 1));
        if self == Self::Uvb {
            frames.extend(self.lamp("2016-05-02T11:05", 1, "LAMP,DORDERDEF", "ECHELLE,PINHOLE", "Pin_0.5", 3));
            frames.extend(self.lamp("2016-05-02T11:10", 3, "LAMP,DFLAT", "ECHELLE,SLIT", slit, 3));
            frames.extend(self.lamp("2016-05-02T11:15", 3, "LAMP,QFLAT", "ECHELLE,SLIT", slit, 4));
        } else {
            frames.extend(self.lamp(
                "2016-05-02T11:05",
                1,
                "LAMP,ORDERDEF",
                "ECHELLE,PINHOLE",
                "Pin_0.5",
                flat,
            ));
            frames.extend(self.lamp("2016-05-02T11:10", 3, "LAMP,FLAT", "ECHELLE,SLIT", slit, flat));
        }
        frames.extend(self.lamp(
            "2016-05-02T11:20",
            1,
            "LAMP,WAVE",
            "ECHELLE,MULTI-PINHOLE",
            "Pin_row",
            1,
        ));
        frames.extend(self.lamp("2016-05-02T11:25", 1, "LAMP,WAVE", "ECHELLE,SLIT", slit, 1));
        frames
    }

    /// The static tables.
    pub(crate) fn statics(self) -> Vec<Frame> {
        let cards = [("SEQ.ARM", Value::from(self.name()))];
        [
            "SPECTRAL_FORMAT_TAB",
            "ARC_LINE_LIST",
            "THEO_TAB_SING",
            "THEO_TAB_MULT",
            "SKY_LINE_LIST",
            "ATMOS_EXT",
            "FLUX_STD_CATALOG",
            "RESP_FIT_POINTS_CAT",
        ]
        .iter()
        .map(|kind| {
            let category = format!("{kind}_{}", self.name());
            books::product(&category, "XSHOOTER", "2015-01-01T00:00:00.000", &category, &cards)
        })
        .collect()
    }

    /// Certified masters of the night before.
    pub(crate) fn masters(self, slit: &str) -> Vec<Frame> {
        let kinds = [
            "MASTER_BIAS",
            "ORDER_TAB_EDGES_SLIT",
            "MASTER_FLAT_SLIT",
            "WAVE_TAB_2D",
            "DISP_TAB",
            "WAVE_MAP",
            "SLIT_MAP",
            "RESPONSE_MERGE1D_SLIT",
        ];
        kinds
            .iter()
            .map(|kind| {
                let category = format!("{kind}_{}", self.name());
                let name = format!("M.{category}");
                books::product(
                    &name,
                    "XSHOOTER",
                    "2016-05-01T12:00:00.000",
                    &category,
                    &self.setup(slit),
                )
            })
            .collect()
    }
}
