//! The provenance record in a product header, in front of the records of earlier steps.

use phoenix_core::header::{Card, Header, Key};
use phoenix_core::provenance::Record;

/// Writes `record` as `PRO.REC1`; records that `header` inherited move up by one, so that `PRO.REC2` is the step before.
///
/// # References
/// ESO DICD, PRO dictionary. ESO's pipelines count the other way round; see docs/muse.md, "Headers".
pub fn stamp(header: &mut Header, record: &Record) {
    let mut moved = Header::new();
    for card in header.cards() {
        moved.push(Card {
            key: moved_up(&card.key),
            ..card.clone()
        });
    }
    *header = moved;
    record.stamp(header);
}

fn moved_up(key: &Key) -> Key {
    let moved = key.as_str().strip_prefix("ESO.PRO.REC").and_then(|rest| {
        let (number, name) = rest.split_once('.')?;
        let number: u32 = number.parse().ok()?;
        Some(Key::new(&format!("ESO.PRO.REC{}.{name}", number + 1)))
    });
    moved.unwrap_or_else(|| key.clone())
}

#[cfg(test)]
mod tests {
    use super::stamp;
    use phoenix_core::header::Header;
    use phoenix_core::provenance::Record;

    #[test]
    fn the_record_of_an_earlier_step_moves_up() {
        let mut header = Header::new();
        header.set("PRO.REC1.ID", "muse_scibasic", "");
        header.set("PRO.REC2.CAL1.NAME", "x.fits", "");
        let record = Record {
            job: "j".into(),
            recipe: "muse_exp_combine".into(),
            pipeline: "phoenix/0".into(),
            raw: Vec::new(),
            calib: Vec::new(),
            params: serde_json::json!({}),
            rules: None,
            overlays: Vec::new(),
            caveats: Vec::new(),
        };
        stamp(&mut header, &record);
        assert_eq!(header.str("PRO.REC1.ID"), Ok("muse_exp_combine"));
        assert_eq!(header.str("PRO.REC2.ID"), Ok("muse_scibasic"));
        assert_eq!(header.str("PRO.REC3.CAL1.NAME"), Ok("x.fits"));
    }
}
