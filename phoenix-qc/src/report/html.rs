//! Filling the templates. The engine escapes every value; let through as they are: the style, the preview (base 64) and the
//! result line (digits and fixed words), none of which can hold markup.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use minijinja::Environment;
use minijinja::value::Serde;
use phoenix_core::frame::FrameRef;
use phoenix_core::traits::{Flag, Grade, QcHeading, Score};
use phoenix_core::unit::Mjd;
use serde::Serialize;
use serde_json::{Value as Json, json};

use super::{NightIndex, ReportError, ScorePage};
use crate::number::significant;
use crate::score::result_line;

const STYLE: &str = include_str!("templates/style.css");
const SCORE: &str = include_str!("templates/score.html");
const INDEX: &str = include_str!("templates/index.html");

/// One score as the templates show it: colour, sign and word, so that it needs no colour vision.
#[derive(Serialize)]
struct Square {
    name: String,
    unit: String,
    doc: String,
    value: String,
    limits: String,
    reason: String,
    class: &'static str,
    sign: &'static str,
    word: &'static str,
}

#[derive(Serialize)]
struct Input {
    name: String,
    tag: String,
    digest: String,
}

#[derive(Serialize)]
struct Row {
    href: String,
    name: String,
    product: String,
    setup: String,
    start: String,
    result: String,
    flags: String,
    caveats: Vec<Named>,
    squares: Vec<Square>,
    class: &'static str,
}

#[derive(Serialize)]
struct Named {
    code: String,
    text: String,
}

/// Fills the score report.
pub(super) fn score(page: &ScorePage) -> Result<String, ReportError> {
    let report = &page.report;
    let squares: Vec<Square> = report.scores.iter().map(square).collect();
    let preview = page.preview_png.as_ref().map(|png| STANDARD.encode(png));
    let provenance = page.provenance.as_ref().map(|record| {
        let parameters: Vec<(String, String)> = record
            .params
            .as_object()
            .map(|params| {
                params
                    .iter()
                    .map(|(name, value)| (name.clone(), plain(value)))
                    .collect()
            })
            .unwrap_or_default();
        json!({
            "recipe": record.recipe.as_str(),
            "pipeline": record.pipeline,
            "raw": inputs(&record.raw),
            "calib": inputs(&record.calib),
            "parameters": parameters,
        })
    });
    fill(
        "score.html",
        SCORE,
        &json!({
            "style": STYLE,
            "title": heading_name(&report.heading, &report.product),
            "product": file_name(&report.product),
            "heading": report.heading,
            "times": time_range(&report.heading),
            "class": overall(&report.scores),
            "squares": squares,
            "flags": report.flags.iter().map(flag).collect::<Vec<_>>(),
            "flag_string": report.flag_string(),
            "caveats": caveats(page),
            "provenance": provenance,
            "preview": preview,
            "links": page.links,
            "numerics": page.numerics,
            "result": result_line(report),
            "tool": page.tool,
        }),
    )
}

/// Fills the index of a night.
pub(super) fn index(index: &NightIndex) -> Result<String, ReportError> {
    let rows: Vec<Row> = index.entries.iter().map(|(page, href)| row(page, href)).collect();
    let count = |class: &str| rows.iter().filter(|row| row.class == class).count();
    let counts = (count("green"), count("red"), count("grey"));
    fill(
        "index.html",
        INDEX,
        &json!({
            "style": STYLE,
            "instrument": index.instrument,
            "night": index.night,
            "counts": counts,
            "rows": rows,
            "failures": index.failures,
            "tool": index.tool,
        }),
    )
}

fn fill(name: &str, source: &str, context: &Json) -> Result<String, ReportError> {
    let fault = |error: minijinja::Error| ReportError::Template {
        page: name.to_owned(),
        source: error.into(),
    };
    // The engine escapes by the ending of the name.
    let mut environment = Environment::new();
    environment.add_template(name, source).map_err(fault)?;
    environment
        .get_template(name)
        .and_then(|template| template.render(Serde(context)))
        .map_err(fault)
}

fn square(score: &Score) -> Square {
    let (class, sign, word) = match score.grade {
        Grade::Pass => ("green", "✓", "green"),
        Grade::Fail => ("red", "✕", "red"),
        Grade::NotScored => ("grey", "–", "not scored"),
    };
    Square {
        name: score.parameter.name.clone(),
        unit: score.parameter.unit.clone(),
        doc: score.parameter.doc.clone(),
        value: score
            .value
            .map_or_else(|| "–".to_owned(), |value| significant(value, 6)),
        limits: score.limits.clone(),
        reason: score.reason.clone(),
        class,
        sign,
        word,
    }
}

/// Red if anything is red, grey if anything is grey, green only if all is green.
fn overall(scores: &[Score]) -> &'static str {
    let any = |grade| scores.iter().any(|score| score.grade == grade);
    if any(Grade::Fail) {
        "red"
    } else if any(Grade::NotScored) || scores.is_empty() {
        "grey"
    } else {
        "green"
    }
}

fn flag(flag: &Flag) -> Json {
    let class = match flag.value {
        '0' => "zero",
        '1' => "one",
        _ => "unknown",
    };
    json!({ "name": flag.name, "value": flag.value.to_string(), "reason": flag.reason, "class": class })
}

fn caveats(page: &ScorePage) -> Vec<Named> {
    let named = |caveat: &phoenix_core::caveat::Caveat| Named {
        code: caveat.code().to_owned(),
        text: caveat.to_string(),
    };
    page.caveats.iter().map(named).collect()
}

fn inputs(frames: &[FrameRef]) -> Vec<Input> {
    frames
        .iter()
        .map(|frame| Input {
            name: frame.location.rsplit('/').next().unwrap_or(&frame.location).to_owned(),
            tag: frame.tag.to_string(),
            digest: frame
                .digest
                .as_ref()
                .map(|digest| short(digest.as_str()).to_owned())
                .unwrap_or_default(),
        })
        .collect()
}

fn short(digest: &str) -> &str {
    let digits = digest.rsplit(':').next().unwrap_or(digest);
    digits.get(..12).unwrap_or(digits)
}

fn plain(value: &serde_json::Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn row(page: &ScorePage, href: &str) -> Row {
    let report = &page.report;
    Row {
        href: href.to_owned(),
        name: heading_name(&report.heading, &report.product),
        product: file_name(&report.product).to_owned(),
        setup: report.heading.setup.clone(),
        start: report
            .heading
            .time_range
            .map(|(start, _)| seconds(start))
            .unwrap_or_default(),
        result: result_line(report),
        flags: report.flag_string(),
        caveats: caveats(page),
        squares: report.scores.iter().map(square).collect(),
        class: overall(&report.scores),
    }
}

/// The key of a product names its job too, which the heading says already.
fn file_name(product: &str) -> &str {
    product.rsplit('/').next().unwrap_or(product)
}

fn heading_name(heading: &QcHeading, product: &str) -> String {
    if heading.ab_name.is_empty() {
        product
    } else {
        &heading.ab_name
    }
    .to_owned()
}

fn time_range(heading: &QcHeading) -> String {
    heading.time_range.map_or_else(String::new, |(start, end)| {
        format!("{} to {}", seconds(start), seconds(end))
    })
}

/// A time to the second, with a blank between date and time of day.
fn seconds(time: Mjd) -> String {
    time.to_iso().replace('T', " ").chars().take(19).collect()
}
