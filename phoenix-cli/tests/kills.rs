//! `kill -9` at random moments of a run, then `resume`: the same bits, nothing twice, nothing left over.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod stage;

use std::collections::BTreeMap;
use std::process::Stdio;
use std::time::{Duration, Instant};

use stage::{Stage, files, job, names};

/// A small generator for moments; its seed is printed with a failure.
struct Moments(u64);

impl Moments {
    /// Returns a number in 0..1 (Steele et al. 2014, `SplitMix64`).
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// Everything that must not depend on kills: products of recipes and of the archive, and the archive itself.
fn bits(stage: &Stage, run: &str, store: &str) -> BTreeMap<String, Vec<u8>> {
    let of = |folder: String| -> BTreeMap<String, Vec<u8>> {
        let place = stage.path().join(&folder);
        files(&place)
    };
    let mut all = BTreeMap::new();
    for (label, folder) in [
        ("work", format!("{run}/work")),
        ("products", format!("{run}/products")),
        ("delivered", format!("{store}/products")),
    ] {
        for (name, bytes) in of(folder) {
            // What was asked for names the folders of the run; everything else must be equal.
            if !name.ends_with("settings.json") {
                all.insert(format!("{label}/{name}"), bytes);
            }
        }
    }
    all
}

#[test]
fn a_killed_run_resumes_to_the_same_bits_and_does_nothing_twice() {
    let kills: usize = std::env::var("PHOENIX_KILLS")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(20);
    let stage = Stage::with_night();
    let start = Instant::now();
    let quiet = stage.run("quiet", &["--deliver-to", "quiet-store"]).json_with(0);
    let whole = start.elapsed();
    let expected = bits(&stage, "quiet", "quiet-store");
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
                    child.kill().expect("the child can be killed");
                    child.wait().expect("the child ends");
                    done += 1;
                    attempts += 1;
                    continue;
                }
            }
            let output = child.wait_with_output().expect("the child ends");
            break stage::End::from(output).json_with(0);
        };
        let context = format!("seed {seed}, round {round}, {attempts} kills");
        let found = bits(&stage, &run, &store);
        assert_eq!(
            found.keys().collect::<Vec<_>>(),
            expected.keys().collect::<Vec<_>>(),
            "{context}"
        );
        for (name, bytes) in &expected {
            assert!(found[name] == *bytes, "{context}: {name} differs");
        }
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
