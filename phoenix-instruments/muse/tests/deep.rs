//! Which exposures of many blocks, nights and runs become one product, and why the others do not.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::float_cmp,
    reason = "a failed step is a failed test"
)]

#[path = "support/frames.rs"]
mod frames;

use std::sync::Arc;

use frames::{classified, frame, raw, reduced, with};
use phoenix_core::deep::{DeepGroup, DeepGroups, DeepKind, DeepRequest};
use phoenix_core::engine::Engine;
use phoenix_core::frame::Frame;
use phoenix_core::plan::{InputSource, Plan, Readiness};
use phoenix_core::traits::{DatasetSelector, DeepSelector, Instrument, InstrumentTexts, SelectError, Selection};
use phoenix_muse::deep::MuseDeep;
use phoenix_muse::select::MuseSelector;
use phoenix_muse::{instrument, kinds};
use serde_json::{Value, json};

const DAY_MINUTES: f64 = 1440.0;
const PLACE: [f64; 2] = [150.0, -30.0];

/// An exposure of a block some nights after the first, some arcsec from the place.
fn exposure(id: &str, ob: i64, minutes: f64, [east, north]: [f64; 2]) -> Frame {
    let ra = PLACE[0] + east / 3600.0 / PLACE[1].to_radians().cos();
    let placed = with(reduced(id, ob, minutes), "RA", Some(ra.into()));
    let placed = with(placed, "DEC", Some((PLACE[1] + north / 3600.0).into()));
    let placed = with(placed, "OBS.TARG.NAME", Some("NGC 1".into()));
    with(placed, "OBS.PROG.ID", Some("097.B-0001(A)".into()))
}

fn graded(frame: Frame, grade: &str) -> Frame {
    with(frame, "OBS.GRADE", Some(grade.into()))
}

fn of_mode(frame: Frame, mode: &str) -> Frame {
    with(frame, "INS.MODE", Some(mode.into()))
}

/// A target in two nights, and everything that is not to be stacked with it.
fn observed() -> Vec<Frame> {
    let night = 3.0 * DAY_MINUTES;
    vec![
        exposure("a1", 1, 0.0, [0.0, 0.0]),
        exposure("a2", 1, 20.0, [1.5, 0.5]),
        graded(exposure("b1", 2, night, [0.5, -1.0]), "B"),
        graded(exposure("b2", 2, night + 20.0, [-1.0, 1.0]), "B"),
        graded(exposure("bad-1", 3, night + 60.0, [0.0, 0.0]), "C"),
        graded(exposure("odd-1", 4, night + 90.0, [0.0, 0.0]), "X"),
        with(exposure("hazy", 1, 40.0, [0.0, 0.5]), "TEL.IA.FWHM", Some(2.3.into())),
        of_mode(exposure("ao", 5, night + 120.0, [0.0, 0.0]), "WFM-AO-N"),
        exposure("far", 6, night + 150.0, [0.0, 70.0]),
        with(exposure("sky", 1, 60.0, [30.0, 0.0]), "DPR.TYPE", Some("SKY".into())),
        with(exposure("no-time", 1, 80.0, [0.0, 0.0]), "EXPTIME", None),
    ]
}

fn asked() -> DeepRequest {
    let mut request = DeepRequest::default();
    request.max_fwhm_arcsec = Some(1.5);
    request
}

fn grouped(frames: &[Frame], request: &DeepRequest) -> DeepGroups {
    MuseDeep.groups(&classified(frames), request).unwrap()
}

/// A grouping as people read it.
fn told(groups: &DeepGroups) -> Value {
    let group = |group: &DeepGroup| {
        let exposures: Vec<String> = (group.exposures.iter())
            .map(|e| {
                format!(
                    "{}: block {}, {}, {:.2} arcsec",
                    e.frame, e.block, e.night, e.distance_arcsec
                )
            })
            .collect();
        let apart: Vec<String> = group
            .apart
            .iter()
            .map(|a| format!("{}: {}", a.dataset, a.because))
            .collect();
        json!({
            "dataset": group.dataset, "because": group.because, "mode": group.mode, "alignment": group.alignment,
            "exposures": exposures, "apart": apart,
        })
    };
    let left: Vec<String> = groups
        .left_out
        .iter()
        .map(|left| format!("{}: {}", left.frame, left.reason))
        .collect();
    json!({"groups": groups.groups.iter().map(group).collect::<Vec<_>>(), "left_out": left})
}

fn plan(frames: Vec<Frame>, request: DeepRequest) -> Plan {
    let selection = Selection::new().with_deep(request);
    Engine::new(Arc::new(instrument().unwrap()))
        .plan(frames, &selection, "deep")
        .unwrap()
}

/// Jobs with what they take, in short.
fn jobs(plan: &Plan) -> Vec<String> {
    let input = |input: &InputSource| match input {
        InputSource::Frame { frame } => format!("{} ({})", frame.id, frame.tag),
        InputSource::Job { job, tag } => format!("{tag} of {job}"),
    };
    plan.jobs
        .iter()
        .map(|job| {
            let inputs: Vec<String> = job.inputs.iter().map(input).collect();
            let state = if job.readiness == Readiness::Ready {
                ""
            } else {
                " NOT READY"
            };
            format!("{}{state} <- {}", job.id, inputs.join(", "))
        })
        .collect()
}

