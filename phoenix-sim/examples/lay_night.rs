//! Lays a simulated night down in a folder: `lay_night uves-blue|uves-red|giraffe small|full SEED DIR`.

use std::error::Error;
use std::path::Path;

use phoenix_sim::night::{self, ArchiveFile, Content, FrameSize};

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [night, size, seed, folder] = words.as_slice() else {
        return Err("four words are needed: night, size, seed, folder".into());
    };
    let size = if size == "full" {
        FrameSize::Full
    } else {
        FrameSize::Small
    };
    let seed = seed.parse()?;
    let (files, truth) = match night.as_str() {
        "uves-blue" => parts(night::uves_blue(seed, size))?,
        "uves-red" => parts(night::uves_red(seed, size))?,
        "giraffe" => parts(night::giraffe(seed, size))?,
        _ => return Err("the night is uves-blue, uves-red or giraffe".into()),
    };
    let folder = Path::new(folder);
    for file in files {
        let path = folder.join(&file.path);
        std::fs::create_dir_all(path.parent().ok_or("no folder")?)?;
        match file.content {
            Content::Product(product) => phoenix_io::write_product(&path, product)?,
            Content::Text(text) => std::fs::write(&path, text)?,
            _ => {}
        }
    }
    std::fs::write(folder.join("truth.json"), truth)?;
    Ok(())
}

fn parts<T: serde::Serialize>(
    night: night::SimulatedNight<T>,
) -> Result<(Vec<ArchiveFile>, String), serde_json::Error> {
    Ok((night.files, serde_json::to_string(&night.truth)?))
}
