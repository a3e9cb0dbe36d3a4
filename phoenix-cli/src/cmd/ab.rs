//! `phoenix ab`: historical association blocks.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use phoenix::io::ab::AssociationBlock;
use phoenix::line::{BlockChange, compare_blocks, import_blocks};
use serde_json::json;

use crate::answer::Answer;
use crate::args::{AbCompareArgs, AbImportArgs};
use crate::failure::{Exit, Failure};
use crate::render::{self, count};

/// Puts blocks into a store.
pub(crate) fn import(args: &AbImportArgs) -> Result<Answer, Failure> {
    let imported =
        import_blocks(&args.archive, &args.files).map_err(|error| super::line_failure(&error, Exit::Usage))?;
    let mut lines = Vec::new();
    for block in &imported {
        let file = block.file.display();
        lines.push(match (&block.refused, &block.address) {
            (Some(reason), _) => format!("{file}: refused: {reason}"),
            (None, Some(address)) if block.was_there => format!("{file}: there already, {address}"),
            (None, address) => format!("{file} → {}", address.as_deref().unwrap_or_default()),
        });
    }
    let n_refused = imported.iter().filter(|block| block.refused.is_some()).count();
    lines.push(format!(
        "{} imported, {n_refused} refused",
        count(imported.len() - n_refused, "block")
    ));
    let exit = if n_refused == 0 { Exit::Good } else { Exit::Findings };
    let document = json!({"blocks": super::run::document(&imported)?});
    Ok(Answer::good(document, lines.join("\n") + "\n").with_exit(exit))
}

/// Compares two blocks, or the blocks of the same name in two folders.
pub(crate) fn compare(args: &AbCompareArgs) -> Result<Answer, Failure> {
    let (old, new) = (blocks(&args.old)?, blocks(&args.new)?);
    let is_pair = args.old.is_file() && args.new.is_file();
    let pairs: Vec<(&PathBuf, &PathBuf)> = if is_pair {
        old.values().zip(new.values()).collect()
    } else {
        old.iter()
            .filter_map(|(name, path)| Some((path, new.get(name)?)))
            .collect()
    };
    let mut changes: Vec<BlockChange> = Vec::new();
    for (old, new) in &pairs {
        let failed = |error: phoenix::io::ab::AbError| Failure::usage(&error).within(old.display().to_string());
        let mut change = compare_blocks(&read(old)?, &read(new)?).map_err(failed)?;
        change.block = old.display().to_string();
        changes.push(change);
    }
    let only = |these: &BTreeMap<String, PathBuf>, others: &BTreeMap<String, PathBuf>| -> Vec<String> {
        let names = these.keys().filter(|name| !is_pair && !others.contains_key(*name));
        names.cloned().collect()
    };
    let (only_old, only_new) = (only(&old, &new), only(&new, &old));
    let n_equal = changes.iter().filter(|change| render::is_equal(change)).count();
    let mut text = render::block_changes(&changes);
    for (names, side) in [(&only_old, &args.old), (&only_new, &args.new)] {
        for name in names {
            let _ = writeln!(text, "{name}: only in {}", side.display());
        }
    }
    let _ = writeln!(text, "{} equal", count(n_equal, "block"));
    let is_equal = n_equal == changes.len() && only_old.is_empty() && only_new.is_empty();
    let exit = if is_equal { Exit::Good } else { Exit::Findings };
    let document = json!({"changes": super::run::document(&changes)?, "only_old": only_old, "only_new": only_new});
    Ok(Answer::good(document, text).with_exit(exit))
}

fn read(path: &Path) -> Result<AssociationBlock, Failure> {
    let bytes = std::fs::read(path).map_err(|error| unreadable(path, &error))?;
    Ok(AssociationBlock::parse(&String::from_utf8_lossy(&bytes)))
}

fn unreadable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::usage(error).within(format!("{} cannot be read", path.display()))
}

/// Returns a block, or the blocks of a folder, by file name.
fn blocks(path: &Path) -> Result<BTreeMap<String, PathBuf>, Failure> {
    let name = |path: &Path| {
        path.file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default()
    };
    if !path.is_dir() {
        return Ok(BTreeMap::from([(name(path), path.to_owned())]));
    }
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(path).map_err(|error| unreadable(path, &error))? {
        let path = entry.map_err(|error| unreadable(path, &error))?.path();
        if path.extension().is_some_and(|extension| extension == "ab") {
            found.insert(name(&path), path);
        }
    }
    Ok(found)
}