#[test]
fn two_blocks_are_one_deep_cube_and_every_other_exposure_has_its_reason() {
    insta::assert_yaml_snapshot!(told(&grouped(&observed(), &asked())));
}

#[test]
fn one_exposure_is_final_one_block_is_combined_two_blocks_are_deep() {
    let kinds = |frames: &[Frame]| -> Vec<DeepKind> {
        let groups = grouped(frames, &DeepRequest::default()).groups;
        groups.iter().map(|group| group.kind).collect()
    };
    let (a, b) = (exposure("a", 1, 0.0, [0.0; 2]), exposure("b", 1, 20.0, [0.0; 2]));
    let c = exposure("c", 2, 40.0, [0.0; 2]);
    assert_eq!(kinds(std::slice::from_ref(&a)), [DeepKind::Single]);
    assert_eq!(kinds(&[a.clone(), b.clone()]), [DeepKind::Combined]);
    assert_eq!(kinds(&[a, b, c]), [DeepKind::Deep]);
}

#[test]
fn a_mosaic_is_one_group_within_both_limits_and_tells_how_much_it_covers() {
    let row: Vec<Frame> = (0_i32..4)
        .map(|n| {
            exposure(
                &format!("p{n}"),
                i64::from(n),
                20.0 * f64::from(n),
                [40.0 * f64::from(n), 0.0],
            )
        })
        .collect();
    let group = &grouped(&row, &DeepRequest::default()).groups[0];
    let mosaic = group.mosaic.as_ref().unwrap();
    assert_eq!((group.exposures.len(), mosaic.n_pointings), (4, 4));
    assert!(
        mosaic.covered_share > 0.98 && group.because.contains("a mosaic of 4 pointings"),
        "{}",
        group.because
    );

    let mut narrow = DeepRequest::default();
    narrow.max_diameter_arcsec = Some(85.0);
    let parts = grouped(&row, &narrow).groups;
    assert_eq!(parts.iter().map(|group| group.exposures.len()).sum::<usize>(), 4);
    assert!(parts.iter().all(|group| group.diameter_arcsec <= 85.0));
    assert!(
        parts[0].apart[0].because.contains("arcsec across, wider than 85.0"),
        "{:?}",
        parts[0].apart
    );

    narrow.max_separation_arcsec = Some(30.0);
    let alone = grouped(&row, &narrow).groups;
    assert_eq!(alone.len(), 4);
    assert!(
        alone[0].apart[0]
            .because
            .starts_with("its nearest exposure is 40.0 arcsec away")
    );
}

#[test]
fn the_limits_are_those_of_the_field() {
    let limits = |mode: &str| {
        let one = of_mode(exposure("a", 1, 0.0, [0.0; 2]), mode);
        grouped(&[one], &DeepRequest::default()).groups[0].limits_arcsec
    };
    assert_eq!(limits("WFM-AO-E"), [45.0, 120.0]);
    assert_eq!(limits("NFM-AO-N"), [5.625, 15.0]);
}

#[test]
fn the_order_of_frames_and_what_lies_elsewhere_change_no_group() {
    let mut backwards = observed();
    backwards.reverse();
    assert_eq!(grouped(&backwards, &asked()), grouped(&observed(), &asked()));
    // What lies elsewhere changes no group.
    let mut more = observed();
    let elsewhere = exposure("elsewhere", 9, 30.0, [0.0, 9000.0]);
    more.push(with(elsewhere, "OBS.TARG.NAME", Some("NGC 2".into())));
    let (groups, fewer) = (grouped(&more, &asked()).groups, grouped(&observed(), &asked()).groups);
    assert_eq!(groups.len(), fewer.len() + 1);
    assert!(fewer.iter().all(|group| groups.contains(group)));
    assert!(instrument().unwrap().deep().is_some());
}

#[test]
fn every_science_frame_is_in_one_group_or_left_out_and_each_group_makes_one_product() {
    let (frames, request) = (observed(), asked());
    let groups = grouped(&frames, &request);
    let mut seen: Vec<String> = groups.left_out.iter().map(|left| left.frame.to_string()).collect();
    seen.extend(
        groups
            .groups
            .iter()
            .flat_map(|group| &group.exposures)
            .map(|e| e.frame.to_string()),
    );
    seen.sort();
    let mut all: Vec<String> = frames.iter().map(|frame| frame.id.to_string()).collect();
    all.sort();
    assert_eq!(seen, all);
    let selected = MuseSelector
        .select(&classified(&frames), &Selection::new().with_deep(request))
        .unwrap();
    for group in &groups.groups {
        assert_eq!(
            selected.datasets.iter().filter(|set| set.id == group.dataset).count(),
            1
        );
    }
}

