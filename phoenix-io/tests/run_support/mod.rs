//! A small instrument that works on real files: `make` turns a frame into a cube slab by slab, `sum` adds cubes.
#![allow(
    dead_code,
    unreachable_pub,
    missing_docs,
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    reason = "each test uses its share; a failed step is a failed test"
)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use ndarray::Array3;
use phoenix_core::header::Header;
use phoenix_core::id::{InstrumentId, JobId, Tag, TaskId};
use phoenix_core::plan::{InputSource, Plan, PlannedJob, Readiness, Resources};
use phoenix_core::prelude::*;
use phoenix_core::product::{Column, ColumnData, Hdu, HduData, Pixels, Product, Table};
use phoenix_core::traits::{
    CubeHdu, CubeLayout, DeliverySpec, FrameReader, InputSet, InputSpec, Outcome, ProductSink, RecipeError, RecipeSpec,
    ResourceModel, RunContext,
};
use phoenix_io::fits::{ElementType, FitsWriter, ImageSpec, WriteOptions};

/// The shape of every frame and cube here.
pub const SHAPE: [usize; 3] = [6, 8, 10];

#[derive(Debug)]
pub struct Make {
    spec: RecipeSpec,
    /// A pause between slabs, so that a test can interrupt.
    pause: Duration,
}

#[derive(Debug)]
pub struct Sum {
    spec: RecipeSpec,
}

fn spec(id: &str, input: &str, output: &str) -> RecipeSpec {
    RecipeSpec {
        id: id.into(),
        doc: "works on small cubes".into(),
        pipeline: "test/1".into(),
        inputs: vec![InputSpec {
            tag: input.into(),
            min: 1,
            max: None,
            is_main: true,
        }],
        outputs: vec![output.into()],
        params: Vec::new(),
        references: Vec::new(),
        resources: ResourceModel {
            base_bytes: 1 << 20,
            bytes_per_input_byte: 1.0,
            max_threads: 1,
        },
    }
}

fn sink_error(frame: &FrameRef) -> impl Fn(phoenix_core::traits::ReadError) -> RecipeError + '_ {
    move |source| RecipeError::Read {
        frame: frame.id.clone(),
        source,
    }
}

impl RecipeDyn for Make {
    fn spec_dyn(&self) -> &RecipeSpec {
        &self.spec
    }

    fn default_params_dyn(&self) -> serde_json::Value {
        serde_json::json!({"factor": 2.0})
    }

    fn execute_dyn(
        &self,
        inputs: &InputSet<'_>,
        _params: &serde_json::Value,
        reader: &dyn FrameReader,
        sink: &mut dyn ProductSink,
        ctx: &RunContext<'_>,
    ) -> Result<Outcome, RecipeError> {
        inputs.check(&self.spec)?;
        let frame = &inputs.frames()[0];
        let planes = reader.planes(frame, 1).map_err(sink_error(frame))?;
        let mut header = Header::new();
        header.set("PRO.CATG", "CUBE", "");
        let mut slabs = sink.begin(CubeLayout {
            tag: "CUBE".into(),
            name: "CUBE.fits".into(),
            header: header.clone(),
            reserve_cards: 40,
            hdus: ["DATA", "STAT"]
                .map(|name| CubeHdu {
                    name: name.into(),
                    shape: SHAPE,
                    header: Header::new(),
                })
                .into(),
        })?;
        let mut plane = vec![0.0; SHAPE[1] * SHAPE[2]];
        for iw in 0..SHAPE[0] {
            if ctx.cancel.is_cancelled() {
                return Err(RecipeError::Stopped);
            }
            planes.read(iw..iw + 1, &mut plane).map_err(sink_error(frame))?;
            for value in &mut plane {
                *value *= 2.0;
            }
            slabs.write(0, iw, &plane)?;
            slabs.write(1, iw, &plane)?;
            std::thread::sleep(self.pause);
        }
        header.set("QC.PLANES", SHAPE[0], "");
        slabs.finish(header)?;
        Ok(Outcome::default())
    }
}

impl RecipeDyn for Sum {
    fn spec_dyn(&self) -> &RecipeSpec {
        &self.spec
    }

    fn default_params_dyn(&self) -> serde_json::Value {
        serde_json::json!({})
    }

    fn execute_dyn(
        &self,
        inputs: &InputSet<'_>,
        _params: &serde_json::Value,
        reader: &dyn FrameReader,
        sink: &mut dyn ProductSink,
        _ctx: &RunContext<'_>,
    ) -> Result<Outcome, RecipeError> {
        inputs.check(&self.spec)?;
        let mut sum = Array3::<f32>::zeros(SHAPE);
        for frame in inputs.frames() {
            let planes = reader.planes(frame, 1).map_err(sink_error(frame))?;
            let mut cube = vec![0.0; SHAPE.iter().product()];
            planes.read(0..SHAPE[0], &mut cube).map_err(sink_error(frame))?;
            sum.iter_mut().zip(&cube).for_each(|(sum, value)| *sum += value);
        }
        sink.put(small_product("SUM", sum))?;
        Ok(Outcome::default())
    }
}

