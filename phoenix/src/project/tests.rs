use std::fs;
use std::path::Path;

use super::{OpenProject, Project, ProjectError, ProjectKind};

const TEXT: &str = r#"
layout = 1
name = "muse-idp"
version = 3
instrument = "MUSE"
mode = "IDP"
kind = "batch"
review = "manual"

[archive]
read = "s3://eso/archive"
collection = "MUSE"

[files]
rules = ["muse.oca"]
validity = "validity.toml"

[backend]
default = "esorex"
[backend.tasks]
muse_exp_combine = "native"
[backend.esorex]
program = "/opt/esorex/bin/esorex"

[params.muse_exp_combine]
pixfrac = 0.6
"#;

fn project(text: &str) -> Result<Project, ProjectError> {
    Project::parse(text, Path::new("project.toml"))
}

#[test]
fn a_project_survives_its_file() -> Result<(), ProjectError> {
    let read = project(TEXT)?;
    assert_eq!(read.params[&"muse_exp_combine".into()]["pixfrac"], 0.6);
    assert_eq!(project(&read.to_toml()?)?, read);
    Ok(())
}

#[test]
fn what_it_does_not_know_is_refused_with_its_place() {
    let text = TEXT.replace("version = 3", "version = 3\nverison = 4");
    let error = project(&text).map_err(|error| error.to_string()).unwrap_err();
    assert!(error.contains("line 5") && error.contains("verison"), "{error}");
    let newer = TEXT.replace("layout = 1", "layout = 2\nfuture = true");
    assert!(matches!(project(&newer), Err(ProjectError::Layout { found: 2, .. })));
    let unknown = TEXT.replace("[backend.esorex]", "[backend.esorex]\nthread = 3");
    assert!(matches!(project(&unknown), Err(ProjectError::Text { .. })));
}

#[test]
fn a_batch_starts_from_a_frozen_project_only() -> Result<(), ProjectError> {
    let mut read = project(TEXT)?;
    let refused = read.check_frozen().map_err(|error| error.to_string());
    assert_eq!(
        refused.unwrap_err(),
        "project muse-idp is not frozen, and a batch starts only from a frozen project"
    );
    read.frozen = true;
    read.check_frozen()?;
    read.frozen = false;
    read.kind = ProjectKind::Exploration;
    read.check_frozen()
}

#[test]
fn the_digest_follows_what_decides_the_products_and_nothing_else() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let place = folder.path().join("project.toml");
    fs::write(folder.path().join("muse.oca"), "if INSTRUME==\"MUSE\" then")?;
    fs::write(folder.path().join("validity.toml"), "")?;
    let digest = |text: &str| -> Result<String, Box<dyn std::error::Error>> {
        fs::write(&place, text)?;
        Ok(OpenProject::open(&place)?.digest.to_string())
    };
    let first = digest(TEXT)?;
    assert!(first.starts_with("blake3:"));
    let same = [
        format!("# a remark\n{TEXT}"),
        TEXT.replace("/opt/esorex/bin/esorex", "esorex"),
        TEXT.replace("version = 3", "version = 3\nfrozen = true"),
    ];
    for text in &same {
        assert_eq!(digest(text)?, first, "{text}");
    }
    let other = [
        TEXT.replace("0.6", "0.7"),
        TEXT.replace("IDP", "COMPLETE"),
        TEXT.replace("= \"native\"", "= \"esorex\""),
        TEXT.replace("version = 3", "version = 4"),
        TEXT.replace("[backend.esorex]", "[backend.esorex.env]\nX = \"1\"\n[backend.esorex]"),
    ];
    for text in &other {
        assert_ne!(digest(text)?, first, "{text}");
    }
    fs::write(folder.path().join("muse.oca"), "if INSTRUME==\"UVES\" then")?;
    assert_ne!(digest(TEXT)?, first);
    assert_eq!(OpenProject::open(&place)?.text(Path::new("validity.toml")), Some(""));
    fs::remove_file(folder.path().join("validity.toml"))?;
    let lost = OpenProject::open(&place).map_err(|error| error.to_string());
    assert!(lost.is_err_and(|text| text.contains("validity.toml")));
    Ok(())
}

#[test]
fn where_jobs_come_from_and_how_masters_are_judged_is_part_of_the_project() -> Result<(), Box<dyn std::error::Error>> {
    let more = "[blocks]\nsource = \"optimise\"\nmade_from = \"2015-07-01\"\n[judgement]\nhistory = \"old.db\"\n\
                tolerance = 0.2\ntolerance_of = { RON = 0.05 }\n[files]";
    let text = TEXT.replace("[files]", more);
    let read = project(&text)?;
    assert_eq!(read.blocks.made_from, Some("2015-07-01".parse()?));
    assert_eq!(project(&read.to_toml()?)?, read);
    assert!(project(&text.replace("2015-07-01", "2015-07-32")).is_err());
    let digest = |text: &str| project(text).map(|read| read.digest_with(&std::collections::BTreeMap::new()));
    assert_eq!(digest(&text)?, digest(&text.replace("old.db", "elsewhere/old.db"))?);
    assert_ne!(digest(&text)?, digest(&text.replace("0.05", "0.06"))?);
    assert_ne!(digest(&text)?, digest(&text.replace("optimise", "make"))?);
    let folder = tempfile::tempdir()?;
    fs::write(folder.path().join("muse.oca"), "")?;
    fs::write(folder.path().join("validity.toml"), "")?;
    fs::write(folder.path().join("project.toml"), &text)?;
    let open = OpenProject::open(folder.path().join("project.toml"))?;
    assert_eq!(open.judgement().history, Some(folder.path().join("old.db")));
    assert!(open.check_frozen("stream").is_err());
    Ok(())
}

#[test]
fn several_rule_books_are_one_and_a_mistake_names_its_own_file() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let put = |name: &str, text: &[u8]| fs::write(folder.path().join(name), text);
    put(
        "project.toml",
        TEXT.replace("[\"muse.oca\"]", "[\"a.oca\", \"b.oca\"]").as_bytes(),
    )?;
    put("validity.toml", b"instrument = \"MUSE\"\n")?;
    // A comment in Latin-1, as ESO's own files have them.
    put(
        "a.oca",
        b"// d\xe9faut\nif INSTRUME == \"MUSE\" then { DO.CATG = \"A\"; }\n",
    )?;
    put("b.oca", b"if INSTRUME == \"MUSE\" then { DO.CATG = \"B\"; }\n")?;
    let open = OpenProject::open(folder.path().join("project.toml"))?;
    let texts = open.texts()?;
    let rules = texts.rules.unwrap_or_default();
    assert!(
        rules.find("\"A\"") < rules.find("\"B\"") && rules.contains("défaut"),
        "{rules}"
    );
    put("b.oca", b"\nif INSTRUME = then\n")?;
    let open = OpenProject::open(folder.path().join("project.toml"))?;
    let error = open.texts().map_err(|error| error.to_string()).expect_err("refused");
    assert!(error.contains("b.oca") && error.contains('2'), "{error}");
    Ok(())
}
