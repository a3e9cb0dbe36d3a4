//! ESO's own rule files know every frame of the simulated nights.

use phoenix_core::header::Header;
use phoenix_core::rules::RuleBook;
use phoenix_sim::night::{self, CatalogueEntry};
use phoenix_testkit::peers;

/// Returns the class that a rule file gives.
fn class(book: &RuleBook, header: &Header) -> Option<String> {
    let (_, assigned) = book.classify(header);
    let last = assigned.iter().rev().find(|one| {
        book.keys()
            .key(one.key)
            .is_some_and(|key| key.as_str() == "ESO.DO.CATG")
    })?;
    last.value.as_str().map(str::to_owned)
}

#[test]
fn eso_classifies_every_header_of_the_nights() {
    let book = |name: &str| {
        let path = peers::data(&format!("oca/{name}_gasgano.oca"))?;
        Some(RuleBook::parse(&std::fs::read_to_string(path).unwrap()).unwrap())
    };
    let (Some(uves), Some(giraffe), Some(xshooter), Some(muse)) =
        (book("uves"), book("giraf"), book("xshoo"), book("muse"))
    else {
        return;
    };
    let frames = night::catalogue(30, 5).map(|CatalogueEntry { header, .. }| header);
    for header in frames
        .chain(night::xshooter_headers(5))
        .chain(night::muse_raw_headers(5))
    {
        let rules = match header.str("INSTRUME").unwrap() {
            "UVES" => &uves,
            "GIRAFFE" => &giraffe,
            "XSHOOTER" => &xshooter,
            _ => &muse,
        };
        let key = |key: &str| header.str(key).unwrap_or("-").to_owned();
        assert!(
            class(rules, &header).is_some(),
            "{} {} {} {} {}",
            key("INSTRUME"),
            key("DPR.CATG"),
            key("DPR.TYPE"),
            key("DPR.TECH"),
            key("SEQ.ARM")
        );
    }
}
