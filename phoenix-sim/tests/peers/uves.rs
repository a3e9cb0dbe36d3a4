//! The seven steps of ESO's UVES pipeline on simulated nights.

use phoenix_io::fits::{ColumnData, FitsFile};
use phoenix_sim::night::{self, FrameSize, SimulatedNight, SlitTruth};
use phoenix_testkit::peers;

use crate::chain::{Chain, is_nightly, median};

/// Runs the cascade up to the first target; `arm` is how raw tags end, `chips` how those of calibrations do.
fn cascade(chain: &mut Chain, arm: &str, chips: &[&str]) {
    let of = |names: &[&str]| -> Vec<String> {
        names
            .iter()
            .flat_map(|name| chips.iter().map(move |chip| format!("{name}_{chip}")))
            .collect()
    };
    let mut step = |recipe: &str, kind: &str, raw: &str, n: usize, made: &[&str], fixed: &[&str]| {
        let made = of(made);
        let inputs: Vec<&str> = made.iter().map(String::as_str).chain(fixed.iter().copied()).collect();
        chain.run(recipe, &[], (kind, &format!("{raw}_{arm}"), n), &inputs);
    };
    let lines = ["LINE_REFER_TABLE"];
    step("uves_cal_mbias", "BIAS", "BIAS", 5, &[], &[]);
    step("uves_cal_mdark", "DARK", "DARK", 3, &["MASTER_BIAS"], &[]);
    step("uves_cal_predict", "LAMP,FMTCHK", "ARC_LAMP_FORM", 1, &[], &lines);
    step(
        "uves_cal_orderpos",
        "LAMP,ORDERDEF",
        "ORDER_FLAT",
        1,
        &["ORDER_GUESS_TAB"],
        &[],
    );
    step(
        "uves_cal_mflat",
        "LAMP,FLAT",
        "FLAT",
        5,
        &["MASTER_BIAS", "ORDER_TABLE"],
        &[],
    );
    let known = ["ORDER_TABLE", "LINE_GUESS_TAB", "MASTER_BIAS"];
    step("uves_cal_wavecal", "LAMP,WAVE", "ARC_LAMP", 1, &known, &lines);
    let known = ["ORDER_TABLE", "LINE_TABLE", "MASTER_BIAS", "MASTER_FLAT"];
    let fixed = ["EXTCOEFF_TABLE", "FLUX_STD_TABLE", "RESP_FIT_POINTS_CATALOG"];
    step("uves_cal_response", "STD", "STANDARD", 1, &known, &fixed);
    let known = [
        "ORDER_TABLE",
        "LINE_TABLE",
        "MASTER_BIAS",
        "MASTER_FLAT",
        "INSTR_RESPONSE_FINE",
    ];
    step(
        "uves_obs_scired",
        "OBJECT,POINT",
        "SCI_POINT",
        1,
        &known,
        &["EXTCOEFF_TABLE"],
    );
}

/// The master bias has the level of the chip and the noise of a median of five.
fn assert_bias(chain: &Chain, truth: &SlitTruth) {
    for chip in &truth.chips {
        let (_, pixels) = chain.image(&format!("MASTER_BIAS_{}", chip.name));
        let level = median(pixels.clone());
        assert!((level - chip.ccd.bias_adu).abs() < 0.6, "{}: {level}", chip.name);
        let square = pixels.iter().map(|value| (value - level).powi(2)).sum::<f64>() / pixels.len() as f64;
        // Efficiency of a median of five (11/13 of pi/2), whole numbers, and the slope of 1.5 ADU along the rows.
        let median_of_five = 0.5 * std::f64::consts::PI * 11.0 / 13.0 / 5.0;
        let read_noise = chip.ccd.ron_e / chip.ccd.conad_e_per_adu;
        let expected = (read_noise.powi(2) * median_of_five + 1.0 / 12.0 + 1.5 * 1.5 / 12.0).sqrt();
        let noise = square.sqrt();
        assert!(
            (0.9..1.15).contains(&(noise / expected)),
            "{}: {noise} {expected}",
            chip.name
        );
    }
}

