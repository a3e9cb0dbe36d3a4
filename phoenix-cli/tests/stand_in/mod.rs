//! A stand-in for `esorex` with the recipes of one instrument: it makes small products at once, or misbehaves.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use phoenix::core::header::Header;
use phoenix::core::product::Product;
use phoenix::core::traits::Instrument;
use phoenix::io::write_product;

/// Which product of a misbehaving recipe is not its own.
pub(crate) const FOREIGN: &str = "NOT_ASKED_FOR";

/// What the recipes of an instrument make that is not delivered, and the options that its rules set.
#[derive(Debug, Default)]
struct Recipe {
    products: BTreeSet<String>,
    options: BTreeMap<String, String>,
}

fn recipes(instrument: &dyn Instrument) -> BTreeMap<String, Recipe> {
    let mut recipes: BTreeMap<String, Recipe> = BTreeMap::new();
    for task in instrument.outlined() {
        let outline = instrument.outline(&task).expect("an outline");
        let recipe = recipes.entry(outline.id.to_string()).or_default();
        let is_kept = |tag: &&phoenix::core::id::Tag| {
            let delivered = instrument.delivery(tag, &Header::new());
            delivered.is_none_or(|spec| spec.category != "SCIENCE.SPECTRUM")
        };
        recipe
            .products
            .extend(outline.outputs.iter().filter(is_kept).map(ToString::to_string));
        for option in outline.params.iter().filter(|option| !option.values.is_empty()) {
            recipe.options.insert(option.name.clone(), option.values.clone());
        }
    }
    recipes
}

fn product(category: &str) -> Product {
    let mut header = Header::new();
    for (key, value) in [
        ("PRO.CATG", category),
        ("PRO.REC1.PIPE.ID", "fake/1.2.3"),
        ("INSTRUME", "UVES"),
        ("DATE-OBS", "2016-05-02T10:00:00.000"),
    ] {
        header.set(key, value, "");
    }
    header.set("MJD-OBS", 57_510.416_666_67, "");
    Product {
        tag: category.into(),
        name: format!("{}.fits", category.to_lowercase()),
        header,
        hdus: Vec::new(),
    }
}

/// Writes the program `esorex` into a folder.
///
/// Whatever it is asked to process, it makes the products that its recipe declares. If `recipe` is asked for and the set
/// of frames names `frame`, it does `deed` instead; the deed sees `$OUT`, `$LIST`, `$SOF` and `$HERE`.
pub(crate) fn esorex(folder: &Path, instrument: &dyn Instrument, (recipe, frame, deed): (&str, &str, &str)) {
    let (mut list, mut made) = (String::new(), String::new());
    fs::create_dir_all(folder.join("made")).expect("a folder");
    write_product(folder.join("made/foreign.fits"), product(FOREIGN)).expect("written");
    for (name, known) in recipes(instrument) {
        let options: Vec<String> = known
            .options
            .iter()
            .map(|(name, value)| {
                format!(
                    r#"{{"name": "x.{name}", "value": "{value}", "valtype": "string", "partype": "value",
                    "display_name": "{name}", "description": "an option", "recipe": "x"}}"#
                )
            })
            .collect();
        fs::write(
            folder.join(format!("made/{name}.json")),
            format!("[{}]", options.join(",")),
        )
        .expect("written");
        let (mut copies, mut entries) = (String::new(), Vec::new());
        for category in &known.products {
            let product = product(category);
            let file = product.name.clone();
            let path = folder.join("made").join(&file);
            write_product(&path, product).expect("written");
            let _ = write!(copies, "cp \"$HERE/made/{file}\" \"$OUT/{file}\"; ");
            entries.push(format!(r#"{{"name": "{file}", "category": "{category}"}}"#));
        }
        let _ = writeln!(list, "echo '  {name} : A recipe.'");
        let _ = writeln!(made, "{name}) {copies} echo '[{}]' > \"$LIST\" ;;", entries.join(", "));
    }
    let text = format!(
        r#"#!/bin/sh
HERE='{here}'
for word in "$@"; do case "$word" in
  --version) echo "     ***** ESO Recipe Execution Tool, version 3.13.6  *****"; echo
    echo "Libraries used: CPL = 7.2.3, CFITSIO = 4.2.0"; exit 0;;
  --recipes) echo "List of Available Recipes :"; echo
{list}
    exit 0;;
  --man-page) ASKED=page;;
  --create-config=*) ASKED=config; CONFIG=${{word#*=}};;
  --output-dir=*) OUT=${{word#*=}};;
  --products-sof=*) LIST=${{word#*=}};;
  --*) ;;
  *.sof) SOF=$word;;
  *) RECIPE=$word;;
esac; done
case "$ASKED" in
  page) printf 'RELEASE\n  %s -- version 1.2.3\n\nLICENSE\n  This file is part of the FAKE Pipeline\n' "$RECIPE"; exit 0;;
  config) cp "$HERE/made/$RECIPE.json" "$CONFIG"; exit 0;;
esac
echo "[ INFO  ] $RECIPE: begins"
if [ "$RECIPE" = '{recipe}' ] && grep -q '{frame}' "$SOF"; then
{deed}
exit 0
fi
case "$RECIPE" in
{made}
esac
"#,
        here = folder.display()
    );
    let path = folder.join("esorex");
    fs::write(&path, text).expect("written");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("allowed");
}
