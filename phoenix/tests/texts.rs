//! Instruments made of a project's texts.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

use std::sync::Arc;

use phoenix::backend::{Backed, BackendSettings};
use phoenix::core::id::Tag;
use phoenix::core::traits::{Instrument, InstrumentTexts, RewriteError};

fn uves() -> Arc<dyn Instrument> {
    let registry = phoenix::default_registry().expect("the instruments");
    registry.get("UVES").expect("UVES is built in")
}

fn causes(error: &RewriteError) -> String {
    let mut text = error.to_string();
    let mut next = std::error::Error::source(error);
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text
}

#[test]
fn what_a_project_does_not_bring_stays_the_instrument_s_own() {
    let instrument = Backed::new(uves(), BackendSettings::default());
    let mut texts = InstrumentTexts::default();
    texts.validity = Some(phoenix::uves::VALIDITY.to_owned());
    let made = instrument.rewritten(&texts).expect("an instrument");
    assert_eq!(made.id().as_str(), "UVES");
    assert_eq!(made.outlined(), instrument.outlined());
    let tag = Tag::from("MASTER_BIAS_BLUE");
    let names = |instrument: &dyn Instrument| -> Vec<String> {
        let scorer = instrument.scorer(&tag).expect("a scorer");
        scorer
            .parameters()
            .iter()
            .map(|parameter| parameter.name.clone())
            .collect()
    };
    assert_eq!(names(made.as_ref()), names(&instrument));
    // An instrument that was made of texts can be made anew of others.
    assert!(made.rewritten(&InstrumentTexts::default()).is_ok());
}

#[test]
fn a_text_that_does_not_fit_is_told_with_its_reason() {
    for (what, text, says) in [
        ("validity", "[NO_SUCH_MASTER]\nrule = \"closest\"\n", "NO_SUCH_MASTER"),
        ("quality", "[[sheet]]\ntags = 3\n", "tags"),
        ("rules", "if DPR.CATG == then\n", "line 1"),
    ] {
        let mut texts = InstrumentTexts::default();
        let place = match what {
            "validity" => &mut texts.validity,
            "quality" => &mut texts.quality,
            _ => &mut texts.rules,
        };
        *place = Some(text.to_owned());
        let error = uves().rewritten(&texts).expect_err("refused");
        let told = causes(&error);
        assert!(
            told.contains("UVES") && (told.contains(says) || told.contains("1:")),
            "{what}: {told}"
        );
    }
}
