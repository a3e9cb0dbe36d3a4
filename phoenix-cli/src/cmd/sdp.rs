//! `phoenix sdp validate`: files against the archive's standard.

use std::path::{Path, PathBuf};

use phoenix::archive::sdp::batch::check_batch;
use phoenix::archive::sdp::check::{Profile, Severity};
use phoenix::line::sdp_file;
use serde_json::json;

use crate::answer::Answer;
use crate::args::ValidateArgs;
use crate::failure::{Exit, Failure};

/// Checks files and folders; one line per finding.
pub(crate) fn validate(args: &ValidateArgs) -> Result<Answer, Failure> {
    let profile = if args.profile == "strict" {
        Profile::Strict
    } else {
        Profile::Tolerant
    };
    let mut paths = Vec::new();
    for path in &args.paths {
        collect(path, &mut paths)
            .map_err(|error| Failure::usage(&error).within(format!("{} cannot be read", path.display())))?;
    }
    let (fits, others): (Vec<PathBuf>, Vec<PathBuf>) = paths
        .into_iter()
        .partition(|path| path.extension().is_some_and(|ext| ext.eq_ignore_ascii_case("fits")));
    let mut files = Vec::new();
    for path in &fits {
        let name = path
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default();
        files.push(sdp_file(path, &name).map_err(|error| Failure::usage(&error))?);
    }
    let others: Vec<String> = others
        .iter()
        .filter_map(|path| Some(path.file_name()?.to_string_lossy().into_owned()))
        .collect();
    let findings = check_batch(&files, &others, profile);
    let n_errors = findings
        .iter()
        .filter(|(_, finding)| finding.severity == Severity::Error)
        .count();
    let lines: Vec<String> = findings
        .iter()
        .map(|(file, finding)| format!("{file}:{finding}"))
        .collect();
    let documents: Vec<_> = (findings.iter())
        .map(|(file, finding)| {
            json!({"file": file, "place": finding.place, "severity": finding.severity.to_string(),
                "rule": finding.rule, "keyword": finding.keyword, "message": finding.message})
        })
        .collect();
    let mut text = lines.join("\n");
    if text.is_empty() {
        text = format!("{}: no finding", crate::render::count(files.len(), "file"));
    }
    let exit = if n_errors > 0 { Exit::Findings } else { Exit::Good };
    Ok(Answer::good(json!({"files": files.len(), "findings": documents}), text).with_exit(exit))
}

fn collect(path: &Path, into: &mut Vec<PathBuf>) -> std::io::Result<()> {
    if !std::fs::metadata(path)?.is_dir() {
        into.push(path.to_owned());
        return Ok(());
    }
    let mut children: Vec<PathBuf> = std::fs::read_dir(path)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    children.sort();
    for child in children {
        collect(&child, into)?;
    }
    Ok(())
}
