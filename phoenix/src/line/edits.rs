//! Header edits before classification: the project's overlays, then grades and remarks of the night log.

use phoenix_archive::info::NightInfo;
use phoenix_core::header::{Edit, Key, OverlayBook};
use phoenix_core::unit::Night;

use super::{LineError, Settings};

/// The grade of an observing block, as rule books ask for it.
const GRADE: &str = "OBS.GRADE";
/// The observers' remarks on a block, oldest first, in one text.
const REMARKS: &str = "OBS.COMMENTS";
/// Who edits by the night log.
const NIGHT_LOG: &str = "night log";

/// Returns the edits of a run, in the order in which they are made.
///
/// A grade does nothing by itself: a rule says what it does (`if OBS.GRADE == "X" then { DO.REJECT = "…"; }`).
pub(super) fn book(settings: &Settings, nights: &[NightInfo]) -> Result<OverlayBook, LineError> {
    let mut book = OverlayBook::default();
    for file in &settings.overlays {
        let overlays = OverlayBook::from_toml(&file.text).map_err(|source| LineError::Overlay {
            file: file.name.clone(),
            source,
        })?;
        book.append(overlays.with_source(&file.name));
    }
    for info in nights {
        add_grades(&mut book, info);
    }
    Ok(book)
}

/// Adds what the night log says of each block, for frames of that night; of a block that was executed twice the last
/// word counts.
fn add_grades(book: &mut OverlayBook, info: &NightInfo) {
    let Ok(night) = info.night.parse::<Night>() else { return };
    let (since, until) = night.span();
    for (n, block) in info.blocks.iter().enumerate() {
        if info.blocks.iter().skip(n + 1).any(|later| later.ob_id == block.ob_id) {
            continue;
        }
        let edit = |key: &str, value: String| Edit {
            key: Key::new(key),
            value: Some(value.into()),
            author: NIGHT_LOG.to_owned(),
            reason: format!("block {} in the night of {night}", block.ob_id),
            source: format!("info/{night}.json"),
            is_note: true,
        };
        let mut edits = vec![edit(GRADE, block.grade.letter().to_string())];
        if !block.comments.is_empty() {
            edits.push(edit(REMARKS, block.comments.join("; ")));
        }
        book.add_within(since, until, Key::new("OBS.ID"), block.ob_id.into(), edits);
    }
}

#[cfg(test)]
mod tests {
    use phoenix_archive::info::NightInfo;
    use phoenix_core::header::Header;
    use phoenix_core::unit::Mjd;

    use super::book;
    use crate::line::{Nights, Settings};
    use crate::project::OverlayFile;

    fn frame(date: &str) -> Header {
        let mut header = Header::new();
        header.set("MJD-OBS", Mjd::from_iso(date).expect("a time").0, "");
        header.set("OBS.ID", 7_i64, "");
        header
    }

    #[test]
    fn a_frame_gets_the_last_grade_of_its_block_in_its_own_night() {
        let text = r#"{"night": "2016-05-01", "blocks": [
            {"obs_id": 7, "grade": "C", "comments": ["clouds"]}, {"obs_id": 7, "grade": "A"}]}"#;
        let info = NightInfo::from_json(text.as_bytes(), "t").expect("valid");
        let settings = Settings::new("MUSE", Nights::one("2016-05-01".parse().expect("a night")), "/a");
        let book = book(&settings, &[info]).expect("a book");
        let mut header = frame("2016-05-02T03:00:00");
        let made = book.apply("MUSE.a", &mut header);
        assert_eq!(header.str("OBS.GRADE"), Ok("A"));
        assert!(!header.contains("OBS.COMMENTS"));
        assert_eq!((made.len(), made[0].source.as_str()), (1, "info/2016-05-01.json"));
        let mut later = frame("2016-05-02T13:00:00");
        assert!(book.apply("MUSE.b", &mut later).is_empty());
    }

    #[test]
    fn overlays_of_the_project_come_first_and_name_their_file() {
        let mut settings = Settings::new("MUSE", Nights::one("2016-05-01".parse().expect("a night")), "/a");
        settings.overlays.push(OverlayFile {
            name: "early.toml".into(),
            text: "[[overlay]]\nauthor = \"me\"\nreason = \"lost\"\nset = { \"OBS.ID\" = 8 }\n".into(),
        });
        let text = r#"{"night": "2016-05-01", "blocks": [{"obs_id": 8, "grade": "X"}]}"#;
        let info = NightInfo::from_json(text.as_bytes(), "t").expect("valid");
        let made = book(&settings, &[info])
            .expect("a book")
            .apply("MUSE.a", &mut frame("2016-05-02T03:00:00"));
        let named: Vec<(&str, &str)> = made
            .iter()
            .map(|edit| (edit.key.short(), edit.source.as_str()))
            .collect();
        assert_eq!(named, [("OBS.ID", "early.toml"), ("OBS.GRADE", "info/2016-05-01.json")]);
        settings.overlays[0].text = "[[overlay]]\nauthor = 3".into();
        assert!(book_error(&settings).contains("early.toml"));
    }

    fn book_error(settings: &Settings) -> String {
        book(settings, &[])
            .map_err(|error| error.to_string())
            .expect_err("refused")
    }
}
