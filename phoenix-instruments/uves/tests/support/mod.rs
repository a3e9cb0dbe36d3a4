//! A night of UVES as headers.

#![allow(dead_code, reason = "each test takes what it needs")]

use phoenix_core::frame::Frame;
use phoenix_core::header::Value;
use phoenix_testkit::books;

/// A setting of one arm.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Setting {
    pub(crate) arm: &'static str,
    pub(crate) mode: &'static str,
    pub(crate) wlen_nm: f64,
    pub(crate) slit: &'static str,
}

impl Setting {
    pub(crate) const BLUE: Self = Self {
        arm: "BLUE",
        mode: "DICHR#2",
        wlen_nm: 437.0,
        slit: "FREE",
    };
    pub(crate) const RED: Self = Self {
        arm: "RED",
        mode: "RED",
        wlen_nm: 580.0,
        slit: "FREE",
    };

    fn cards(self, kind: &str, technique: &str, template: &str) -> Vec<(&'static str, Value)> {
        let (chips, grating, width): (i64, _, _) = if self.arm == "BLUE" {
            (1, "INS.GRAT1.WLEN", "INS.SLIT2.WID")
        } else {
            (2, "INS.GRAT2.WLEN", "INS.SLIT3.WID")
        };
        let category = if kind.starts_with("OBJECT") { "SCIENCE" } else { "CALIB" };
        let width_arcsec = if kind == "STD" { 10.0 } else { 0.8 };
        vec![
            ("INSTRUME", "UVES".into()),
            ("DPR.CATG", category.into()),
            ("DPR.TYPE", kind.into()),
            ("DPR.TECH", technique.into()),
            ("TPL.START", template.into()),
            ("DET.CHIPS", chips.into()),
            ("DET.WIN1.BINX", 1.into()),
            ("DET.WIN1.BINY", 1.into()),
            ("DET.READ.SPEED", "225kHz,1x1,low".into()),
            ("INS.PATH", self.arm.into()),
            ("INS.MODE", self.mode.into()),
            ("INS.SLIT1.NAME", self.slit.into()),
            (grating, self.wlen_nm.into()),
            (width, width_arcsec.into()),
            ("EXPTIME", 10.0.into()),
        ]
    }

    /// One raw frame.
    pub(crate) fn frame(self, date_obs: &str, kind: &str, technique: &str) -> Frame {
        let template = date_obs.get(..16).unwrap_or_default();
        books::frame("UVES", date_obs, &self.cards(kind, technique, template))
    }

    /// Raw frames of one template, half a minute apart.
    pub(crate) fn template(self, minute: &str, n: usize, kind: &str, technique: &str) -> Vec<Frame> {
        let times = (0..n).map(|k| format!("{minute}:{:02}.000", 10 * k));
        times.map(|time| self.frame(&time, kind, technique)).collect()
    }

    /// The daytime calibrations of a setting: everything that a science frame needs.
    pub(crate) fn calibrations(self) -> Vec<Frame> {
        let mut frames = self.template("2016-05-02T10:00", 5, "BIAS", "IMAGE");
        frames.push(self.frame("2016-05-02T11:00:00.000", "LAMP,FMTCHK", "ECHELLE"));
        frames.push(self.frame("2016-05-02T11:05:00.000", "LAMP,ORDERDEF", "ECHELLE"));
        frames.extend(self.template("2016-05-02T11:10", 3, "LAMP,FLAT", "ECHELLE"));
        frames.push(self.frame("2016-05-02T11:20:00.000", "LAMP,WAVE", "ECHELLE"));
        frames
    }
}

/// The static tables.
pub(crate) fn statics() -> Vec<Frame> {
    [
        "LINE_REFER_TABLE",
        "FLUX_STD_TABLE",
        "EXTCOEFF_TABLE",
        "RESP_FIT_POINTS_CATALOG",
    ]
    .iter()
    .map(|category| books::product(category, "UVES", "2015-01-01T00:00:00.000", category, &[]))
    .collect()
}

/// Certified masters of the week before, as the archive has them.
pub(crate) fn masters(setting: Setting) -> Vec<Frame> {
    let chips: &[&str] = if setting.arm == "BLUE" {
        &["BLUE"]
    } else {
        &["REDL", "REDU"]
    };
    let kinds = [
        "MASTER_BIAS",
        "ORDER_TABLE",
        "MASTER_FLAT",
        "LINE_TABLE",
        "INSTR_RESPONSE_FINE",
    ];
    let mut frames = Vec::new();
    for kind in kinds {
        for chip in chips {
            let category = format!("{kind}_{chip}");
            let cards: Vec<_> = setting
                .cards("", "", "")
                .into_iter()
                .filter(|(key, _)| !key.starts_with("DPR"))
                .collect();
            let name = format!("M.{category}");
            frames.push(books::product(
                &name,
                "UVES",
                "2016-04-30T12:00:00.000",
                &category,
                &cards,
            ));
        }
    }
    frames
}
