//! Fresh exposures through ESO's recipe and ours, side by side: the same cube, the same rejections, the same headers.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::float_cmp,
    reason = "a failed step is a failed test"
)]

mod support;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use phoenix_core::header::Header;
use phoenix_io::fits::FitsFile;
use phoenix_testkit::{golden, peers};
use serde_json::json;
use support::peer::{Peer, with_python};
use support::{figure, product, run_eso, sof};

/// Limits of issue 2: share of differing values, and their size in standard deviations.
const MOST_DIFFERING: f64 = 0.0;
const MOST_SIGMA: f64 = 1e-6;
/// In a full cube: thin overlaps at edges depend on the last bit of positions.
const MOST_DIFFERING_IN_FULL: f64 = 1e-5;

/// Compares one extension; returns values, differing values, and the largest difference in standard deviations.
fn compare(ours: &phoenix_core::product::Product, theirs: &Path, hdu: &str) -> (usize, usize, f64) {
    let (expected, header) = support::file_values(theirs, hdu);
    let (variance, _) = support::file_values(theirs, "STAT");
    let found = support::values(ours, hdu);
    assert_eq!(found.len(), expected.len());
    let own = &ours.hdu(hdu).unwrap().header;
    for key in support::WCS_KEYS {
        let (a, b) = (own.f64(key).unwrap(), header.f64(key).unwrap());
        assert!(
            (a - b).abs() <= 1e-12 * b.abs(),
            "{hdu}: {key} is {a:?}, the pipeline's is {b:?}"
        );
    }
    let difference = golden::compare(&found, &expected, Some(&variance));
    assert_eq!(difference.nan_mismatch, 0, "{hdu}: the NaN masks differ");
    (difference.n, difference.n_differing, difference.max)
}

fn side_by_side(
    recipe: &str,
    set: &str,
    simulation: &[&str],
    options: &[&str],
    changes: &serde_json::Value,
) -> Option<(Peer, PathBuf)> {
    let peer = Peer::simulate(simulation)?;
    let (folder, rejected) = peer.esorex(recipe, set, options);
    let (outcome, products) = run_eso(recipe, &sof(&peer.path(set)), changes).unwrap();
    assert_eq!(figure(&outcome, "cosmic_pixels"), rejected);
    let cube = product(&products, "DATACUBE_FINAL");
    for hdu in ["DATA", "STAT"] {
        let (n, differing, sigma) = compare(cube, &folder.join("DATACUBE_FINAL.fits"), hdu);
        assert!(
            differing as f64 <= MOST_DIFFERING * n as f64,
            "{hdu}: {differing} of {n} values differ"
        );
        assert!(
            sigma <= MOST_SIGMA || hdu == "STAT",
            "{hdu}: they differ by {sigma} sigma"
        );
    }
    Some((peer, folder))
}

/// The tables are those that the test of ESO's chain in phoenix-io leaves in the folder `PHOENIX_MUSE_KEEP`.
#[test]
fn the_last_step_of_the_raw_chain_is_also_native() {
    let Ok(folder) = std::env::var("PHOENIX_MUSE_KEEP") else {
        return;
    };
    let folder = Path::new(&folder);
    let (_, products) = run_eso("muse_exp_combine", &sof(&folder.join("combine_off.sof")), &json!({})).unwrap();
    let cube = product(&products, "DATACUBE_FINAL");
    for hdu in ["DATA", "STAT"] {
        let (n, differing, sigma) = compare(cube, &folder.join("DATACUBE_FINAL.fits"), hdu);
        assert!(
            differing as f64 <= MOST_DIFFERING_IN_FULL * n as f64,
            "{hdu}: {differing} of {n} values differ"
        );
        assert!(
            sigma <= MOST_SIGMA || hdu == "STAT",
            "{hdu}: they differ by {sigma} sigma"
        );
    }
}

