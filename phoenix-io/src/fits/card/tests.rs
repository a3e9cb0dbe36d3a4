use phoenix_core::header::{Card, Key, Value};
use proptest::prelude::*;

use super::{CARD_BYTES, CardError, LongText, RawCard, format_card, format_header, parse_card, parse_header};

fn raw(text: &str) -> RawCard {
    let mut card = [b' '; CARD_BYTES];
    card[..text.len()].copy_from_slice(text.as_bytes());
    card
}

fn value(text: &str) -> Value {
    parse_card(&raw(text)).value
}

fn card(key: &str, value: impl Into<Value>, comment: &str) -> Card {
    Card {
        key: Key::new(key),
        value: value.into(),
        comment: comment.into(),
    }
}

fn lines(card: &Card, long: LongText) -> Result<Vec<String>, CardError> {
    let mut out = Vec::new();
    format_card(card, long, &mut out)?;
    Ok(out
        .chunks(CARD_BYTES)
        .map(|line| String::from_utf8(line.to_vec()).unwrap())
        .collect())
}

fn line(card: &Card) -> String {
    lines(card, LongText::Refuse).unwrap()[0].trim_end().to_owned()
}

#[test]
fn every_kind_of_value_is_read() {
    assert_eq!(value("SIMPLE  =                    T / yes"), Value::Logical(true));
    assert_eq!(value("NAXIS   =                   -2"), Value::Integer(-2));
    assert_eq!(value("A       = +7/seven"), Value::Integer(7));
    assert_eq!(value("A       = 1.5D-3"), Value::Real(1.5e-3, Some("1.5D-3".into())));
    assert_eq!(value("A       = .5"), Value::Real(0.5, Some(".5".into())));
    assert_eq!(value("A       = 'O''HARA  '  / name"), Value::from("O'HARA"));
    assert_eq!(value("A       = '  lead'"), Value::from("  lead"));
    assert_eq!(value("A       = ''"), Value::from(""));
    assert_eq!(value("A       = (1.0, -2)"), Value::Complex(1.0, -2.0));
    assert_eq!(value("A       =  / nothing"), Value::Undefined);
    assert_eq!(
        value("HIERARCH ESO DET DIT = 900.0"),
        Value::Real(900.0, Some("900.0".into()))
    );
    assert_eq!(value("COMMENT   two blanks"), Value::from("  two blanks"));
    assert_eq!(
        value("A       = 18446744073709551615"),
        Value::Real(18_446_744_073_709_551_615.0, Some("18446744073709551615".into()))
    );
}

#[test]
fn a_slash_in_a_text_is_no_comment() {
    let card = parse_card(&raw("A       = 'km/s'    / unit / of speed"));
    assert_eq!((card.value, &*card.comment), (Value::from("km/s"), "unit / of speed"));
}

#[test]
fn a_card_that_breaks_the_standard_is_kept_byte_for_byte() {
    for text in [
        "A       = 'open",
        "A       = 1.2.3",
        "A       = 1E",
        "A       = NaN",
        "A       = 1 2",
        "A       = 'x' y",
        "exptime = 3",
        "A=1",
        "A B     = 1",
        "HIERARCH nothing here",
        "HIERARCH = 5",
        "CONTINUE  'orphan'",
        "A       = 1.0E999",
    ] {
        assert_eq!(value(text), Value::Unreadable(format!("{text:<80}").into()), "{text}");
    }
    let mut bytes = raw("OBSERVER= 'Jos?'");
    bytes[14] = 0xe9;
    let card = parse_card(&bytes);
    let Value::Unreadable(text) = card.value else {
        panic!("readable")
    };
    assert_eq!(card.key, Key::new("OBSERVER"));
    let back: Vec<u8> = text.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect();
    assert_eq!(back, bytes);
}

#[test]
fn order_and_duplicates_stay() {
    let text = ["B       = 1", "A       = 2", "B       = 3", "END"].map(raw).concat();
    let header = parse_header(&text).unwrap();
    let keys: Vec<&str> = header.cards().iter().map(|card| card.key.as_str()).collect();
    assert_eq!(keys, ["B", "A", "B"]);
    assert_eq!(header.i64("B"), Ok(3));
    assert_eq!(parse_header(&text[..240]), None);
}

#[test]
fn continued_texts_are_joined_with_their_blanks() {
    let text = [
        "LONG    = 'one &' / first",
        "CONTINUE  'two  &'",
        "CONTINUE  'three' / last",
        "AMP     = 'R&'",
        "NEXT    = 1",
        "END",
    ]
    .map(raw)
    .concat();
    let header = parse_header(&text).unwrap();
    assert_eq!(header.str("LONG"), Ok("one two  three"));
    assert_eq!(&*header.card("LONG").unwrap().comment, "first last");
    assert_eq!(header.str("AMP"), Ok("R&"));
    assert_eq!(header.len(), 3);
}

#[test]
fn a_real_is_never_written_as_an_integer() {
    for (real, text) in [
        (900.0, "900.0"),
        (1e16, "1.0E16"),
        (1e-7, "1.0E-7"),
        (-0.0, "-0.0"),
        (2.5e300, "2.5E300"),
    ] {
        let line = line(&card("EXPTIME", real, ""));
        assert_eq!(line.split_at(10).1.trim(), text);
    }
    let kept = card("EXPTIME", Value::Real(900.0, Some("900.000000".into())), "");
    assert_eq!(line(&kept).split_at(10).1.trim(), "900.000000");
    let stale = card("EXPTIME", Value::Real(2.0, Some("900.0".into())), "");
    assert_eq!(line(&stale).split_at(10).1.trim(), "2.0");
    let whole = card("EXPTIME", Value::Real(900.0, Some("900".into())), "");
    assert_eq!(line(&whole).split_at(10).1.trim(), "900.0");
}

