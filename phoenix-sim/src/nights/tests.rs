use std::collections::BTreeSet;

use phoenix_core::header::Header;
use phoenix_core::product::{HduData, Pixels, Product};
use phoenix_core::unit::{Mjd, Night};

use super::FrameSize;
use crate::night::{self, ArchiveFile, Content, SimulatedNight};

fn products(files: &[ArchiveFile]) -> impl Iterator<Item = (&str, &Product)> {
    files.iter().filter_map(|file| match &file.content {
        Content::Product(product) => Some((file.path.as_str(), product)),
        Content::Text(_) => None,
    })
}

/// The sum of all pixels, each weighted by its place: differs as soon as one pixel does.
fn digest(files: &[ArchiveFile]) -> u64 {
    let mut sum = 0_u64;
    for (_, product) in products(files) {
        for hdu in &product.hdus {
            if let HduData::Image(Pixels::U16(counts)) = &hdu.data {
                for value in counts {
                    sum = sum.wrapping_mul(0x0100_0000_01b3).wrapping_add(u64::from(*value) + 1);
                }
            }
        }
    }
    sum
}

fn is_bias(file: &ArchiveFile) -> bool {
    matches!(&file.content, Content::Product(product) if product.header.str("DPR.TYPE").is_ok_and(|kind| kind == "BIAS"))
}

fn kinds(night: &[ArchiveFile], key: &str) -> BTreeSet<String> {
    products(night)
        .filter_map(|(_, product)| product.header.str(key).ok())
        .map(str::to_owned)
        .collect()
}

fn assert_places<T>(night: &SimulatedNight<T>, instrument: &str) {
    let evening: Night = super::NIGHT.parse().unwrap();
    let paths: BTreeSet<&str> = night.files.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(paths.len(), night.files.len());
    for (path, product) in products(&night.files) {
        let header: &Header = &product.header;
        assert_eq!(header.str("INSTRUME").unwrap(), instrument);
        if header.contains("PRO.CATG") {
            assert_eq!(path, format!("calib/{instrument}/{}", product.name));
            continue;
        }
        let name = header.str("ARCFILE").unwrap();
        assert_eq!(path, format!("raw/{instrument}/{}/{name}", super::NIGHT));
        assert!(evening.contains(Mjd(header.f64("MJD-OBS").unwrap())), "{name}");
        let start = Mjd::from_iso(header.str("DATE-OBS").unwrap()).unwrap();
        assert!((start.0 - header.f64("MJD-OBS").unwrap()).abs() < 2e-8, "{name}");
        let template = Mjd::from_iso(header.str("TPL.START").unwrap()).unwrap();
        assert!(template.0 <= start.0, "{name}");
    }
}

#[test]
fn a_seed_names_a_night_of_uves_bit_by_bit() {
    let one = night::uves_blue(7, FrameSize::Small);
    assert_places(&one, "UVES");
    // One thread gives what many do.
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    let alone = pool.install(|| night::uves_blue(7, FrameSize::Small));
    assert_eq!(digest(&one.files), digest(&alone.files));
    assert_eq!(one.truth, alone.truth);
    // No two frames have the same noise.
    let biases: Vec<u64> = one
        .files
        .iter()
        .filter(|file| is_bias(file))
        .map(|file| digest(std::slice::from_ref(file)))
        .collect();
    assert_eq!(biases.iter().collect::<BTreeSet<_>>().len(), 5);
}

#[test]
fn a_night_of_uves_has_every_frame_of_the_cascade() {
    let night = night::uves_red(2, FrameSize::Small);
    assert_places(&night, "UVES");
    let expected = [
        "BIAS",
        "DARK",
        "LAMP,FLAT",
        "LAMP,FMTCHK",
        "LAMP,ORDERDEF",
        "LAMP,WAVE",
        "OBJECT,POINT",
        "STD",
    ];
    assert_eq!(kinds(&night.files, "DPR.TYPE"), expected.map(str::to_owned).into());
    let statics = [
        "EXTCOEFF_TABLE",
        "FLUX_STD_TABLE",
        "LINE_REFER_TABLE",
        "RESP_FIT_POINTS_CATALOG",
    ];
    assert_eq!(kinds(&night.files, "PRO.CATG"), statics.map(str::to_owned).into());
    let (_, bias) = products(&night.files)
        .find(|(_, product)| product.header.str("DPR.TYPE").is_ok_and(|kind| kind == "BIAS"))
        .unwrap();
    let names: Vec<&str> = bias.hdus.iter().map(|hdu| hdu.name.as_str()).collect();
    assert_eq!(names, ["REDU", "REDL"]);
    assert_eq!(bias.header.i64("DET.CHIPS").unwrap(), 2);
    for hdu in &bias.hdus {
        let HduData::Image(Pixels::U16(counts)) = &hdu.data else {
            panic!("{} has counts", hdu.name);
        };
        assert_eq!(counts.shape(), [2048, 1074]);
    }
}

#[test]
fn a_night_of_giraffe_has_every_frame_of_the_cascade_and_its_fibres() {
    let night = night::giraffe(3, FrameSize::Small);
    assert_places(&night, "GIRAFFE");
    let expected = ["BIAS", "DARK", "LAMP,FLAT", "LAMP,WAVE", "OBJECT", "SKY"];
    assert_eq!(kinds(&night.files, "DPR.TYPE"), expected.map(str::to_owned).into());
    for (_, product) in products(&night.files) {
        if product.header.str("DPR.TECH").is_ok_and(|tech| tech == "MOS") {
            let tables: Vec<usize> = product.hdus[1..]
                .iter()
                .map(|hdu| match &hdu.data {
                    HduData::Table(table) => table.n_rows(),
                    _ => 0,
                })
                .collect();
            assert_eq!(tables, [130, 135]);
        }
    }
    let field = &night.truth.fields[0].1;
    assert_eq!(field.iter().filter(|target| target.star.is_some()).count(), 114);
    assert_eq!(field.iter().filter(|target| target.star.is_none()).count(), 16);
}
