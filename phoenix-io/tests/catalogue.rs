//! Frame catalogues on disk and the headers they are made from.

#![allow(clippy::expect_used, clippy::panic, reason = "a test says what it expects")]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use phoenix_core::engine::Inline;
use phoenix_core::header::Header;
use phoenix_core::rule_instrument::{
    Draft, DraftChange, DraftFill, DraftFrames, Policy, RuleInstrument, RuleInstrumentBuilder,
};
use phoenix_core::traits::Selection;
use phoenix_io::ThreadExecutor;
use phoenix_io::catalogue::{CatalogueError, catalogue_digest, read_catalogue, write_catalogue};
use phoenix_io::fits::card::{LongText, format_header};
use phoenix_io::fits::{FitsError, FitsFile, WantedKeys, read_all_wanted};
use phoenix_sim::nights::headers::catalogue::catalogue;
use phoenix_testkit::peers;

fn rules(name: &str) -> (String, String) {
    let folder = peers::workspace_root()
        .join("phoenix-instruments")
        .join(name)
        .join("rules");
    let read = |file: &str| std::fs::read_to_string(folder.join(file)).expect("the rules are there");
    (read(&format!("{name}.oca")), read("validity.toml"))
}

fn policy((oca, validity): &(String, String)) -> Arc<Policy> {
    let built = RuleInstrument::from_rules(oca, validity).and_then(RuleInstrumentBuilder::build);
    built.expect("the rules are sound").policy().clone()
}

fn frames(instrument: &str, n_nights: usize) -> Vec<(String, Header)> {
    catalogue(n_nights, 5)
        .filter(|entry| {
            entry
                .header
                .str("INSTRUME")
                .is_ok_and(|name| name.eq_ignore_ascii_case(instrument))
        })
        .map(|entry| {
            let name = entry.path.rsplit('/').next().expect("a path has a last part");
            (name.to_owned(), entry.header)
        })
        .collect()
}

fn columns(policy: &Arc<Policy>, frames: &[(String, Header)]) -> DraftFrames {
    let mut all = DraftFrames::new(policy.clone());
    for (name, header) in frames {
        all.push_header(name, header);
    }
    all
}

/// Every job of a draft, in its order.
fn spelled(draft: &Draft) -> Vec<String> {
    (0..draft.len())
        .map(|n| {
            let slots = draft.slots(n).into_iter().map(|(tag, fill)| match fill {
                DraftFill::Filled { level, .. } => format!("{tag} {:?} {}", draft.taken(fill), level.0),
                other => format!("{tag} {other:?}"),
            });
            let slots: Vec<String> = slots.collect();
            format!(
                "{:?} {:?} {:?} {slots:?}",
                draft.dataset_id(n),
                draft.task(n),
                draft.frames(n)
            )
        })
        .collect()
}

#[test]
fn a_plan_from_the_catalogue_is_the_plan_from_the_headers_on_any_threads() {
    let folder = tempfile::tempdir().expect("a folder");
    for name in ["uves", "giraffe", "xshooter", "muse"] {
        let policy = policy(&rules(name));
        let frames = frames(name, 25);
        let path = folder.path().join(format!("{name}.frames"));
        let digest = write_catalogue(&path, &columns(&policy, &frames)).expect("it is written");
        assert_eq!(catalogue_digest(&path).expect("it is read"), digest);
        let direct = Draft::new(columns(&policy, &frames), &Selection::new());
        let read = read_catalogue(&path, policy.clone()).expect("it is read");
        let from_disk = Draft::with_executor(read, &Selection::new(), &ThreadExecutor::new(3));
        assert_eq!(spelled(&from_disk), spelled(&direct), "{name}");
        assert!(direct.len() > 100, "{name}: {} jobs", direct.len());
    }
}

#[test]
fn a_catalogue_read_and_written_again_has_the_same_digest_and_replaced_files_are_gone() {
    let folder = tempfile::tempdir().expect("a folder");
    let (first, second) = (folder.path().join("first"), folder.path().join("second"));
    let policy = policy(&rules("uves"));
    let frames = frames("uves", 4);
    let digest = write_catalogue(&first, &columns(&policy, &frames)).expect("it is written");
    let read = read_catalogue(&first, policy.clone()).expect("it is read");
    assert_eq!(write_catalogue(&second, &read).expect("it is written"), digest);

    let (name, header) = &frames[3];
    let mut other = header.clone();
    other.set("DET.WIN1.BINX", 2, "");
    let mut draft = Draft::new(read, &Selection::new());
    let change = [DraftChange::Frame { name, header: &other }];
    draft.replan(&change, &Inline).expect("a frame can always be changed");
    write_catalogue(&second, draft.frames_of()).expect("it is written");
    let read = read_catalogue(&second, policy.clone()).expect("it is read");
    assert_eq!(read.len(), frames.len());
    let mut cold = frames.clone();
    cold.remove(3);
    cold.push((name.clone(), other));
    let cold = Draft::new(columns(&policy, &cold), &Selection::new());
    assert_eq!(spelled(&Draft::new(read, &Selection::new())), spelled(&cold));
}

