//! A stand-in for `esorex` as a shell script, small frames, and an observer that keeps what it hears.
#![allow(
    dead_code,
    unreachable_pub,
    missing_docs,
    clippy::must_use_candidate,
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    reason = "each test uses its share; a failed step is a failed test"
)]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use phoenix_core::cancel::CancelToken;
use phoenix_core::frame::FrameRef;
use phoenix_core::header::Header;
use phoenix_core::id::JobId;
use phoenix_core::observe::{Event, Observer};
use phoenix_core::plan::Usage;
use phoenix_core::product::StoredProduct;
use phoenix_core::provenance::Record;
use phoenix_core::traits::{
    InputSet, InputSpec, RecipeDyn, RecipeError, RecipeSpec, ResourceModel, RunContext, SinkFactory,
};
use phoenix_io::fits::{ElementType, FitsWriter, ImageSpec, WriteOptions};
use phoenix_io::{DirSinks, EsorexRecipe, EsorexSettings, FitsReader, Installation};

/// Answers as `esorex` does about the one recipe `fake_bias`, and runs `deed` when it is to process.
///
/// The deed sees `$OUT` (folder of products), `$LIST` (list to write), `$SOF`, `$LOGDIR` and the recipe's options in
/// `$OPTIONS`.
pub fn fake_esorex(folder: &Path, deed: &str) -> PathBuf {
    let text = format!(
        r#"#!/bin/sh
for word in "$@"; do case "$word" in
  --version) echo "     ***** ESO Recipe Execution Tool, version 3.13.6  *****"; echo
    echo "Libraries used: CPL = 7.2.3, CFITSIO = 4.2.0"; exit 0;;
  --recipes) echo "List of Available Recipes :"; echo; echo "  fake_bias             : Make a bias."; exit 0;;
  --man-page) printf 'RELEASE\n  fake_bias -- version 1.2.3\n\nLICENSE\n  This file is part of the FAKE Pipeline\n'; ANSWERED=1;;
  --create-config=*) cat > "${{word#*=}}" <<'JSON'
[{{"name": "f.b.nifu", "value": 0, "valtype": "int", "partype": "range", "valmin": -1, "valmax": 24,
  "display_name": "nifu", "description": "the unit", "recipe": "fake_bias"}}]