#[test]
fn two_exposures_without_offsets_give_the_pipelines_cube() {
    let simulation = [
        "--n-ifu",
        "2",
        "--width",
        "7",
        "--n-lambda",
        "80",
        "--n-exp",
        "2",
        "--no-rotate",
        "--seed",
        "21",
    ];
    side_by_side("muse_exp_combine", "combine.sof", &simulation, &[], &json!({}));
}

#[test]
fn rotated_exposures_with_offsets_and_flux_scales_give_the_pipelines_cube() {
    let simulation = [
        "--n-ifu",
        "2",
        "--width",
        "8",
        "--n-lambda",
        "60",
        "--n-exp",
        "3",
        "--pointing-error",
        "0.4",
        "--flux-error",
        "0.03",
        "--flagged",
        "0.001",
        "--seed",
        "22",
    ];
    side_by_side("muse_exp_combine", "combine_off.sof", &simulation, &[], &json!({}));
}

#[test]
fn unequal_exposures_near_the_pole_with_other_steps_give_the_pipelines_cube() {
    let simulation = [
        "--n-ifu",
        "2",
        "--width",
        "6",
        "--n-lambda",
        "70",
        "--n-exp",
        "4",
        "--vary-exptime",
        "--dec",
        "-75.2",
        "--ra",
        "359.99",
        "--dither",
        "2",
        "--seed",
        "23",
    ];
    let options = [
        "--resample=renka",
        "--dx=0.25",
        "--dy=0.3",
        "--dlambda=1.5",
        "--crtype=mean",
        "--crsigma=6",
    ];
    let changes = json!({"resample": "renka", "dx": 0.25, "dy": 0.3, "dlambda": 1.5, "crtype": "mean", "crsigma": 6});
    side_by_side("muse_exp_combine", "combine.sof", &simulation, &options, &changes);
}

#[test]
fn a_single_exposure_gives_the_pipelines_cube() {
    let simulation = [
        "--n-ifu",
        "2",
        "--width",
        "7",
        "--n-lambda",
        "70",
        "--n-exp",
        "1",
        "--seed",
        "24",
    ];
    side_by_side("muse_scipost_make_cube", "single.sof", &simulation, &[], &json!({}));
}

fn assert_same(peer: &Peer, recipe: &str, set: &str, options: &[&str], changes: &serde_json::Value) {
    let (folder, rejected) = peer.esorex(recipe, set, options);
    let (outcome, products) = run_eso(recipe, &sof(&peer.path(set)), changes).unwrap();
    assert_eq!(figure(&outcome, "cosmic_pixels"), rejected);
    for hdu in ["DATA", "STAT"] {
        let (n, differing, _) = compare(
            product(&products, "DATACUBE_FINAL"),
            &folder.join("DATACUBE_FINAL.fits"),
            hdu,
        );
        assert_eq!(differing, 0, "{hdu}: {differing} of {n} values differ");
    }
    let images: Vec<_> = products
        .iter()
        .filter(|product| product.tag.as_str() == "IMAGE_FOV")
        .collect();
    for (n, image) in (1..).zip(images) {
        let (expected, _) = support::file_values(&folder.join(format!("IMAGE_FOV_{n:04}.fits")), "DATA");
        let difference = golden::compare(&support::values(image, "DATA"), &expected, None);
        assert!(difference.is_none(), "image {n}: {difference:?}");
        let theirs = FitsFile::open(folder.join(format!("IMAGE_FOV_{n:04}.fits"))).unwrap();
        for key in ["FRACTION", "ZPVEGA", "ZPAB"] {
            let key = format!("DRS.MUSE.FILTER.{key}");
            let (own, other) = (
                image.header.f64(key.as_str()),
                theirs.hdus()[0].header.f64(key.as_str()),
            );
            assert!(own == other || (own.unwrap() - other.unwrap()).abs() < 1e-4, "{key}");
        }
    }
}

const SMALL: [&str; 10] = [
    "--n-ifu",
    "2",
    "--width",
    "6",
    "--n-lambda",
    "50",
    "--n-exp",
    "2",
    "--seed",
    "31",
];

