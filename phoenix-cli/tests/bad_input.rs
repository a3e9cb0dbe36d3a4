//! Bad input: a clear error that names the frame, an exit code, nothing half-written, the rest of the night unharmed.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod stage;

use std::path::Path;
use std::sync::Arc;

use phoenix::core::product::{Column, ColumnData, HduData, Pixels, Product};
use phoenix::io::{read_product, write_product};
use phoenix::sim::night::COMBINED_OBS_ID;
use stage::{Stage, files, job, names};

/// What is done to one exposure of the block of four, and what the error must say.
struct Case {
    name: &'static str,
    damage: fn(&Stage),
    says: &'static [&'static str],
}

fn edit(path: &Path, change: impl FnOnce(&mut Product)) {
    let mut product = read_product(path).expect("the frame reads");
    change(&mut product);
    write_product(path, product).expect("the frame writes");
}

/// The first exposure: columns as images.
fn first(stage: &Stage) -> std::path::PathBuf {
    stage.tables(COMBINED_OBS_ID)[0].clone()
}

fn offset_list(stage: &Stage) -> std::path::PathBuf {
    stage
        .store()
        .join(format!("calib/MUSE/OFFSET_LIST_{COMBINED_OBS_ID}.fits"))
}

const CASES: [Case; 8] = [
    Case {
        name: "missing column",
        damage: |stage| edit(&first(stage), |product| product.hdus.retain(|hdu| hdu.name != "stat")),
        says: &["MUSE.2016-05-0", "stat"],
    },
    Case {
        name: "wrong unit",
        damage: |stage| {
            edit(&first(stage), |product| {
                for hdu in product.hdus.iter_mut().filter(|hdu| hdu.name == "data") {
                    hdu.header.set("BUNIT", "Jy", "");
                }
            });
        },
        says: &["MUSE.2016-05-0", "unit"],
    },
    Case {
        name: "mixed coordinate states",
        damage: |stage| {
            edit(&first(stage), |product| {
                product.header.set("DRS.MUSE.PIXTABLE.WCS", "positioned (final)", "");
                for hdu in product
                    .hdus
                    .iter_mut()
                    .filter(|hdu| hdu.name == "xpos" || hdu.name == "ypos")
                {
                    hdu.header.set("BUNIT", "deg", "");
                }
            });
        },
        says: &["MUSE.2016-05-0"],
    },
    Case {
        name: "truncated file",
        damage: |stage| {
            let file = std::fs::OpenOptions::new()
                .write(true)
                .open(first(stage))
                .expect("opens");
            let bytes = file.metadata().expect("metadata").len();
            file.set_len(bytes * 3 / 5).expect("truncates");
        },
        says: &["MUSE.2016-05-0"],
    },
    Case {
        name: "missing exposure time",
        damage: |stage| {
            edit(&first(stage), |product| {
                product.header.remove("EXPTIME");
            });
        },
        says: &["MUSE.2016-05-0", "EXPTIME"],
    },
    Case {
        name: "nothing but NaN",
        damage: |stage| {
            edit(&first(stage), |product| {
                for hdu in product.hdus.iter_mut().filter(|hdu| hdu.name == "data") {
                    if let HduData::Image(Pixels::F32(planes)) = &mut hdu.data {
                        let [_, n_y, n_x] = planes.shape();
                        *planes = Arc::new(ndarray::Array2::from_elem((n_y, n_x), f32::NAN));
                    }
                }
            });
        },
        says: &["MUSE.2016-05-0"],
    },
    Case {
        name: "duplicate DATE-OBS",
        damage: |stage| {
            let paths = stage.tables(COMBINED_OBS_ID);
            let date = read_product(&paths[1])
                .expect("reads")
                .header
                .str("DATE-OBS")
                .expect("a date")
                .to_owned();
            edit(&paths[0], |product| product.header.set("DATE-OBS", date.as_str(), ""));
        },
        says: &["DATE-OBS"],
    },
    Case {
        name: "offset list of other exposures",
        damage: |stage| {
            edit(&offset_list(stage), |product| {
                for hdu in &mut product.hdus {
                    let HduData::Table(table) = &mut hdu.data else { continue };
                    for Column { data, .. } in table.columns.iter_mut().filter(|column| column.name == "DATE_OBS") {
                        if let ColumnData::Text(dates) = data {
                            for date in dates {
                                *date = date.replace("2016", "2017");
                            }
                        }
                    }
                }
            });
        },
        says: &["OFFSET_LIST"],
    },
];

fn sof(stage: &Stage) -> String {
    let tables = stage.tables(COMBINED_OBS_ID);
    let mut lines: Vec<String> = tables
        .iter()
        .map(|path| format!("{} PIXTABLE_REDUCED", path.display()))
        .collect();
    lines.push(format!("{} OFFSET_LIST", offset_list(stage).display()));
    lines.join("\n") + "\n"
}

