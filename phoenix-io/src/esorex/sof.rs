//! The set of frames as a file: one `PATH TAG` per line.

use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use phoenix_core::frame::FrameRef;

/// The folder for links to inputs whose path `esorex` could not read.
const LINKS: &str = "inputs";

/// Writes the set of frames; the recipe sees each file under its own name, since that goes into its products' headers.
///
/// `esorex` separates words by blanks, so a file whose path has one is linked under a tame path.
pub(super) fn write(sof: &Path, folder: &Path, frames: &[(FrameRef, PathBuf)]) -> io::Result<()> {
    let mut text = String::new();
    for (n, (frame, path)) in frames.iter().enumerate() {
        let path = std::path::absolute(path)?;
        let path = if is_tame(&path) {
            path
        } else {
            linked(folder, n, &path)?
        };
        let line = format!("{} {}\n", path.display(), frame.tag);
        text.push_str(&line);
    }
    fs::write(sof, text)
}

fn is_tame(path: &Path) -> bool {
    (path.to_str()).is_some_and(|text| !text.contains(|c: char| c.is_whitespace() || c == '#' || c == '$'))
}

fn linked(folder: &Path, n: usize, path: &Path) -> io::Result<PathBuf> {
    let place = folder.join(LINKS).join(n.to_string());
    fs::create_dir_all(&place)?;
    let name = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
    let link = place.join(name.replace(|c: char| c.is_whitespace() || c == '#' || c == '$', "_"));
    symlink(path, &link)?;
    Ok(link)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;

    use phoenix_core::frame::FrameRef;

    fn frame(location: &str, tag: &str) -> (FrameRef, PathBuf) {
        let reference = FrameRef {
            id: "f".into(),
            tag: tag.into(),
            location: location.to_owned(),
            size_bytes: None,
            digest: None,
        };
        (reference, PathBuf::from(location))
    }

    #[test]
    fn a_path_with_blanks_is_linked_under_the_file_s_own_name() {
        let folder = tempfile::tempdir().unwrap();
        let odd = folder.path().join("odd place");
        fs::create_dir(&odd).unwrap();
        fs::write(odd.join("b.fits"), "content").unwrap();
        let sof = folder.path().join("x.sof");
        let frames = [
            frame("/data/a.fits", "BIAS"),
            frame(odd.join("b.fits").to_str().unwrap(), "FLAT"),
        ];
        super::write(&sof, folder.path(), &frames).unwrap();
        let text = fs::read_to_string(&sof).unwrap();
        let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split(' ').collect()).collect();
        assert_eq!(lines[0], ["/data/a.fits", "BIAS"]);
        assert_eq!(lines[1][1], "FLAT");
        assert!(lines[1][0].ends_with("/b.fits"));
        assert_eq!(fs::read_to_string(lines[1][0]).unwrap(), "content");
    }
}
