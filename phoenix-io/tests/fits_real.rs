//! Real files of ESO: digests, sums, windows.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail like the tests themselves")]

mod fits_support;

use fits_support::files_below;
use phoenix_io::digest::{data_md5, data_md5_as_cpl};
use phoenix_io::fits::{FitsFile, OpenOptions, SumState, Window};
use phoenix_testkit::peers;

#[test]
fn datamd5_of_pipeline_products_is_reproduced() {
    let Some(folder) = peers::data("muse-combine-reference") else {
        return;
    };
    let mut n_checked = 0;
    for path in files_below(&folder, &[".fits"]) {
        let file = FitsFile::open(&path).unwrap();
        let Ok(stated) = file.primary().unwrap().header.str("DATAMD5") else {
            continue;
        };
        assert_eq!(data_md5_as_cpl(&file).unwrap(), stated, "{}", path.display());
        let is_short = file.hdus().iter().all(|unit| unit.padded_len() <= 16 * 2880);
        assert_eq!(data_md5(&file).unwrap() == stated, is_short);
        n_checked += 1;
    }
    assert!(n_checked >= 8);
}

#[test]
fn datamd5_of_older_pipeline_products_is_that_of_all_data() {
    let Some(folder) = peers::data("uves-he1341") else {
        return;
    };
    let mut n_checked = 0;
    for path in files_below(&folder, &[".fits"]) {
        let file = FitsFile::open(&path).unwrap();
        let Ok(stated) = file.primary().unwrap().header.str("DATAMD5") else {
            continue;
        };
        assert_eq!(data_md5(&file).unwrap(), stated, "{}", path.display());
        n_checked += 1;
    }
    assert_eq!(n_checked, 3);
}

#[test]
fn the_stale_sums_of_the_minicube_are_reported() {
    let Some(path) = peers::data("muse-cube/minicube.fits") else {
        return;
    };
    let sums = FitsFile::open(path).unwrap().checksums().unwrap();
    let stale = |stated: &str, computed: &str| SumState::Stale {
        stated: stated.into(),
        computed: computed.into(),
    };
    assert_eq!(sums[0].datasum, SumState::Ok);
    assert_eq!(sums[0].checksum, stale("TpPMUoPKToPKToPK", "3672798992"));
    assert_eq!(sums[1].datasum, stale("2723050386", "2878639849"));
    assert_eq!(sums[2].datasum, stale("2723050386", "1717221879"));
    assert_eq!(sums[3].datasum, SumState::Absent);
    assert!(sums[..3].iter().all(phoenix_io::fits::UnitSums::is_stale) && !sums[3].is_stale());
}

#[test]
fn windows_of_a_cube_and_of_a_pixel_table_are_parts_of_the_whole() {
    let Some(folder) = peers::data("muse-combine-reference") else {
        return;
    };
    for map in [false, true] {
        let options = OpenOptions::default().map(map);
        let file = FitsFile::open_with(folder.join("cube_drizzle.fits"), &options).unwrap();
        let data = file.find("DATA").unwrap();
        let whole = file.image(data.index).unwrap();
        let planes = file.plane_reader(data.index).unwrap();
        let [n, ny, nx] = planes.shape();
        assert_eq!(vec![n, ny, nx], data.shape);
        let mut window = vec![0.0_f32; 3 * planes.plane_len()];
        planes.read(n - 3..n, &mut window).unwrap();
        let bits = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
        let all = whole.pixels.as_f32().unwrap();
        assert_eq!(bits(&window), bits(&all[(n - 3) * ny * nx..]));
        assert!(planes.read(n - 2..n + 1, &mut window).is_err());

        let table = FitsFile::open_with(folder.join("PIXTABLE_REDUCED_0001.fits"), &options).unwrap();
        for unit in table.hdus().iter().filter(|unit| unit.has_data()) {
            let reader = table.image_column_reader(unit.index).unwrap();
            let all = table.image(unit.index).unwrap().pixels.to_f64();
            let mut window = vec![0.0; 1000];
            reader.read(reader.len() - 1000, Window::F64(&mut window)).unwrap();
            assert_eq!(window, all[reader.len() - 1000..]);
            if reader.name() == "lambda" {
                assert_eq!(reader.unit(), Some("Angstrom"));
            }
        }
    }
}
