//! `kill -9` at random moments of a run, then `resume`: the same bits, nothing twice, nothing left over.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod stage;

use std::collections::BTreeMap;
use std::process::Stdio;
use std::time::{Duration, Instant};

use stage::interruption::{Moments, assert_same, bits, kill, kills};
use stage::{Stage, files, job, names};

/// Everything that must not depend on kills: products of recipes and of the archive, and the archive itself.
fn all_bits(stage: &Stage, run: &str, store: &str) -> BTreeMap<String, Vec<u8>> {
    let folders = [
        ("work", format!("{run}/work")),
        ("products", format!("{run}/products")),
        ("delivered", format!("{store}/products")),
    ];
    let of = |(label, folder): (&'static str, String)| {
        let found = bits(&stage.path().join(folder)).into_iter();
        found.map(move |(name, bytes)| (format!("{label}/{name}"), bytes))
    };
    folders.into_iter().flat_map(of).collect()
}

#[test]
fn a_killed_run_resumes_to_the_same_bits_and_does_nothing_twice() {
    let kills = kills("PHOENIX_KILLS", 20);
    let stage = Stage::with_night();
    let start = Instant::now();
    let quiet = stage.run("quiet", &["--deliver-to", "quiet-store"]).json_with(0);
    let whole = start.elapsed();
    let expected = all_bits(&stage, "quiet", "quiet-store");
    let n_files = files(&stage.path().join("quiet")).len();
    assert!(
        expected.keys().filter(|name| name.starts_with("delivered/")).count() >= 6,
        "{:?}",
        expected.keys()
    );

    let seed = 20_160_501;
    let mut moments = Moments(seed);
    let (mut done, mut round) = (0, 0);
    while done < kills {
        round += 1;
        let (run, store) = (format!("run-{round}"), format!("store-{round}"));
        let words = Stage::run_words(&run, &["--deliver-to", &store]);
        let mut attempts = 0;
        // Kills go on through the resumes of the same run, so that later steps are hit as often as the first.
        let document = loop {
            let is_begun = stage.path().join(&run).join("work/settings.json").is_file();
            let resume = ["resume", &run, "--json", "--threads", "2"];
            let mut command = stage.command(if is_begun { &resume } else { &words });
            let mut child = command
                .stdout(Stdio::piped())
                .stderr(Stdio::null())
                .spawn()
                .expect("the command starts");
            if done < kills && attempts < 4 {
                std::thread::sleep(Duration::from_secs_f64(moments.next() * whole.as_secs_f64()));
                if child.try_wait().expect("a child").is_none() {
                    kill(&mut child);
                    done += 1;
                    attempts += 1;
                    continue;
                }
            }
            let output = child.wait_with_output().expect("the child ends");
            break stage::End::from(output).json_with(0);
        };
        let context = format!("seed {seed}, round {round}, {attempts} kills");
        let found = all_bits(&stage, &run, &store);
        assert_same(&found, &expected, &context);
        assert_eq!(files(&stage.path().join(&run)).len(), n_files, "{context}: stray files");
        assert_eq!(
            names(&stage.path().join(&store)),
            names(&stage.path().join("quiet-store")),
            "{context}: ledger or leavings in the archive"
        );
        let begun = |document: &serde_json::Value| {
            ["_tpl:", "_pst:"].map(|part| job(document, part)["attempts"].as_u64().expect("attempts"))
        };
        assert_eq!(begun(&quiet), [1, 1]);
        // Two jobs run side by side: a kill interrupts both at most; nothing finished is begun again.
        assert!(
            begun(&document).iter().sum::<u64>() <= 2 + 2 * attempts,
            "{context}: {document:#}"
        );
        for part in ["_tpl:", "_pst:"] {
            assert_eq!(
                job(&document, part)["delivered"].as_array().map(Vec::len),
                Some(1),
                "{context}"
            );
        }
    }
}