#[test]
fn cards_look_as_the_standard_lays_them_out() {
    assert_eq!(
        line(&card("NAXIS1", 2048, "length")),
        "NAXIS1  =                 2048 / length"
    );
    assert_eq!(line(&card("OBJECT", "M 7", "")), "OBJECT  = 'M 7     '");
    assert_eq!(
        line(&card("DPR.CATG", "SCIENCE", "category")),
        "HIERARCH ESO DPR CATG = 'SCIENCE ' / category"
    );
    assert_eq!(line(&card("HIERARCH MPDAF TAG", 1, "")), "HIERARCH MPDAF TAG = 1");
    assert_eq!(line(&card("A", Value::Undefined, "")), "A       =");
}

#[test]
fn a_comment_is_cut_and_a_value_is_not() {
    let long = "x".repeat(100);
    let cut = lines(&card("EXPTIME", 1.0, &long), LongText::Refuse).unwrap();
    assert_eq!((cut.len(), cut[0].len()), (1, 80));
    assert!(matches!(
        lines(&card("TITLE", long.as_str(), ""), LongText::Refuse),
        Err(CardError::TooLong { needed: 112, .. })
    ));
    let name = format!("ESO.{}", "LONG.".repeat(14) + "NAME");
    assert!(matches!(
        lines(&card(&name, 1.5, ""), LongText::Continue),
        Err(CardError::TooLong { .. })
    ));
}

#[test]
fn what_cannot_be_written_names_its_key() {
    let message = |card: &Card| lines(card, LongText::Continue).unwrap_err().to_string();
    assert_eq!(
        message(&card("OBSERVER", "José", "")),
        "key OBSERVER holds the character 'é', which is not printable ascii"
    );
    assert!(message(&card("SEEING", 1.0, "in \u{2033}")).starts_with("key SEEING holds"));
    assert_eq!(message(&card("A", f64::NAN, "")), "key A is not a finite number");
    assert!(message(&card("A", Value::Unreadable("junk".into()), "")).starts_with("key A was read"));
    assert!(message(&card("Ä", 1, "")).contains("no keyword may have"));
}

fn any_value() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>()
            .prop_filter("finite", |x| x.is_finite())
            .prop_map(Value::from),
        "[ -~]{0,200}".prop_map(Value::from),
        (any::<f32>(), any::<f32>())
            .prop_filter("finite", |(re, im)| re.is_finite() && im.is_finite())
            .prop_map(|(re, im)| Value::Complex(re.into(), im.into())),
        Just(Value::Undefined),
    ]
}

fn same(written: &Value, read: &Value) -> bool {
    match (written, read) {
        (Value::Real(a, _), Value::Real(b, _)) => a.to_bits() == b.to_bits(),
        (a, b) => a == b,
    }
}

proptest! {
    #[test]
    fn no_line_exceeds_80_bytes_and_every_value_reads_back(
        key in "([A-Z][A-Z0-9_-]{0,7}|(ESO|PHX|HIERARCH)(\\.[A-Z0-9_-]{1,8}){1,4})",
        value in any_value(),
        comment in "([!-~]([ -~]{0,90}[!-~])?)?",
    ) {
        let written = card(&key, value, &comment);
        prop_assume!(!written.key.is_commentary() && !matches!(key.as_str(), "END" | "CONTINUE" | "HIERARCH"));
        let mut bytes = Vec::new();
        if let Err(error) = format_card(&written, LongText::Continue, &mut bytes) {
            // A text goes on in the next card; a long number under a long key cannot.
            prop_assert!(matches!(error, CardError::TooLong { needed, .. } if needed > CARD_BYTES), "{}", error);
            return Ok(());
        }
        prop_assert_eq!(bytes.len() % CARD_BYTES, 0);
        bytes.extend_from_slice(&raw("END"));
        let header = parse_header(&bytes).unwrap();
        prop_assert_eq!(header.len(), 1);
        let read = &header.cards()[0];
        prop_assert_eq!(&read.key, &written.key);
        prop_assert!(same(&written.value, &read.value), "{:?} became {:?}", written.value, read.value);
        prop_assert!(written.comment.starts_with(&*read.comment));
    }

    #[test]
    fn any_bytes_parse_and_what_can_be_written_again_reads_the_same(bytes in proptest::collection::vec(any::<u8>(), 80)) {
        let bytes: RawCard = bytes.try_into().unwrap();
        let first = parse_card(&bytes);
        let mut out = Vec::new();
        if format_card(&first, LongText::Refuse, &mut out).is_ok() && out.len() == CARD_BYTES {
            let again = parse_card(&out.try_into().unwrap());
            prop_assert!(same(&first.value, &again.value));
        }
    }

    #[test]
    fn card_like_bytes_parse(text in "(HIERARCH ESO |COMMENT |CONTINUE  |A       = |AB=)['&/ ()0-9.EDTF+,-]{0,66}") {
        let bytes = raw(&text);
        let first = parse_card(&bytes);
        let _ = parse_header(&bytes);
        let _ = format_header(&[first].into_iter().collect(), LongText::Continue);
    }
}
