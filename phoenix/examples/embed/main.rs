//! A program that embeds PHOENIX: frames in, typed cubes and events out, no product file written.
#![expect(clippy::print_stdout, reason = "an example shows what it gets")]
mod frames;
use phoenix::core::engine::{Engine, Inline, MemoryJobs, RunIo};
use phoenix::core::observe::{Event, Observer};
use phoenix::core::{registry::Registry, traits::Selection};
use phoenix::io::{FitsReader, MemorySinks};
use std::{error::Error, sync::Arc};

#[derive(Debug)]
struct Log;
impl Observer for Log {
    fn on(&self, event: &Event<'_>) {
        println!("{event:?}");
    }
}
fn main() -> Result<(), Box<dyn Error>> {
    let mut registry = Registry::new();
    phoenix::muse::register(&mut registry)?;
    let engine = Engine::new(registry.get("MUSE")?).with_observer(Arc::new(Log));
    let (_folder, frames) = frames::of_a_night()?;
    let plan = engine.plan(frames, &Selection::new(), "embedded")?;
    let (reader, sinks, jobs) = (&FitsReader::new(), &MemorySinks::new(), &MemoryJobs::new());
    engine.execute(&plan, &RunIo { reader, sinks, jobs }, &Inline)?;
    for job in &plan.jobs {
        let cube = sinks.product(&job.id, "DATACUBE_FINAL").ok_or("no cube was made")?;
        println!("{}: {:?}", job.id, cube.planes("DATA").map(|planes| planes.shape()));
    }
    Ok(())
}
