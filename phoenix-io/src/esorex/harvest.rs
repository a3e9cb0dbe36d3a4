//! What a recipe made: the files that `esorex` lists, each with its category.

use std::fs;
use std::path::{Path, PathBuf};

use phoenix_core::id::Tag;
use serde::Deserialize;

use crate::fits::FitsFile;

/// One product file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Made {
    pub(super) path: PathBuf,
    pub(super) name: String,
    pub(super) tag: Tag,
    /// `PRO.REC1.PIPE.ID`, the version as the recipe itself states it.
    pub(super) pipeline: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Listed {
    name: PathBuf,
    category: String,
}

/// Returns the products in the order in which the recipe put them into its set of frames, or why they cannot be had.
///
/// The category is what the header says (`PRO.CATG`), and what the list says where a file is no FITS file with one.
pub(super) fn find(list: &Path, folder: &Path) -> Result<Vec<Made>, String> {
    let listed = match fs::read_to_string(list) {
        Ok(text) => serde_json::from_str::<Vec<Listed>>(&text)
            .map_err(|error| format!("its list of products cannot be read: {error}"))?,
        // Nothing was made, or esorex is too old to list products as JSON.
        Err(_) => unlisted(folder),
    };
    listed.into_iter().map(|listed| made(listed, folder)).collect()
}

fn unlisted(folder: &Path) -> Vec<Listed> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .map(|entries| entries.filter_map(Result::ok).map(|entry| entry.path()).collect())
        .unwrap_or_default();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "fits"));
    files.sort();
    let listed = files.into_iter().map(|name| Listed {
        name,
        category: String::new(),
    });
    listed.collect()
}

fn made(listed: Listed, folder: &Path) -> Result<Made, String> {
    let name = listed.name.file_name().map(|name| name.to_string_lossy().into_owned());
    let name = name.ok_or_else(|| format!("product {} has no file name", listed.name.display()))?;
    let path = folder.join(&name);
    if !path.is_file() {
        return Err(format!("product {name} is in its list and not in its folder"));
    }
    if path.extension().is_none_or(|extension| extension != "fits") {
        return Ok(Made {
            tag: Tag::from(listed.category),
            path,
            name,
            pipeline: None,
        });
    }
    let file = FitsFile::open(&path).map_err(|error| format!("product {name} is damaged: {error}"))?;
    let header = &file
        .primary()
        .map_err(|error| format!("product {name} is damaged: {error}"))?
        .header;
    let stated = header.str("PRO.CATG").ok().map(str::trim).filter(|tag| !tag.is_empty());
    let tag = match (stated, listed.category.as_str()) {
        (Some(tag), _) => Tag::from(tag),
        (None, "") => return Err(format!("product {name} has no PRO.CATG")),
        (None, category) => Tag::from(category),
    };
    let pipeline = header.str("PRO.REC1.PIPE.ID").ok().map(|text| text.trim().to_owned());
    Ok(Made {
        path,
        name,
        tag,
        pipeline,
    })
}

/// Returns why the products are not those that the recipe is to make; `None` if they are.
///
/// Which of the declared products are made depends on inputs and parameters, so one of them is enough.
pub(super) fn complaint(made: &[Made], expected: &[Tag]) -> Option<String> {
    if expected.is_empty() || made.iter().any(|product| expected.contains(&product.tag)) {
        return None;
    }
    let expected: Vec<&str> = expected.iter().map(Tag::as_str).collect();
    let expected = expected.join(", ");
    if made.is_empty() {
        return Some(format!("it ended well and wrote no product, expected was {expected}"));
    }
    let found: Vec<String> = made
        .iter()
        .map(|product| format!("{} ({})", product.tag, product.name))
        .collect();
    Some(format!("it wrote {}, expected was {expected}", found.join(", ")))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{Made, complaint, find};

    #[test]
    fn a_listed_product_that_is_not_there_or_damaged_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let list = folder.path().join("p.json");
        fs::write(&list, r#"[{"name": "\/x\/a.fits", "category": "A"}]"#).unwrap();
        assert_eq!(
            find(&list, folder.path()).unwrap_err(),
            "product a.fits is in its list and not in its folder"
        );
        fs::write(folder.path().join("a.fits"), "SIMPLE  = nonsense").unwrap();
        assert!(
            find(&list, folder.path())
                .unwrap_err()
                .starts_with("product a.fits is damaged")
        );
    }

    #[test]
    fn wrong_and_missing_products_are_named_with_what_was_expected() {
        let made = [Made {
            path: "x.fits".into(),
            name: "x.fits".into(),
            tag: "MASTER_DARK".into(),
            pipeline: None,
        }];
        let expected = ["MASTER_BIAS".into()];
        assert_eq!(
            complaint(&made, &expected).unwrap(),
            "it wrote MASTER_DARK (x.fits), expected was MASTER_BIAS"
        );
        assert_eq!(
            complaint(&[], &expected).unwrap(),
            "it ended well and wrote no product, expected was MASTER_BIAS"
        );
        assert_eq!(complaint(&made, &["MASTER_DARK".into()]), None);
    }
}