/// All orders are found; the arc lines lie where the gratings send them, and are as wide as the slit makes them.
fn assert_format(chain: &Chain, truth: &SlitTruth) {
    for chip in &truth.chips {
        let name = &chip.name;
        let orders = chain.header(&format!("ORDER_TABLE_{name}"));
        assert_eq!(
            orders.i64("QC.ORD.NDET").unwrap() as usize,
            chip.format.orders().count(),
            "{name}"
        );
        assert!(orders.f64("QC.ORD.RESIDRMS").unwrap() < 0.03, "{name}");
        let tag = format!("LINE_TABLE_{name}");
        let file = FitsFile::open(chain.product(&tag)).unwrap();
        // The middle of three windows along the slit; its header has the summary.
        let lines = file.table(4).unwrap();
        let column = |name: &str| match &lines.column(name).unwrap().data {
            ColumnData::Number(values) => values.to_f64(),
            _ => panic!("{name} has numbers"),
        };
        let (x, order, ident, solved) = (column("X"), column("Order"), column("Ident"), column("NLinSol"));
        let misses: Vec<f64> = (0..x.len())
            .filter(|row| solved[*row] > 0.5 && ident[*row].is_finite())
            .map(|row| x[row] - chip.position(order[row] as u32, ident[row] / 10.0).unwrap()[0])
            .collect();
        assert!(misses.len() > 250, "{name}: {}", misses.len());
        let middle = median(misses.clone());
        let spread = 1.4826 * median(misses.iter().map(|miss| (miss - middle).abs()).collect());
        assert!(
            middle.abs() < 0.01 && spread < 0.08 / chip.binning as f64,
            "{name}: {middle} {spread}"
        );
        let header = &file.hdu(4).unwrap().header;
        let resolution = header
            .f64("QC.RESOLMED")
            .or_else(|_| chain.header(&tag).f64("QC.RESOLMED"))
            .unwrap();
        assert!(
            (resolution / truth.resolution - 1.0).abs() < 0.06,
            "{name}: {resolution}"
        );
    }
}

/// The flux-calibrated spectrum of the first target is the one that was put in.
fn assert_spectrum(chain: &Chain, truth: &SlitTruth) {
    let first = truth
        .exposures
        .iter()
        .find(|one| one.dpr_type == "OBJECT,POINT")
        .unwrap();
    let star = first.star.as_ref().unwrap();
    for chip in &truth.chips {
        let name = &chip.name;
        let tag = format!("FLUXCAL_SCI_POINT_{name}");
        let header = chain.header(&tag);
        let (_, flux) = chain.image(&tag);
        let (_, error) = chain.image(&format!("FLUXCAL_ERRORBAR_SCI_POINT_{name}"));
        let (start, step) = (header.f64("CRVAL1").unwrap(), header.f64("CDELT1").unwrap());
        let n = flux.len();
        // The ends have half an order and one star's noise.
        let margin = (15.0 / step) as usize;
        let eighth = (n - 2 * margin) / 8;
        for part in 0..8 {
            let mut ratios = Vec::new();
            let mut normalised = Vec::new();
            for i in margin + part * eighth..margin + (part + 1) * eighth {
                let lambda_nm = (start + step * i as f64) / 10.0;
                let expected = 1e16 * star.flux(lambda_nm, truth.resolution);
                if flux[i] > 0.0 && error[i] > 0.0 {
                    ratios.push(flux[i] / expected);
                    normalised.push(((flux[i] - expected) / error[i]).abs());
                }
            }
            let (ratio, spread) = (median(ratios), 1.4826 * median(normalised));
            assert!((ratio - 1.0).abs() < 0.005, "{name} {part}: {ratio}");
            assert!((0.8..1.6).contains(&spread), "{name} {part}: {spread}");
        }
    }
}

/// Runs the cascade on a night and holds its products against the truth.
fn assert_night(night: SimulatedNight<SlitTruth>, arm: &str, chips: &[&str]) {
    let Some(esorex) = peers::esorex("uves_obs_scired") else {
        return;
    };
    let (mut chain, truth) = Chain::lay(esorex, night);
    cascade(&mut chain, arm, chips);
    assert_bias(&chain, &truth);
    assert_format(&chain, &truth);
    assert_spectrum(&chain, &truth);
}

#[test]
fn the_blue_cascade_finds_the_chip_the_gratings_and_the_star() {
    assert_night(night::uves_blue(11, FrameSize::Small), "BLUE", &["BLUE"]);
}

#[test]
fn the_red_cascade_does_too() {
    if is_nightly() {
        assert_night(night::uves_red(12, FrameSize::Small), "RED", &["REDL", "REDU"]);
    }
}

#[test]
fn the_red_cascade_does_so_on_full_frames() {
    if is_nightly() {
        assert_night(night::uves_red(12, FrameSize::Full), "RED", &["REDL", "REDU"]);
    }
}

#[test]
fn the_blue_cascade_does_so_on_full_frames() {
    if is_nightly() {
        assert_night(night::uves_blue(13, FrameSize::Full), "BLUE", &["BLUE"]);
    }
}