/// A product with a cube and a table.
pub fn small_product(tag: &str, cube: Array3<f32>) -> Product {
    let mut header = Header::new();
    header.set("PRO.CATG", tag, "");
    Product {
        tag: tag.into(),
        name: format!("{tag}.fits"),
        header,
        hdus: vec![
            Hdu {
                name: "DATA".into(),
                header: Header::new(),
                data: HduData::Image(Pixels::F32(Arc::new(cube))),
            },
            Hdu {
                name: "LIST".into(),
                header: Header::new(),
                data: HduData::Table(Table {
                    columns: vec![
                        Column {
                            name: "flux".into(),
                            unit: Some("adu".into()),
                            repeat: 2,
                            data: ColumnData::F64(vec![1.0, 2.0, 3.0, f64::NAN]),
                        },
                        Column {
                            name: "star".into(),
                            unit: None,
                            repeat: 1,
                            data: ColumnData::Text(vec!["HD 1".into(), "HD 20".into()]),
                        },
                    ],
                }),
            },
        ],
    }
}

#[derive(Debug)]
pub struct Chain {
    make: Make,
    sum: Sum,
}

impl Chain {
    pub fn new(pause: Duration) -> Self {
        Self {
            make: Make {
                spec: spec("make", "RAW", "CUBE"),
                pause,
            },
            sum: Sum {
                spec: spec("sum", "CUBE", "SUM"),
            },
        }
    }
}

impl Instrument for Chain {
    fn id(&self) -> InstrumentId {
        "CHAIN".into()
    }

    fn selector(&self) -> &dyn DatasetSelector {
        unreachable!("plans are made by hand here")
    }

    fn associator(&self) -> &dyn Associator {
        unreachable!("plans are made by hand here")
    }

    fn tasks(&self) -> Vec<TaskId> {
        vec!["make".into(), "sum".into()]
    }

    fn recipe(&self, task: &TaskId) -> Option<&dyn RecipeDyn> {
        match task.as_str() {
            "make" => Some(&self.make),
            "sum" => Some(&self.sum),
            _ => None,
        }
    }

    fn scorer(&self, _tag: &Tag) -> Option<&dyn QcScorer> {
        None
    }

    fn delivery(&self, _tag: &Tag, _header: &Header) -> Option<DeliverySpec> {
        None
    }

    fn ingestor(&self, _transport: Arc<dyn Ingestor>) -> Box<dyn Ingestor> {
        unreachable!("nothing is delivered here")
    }
}

/// Writes `n` frames and returns a plan that makes a cube of each and sums them.
pub fn night(folder: &Path, n: usize) -> Plan {
    let job = |id: JobId, task: &str, inputs: Vec<InputSource>| PlannedJob {
        dataset: id.as_str().into(),
        id,
        task: task.into(),
        recipe: task.into(),
        key: BTreeMap::new(),
        inputs,
        slots: Vec::new(),
        params: if task == "make" {
            serde_json::json!({"factor": 2.0})
        } else {
            serde_json::json!({})
        },
        readiness: Readiness::Ready,
        resources: Resources {
            memory_bytes: 1 << 20,
            threads: 1,
            floor_bytes: 0,
        },
    };
    let mut jobs = Vec::new();
    for n in 0..n {
        let location = frame_file(folder, n);
        let frame = FrameRef {
            id: format!("raw{n}").into(),
            tag: "RAW".into(),
            size_bytes: Some(location.metadata().unwrap().len()),
            location: location.display().to_string(),
            digest: None,
        };
        jobs.push(job(
            format!("ob{n}:make").into(),
            "make",
            vec![InputSource::Frame { frame }],
        ));
    }
    let cubes = jobs.iter().map(|job| InputSource::Job {
        job: job.id.clone(),
        tag: "CUBE".into(),
    });
    jobs.push(job("night:sum".into(), "sum", cubes.collect()));
    Plan {
        version: Plan::VERSION,
        instrument: "CHAIN".into(),
        label: "night".into(),
        jobs,
        left_out: Vec::new(),
        overlays: Vec::new(),
    }
}

/// Writes one frame, or finds it written.
pub fn frame_file(folder: &Path, n: usize) -> PathBuf {
    let path = folder.join(format!("raw{n}.fits"));
    if !path.exists() {
        let mut file = FitsWriter::create(&path, &WriteOptions::default()).unwrap();
        file.append_image(ImageSpec::header_only(Header::new())).unwrap();
        let data = file
            .append_image(ImageSpec::new(ElementType::F32, &SHAPE, Header::new()).name("DATA"))
            .unwrap();
        let values: Vec<f32> = (0..SHAPE.iter().product::<usize>())
            .map(|i| (i + 1000 * n) as f32)
            .collect();
        file.write_pixels(data, 0, &values).unwrap();
        file.finish().unwrap();
    }
    path
}

/// Returns every file below a folder with its content, by relative path.
pub fn contents(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut open = vec![folder.to_path_buf()];
    while let Some(next) = open.pop() {
        for entry in std::fs::read_dir(&next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap().display().to_string();
                found.insert(name, std::fs::read(&path).unwrap());
            }
        }
    }
    found
}
