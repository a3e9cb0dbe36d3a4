//! Our rule books beside ESO's, on the real headers of the reference data.

use crate::books::{Book, header_of_text};
use crate::peers;

/// Reads rule books of the reference data by name and class key, e.g. `("uves_wkf", "REFLEX.CATG")`.
///
/// `None` if the reference data are absent and may be.
///
/// # Panics
/// If a book of the reference data cannot be read.
pub fn rule_books(names: &[(&str, &'static str)]) -> Option<Vec<Book>> {
    let read = |(name, class_key): &(&str, &'static str)| {
        let path = peers::data(&format!("oca/{name}.oca"))?;
        Some(Book::parse(name, &text(&path), class_key))
    };
    names.iter().map(read).collect()
}

#[expect(clippy::panic, reason = "a test cannot go on without the data that are there")]
fn text(path: &std::path::Path) -> String {
    match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => panic!("{}: {error}", path.display()),
    }
}

/// Fails the running test unless our book names every real header whose file name begins so as one of ESO's books does.
///
/// A header that no book of ESO's names must have no class with us either. Returns the number of headers; `None` if the
/// reference data are absent and may be.
///
/// # Panics
/// If the books differ on a header.
#[track_caller]
pub fn assert_real_headers_agree(own: &Book, others: &[Book], prefix: &str) -> Option<usize> {
    let folder = peers::data("headers")?;
    let mut n = 0;
    for path in std::fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok) {
        let name = path.file_name().to_string_lossy().into_owned();
        if !name.starts_with(prefix) {
            continue;
        }
        let header = header_of_text(&text(&path.path()));
        let ours = own.class(&header);
        let theirs: Vec<_> = others.iter().map(|book| book.class(&header)).collect();
        let agree = theirs.contains(&ours) && (ours.is_some() || theirs.iter().all(Option::is_none));
        assert!(agree, "{name}: {ours:?} to us, {theirs:?} to ESO");
        n += 1;
    }
    Some(n)
}
