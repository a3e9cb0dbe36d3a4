use phoenix_core::caveat::Caveat;
use phoenix_core::frame::FrameRef;
use phoenix_core::provenance::Record;
use phoenix_core::traits::{Flag, Grade, QcHeading, QcParameter, QcReport, Score};
use phoenix_core::unit::Mjd;

use super::ScorePage;
use crate::report::NightIndex;

fn score(name: &str, value: Option<f64>, limits: &str, grade: Grade, reason: &str) -> Score {
    Score {
        parameter: QcParameter {
            name: name.into(),
            unit: "pix".into(),
            doc: format!("what {name} says"),
        },
        value,
        limits: limits.into(),
        grade,
        reason: reason.into(),
    }
}

fn page() -> ScorePage {
    let frame = |name: &str, tag: &str| FrameRef {
        id: name.into(),
        tag: tag.into(),
        location: format!("/data/{name}.fits"),
        size_bytes: None,
        digest: Some(format!("sha256:{}", "0123456789abcdef".repeat(4)).into()),
    };
    let report = QcReport {
        product: "DATACUBE_FINAL.fits".into(),
        heading: QcHeading {
            ab_name: "MUSE.2014-11-07T07:42:57.317_tpl".into(),
            raw_type: "PIXTABLE_OBJECT".into(),
            tpl_id: "MUSE_wfm-noao_obs_genericoffset".into(),
            tpl_name: "Observation in WFM with user <defined> offsets".into(),
            setup: "WFM-NOAO-N".into(),
            time_range: Some((Mjd(56_968.321_5), Mjd(56_968.375))),
        },
        scores: vec![
            score(
                "NAXIS1",
                Some(320.0),
                "300 to 480 (fixed)",
                Grade::Pass,
                "inside the limits",
            ),
            score(
                "num_sat",
                Some(1200.0),
                "0 to 300 (fixed)",
                Grade::Fail,
                "above the upper limit 300",
            ),
            score(
                "lshift_max",
                None,
                "none",
                Grade::NotScored,
                "no key QC.X in the header",
            ),
        ],
        flags: vec![Flag {
            name: "NUM_SAT".into(),
            value: '1',
            reason: "300 saturated raw pixels or more (num_sat is 1200)".into(),
        }],
    };
    ScorePage::new(report)
        .with_tool("phoenix 0.1.0")
        .with_numerics("phoenix")
        .with_caveats(&[Caveat::Partial {
            reason: "1 of 4 exposures was left out".into(),
        }])
        .with_provenance(Record {
            job: "MUSE.2014-11-07T07:42:57.317_tpl/muse_exp_combine".into(),
            recipe: "muse_exp_combine".into(),
            pipeline: "phoenix/0.1.0".into(),
            raw: vec![frame("a", "PIXTABLE_REDUCED"), frame("b", "PIXTABLE_REDUCED")],
            calib: vec![frame("offsets", "OFFSET_LIST")],
            params: serde_json::json!({"resample": "drizzle", "pixfrac": 0.6}),
            rules: None,
            overlays: Vec::new(),
            caveats: Vec::new(),
        })
        .with_link("log", "run.log")
}

#[test]
fn a_score_page_as_json_names_totals_scores_and_reasons() {
    let page = page();
    let mut short = page.clone();
    short.provenance = None;
    short.report.scores.truncate(2);
    let document: serde_json::Value = serde_json::from_str(&short.to_json().unwrap()).unwrap();
    insta::assert_yaml_snapshot!(document);
    assert_eq!(ScorePage::from_json(&page.to_json().unwrap()).unwrap(), page);
    assert!(ScorePage::from_json("{}").is_err());
}

#[test]
fn a_score_page_as_html_is_one_escaped_file_with_every_square_and_the_last_line() {
    let html = page().with_preview(vec![1, 2, 3]).to_html().unwrap();
    assert!(html.contains("user &lt;defined&gt; offsets") && !html.contains("<defined>"));
    for part in [
        "MUSE.2014-11-07T07:42:57.317_tpl",
        "2014-11-07 07:42:57 to 2014-11-07 09:00:00",
        "title=\"what num_sat says\"",
        "square red",
        "square green",
        "square grey",
        "data:image/png;base64,AQID",
        "1 of 4 exposures was left out",
        "muse_exp_combine",
        "result 1/3, best 0/3 (1 not scored)",
        "powered by phoenix 0.1.0",
    ] {
        assert!(html.contains(part), "{part}");
    }
    // Nothing is loaded from elsewhere.
    assert!(!html.contains("http:") && !html.contains("https:") && !html.contains("<script"));
    assert_eq!(html, page().with_preview(vec![1, 2, 3]).to_html().unwrap());
}

#[test]
fn the_index_of_a_night_links_every_page_and_names_every_failure() {
    let html = NightIndex::new("MUSE", "2014-11-06")
        .with_entry(&page().with_preview(vec![0; 100]), "MUSE.html")
        .with_failure(
            "MUSE.2014-11-07T05:00:00.000_tpl/muse_exp_combine",
            "input <x> is truncated",
        )
        .to_html()
        .unwrap();
    for part in [
        "href=\"MUSE.html\"",
        "result 1/3, best 0/3",
        "input &lt;x&gt; is truncated",
        "night of 2014-11-06",
    ] {
        assert!(html.contains(part), "{part}");
    }
    assert!(!html.contains("base64"));
    assert!(
        NightIndex::new("MUSE", "2014-11-06")
            .to_html()
            .unwrap()
            .contains("No product was scored")
    );
}
