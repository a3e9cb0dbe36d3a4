//! ESO's recipes on simulated exposures.

use std::path::PathBuf;
use std::process::Command;

use phoenix_testkit::peers;

/// A folder with simulated exposures for ESO's recipes and ours.
pub(crate) struct Peer {
    pub(crate) folder: tempfile::TempDir,
}

impl Peer {
    /// Simulates exposures; `None` if a peer is absent.
    pub(crate) fn simulate(options: &[&str]) -> Option<Self> {
        peers::esorex("muse_exp_combine")?;
        let python = peers::python(&["numpy", "astropy"])?;
        let script = peers::script("muse_pixtable_sim.py")?;
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new(python);
        command
            .arg(script)
            .args(["--out", folder.path().to_str().unwrap()])
            .args(options);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let peer = Self { folder };
        let set = std::fs::read_to_string(peer.path("combine.sof")).unwrap_or_default();
        std::fs::write(
            peer.path("combine_off.sof"),
            format!("{}\nOFFSET_LIST.fits OFFSET_LIST\n", set.trim_end()),
        )
        .unwrap();
        Some(peer)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs the real recipe in a folder of its own; returns that folder and the count of rejected pixels.
    pub(crate) fn esorex(&self, recipe: &str, sof: &str, options: &[&str]) -> (PathBuf, f64) {
        let out = self.recipe(recipe, sof, options);
        let log = std::fs::read_to_string(out.join("run.log")).unwrap();
        let rejected = log.lines().find_map(|line| {
            let (head, _) = line.split_once(" output CR pixels")?;
            head.rsplit(' ').next()?.parse().ok()
        });
        (out, rejected.expect("the log tells the rejected pixels"))
    }

    /// Runs the real recipe in a folder of its own.
    pub(crate) fn recipe(&self, recipe: &str, sof: &str, options: &[&str]) -> PathBuf {
        let out = self.path(&format!("eso-{recipe}"));
        std::fs::create_dir_all(&out).unwrap();
        let absolute = out.join("input.sof");
        let text = std::fs::read_to_string(self.path(sof)).unwrap();
        let lines = text
            .lines()
            .map(|line| format!("{}/{line}\n", self.folder.path().display()));
        std::fs::write(&absolute, lines.collect::<String>()).unwrap();
        let status = Command::new("esorex")
            .args([
                "--suppress-prefix=TRUE",
                "--log-level=debug",
                "--log-file=run.log",
                "--log-dir=.",
                recipe,
            ])
            .args(options)
            .arg(&absolute)
            .current_dir(&out)
            .output()
            .unwrap();
        assert!(status.status.success(), "{}", String::from_utf8_lossy(&status.stdout));
        out
    }
}

/// Changes files of a peer by a script.
pub(crate) fn with_python(peer: &Peer, script: &str) {
    let python = peers::python(&["numpy", "astropy"]).unwrap();
    let output = Command::new(python)
        .args(["-c", script])
        .current_dir(peer.folder.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