#[test]
fn images_are_made_where_there_are_none_and_all_of_it_is_one_plan() {
    let image = frame(
        "image-b2",
        &[
            ("PRO.CATG", "IMAGE_FOV".into()),
            ("DATE-OBS", frames::at(3.0 * DAY_MINUTES + 20.0).as_str().into()),
            ("INS.MODE", "WFM-NOAO-N".into()),
            ("DRS.MUSE.FILTER.NAME", "white".into()),
        ],
    );
    let other_filter = with(image.clone(), "DRS.MUSE.FILTER.NAME", Some("Johnson_V".into()));
    let other_filter = Frame {
        id: "image-v".into(),
        ..other_filter
    };
    let mut frames = observed();
    frames.extend([image, other_filter]);
    insta::assert_yaml_snapshot!(jobs(&plan(frames, asked())));
}

#[test]
fn without_measurement_tables_are_combined_as_their_headers_and_lists_place_them() {
    let mut request = asked();
    request.is_measured = false;
    let groups = grouped(&observed(), &request);
    assert!(
        groups
            .groups
            .iter()
            .any(|group| group.alignment.starts_with("not measured, as asked"))
    );
    let plan = plan(observed(), request.clone());
    assert!(
        plan.jobs
            .iter()
            .all(|job| !["muse_exp_align", "muse_exp_image", "muse_exp_weights"].contains(&job.task.as_str()))
    );
    assert_eq!(MuseDeep.params(&request)[&"muse_exp_combine".into()]["weight"], "fwhm");
    assert_eq!(
        MuseDeep.params(&asked())[&"muse_exp_combine".into()]["weight"],
        "quality"
    );
}

#[test]
fn raw_exposures_are_reduced_first_and_go_along() {
    let placed = |frame: Frame| {
        let frame = with(frame, "RA", Some(PLACE[0].into()));
        with(frame, "DEC", Some(PLACE[1].into()))
    };
    let frames = vec![
        exposure("table", 1, 0.0, [0.0; 2]),
        placed(raw("raw", "SCIENCE", "OBJECT", frames::EVENING, 30.0)),
    ];
    let group = &grouped(&frames, &DeepRequest::default()).groups[0];
    assert_eq!(group.kind, DeepKind::Deep);
    let jobs = jobs(&plan(frames, DeepRequest::default()));
    let cube = jobs.iter().find(|job| job.contains("_dpc")).unwrap();
    assert!(
        cube.contains("table (PIXTABLE_REDUCED)") && cube.contains("PIXTABLE_REDUCED of"),
        "{cube}"
    );
}

#[test]
fn an_exposure_without_a_place_is_named_with_the_key() {
    let frames = [with(exposure("a", 1, 0.0, [0.0; 2]), "RA", None)];
    let error = MuseDeep
        .groups(&classified(&frames), &DeepRequest::default())
        .unwrap_err();
    assert!(matches!(&error, SelectError::MissingKeyword { frame, .. } if frame.as_str() == "a"));
    assert!(error.to_string().contains("key RA is missing"), "{error}");
}

#[test]
fn a_project_s_rule_book_rejects_and_positions_still_decide_what_goes_together() {
    let mut texts = InstrumentTexts::default();
    let reject = "if OBS.GRADE == \"B\" then { DO.REJECT = \"graded B\"; }";
    texts.rules = Some(format!("{}\n{reject}\n", kinds::RULES));
    let ruled = instrument().unwrap().rewritten(&texts).unwrap();
    let selection = Selection::new().with_deep(asked());
    let plan = Engine::new(ruled).plan(observed(), &selection, "deep").unwrap();
    let jobs = jobs(&plan);
    let cube = jobs.iter().find(|job| job.contains("_tpl:muse_exp_combine")).unwrap();
    assert!(
        cube.contains("a1 (PIXTABLE_REDUCED), a2 (PIXTABLE_REDUCED), OFFSET_LIST of"),
        "{cube}"
    );
    assert!(jobs.iter().all(|job| !job.contains("NOT READY")), "{jobs:#?}");
    let why = |id: &str| {
        plan.left_out
            .iter()
            .find(|left| left.frame.as_str() == id)
            .map(|left| left.reason.as_str())
    };
    assert_eq!(why("b1"), Some("graded B"));
}

#[test]
fn alignment_of_huge_tables_is_expected_to_take_the_memory_of_images() {
    let huge: Vec<Frame> = (0_i32..64)
        .map(|n| {
            let one = exposure(&format!("t{n:02}"), i64::from(n / 4), 20.0 * f64::from(n), [0.0; 2]);
            Frame {
                size_bytes: Some(9_000_000_000),
                ..one
            }
        })
        .collect();
    for job in &plan(huge, DeepRequest::default()).jobs {
        let bytes = job.resources.memory_bytes;
        let is_small = ["muse_exp_align", "muse_exp_weights"].contains(&job.task.as_str());
        assert!(bytes > 0 && (!is_small || bytes < 6 << 30), "{}: {bytes}", job.id);
    }
}
