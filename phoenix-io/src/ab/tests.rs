use std::collections::BTreeMap;

use phoenix_core::association::{Fill, MatchLevel, Slot};
use phoenix_core::frame::FrameRef;
use phoenix_core::plan::{InputSource, PlannedJob, Readiness, Resources};
use proptest::prelude::*;

use super::{AbContext, AbError, AssociationBlock, compare};

const HISTORICAL: &str = "# written by createAB\r\nTOOL_VERSION   4.1\n\nAB_NAME UVES.2010-06-18T04:13:35.291.ab\n\
    RECIPE\tuves_obs_scired # science\nRAW_TYPE SCIENCE_BLUE\nRAW_MATCH_KEY INS.GRAT1.ID=CD#2\n\
    RAW_MATCH_KEY   INS.MODE=DICHR#2   # dichroic\nRAWFILE UVES.2010-06-18T04:13:35.291.fits\n\
    MCALIB REAL UV_MBIA_100618A_BLUE_1x1.fits MASTER_BIAS_BLUE 0.3\nMCALIB VIRTUAL later LINE_TABLE_BLUE\n\
    PPAR reduce.extract.method=optimal\nODD_QUALIFIER  kept as it is\nEMPTY\nPROCESS_STATUS CREATED";

#[test]
fn a_block_of_other_origin_is_kept_byte_for_byte() {
    assert_eq!(AssociationBlock::parse(HISTORICAL).to_text(), HISTORICAL);
}

#[test]
fn a_hash_inside_a_word_belongs_to_the_value() {
    let ab = AssociationBlock::parse(HISTORICAL);
    let keys: Vec<&str> = ab.all("RAW_MATCH_KEY").map(|entry| entry.value).collect();
    assert_eq!(keys, ["INS.GRAT1.ID=CD#2", "INS.MODE=DICHR#2"]);
    assert_eq!(ab.get("RECIPE"), Some("uves_obs_scired"));
    assert_eq!(ab.get("EMPTY"), Some(""));
    assert_eq!(ab.all("ODD_QUALIFIER").next().map(|entry| entry.line), Some(13));
}

#[test]
fn a_historical_block_becomes_a_job() {
    let job = AssociationBlock::parse(HISTORICAL).to_job().unwrap();
    assert_eq!(job.dataset.as_str(), "UVES.2010-06-18T04:13:35.291");
    assert_eq!(job.task.as_str(), "uves_obs_scired");
    assert_eq!(job.params, serde_json::json!({"reduce.extract.method": "optimal"}));
    let inputs: Vec<(&str, &str)> = job
        .inputs
        .iter()
        .map(|input| match input {
            InputSource::Frame { frame } => (frame.id.as_str(), frame.tag.as_str()),
            InputSource::Job { job, tag } => (job.as_str(), tag.as_str()),
        })
        .collect();
    assert_eq!(
        inputs,
        [
            ("UVES.2010-06-18T04:13:35.291", "SCIENCE_BLUE"),
            ("UV_MBIA_100618A_BLUE_1x1", "MASTER_BIAS_BLUE")
        ]
    );
}

#[test]
fn changes_touch_their_own_lines_only() {
    let mut ab = AssociationBlock::parse(HISTORICAL);
    ab.set("PROCESS_STATUS", "SUCCESSFUL");
    ab.push("NEW", "x");
    let text = ab.to_text();
    assert!(text.starts_with("# written by createAB\r\nTOOL_VERSION   4.1\n"));
    assert!(text.ends_with("PROCESS_STATUS        SUCCESSFUL\nNEW                   x\n"));
    assert_eq!(ab.remove("MCALIB"), 2);
}

#[test]
fn what_a_job_cannot_do_without_is_named_and_a_bad_value_by_its_line() {
    let of = |text: &str| AssociationBlock::parse(text).to_job().unwrap_err();
    assert_eq!(of("RECIPE x\n"), AbError::Missing { qualifier: "AB_NAME" });
    assert_eq!(
        of("AB_NAME a.ab\nRECIPE x\n\nPHX_SLOT T perhaps filled\n").to_string(),
        "line 4: PHX_SLOT: \"perhaps\" is neither required nor optional"
    );
}

#[test]
fn a_better_master_is_the_one_difference_and_is_recorded() {
    let old = AssociationBlock::parse("AB_NAME a.ab\nMCALIB REAL old.fits B\nMCALIB REAL c.fits C\nTOOL_VERSION 1\n");
    let mut new =
        AssociationBlock::parse("TOOL_VERSION 2\nAB_NAME a.ab # again\nMCALIB REAL c.fits C\nMCALIB REAL new.fits B\n");
    let differences = compare(&old, &new);
    assert_eq!(differences.len(), 2);
    assert_eq!(differences[0].removed, ["REAL old.fits B"]);
    assert_eq!(differences[0].added, ["REAL new.fits B"]);
    assert!(differences[0].is_work && !differences[1].is_work);
    let before = new.clone();
    new.note_differences("a.ab of 2014", &differences);
    assert!(
        new.to_text()
            .contains("# - MCALIB REAL old.fits B\n# + MCALIB REAL new.fits B\n")
    );
    assert!(compare(&before, &new).is_empty());
}

fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[ -~]{0,12}",
        Just("CD#2 # x".to_owned()),
        Just(" a\tb\nc% ".to_owned()),
        Just("é%41".to_owned()),
    ]
}

prop_compose! {
    fn any_frame()(id in any_text(), tag in any_text(), location in any_text(), size_bytes in any::<Option<u64>>(),
        digest in proptest::option::of(any_text())) -> FrameRef
    {
        FrameRef { id: format!("i{id}").into(), tag: tag.into(), location, size_bytes, digest: digest.map(Into::into) }
    }
}

fn any_slot() -> impl Strategy<Value = Slot> {
    let fill = prop_oneof![
        (
            proptest::collection::vec(any_frame(), 0..3),
            any::<u8>(),
            proptest::num::f64::NORMAL,
            any_text()
        )
            .prop_map(|(frames, level, dt_days, reason)| Fill::Filled {
                frames,
                level: MatchLevel(level),
                dt_days,
                reason,
            }),
        any_text().prop_map(|producer| Fill::Pending {
            producer: producer.into()
        }),
        any_text().prop_map(|reason| Fill::Missing { reason }),
    ];
    (any_text(), any::<bool>(), fill).prop_map(|(tag, required, fill)| Slot {
        tag: tag.into(),
        required,
        fill,
    })
}

fn any_job() -> impl Strategy<Value = PlannedJob> {
    let input = prop_oneof![
        any_frame().prop_map(|frame| InputSource::Frame { frame }),
        (any_text(), any_text()).prop_map(|(job, tag)| InputSource::Job {
            job: job.into(),
            tag: tag.into()
        }),
    ];
    let readiness = prop_oneof![
        Just(Readiness::Ready),
        any_text().prop_map(|reason| Readiness::Unsupported { reason }),
        proptest::collection::vec(any_text(), 0..3).prop_map(|reasons| Readiness::Incomplete { reasons }),
    ];
    let names = (any_text(), any_text(), any_text(), any_text());
    let params = proptest::collection::btree_map(any_text(), any_text(), 0..3);
    (
        names,
        proptest::collection::btree_map(any_text(), any_text(), 0..3),
        proptest::collection::vec(input, 0..4),
        proptest::collection::vec(any_slot(), 0..4),
        params,
        readiness,
        (any::<u64>(), 0_usize..64),
    )
        .prop_map(
            |((id, dataset, task, recipe), key, inputs, slots, params, readiness, (memory_bytes, threads))| {
                PlannedJob {
                    id: id.into(),
                    dataset: dataset.into(),
                    task: task.into(),
                    recipe: recipe.into(),
                    key,
                    inputs,
                    slots,
                    params: serde_json::to_value(params).unwrap_or_default(),
                    readiness,
                    resources: Resources {
                        memory_bytes,
                        threads,
                        floor_bytes: memory_bytes / 3,
                    },
                }
            },
        )
}

proptest! {
    #[test]
    fn every_text_is_kept(text in "(.|\r|\n){0,200}") {
        prop_assert_eq!(AssociationBlock::parse(&text).to_text(), text);
    }

    #[test]
    fn a_planned_job_survives_its_block(job in any_job()) {
        let context = AbContext { instrument: "MUSE".into(), date: "2016-05-01".into(), ..AbContext::default() };
        let text = AssociationBlock::from_job(&job, &context).to_text();
        let read = AssociationBlock::parse(&text);
        prop_assert_eq!(read.to_job().unwrap(), job);
        prop_assert_eq!(read.to_text(), text);
    }

    #[test]
    fn differences_are_symmetric(one in any_job(), other in any_job()) {
        let context = AbContext::default();
        let (one, other) = (AssociationBlock::from_job(&one, &context), AssociationBlock::from_job(&other, &context));
        prop_assert!(compare(&one, &one).is_empty());
        let sides = |from: &AssociationBlock, to: &AssociationBlock| -> BTreeMap<String, (Vec<String>, Vec<String>)> {
            compare(from, to).into_iter().map(|d| (d.qualifier, (d.removed, d.added))).collect()
        };
        let swapped: BTreeMap<_, _> = sides(&other, &one).into_iter().map(|(q, (r, a))| (q, (a, r))).collect();
        prop_assert_eq!(sides(&one, &other), swapped);
    }
}