JSON
    ANSWERED=1;;
  --output-dir=*) OUT=${{word#*=}};;
  --products-sof=*) LIST=${{word#*=}};;
  --log-dir=*) LOGDIR=${{word#*=}};;
  --nifu=*) OPTIONS="$OPTIONS $word";;
  *.sof) SOF=$word;;
esac; done
if [ -n "$ANSWERED" ]; then exit 0; fi
echo "[ INFO  ] fake_bias: begins with$OPTIONS and $OMP_NUM_THREADS threads"
echo "12:00:00 [ INFO  ] fake_bias: [tid=000] begins" > "$LOGDIR/esorex.log"
{deed}
"#
    );
    let path = folder.join("esorex");
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

/// A deed that copies a finished product and lists it.
pub fn making(product: &Path, name: &str, category: &str) -> String {
    format!(
        "cp '{}' \"$OUT/{name}\"; echo '[{{\"name\": \"{name}\", \"category\": \"{category}\"}}]' > \"$LIST\"",
        product.display()
    )
}

pub fn outline(recipe: &str, input: &str, outputs: &[&str]) -> RecipeSpec {
    RecipeSpec {
        id: recipe.into(),
        doc: "Makes a bias".into(),
        pipeline: "outline".into(),
        inputs: vec![InputSpec {
            tag: input.into(),
            min: 1,
            max: None,
            is_main: true,
        }],
        outputs: outputs.iter().map(|tag| (*tag).into()).collect(),
        params: Vec::new(),
        references: Vec::new(),
        resources: ResourceModel {
            base_bytes: 64 << 20,
            bytes_per_input_byte: 4.0,
            max_threads: 2,
        },
    }
}

/// Writes a small image with a category.
pub fn write_product(path: &Path, category: &str) {
    let mut header = Header::new();
    header.set("PRO.CATG", category, "");
    header.set("PRO.REC1.PIPE.ID", "fake/1.2.3", "");
    let mut file = FitsWriter::create(path, &WriteOptions::default()).unwrap();
    let image = file
        .append_image(ImageSpec::new(ElementType::F32, &[4, 5], header))
        .unwrap();
    file.write_pixels(image, 0, &[1.5_f32; 20]).unwrap();
    file.finish().unwrap();
}

#[derive(Debug, Default)]
pub struct Heard(pub Mutex<Vec<String>>);

impl Observer for Heard {
    fn on(&self, event: &Event<'_>) {
        self.0.lock().unwrap().push(format!("{event:?}"));
    }
}

impl Heard {
    pub fn has(&self, text: &str) -> bool {
        self.0.lock().unwrap().iter().any(|event| event.contains(text))
    }
}

/// What one run ended with.
pub struct Ran {
    pub result: Result<Vec<StoredProduct>, RecipeError>,
    pub usage: Usage,
    pub heard: Arc<Heard>,
}

/// How a test wants its run.
pub struct Bench {
    pub folder: tempfile::TempDir,
    pub settings: EsorexSettings,
    pub params: serde_json::Value,
    pub memory_bytes: u64,
    pub cancel: CancelToken,
}

impl Bench {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let settings = EsorexSettings {
            log_dir: Some(folder.path().join("logs")),
            ..EsorexSettings::default()
        };
        Self {
            folder,
            settings,
            params: serde_json::json!({}),
            memory_bytes: u64::MAX,
            cancel: CancelToken::new(),
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn doing(mut self, deed: &str) -> Self {
        self.settings.program = fake_esorex(self.folder.path(), deed);
        self
    }

    /// Runs the fake recipe on one frame.
    pub fn run(&self) -> Ran {
        write_product(&self.path("raw.fits"), "RAW");
        self.run_on(
            &outline("fake_bias", "BIAS", &["MASTER_BIAS"]),
            &[self.path("raw.fits")],
        )
    }

    pub fn run_on(&self, outline: &RecipeSpec, frames: &[PathBuf]) -> Ran {
        let installation = Installation::find(self.settings.clone()).unwrap();
        let recipe = EsorexRecipe::new(&installation, outline).unwrap();
        let frames: Vec<FrameRef> = frames
            .iter()
            .map(|path| frame(path, outline.inputs[0].tag.as_str()))
            .collect();
        let job = JobId::from("night:fake_bias");
        let record = record(&job, &recipe, &frames);
        let heard = Arc::new(Heard::default());
        let ctx = RunContext::new(&job, &record)
            .with_observer(heard.clone())
            .with_cancel(self.cancel.clone())
            .with_budget(2, self.memory_bytes);
        let sinks = DirSinks::new(self.path("run"));
        let mut sink = sinks.open(&job).unwrap();
        let result = recipe
            .execute_dyn(
                &InputSet::new(&frames),
                &self.params,
                &FitsReader::new(),
                sink.as_product_sink(),
                &ctx,
            )
            .and_then(|_| Ok(sink.commit(&record)?));
        Ran {
            result,
            usage: ctx.usage(),
            heard,
        }
    }

    /// Every name below the run's folder, which must be only what was committed.
    pub fn left_behind(&self) -> Vec<String> {
        let mut found = Vec::new();
        collect(&self.path("run"), &mut found);
        found.sort();
        found
    }
}

fn collect(folder: &Path, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok) {
        if entry.path().is_dir() && !entry.path().is_symlink() {
            let before = found.len();
            collect(&entry.path(), found);
            if found.len() > before || entry.file_name() == "work" {
                continue;
            }
        }
        found.push(entry.file_name().to_string_lossy().into_owned());
    }
}

pub fn frame(path: &Path, tag: &str) -> FrameRef {
    FrameRef {
        id: path.file_stem().unwrap().to_string_lossy().into_owned().into(),
        tag: tag.into(),
        location: path.display().to_string(),
        size_bytes: None,
        digest: None,
    }
}

fn record(job: &JobId, recipe: &EsorexRecipe, frames: &[FrameRef]) -> Record {
    Record {
        job: job.clone(),
        recipe: recipe.spec_dyn().id.clone(),
        pipeline: recipe.spec_dyn().pipeline.clone(),
        raw: frames.to_vec(),
        calib: Vec::new(),
        params: recipe.default_params_dyn(),
        rules: None,
        overlays: Vec::new(),
        caveats: Vec::new(),
    }
}

/// Tells whether a process lives and is no zombie.
pub fn lives(process: u32) -> bool {
    fs::read_to_string(format!("/proc/{process}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}