#[test]
fn a_given_grid_and_filters_give_the_pipelines_cube_and_images() {
    let Some(peer) = Peer::simulate(&SMALL) else { return };
    let Some(filters) = peers::data("muse-cube/filter_list.fits") else {
        return;
    };
    std::fs::copy(filters, peer.path("filters.fits")).unwrap();
    let (folder, _) = peer.esorex("muse_exp_combine", "combine.sof", &[]);
    std::fs::copy(folder.join("DATACUBE_FINAL.fits"), peer.path("first.fits")).unwrap();
    with_python(
        &peer,
        "from astropy.io import fits\n\
         import math\n\
         h = fits.open('first.fits')\n\
         d = h['DATA']\n\
         d.data = d.data[:40, :20, :22]\n\
         d.header['CRPIX1'] -= 2.3\n\
         d.header['CRPIX2'] += 1.7\n\
         d.header['CRVAL3'] += 0.6\n\
         fits.HDUList([fits.PrimaryHDU(header=h[0].header), d]).writeto('grid.fits')\n",
    );
    let set = std::fs::read_to_string(peer.path("combine.sof")).unwrap();
    let more = "grid.fits OUTPUT_WCS\nfilters.fits FILTER_LIST\n";
    std::fs::write(peer.path("grid.sof"), format!("{}\n{more}", set.trim_end())).unwrap();
    let options = ["--filter=white,Cousins_R,SDSS_r"];
    assert_same(
        &peer,
        "muse_exp_combine",
        "grid.sof",
        &options,
        &json!({"filter": "white,Cousins_R,SDSS_r"}),
    );
}

#[test]
fn weights_by_seeing_and_by_header_give_the_pipelines_cube() {
    let Some(peer) = Peer::simulate(&SMALL) else { return };
    with_python(
        &peer,
        "from astropy.io import fits\n\
         for i in (1, 2):\n\
         \u{20}with fits.open(f'PIXTABLE_REDUCED_{i:04d}.fits', mode='update') as h:\n\
         \u{20} h[0].header['HIERARCH ESO DRS MUSE WEIGHT'] = 0.3 + i\n",
    );
    for scheme in ["fwhm", "header", "none"] {
        let option = format!("--weight={scheme}");
        assert_same(
            &peer,
            "muse_exp_combine",
            "combine.sof",
            &[&option],
            &json!({"weight": scheme}),
        );
    }
}

#[test]
fn tables_in_other_states_give_the_pipelines_cube() {
    let Some(peer) = Peer::simulate(&SMALL) else { return };
    let (folder, _) = peer.esorex("muse_exp_combine", "combine.sof", &["--save=combined,cube"]);
    std::fs::copy(folder.join("PIXTABLE_COMBINED.fits"), peer.path("combined.fits")).unwrap();
    std::fs::write(peer.path("deg.sof"), "combined.fits PIXTABLE_OBJECT\n").unwrap();
    assert_same(&peer, "muse_scipost_make_cube", "deg.sof", &[], &json!({}));
    with_python(
        &peer,
        "from astropy.io import fits\n\
         import numpy as np\n\
         with fits.open('PIXTABLE_REDUCED_0001.fits') as h:\n\
         \u{20}r, t = h['xpos'].data.copy(), h['ypos'].data.copy()\n\
         \u{20}s = -np.tan(t) * 180 / np.pi * 3600 / 0.2\n\
         \u{20}h['xpos'].data = (s * np.sin(r)).astype('f4')\n\
         \u{20}h['ypos'].data = (-s * np.cos(r)).astype('f4')\n\
         \u{20}h['xpos'].header['BUNIT'] = h['ypos'].header['BUNIT'] = 'pix'\n\
         \u{20}p = h[0].header\n\
         \u{20}p.remove('HIERARCH ESO DRS MUSE PIXTABLE WCS')\n\
         \u{20}for k in [k for k in p if k[:2] == 'CD' or k[:5] in ('CTYPE', 'CUNIT', 'CRPIX', 'CRVAL')]: del p[k]\n\
         \u{20}for c, a in (('xpos', 'X'), ('ypos', 'Y'), ('lambda', 'LAMBDA')):\n\
         \u{20} p[f'HIERARCH ESO DRS MUSE PIXTABLE LIMITS {a} LOW'] = float(h[c].data.min())\n\
         \u{20} p[f'HIERARCH ESO DRS MUSE PIXTABLE LIMITS {a} HIGH'] = float(h[c].data.max())\n\
         \u{20}h.writeto('pixels.fits')\n",
    );
    std::fs::write(peer.path("pix.sof"), "pixels.fits PIXTABLE_OBJECT\n").unwrap();
    assert_same(&peer, "muse_scipost_make_cube", "pix.sof", &[], &json!({}));
}