#[test]
fn a_damaged_catalogue_is_an_error_wherever_it_is_hit() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("uves.frames");
    let policy = policy(&rules("uves"));
    write_catalogue(&path, &columns(&policy, &frames("uves", 2))).expect("it is written");
    let whole = std::fs::read(&path).expect("it is there");
    let damaged = |bytes: &[u8]| {
        std::fs::write(&path, bytes).expect("it can be written");
        read_catalogue(&path, policy.clone()).err()
    };
    for at in (0..whole.len()).step_by(whole.len() / 200) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x20;
        let error = damaged(&bytes).unwrap_or_else(|| panic!("byte {at} is not missed"));
        assert!(
            matches!(error, CatalogueError::Damaged { .. } | CatalogueError::Version { .. }),
            "byte {at}: {error}"
        );
        let cut = damaged(&whole[..at]);
        assert!(
            matches!(cut, Some(CatalogueError::Damaged { .. })),
            "cut at {at}: {cut:?}"
        );
    }
    assert!(damaged(&whole).is_none());
}

#[test]
fn a_catalogue_says_what_it_cannot_serve() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("uves.frames");
    let (oca, validity) = rules("uves");
    let uves = policy(&(oca.clone(), validity.clone()));
    write_catalogue(&path, &columns(&uves, &frames("uves", 2))).expect("it is written");
    let other = read_catalogue(&path, policy(&rules("muse"))).expect_err("it is of UVES");
    assert!(matches!(other, CatalogueError::OtherInstrument { .. }), "{other}");
    let more = format!("{oca}\nif INS.NEVER.READ == 1 then {{ DO.CATG = \"BIAS_BLUE\"; }}\n");
    let unfit = read_catalogue(&path, policy(&(more, validity))).expect_err("it lacks a key");
    assert!(matches!(unfit, CatalogueError::Unfit { .. }), "{unfit}");
}

fn file(folder: &Path, name: &str, header: &Header, n_more: usize) -> PathBuf {
    let mut whole = Header::new();
    whole.set("SIMPLE", true, "");
    whole.set("BITPIX", 16, "");
    whole.set("NAXIS", 0, "");
    for n in 0..n_more {
        whole.set(
            format!("ESO.TEL.FILLER{n}").as_str(),
            n,
            "one of many keys that no rule names",
        );
    }
    whole.merge(header);
    let mut bytes = format_header(&whole, LongText::Continue).expect("the cards can be written");
    bytes.resize(bytes.len().next_multiple_of(2880), b' ');
    let path = folder.join(name);
    std::fs::write(&path, bytes).expect("it can be written");
    path
}

#[test]
fn the_wanted_keys_of_many_files_are_those_of_the_whole_headers() {
    let folder = tempfile::tempdir().expect("a folder");
    for name in ["uves", "giraffe", "xshooter", "muse"] {
        let wanted = WantedKeys::new(DraftFrames::new(policy(&rules(name))).keys());
        let frames = frames(name, 3);
        let paths: Vec<PathBuf> = frames
            .iter()
            .enumerate()
            .map(|(n, (file_name, header))| file(folder.path(), file_name, header, (n % 5) * 100))
            .collect();
        let read = read_all_wanted(&paths, &wanted, &ThreadExecutor::new(2));
        assert_eq!(read.len(), paths.len());
        for (path, found) in paths.iter().zip(read) {
            let mut whole = FitsFile::open(path).expect("it is sound").hdus()[0].header.clone();
            whole.retain(|card| wanted.contains(&card.key));
            assert_eq!(found.expect("it is read"), whole, "{}", path.display());
        }
    }
}

#[test]
fn a_file_that_is_cut_short_or_no_fits_file_is_one_error_among_good_ones() {
    let folder = tempfile::tempdir().expect("a folder");
    let wanted = WantedKeys::new(["MJD-OBS".into()]);
    let (_, header) = frames("uves", 2).remove(0);
    let good = file(folder.path(), "good.fits", &header, 400);
    let cut = folder.path().join("cut.fits");
    let bytes = std::fs::read(&good).expect("it is there");
    std::fs::write(&cut, &bytes[..bytes.len() - 2880]).expect("it can be written");
    let text = folder.path().join("text.fits");
    std::fs::write(&text, "no stars here").expect("it can be written");
    let absent = folder.path().join("absent.fits");
    let found = read_all_wanted(&[&cut, &good, &text, &absent], &wanted, &Inline);
    assert!(matches!(found[0], Err(FitsError::Truncated { .. })), "{:?}", found[0]);
    assert!(
        found[1].as_ref().is_ok_and(|header| header.f64("MJD-OBS").is_ok()),
        "{:?}",
        found[1]
    );
    assert!(found[2].is_err());
    assert!(matches!(found[3], Err(FitsError::Io { .. })), "{:?}", found[3]);
}
