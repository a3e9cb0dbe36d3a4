//! The combined pixel table: the rows that the cube is made of, and the pipeline's own table bit for bit.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::float_cmp,
    reason = "a failed step is a failed test"
)]

mod support;

use std::path::Path;

use phoenix_core::frame::FrameRef;
use phoenix_core::header::Header;
use phoenix_core::product::{HduData, Pixels, Product};
use phoenix_core::provenance::Record;
use phoenix_core::traits::{InputSet, Instrument, RecipeError, RunContext, SinkFactory};
use phoenix_io::{DirSinks, FitsReader, read_product};
use phoenix_testkit::fake::FakeReader;
use phoenix_testkit::peers;
use serde_json::{Value, json};
use support::peer::{Peer, with_python};
use support::{figure, product, run_eso, run_on, small, sof, values};

const EXP_COMBINE: &str = "muse_exp_combine";
const TAG: &str = "PIXTABLE_COMBINED";
const REALS: [&str; 6] = ["xpos", "ypos", "lambda", "data", "stat", "weight"];
const INTEGERS: [&str; 2] = ["dq", "origin"];
/// Cosmic ray.
const REJECTED: i32 = 1 << 5;

fn integers(product: &Product, hdu: &str) -> Vec<i32> {
    match &product.hdu(hdu).expect("the column is there").data {
        HduData::Image(Pixels::I32(values)) => values.iter().copied().collect(),
        other => panic!("column {hdu} is {other:?}"),
    }
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

fn both(more: &Value) -> Value {
    let mut changes = json!({"save": "cube,combined"});
    changes
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    changes
}

fn limit(header: &Header, name: &str) -> f64 {
    header.f64(format!("DRS.MUSE.PIXTABLE.{name}")).unwrap()
}

/// Combines simulated tables in memory.
fn combined(tables: Vec<Product>, changes: &Value) -> (phoenix_core::traits::Outcome, Vec<Product>) {
    let mut reader = FakeReader::new();
    let frames: Vec<FrameRef> = tables.into_iter().map(|table| reader.add(table)).collect();
    run_on(EXP_COMBINE, &frames, changes, &reader, (2, 1 << 30)).unwrap()
}

#[test]
fn a_cube_of_the_combined_table_is_the_cube_of_its_exposures() {
    let (outcome, products) = combined(small::tables(60, 3), &both(&json!({})));
    let table = product(&products, TAG);
    let rejected = integers(table, "dq").iter().filter(|dq| **dq & REJECTED != 0).count();
    assert!(rejected > 20, "{rejected}");
    assert_eq!(figure(&outcome, "cosmic_pixels"), rejected as f64);
    let mut reader = FakeReader::new();
    let mut alone = table.clone();
    alone.name = "alone.fits".into();
    let mut frame = reader.add(alone);
    frame.tag = TAG.into();
    let changes = json!({"crsigma": 0, "pixfrac": "0.6,0.6"});
    let (_, again) = run_on("muse_scipost_make_cube", &[frame], &changes, &reader, (2, 1 << 30)).unwrap();
    let [first, second] = [&products, &again].map(|products| product(products, "DATACUBE_FINAL"));
    for key in support::WCS_KEYS {
        let [a, b] = [first, second].map(|cube| cube.hdu("DATA").unwrap().header.f64(key));
        assert_eq!(a, b, "{key}");
    }
    for hdu in ["DATA", "STAT"] {
        assert!(bits(&values(first, hdu)) == bits(&values(second, hdu)), "{hdu}");
    }
}

#[test]
fn rows_outside_the_wavelengths_asked_for_are_left_out_and_the_header_counts_the_others() {
    let tables = small::tables(60, 2);
    let lambda: Vec<Vec<f32>> = tables.iter().map(|table| values(table, "lambda")).collect();
    let range = [7010.0, 7040.0];
    let inside = |lambda: &&f32| (range[0]..=range[1]).contains(&f64::from(**lambda));
    let expected: Vec<Vec<f32>> = lambda
        .iter()
        .map(|it| it.iter().filter(inside).copied().collect())
        .collect();
    let changes = both(&json!({"lambdamin": range[0], "lambdamax": range[1]}));
    let (_, products) = combined(tables, &changes);
    let table = product(&products, TAG);
    assert_eq!(values(table, "lambda"), expected.concat());
    let header = &table.header;
    let n = expected[0].len() as f64;
    assert!(n > 0.0 && expected[0].len() < lambda[0].len());
    assert_eq!(
        [limit(header, "EXP1.FIRST"), limit(header, "EXP1.LAST")],
        [0.0, n - 1.0]
    );
    let all = n + expected[1].len() as f64;
    assert_eq!(
        [limit(header, "EXP2.FIRST"), limit(header, "EXP2.LAST")],
        [n, all - 1.0]
    );
    for (name, low, high) in [("IFU", 1.0, 2.0), ("SLICE", 1.0, 48.0)] {
        let found = ["LOW", "HIGH"].map(|end| limit(header, &format!("LIMITS.{name}.{end}")));
        assert_eq!(found, [low, high]);
    }
    let x = values(table, "xpos").into_iter().fold(f32::INFINITY, f32::min);
    assert_eq!(
        limit(header, "LIMITS.X.LOW"),
        f64::from(x) + header.f64("CRVAL1").unwrap()
    );
}

#[test]
fn the_table_alone_is_written_without_a_cube_and_its_rows_are_not_tested() {
    let tables = small::tables(40, 2);
    let before: Vec<i32> = tables.iter().flat_map(|table| integers(table, "dq")).collect();
    let (_, products) = combined(tables, &json!({"save": "combined"}));
    assert_eq!(products.len(), 1);
    assert_eq!(integers(&products[0], "dq"), before);
}

/// Writes the products of a combination into a folder; returns the table's bytes.
fn written(folder: &Path, frames: &[FrameRef], changes: &Value, (threads, memory_bytes): (usize, u64)) -> Vec<u8> {
    let instrument = phoenix_muse::instrument().unwrap();
    let recipe = instrument.recipe(&EXP_COMBINE.into()).unwrap();
    let params = support::params(recipe, changes);
    let (raw, calib) = (frames.iter().cloned()).partition(|frame| frame.tag.as_str() == "PIXTABLE_REDUCED");
    let record = Record {
        job: "job".into(),
        recipe: EXP_COMBINE.into(),
        pipeline: "phoenix/test".into(),
        raw,
        calib,
        params: params.clone(),
        rules: None,
        overlays: Vec::new(),
        caveats: Vec::new(),
    };
    let ctx = RunContext::new(&record.job, &record).with_budget(threads, memory_bytes);
    let mut sink = DirSinks::new(folder).open(&record.job).unwrap();
    let end = recipe.execute_dyn(
        &InputSet::new(frames),
        &params,
        &FitsReader::new(),
        sink.as_product_sink(),
        &ctx,
    );
    end.unwrap();
    sink.commit(&record).unwrap();
    std::fs::read(folder.join("work/job/PIXTABLE_COMBINED.fits")).unwrap()
}

#[test]
fn any_memory_and_any_number_of_threads_give_the_same_bytes() {
    let inputs = tempfile::tempdir().unwrap();
    let frames: Vec<FrameRef> = (small::tables(60, 3).into_iter())
        .map(|table| {
            let place = inputs.path().join(&table.name);
            phoenix_io::write_product(&place, table).unwrap();
            support::frame(&place, "PIXTABLE_REDUCED")
        })
        .collect();
    for numerics in ["phoenix", "eso"] {
        let changes = both(&json!({"numerics": numerics, "dlambda": 0.5}));
        let tables = [(1, 1 << 30), (2, 3 << 20), (5, 2 << 20)].map(|budget| {
            let folder = tempfile::tempdir().unwrap();
            written(folder.path(), &frames, &changes, budget)
        });
        assert!(tables[0] == tables[1] && tables[0] == tables[2], "{numerics}");
    }
}

#[test]
fn a_table_in_vacuum_wavelengths_is_refused() {
    let (_, products) = combined(small::tables(40, 2), &json!({"save": "combined"}));
    let mut table = products.into_iter().next().unwrap();
    table.header.set("DRS.MUSE.PIXTABLE.SPECTYPE", "WAVE", "");
    let mut reader = FakeReader::new();
    let mut frame = reader.add(table);
    frame.tag = TAG.into();
    let end = run_on("muse_scipost_make_cube", &[frame], &json!({}), &reader, (2, 1 << 30));
    let Err(RecipeError::Frame { reason, .. }) = end else {
        panic!("it was taken")
    };
    assert!(reason.contains("SPECTYPE is WAVE"), "{reason}");
}

/// Exposures with offsets, flux scales, unequal times; rows of every kind of quality, some of them hit, and bad ones
/// without a number in some column. Those are faint: here they are not tested, and the pipeline tests them somewhere.
fn peer() -> Option<Peer> {
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
        "--vary-exptime",
        "--cr",
        "0.01",
        "--seed",
        "22",
    ];
    let peer = Peer::simulate(&simulation)?;
    with_python(
        &peer,
        "from astropy.io import fits\n\
         import numpy as np\n\
         rng = np.random.default_rng(5)\n\
         for i in (1, 2, 3):\n\
         \u{20}with fits.open(f'PIXTABLE_REDUCED_{i:04d}.fits', mode='update') as h:\n\
         \u{20} some = lambda share: rng.random(h['dq'].data.size) < share\n\
         \u{20} for bits, share in ((32, 0.01), (64, 0.02), (96, 0.01), (4096, 0.005)): h['dq'].data[some(share), 0] = bits\n\
         \u{20} for name in ('stat', 'lambda', 'xpos', 'data'):\n\
         \u{20}  gone = some(0.1) & (h['dq'].data[:, 0] == 64)\n\
         \u{20}  h['data'].data[gone, 0] = -1000\n\
         \u{20}  h[name].data[gone, 0] = np.nan\n\
         \u{20} h[0].header['HIERARCH ESO QC SCIPOST TEST'] = 1.5\n\
         \u{20} h[0].header['HIERARCH ESO DRS MUSE WEIGHT'] = 0.5 * i\n\
         \u{20} h[0].header['HIERARCH ESO DRS MUSE PIXTABLE FFCORR'] = True\n\
         with fits.open('OFFSET_LIST.fits', mode='update') as h:\n\
         \u{20}h[1].data['RA_OFFSET'][0], h[1].data['DEC_OFFSET'][0] = 1e-5, 2e-5\n",
    );
    Some(peer)
}

