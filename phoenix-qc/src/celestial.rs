//! The celestial axes of an image or cube, as far as previews and scales need them.

use phoenix_core::header::Header;
use phoenix_core::unit::{Pix0, Pix1};
use serde_json::{Map, Value as Json};
use wcs::{ImgXY, LonLat, WCS, WCSParams};

/// The celestial axes of an image.
#[derive(Debug)]
pub struct SkyWcs {
    wcs: WCS,
    scale_arcsec: f64,
    frame: String,
}

const NUMBERS: [&str; 16] = [
    "CRPIX1", "CRPIX2", "CRVAL1", "CRVAL2", "CD1_1", "CD1_2", "CD2_1", "CD2_2", "CDELT1", "CDELT2", "PC1_1", "PC1_2",
    "PC2_1", "PC2_2", "LONPOLE", "LATPOLE",
];

impl SkyWcs {
    /// Reads the first two axes of a header for an image of `n_x` by `n_y` pixels; `None` if they are no right
    /// ascension and declination in degrees.
    pub fn from_header(header: &Header, n_x: usize, n_y: usize) -> Option<Self> {
        let (ctype1, ctype2) = (header.str("CTYPE1").ok()?.trim(), header.str("CTYPE2").ok()?.trim());
        if ctype1.len() != 8 || !ctype1.starts_with("RA---") || !ctype2.starts_with("DEC--") {
            return None;
        }
        let mut cards = Map::new();
        cards.insert("CTYPE1".into(), ctype1.into());
        cards.insert("CTYPE2".into(), ctype2.into());
        cards.insert("NAXIS".into(), 2.into());
        cards.insert("NAXIS1".into(), n_x.into());
        cards.insert("NAXIS2".into(), n_y.into());
        // Positions are shown in the frame of the file; told of another frame, the library would turn them.
        cards.insert("RADESYS".into(), "ICRS".into());
        let has_matrix = header.contains("CD1_1");
        for name in NUMBERS {
            // Beside a CD matrix the older keywords say nothing, and MUSE writes CDELT = 1 there.
            let is_old = name.starts_with("CDELT") || name.starts_with("PC");
            if let (false, Ok(number)) = (has_matrix && is_old, header.f64(name)) {
                cards.insert(name.into(), number.into());
            }
        }
        let params: WCSParams = serde_json::from_value(Json::Object(cards)).ok()?;
        let frame = header.str("RADESYS").or_else(|_| header.str("RADECSYS"));
        let mut sky = Self {
            wcs: WCS::new(&params).ok()?,
            scale_arcsec: 0.0,
            frame: frame.unwrap_or_default().trim().to_owned(),
        };
        let (x, y) = ((n_x as f64 - 1.0) / 2.0, (n_y as f64 - 1.0) / 2.0);
        let centre = sky.sky(Pix0(x), Pix0(y))?;
        let along_x = separation_arcsec(centre, sky.sky(Pix0(x + 1.0), Pix0(y))?);
        let along_y = separation_arcsec(centre, sky.sky(Pix0(x), Pix0(y + 1.0))?);
        sky.scale_arcsec = (along_x * along_y).sqrt();
        (sky.scale_arcsec > 0.0 && sky.scale_arcsec.is_finite()).then_some(sky)
    }

    /// Returns right ascension and declination in degrees of a pixel.
    pub fn sky(&self, x: Pix0, y: Pix0) -> Option<(f64, f64)> {
        let position = self.wcs.unproj(&ImgXY::new(Pix1::from(x).0, Pix1::from(y).0))?;
        let (ra_deg, dec_deg) = (
            position.lon().to_degrees().rem_euclid(360.0),
            position.lat().to_degrees(),
        );
        (ra_deg.is_finite() && dec_deg.is_finite()).then_some((ra_deg, dec_deg))
    }

    /// Returns the pixel of right ascension and declination in degrees.
    pub fn pixel(&self, ra_deg: f64, dec_deg: f64) -> Option<(Pix0, Pix0)> {
        let position = self.wcs.proj(&LonLat::new(ra_deg.to_radians(), dec_deg.to_radians()))?;
        Some((Pix0::from(Pix1(position.x())), Pix0::from(Pix1(position.y()))))
    }

    /// Returns the name of the frame, e.g. `ICRS`; empty if the header does not tell.
    pub fn frame(&self) -> &str {
        &self.frame
    }

    /// Returns the geometric mean of the two pixel sizes at the centre.
    pub fn scale_arcsec(&self) -> f64 {
        self.scale_arcsec
    }
}

fn separation_arcsec(a: (f64, f64), b: (f64, f64)) -> f64 {
    let (d_ra, d_dec) = ((a.0 - b.0).to_radians(), (a.1 - b.1).to_radians());
    let half =
        (d_dec / 2.0).sin().powi(2) + a.1.to_radians().cos() * b.1.to_radians().cos() * (d_ra / 2.0).sin().powi(2);
    2.0 * half.sqrt().asin().to_degrees() * 3600.0
}

#[cfg(test)]
mod tests {
    use super::SkyWcs;
    use phoenix_core::header::Header;
    use phoenix_core::unit::Pix0;

    fn rotated() -> Header {
        let mut header = Header::new();
        header.set("CTYPE1", "RA---TAN", "");
        header.set("CTYPE2", "DEC--TAN", "");
        header.set("CRVAL1", 63.355_417, "");
        header.set("CRVAL2", 10.465_56, "");
        header.set("CRPIX1", 24.827_71, "");
        header.set("CRPIX2", 18.598_83, "");
        let (sin, cos) = 30.0_f64.to_radians().sin_cos();
        let scale = 0.2 / 3600.0;
        header.set("CD1_1", -scale * cos, "");
        header.set("CD1_2", scale * sin, "");
        header.set("CD2_1", scale * sin, "");
        header.set("CD2_2", scale * cos, "");
        header.set("CDELT1", 1.0, "");
        header
    }

    #[test]
    fn positions_agree_with_astropy() {
        let wcs = SkyWcs::from_header(&rotated(), 40, 40).unwrap();
        // astropy.wcs 7, wcs_pix2world([[0, 0], [39, 20]], 0) of the same cards.
        for (x, y, ra_deg, dec_deg) in ASTROPY {
            let (ra, dec) = wcs.sky(Pix0(x), Pix0(y)).unwrap();
            assert!((ra - ra_deg).abs() < 1e-9 && (dec - dec_deg).abs() < 1e-9, "{ra} {dec}");
            let (px, py) = wcs.pixel(ra, dec).unwrap();
            assert!((px.0 - x).abs() < 1e-6 && (py.0 - y).abs() < 1e-6);
        }
        assert!((wcs.scale_arcsec() - 0.2).abs() < 1e-6);
    }

    const ASTROPY: [(f64, f64, f64, f64); 2] = [
        (0.0, 0.0, 63.356_085_675_6, 10.464_051_394_4),
        (39.0, 20.0, 63.354_742_500_1, 10.466_096_978_1),
    ];
}