#[test]
fn a_recipe_names_the_bad_frame_and_writes_nothing() {
    for case in CASES {
        let stage = Stage::with_night();
        (case.damage)(&stage);
        std::fs::write(stage.path().join("set.sof"), sof(&stage)).expect("the set is written");
        let end = stage.phoenix(&["recipe", "muse_exp_combine", "set.sof", "--out", "out"]);
        assert_eq!(end.code, Some(1), "{}: {}{}", case.name, end.out, end.err);
        assert!(end.err.contains("error: "), "{}: {}", case.name, end.err);
        for word in case.says {
            assert!(end.err.contains(word), "{}: no {word:?} in {}", case.name, end.err);
        }
        assert!(!end.err.contains("panicked"), "{}: {}", case.name, end.err);
        assert_eq!(names(&stage.path().join("out")), Vec::<String>::new(), "{}", case.name);
    }
}

#[test]
fn a_bad_block_is_told_and_the_other_block_reaches_the_archive() {
    for case in CASES {
        let stage = Stage::with_night();
        (case.damage)(&stage);
        let end = stage.run("run", &[]);
        let document = end.json();
        assert_eq!(end.code, Some(1), "{}: {document:#}", case.name);
        assert_eq!(job(&document, "_pst:")["stage"], "ingested", "{}", case.name);
        let text = document.to_string();
        for word in case.says {
            assert!(text.contains(word), "{}: no {word:?} in {document:#}", case.name);
        }
        for name in names(stage.path()) {
            assert!(!name.contains(".part"), "{}: {name} is left", case.name);
        }
        let delivered = names(&stage.store().join("products"));
        assert!(
            delivered.iter().any(|name| name.contains("MU_SCBS")),
            "{}: {delivered:?}",
            case.name
        );
    }
}

#[test]
fn a_set_without_exposures_is_refused() {
    let stage = Stage::with_night();
    std::fs::write(
        stage.path().join("set.sof"),
        format!("{} OFFSET_LIST\n", offset_list(&stage).display()),
    )
    .expect("ok");
    let end = stage.phoenix(&["recipe", "muse_exp_combine", "set.sof"]);
    assert_eq!(end.code, Some(1), "{}", end.err);
    assert!(end.err.contains("PIXTABLE_REDUCED"), "{}", end.err);
}

#[test]
fn an_unwritable_archive_keeps_the_products_until_it_is_mended() {
    let stage = Stage::with_night();
    let blocked = stage.path().join("other");
    std::fs::create_dir(&blocked).expect("made");
    // A file where the folder must be: not even root can write below it.
    std::fs::write(blocked.join("products"), "in the way").expect("written");
    let document = stage.run("run", &["--deliver-to", "other"]).json_with(1);
    for part in ["_tpl:", "_pst:"] {
        let job = job(&document, part);
        assert_eq!(
            (&job["stage"], &job["halt"]["halt"]),
            (&"converted".into(), &"failed".into()),
            "{document:#}"
        );
    }
    assert_eq!(names(&blocked), ["products"]);
    std::fs::remove_file(blocked.join("products")).expect("removed");
    let document = stage.phoenix(&["resume", "run", "--json"]).json_with(0);
    assert_eq!(job(&document, "_tpl:")["attempts"], 1, "{document:#}");
    assert!(names(&blocked.join("products")).len() >= 6);
}

#[test]
fn a_full_disk_is_an_error_and_leaves_nothing_half_written() {
    let stage = Stage::with_night();
    let small = stage.path().join("small");
    std::fs::create_dir(&small).expect("made");
    let mounted = std::process::Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=1m", "tmpfs"])
        .arg(&small)
        .output();
    if !mounted.is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: a small file system cannot be mounted here");
        return;
    }
    std::fs::write(stage.path().join("set.sof"), sof(&stage)).expect("written");
    let recipe = stage.phoenix(&["recipe", "muse_exp_combine", "set.sof", "--out", "small"]);
    let after_recipe = names(&small);
    let run = stage.run("small/run", &[]);
    let after_run = files(&small);
    let unmounted = std::process::Command::new("umount").arg(&small).status();
    assert!(unmounted.is_ok_and(|status| status.success()));
    assert_eq!(recipe.code, Some(1), "{}", recipe.err);
    assert!(recipe.err.to_lowercase().contains("space"), "{}", recipe.err);
    assert_eq!(after_recipe, Vec::<String>::new());
    assert_eq!(run.code, Some(1), "{}{}", run.out, run.err);
    assert!(run.out.to_lowercase().contains("space"), "{}{}", run.out, run.err);
    for name in after_run.keys() {
        assert!(!name.contains(".part") && !name.contains(".fits"), "{name} is left");
    }
}