/// Fails unless a table of ours is the pipeline's: columns, bits, units, cards.
fn assert_same_table(ours: &Product, theirs: &Path, what: &str) {
    let expected = read_product(theirs).unwrap();
    let names = |product: &Product| product.hdus.iter().map(|hdu| hdu.name.clone()).collect::<Vec<_>>();
    assert_eq!(names(ours), names(&expected), "{what}");
    for name in REALS.iter().filter(|name| expected.hdu(name).is_some()) {
        let [a, b] = [ours, &expected].map(|product| bits(&values(product, name)));
        let n = a.iter().zip(&b).filter(|(a, b)| a != b).count();
        assert!(
            a.len() == b.len() && n == 0,
            "{what}: {n} of {} values of {name} differ",
            b.len()
        );
        let unit = |product: &Product| product.hdu(name).unwrap().header.str("BUNIT").ok().map(str::to_owned);
        assert_eq!(unit(ours), unit(&expected), "{what} {name}");
    }
    for name in INTEGERS {
        let [a, b] = [ours, &expected].map(|product| integers(product, name));
        let differing: Vec<_> = (0..).zip(a.iter().zip(&b)).filter(|(_, (a, b))| a != b).collect();
        let few = &differing[..differing.len().min(5)];
        assert!(
            a.len() == b.len() && few.is_empty(),
            "{what}: {} of {name} differ, {few:?}",
            differing.len()
        );
    }
    for card in expected.header.cards() {
        let key = card.key.as_str();
        let is_own = key.starts_with("ESO.PRO.REC") || key.starts_with("COMMENT");
        if is_own
            || [
                "SIMPLE", "BITPIX", "NAXIS", "EXTEND", "DATE", "CHECKSUM", "DATASUM", "DATAMD5",
            ]
            .contains(&key)
        {
            continue;
        }
        let Some(own) = ours.header.get(card.key.clone()) else {
            panic!("{what}: {key} is missing")
        };
        let same = match (own.as_f64(), card.value.as_f64()) {
            (Some(a), Some(b)) => (a - b).abs() <= 1e-12 * b.abs().max(1e-12),
            _ => own.display() == card.value.display(),
        };
        assert!(
            same,
            "{what}: {key} is {}, theirs {}",
            own.display(),
            card.value.display()
        );
    }
}

