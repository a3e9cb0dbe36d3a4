//! A converted spectrum in the hands of others: `fitsverify`, astropy and specutils.

#![expect(clippy::expect_used, reason = "a test cannot go on without its material")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use ndarray::Array2;
use phoenix_archive::sdp::convert::{ConvertInput, convert};
use phoenix_core::header::Header;
use phoenix_core::product::{Hdu, HduData, Pixels, Product};
use phoenix_core::provenance::Record;
use phoenix_io::write_product;
use phoenix_testkit::peers;

const N: usize = 2000;

/// A spectrum as UVES' recipe leaves it: a falling flux, the first hundred elements padded with zeros.
fn line(tag: &str, value: impl Fn(usize) -> f32) -> Product {
    let mut header = Header::new();
    for (key, text) in [
        ("ORIGIN", "ESO-PARANAL"),
        ("TELESCOP", "ESO-VLT-U2"),
        ("INSTRUME", "UVES"),
        ("OBJECT", "HD 1"),
        ("DATE-OBS", "2016-05-02T02:24:00.000"),
        ("ARCFILE", "UVES.2016-05-02T02:24:00.000.fits"),
        ("CTYPE1", "AWAV"),
        ("CUNIT1", "Angstrom"),
        ("BUNIT", "10^-16 erg/cm^2/Angstrom/s"),
        ("OBS.PROG.ID", "60.A-9022(A)"),
        ("PRO.TECH", "ECHELLE"),
    ] {
        header.set(key, text, "");
    }
    for (key, number) in [
        ("RA", 83.8),
        ("DEC", -5.4),
        ("EXPTIME", 1800.0),
        ("MJD-OBS", 57510.1),
        ("CRVAL1", 5000.0),
        ("CRPIX1", 1.0),
        ("CDELT1", 0.02),
    ] {
        header.set(key, number, "");
    }
    header.set("OBS.ID", 1000_i64, "");
    let pixels = Array2::from_shape_fn((1, N), |(_, i)| if i < 100 { 0.0 } else { value(i) });
    Product {
        tag: tag.into(),
        name: format!("{tag}.fits"),
        hdus: vec![Hdu {
            name: "PRIMARY".into(),
            header: header.clone(),
            data: HduData::Image(Pixels::F32(Arc::new(pixels))),
        }],
        header,
    }
}

fn written(folder: &Path) -> PathBuf {
    let delivery = serde_json::json!({
        "category": "SCIENCE.SPECTRUM", "name_code": "UV_SFLX", "setup_keys": [], "name_suffix": "BLUE500_1x1_08",
        "columns": [{"name": "ERR", "tag": "ERRORBAR", "is_required": true}],
        "keywords": {"FLUXCAL": "ABSOLUTE", "APERTURE": 2.2e-4, "SPEC_RES": 50000},
    });
    let delivery = serde_json::from_value(delivery).expect("a delivery");
    let record = Record {
        job: "job".into(),
        recipe: "uves_obs_scired".into(),
        pipeline: "uves/6.1.8".into(),
        raw: Vec::new(),
        calib: Vec::new(),
        params: serde_json::Value::Null,
        rules: None,
        overlays: Vec::new(),
        caveats: Vec::new(),
    };
    let converted = convert(&ConvertInput {
        product: &line("FLUXCAL", |i| 300.0 - 0.1 * i as f32),
        others: &[line("ERRORBAR", |_| 2.0)],
        record: &record,
        inputs: &[],
        facts: &[].into(),
        delivery: &delivery,
        block: None,
        date: "2016-06-01",
        attachments: &[],
    })
    .expect("converted");
    let path = folder.join(&converted.product.name);
    write_product(&path, converted.product).expect("written");
    path
}

#[test]
fn fitsverify_finds_nothing_to_complain_of() {
    let folder = tempfile::tempdir().expect("folder");
    let path = written(folder.path());
    if let Some(complaints) = peers::fitsverify(&[&path]) {
        assert_eq!(complaints, Vec::<String>::new());
    }
}

const READ: &str = "
import sys, numpy, astropy.units as u
from astropy.table import QTable
from astropy.nddata import StdDevUncertainty
from specutils import Spectrum
row = QTable.read(sys.argv[1], hdu=1)[0]
good = row['QUAL'] == 0
assert good.sum() == 1900, good.sum()
spectrum = Spectrum(flux=row['FLUX'][good], spectral_axis=row['WAVE'][good],
                    uncertainty=StdDevUncertainty(row['ERR'][good]))
assert spectrum.flux.unit.is_equivalent(u.erg / u.s / u.cm**2 / u.AA), spectrum.flux.unit
assert abs(spectrum.spectral_axis.to_value(u.nm)[0] - 500.2) < 1e-9
density = spectrum.flux.to_value(u.erg / u.s / u.cm**2 / u.AA)
assert abs(density[0] / 290.0e-16 - 1) < 1e-6, density[0]
assert abs(numpy.median(spectrum.flux / spectrum.uncertainty.quantity).value - 97.525) < 0.05
";

#[test]
fn astropy_and_specutils_read_wavelengths_fluxes_and_units() {
    let Some(python) = peers::python(&["astropy", "specutils"]) else {
        return;
    };
    let folder = tempfile::tempdir().expect("folder");
    let path = written(folder.path());
    let output = Command::new(python)
        .args(["-c", READ])
        .arg(&path)
        .output()
        .expect("python runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