fn keys(header: &Header) -> BTreeSet<String> {
    header.cards().iter().map(|card| card.key.to_string()).collect()
}

fn name_of(hdu: &phoenix_io::fits::Hdu) -> &str {
    hdu.name.as_deref().unwrap_or_default()
}

/// Cards of the pipeline that are not written here; docs/muse.md, "Headers", says why.
const NOT_WRITTEN: [&str; 2] = ["COMMENT", "DATE"];

#[test]
fn every_card_of_the_pipeline_is_written_or_listed() {
    let simulation = [
        "--n-ifu",
        "2",
        "--width",
        "6",
        "--n-lambda",
        "40",
        "--n-exp",
        "2",
        "--pointing-error",
        "0.2",
        "--seed",
        "25",
    ];
    let Some(peer) = Peer::simulate(&simulation) else {
        return;
    };
    let (folder, _) = peer.esorex("muse_exp_combine", "combine_off.sof", &[]);
    let (_, products) = run_eso("muse_exp_combine", &sof(&peer.path("combine_off.sof")), &json!({})).unwrap();
    // The writer adds these to every file.
    let by_writer = [
        "SIMPLE", "XTENSION", "BITPIX", "NAXIS", "NAXIS1", "NAXIS2", "NAXIS3", "EXTEND", "PCOUNT", "GCOUNT", "EXTNAME",
        "CHECKSUM", "DATASUM", "DATAMD5",
    ];
    for (tag, name) in [
        ("DATACUBE_FINAL", "DATACUBE_FINAL.fits"),
        ("IMAGE_FOV", "IMAGE_FOV_0001.fits"),
    ] {
        let ours = product(&products, tag);
        let theirs = FitsFile::open(folder.join(name)).unwrap();
        for hdu in theirs.hdus() {
            let own = if hdu.index == 0 {
                &ours.header
            } else {
                &ours.hdu(name_of(hdu)).unwrap().header
            };
            let own = keys(own);
            let missing: Vec<String> = keys(&hdu.header)
                .into_iter()
                .filter(|key| {
                    !own.contains(key) && !by_writer.contains(&key.as_str()) && !NOT_WRITTEN.contains(&key.as_str())
                })
                // The number of sources is the detection's.
                .filter(|key| !key.starts_with("ESO.QC.EXPCOMB.POS") && !key.starts_with("ESO.QC.EXPCOMB.FWHM"))
                .collect();
            assert!(missing.is_empty(), "{name} {}: {missing:?}", name_of(hdu));
        }
    }
    let cube = FitsFile::open(folder.join("DATACUBE_FINAL.fits")).unwrap();
    let ours = product(&products, "DATACUBE_FINAL");
    for card in cube.hdus()[0].header.cards() {
        let key = card.key.as_str();
        let is_own = key.starts_with("ESO.QC.") || key.starts_with("ESO.PRO.REC1.") || by_writer.contains(&key);
        if is_own || NOT_WRITTEN.contains(&key) {
            continue;
        }
        let own = ours.header.get(card.key.clone()).unwrap();
        let same = match (own.as_f64(), card.value.as_f64()) {
            (Some(a), Some(b)) => (a - b).abs() <= 1e-12 * b.abs().max(1e-12),
            _ => own.display() == card.value.display(),
        };
        assert!(
            same,
            "{key} is {}, the pipeline's is {}",
            own.display(),
            card.value.display()
        );
    }
}