#[test]
fn the_combined_table_is_the_pipelines_bit_for_bit() {
    let Some(peer) = peer() else { return };
    let (folder, _) = peer.esorex(EXP_COMBINE, "combine_off.sof", &[]);
    std::fs::copy(folder.join("DATACUBE_FINAL.fits"), peer.path("grid.fits")).unwrap();
    with_python(
        &peer,
        "from astropy.io import fits\n\
         with fits.open('grid.fits', mode='update') as h: h['DATA'].header['CTYPE3'] = 'WAVE'\n",
    );
    let set = std::fs::read_to_string(peer.path("combine_off.sof")).unwrap();
    std::fs::write(peer.path("vacuum.sof"), format!("{set}grid.fits OUTPUT_WCS\n")).unwrap();
    for (set, options, changes) in [
        ("combine_off.sof", vec![], json!({})),
        (
            "combine.sof",
            vec!["--weight=none", "--crtype=mean", "--crsigma=4"],
            json!({"weight": "none", "crtype": "mean", "crsigma": 4}),
        ),
        (
            "combine_off.sof",
            vec!["--lambdamin=6980", "--lambdamax=7010"],
            json!({"lambdamin": 6980, "lambdamax": 7010}),
        ),
        (
            "combine_off.sof",
            vec!["--weight=header", "--crsigma=0"],
            json!({"weight": "header", "crsigma": 0}),
        ),
        ("vacuum.sof", vec!["--weight=fwhm"], json!({"weight": "fwhm"})),
    ] {
        let what = format!("{set} {options:?}");
        let save = std::iter::once("--save=cube,combined").chain(options);
        let theirs = peer.recipe(EXP_COMBINE, set, &save.collect::<Vec<_>>());
        let (_, products) = run_eso(EXP_COMBINE, &sof(&peer.path(set)), &both(&changes)).unwrap();
        assert_same_table(product(&products, TAG), &theirs.join("PIXTABLE_COMBINED.fits"), &what);
    }
    // Without a cube nothing is tested, in the pipeline as here.
    let theirs = peer.recipe(EXP_COMBINE, "combine_off.sof", &["--save=combined"]);
    let (_, products) = run_eso(
        EXP_COMBINE,
        &sof(&peer.path("combine_off.sof")),
        &json!({"save": "combined"}),
    )
    .unwrap();
    assert_same_table(&products[0], &theirs.join("PIXTABLE_COMBINED.fits"), "alone");
}

#[test]
fn the_pipeline_and_we_make_one_cube_of_our_table_and_of_its_own() {
    let Some(peer) = peer() else { return };
    let theirs = peer.recipe(EXP_COMBINE, "combine_off.sof", &["--save=cube,combined"]);
    std::fs::copy(theirs.join("PIXTABLE_COMBINED.fits"), peer.path("theirs.fits")).unwrap();
    for numerics in ["eso", "phoenix"] {
        let folder = tempfile::tempdir().unwrap();
        let changes = both(&json!({"numerics": numerics}));
        let frames = sof(&peer.path("combine_off.sof"));
        let bytes = written(folder.path(), &frames, &changes, (2, 1 << 30));
        let place = peer.path(&format!("{numerics}.fits"));
        std::fs::write(&place, bytes).unwrap();
        if let Some(report) = peers::fitsverify(&[&place]) {
            assert!(report.is_empty(), "{report:?}");
        }
    }
    let cube = |name: &str| {
        std::fs::write(peer.path("one.sof"), format!("{name}.fits PIXTABLE_OBJECT\n")).unwrap();
        let folder = peer.recipe("muse_scipost_make_cube", "one.sof", &[]);
        let of = |hdu| support::file_values(&folder.join("DATACUBE_FINAL.fits"), hdu).0;
        ["DATA", "STAT"].map(|hdu| bits(&of(hdu)))
    };
    let expected = cube("theirs");
    assert!(cube("eso") == expected);
    // Read here, in both forms of a table: the same cube again.
    with_python(
        &peer,
        "from astropy.io import fits\n\
         with fits.open('theirs.fits') as h:\n\
         \u{20}form = lambda x: '1J' if x.header['BITPIX'] == 32 else '1E'\n\
         \u{20}column = lambda x: fits.Column(x.name, form(x), unit=x.header.get('BUNIT'), array=x.data.ravel())\n\
         \u{20}table = fits.BinTableHDU.from_columns([column(x) for x in h[1:]])\n\
         \u{20}fits.HDUList([fits.PrimaryHDU(header=h[0].header), table]).writeto('table.fits')\n",
    );
    for name in ["theirs.fits", "table.fits", "eso.fits"] {
        let frame = support::frame(&peer.path(name), TAG);
        let (_, products) = run_eso("muse_scipost_make_cube", &[frame], &json!({})).unwrap();
        let cube = product(&products, "DATACUBE_FINAL");
        assert!(
            ["DATA", "STAT"].map(|hdu| bits(&values(cube, hdu))) == expected,
            "{name}"
        );
    }
    // Its limits have all their digits: the grid may be another, and is accepted.
    assert!(!cube("phoenix")[0].is_empty());
}
