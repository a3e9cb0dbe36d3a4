//! The command line, as `design/house.md` section 7 fixes it.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use phoenix::choice::{BlockSource, Mode, Numerics, ReviewPolicy};
use phoenix::line::{BatchKey, Step};

/// ESO's science-grade production line: from a night's frames to archived, quality-controlled products.
#[derive(Debug, Parser)]
#[command(name = "phoenix", version, max_term_width = 100, disable_help_subcommand = true, after_help = EXIT_CODES)]
pub(crate) struct Cli {
    /// How answers are printed.
    #[command(flatten)]
    pub(crate) output: Output,
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXIT_CODES: &str = "Exit codes: 0 all good; 1 it ran to the end and something failed, is incomplete or was found \
    wrong; 2 usage, configuration or unreadable input, nothing started; 130 stopped by a signal.";

/// How answers are printed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Args)]
pub(crate) struct Output {
    /// Print one JSON document on standard output, and events as JSON lines on standard error
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Print nothing unless something is wrong
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,
}

impl Output {
    /// Finds the output options before anything else is read, so that errors of usage obey them too.
    pub(crate) fn scan(words: &[String]) -> Self {
        let options = || words.iter().take_while(|word| *word != "--");
        Self {
            json: options().any(|word| word == "--json"),
            quiet: options().any(|word| word == "--quiet" || word == "-q"),
        }
    }
}

/// What a command may take from the machine.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Args)]
pub(crate) struct Machine {
    /// Resident memory that may be used, e.g. 800M or 2GiB [default: half of what the process may use]
    #[arg(long, value_name = "SIZE", value_parser = crate::size::parse)]
    pub(crate) memory: Option<u64>,
    /// Threads that may be used [default: all cores]
    #[arg(long, value_name = "N", value_parser = threads)]
    pub(crate) threads: Option<usize>,
}

/// Reads a number of threads.
pub(crate) fn threads(text: &str) -> Result<usize, String> {
    text.parse()
        .ok()
        .filter(|threads| *threads > 0)
        .ok_or_else(|| format!("{text:?} is no number of threads from 1 on"))
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Simulate a small MUSE night, run the whole line on it and compare with the truth
    Demo(DemoArgs),
    /// Run one recipe on a set of frames, as `esorex NAME SOF` does
    #[command(
        override_usage = "phoenix recipe NAME SOF [--PARAM=VALUE ...] [--numerics=eso|phoenix] [--out DIR]\n       \
        phoenix recipe --list\n       phoenix recipe NAME --help"
    )]
    Recipe,
    /// Show what `run` would do with the same options; writes nothing
    Plan(RunArgs),
    /// Run the line on one or more nights: select, process, score, review, convert, ingest
    Run(RunArgs),
    /// Stack all exposures of a target or run across blocks and nights: group, align, weigh, combine
    Deep(DeepArgs),
    /// Work a month of the current stream, once its calibrations are certified or given up
    Stream(StreamArgs),
    /// Bring historical association blocks into a store, or compare two
    #[command(subcommand)]
    Ab(AbCommand),
    /// Show how far a run has come
    Status(FolderArgs),
    /// Continue a run that was stopped or killed
    Resume(ResumeArgs),
    /// List products that wait for a decision, or accept and reject them
    Review(ReviewArgs),
    /// Forget the results of jobs, so that the next `resume` makes them anew
    Redo(RedoArgs),
    /// Tell which recipes can be run here and which are missing
    Doctor(DoctorArgs),
    /// Set two runs side by side: plan, parameters, scores, products
    Compare(CompareArgs),
    /// Check rule books, or tell what they make of a frame
    #[command(subcommand)]
    Rules(RulesCommand),
    /// Check files against the archive's science-data-product standard
    #[command(subcommand)]
    Sdp(SdpCommand),
}

/// Options of `demo`.
#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// Folder for archive and run; absent or empty
    #[arg(long, value_name = "DIR", default_value = "phoenix-out")]
    pub(crate) out: PathBuf,
    /// Seed of the simulated night
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,
    /// What may be taken from the machine
    #[command(flatten)]
    pub(crate) machine: Machine,
}

/// Options of `run` and `plan`.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("when").required(true).multiple(true).args(["night", "from", "month", "batch"]))]
pub(crate) struct RunArgs {
    /// Instrument, e.g. MUSE
    #[arg(long, value_name = "NAME", required_unless_present = "project")]
    pub(crate) instrument: Option<String>,
    /// Project file: instrument, mode, backends, parameters, review, stores
    #[arg(long, value_name = "FILE")]
    pub(crate) project: Option<PathBuf>,
    /// Night, named by the date of its evening
    #[arg(long, value_name = "YYYY-MM-DD", conflicts_with_all = ["from", "month"])]
    pub(crate) night: Option<String>,
    /// First of several nights
    #[arg(long, value_name = "YYYY-MM-DD", requires = "to", conflicts_with = "month")]
    pub(crate) from: Option<String>,
    /// Last of several nights
    #[arg(long, value_name = "YYYY-MM-DD", requires = "from")]
    pub(crate) to: Option<String>,
    /// All nights of a month
    #[arg(long, value_name = "YYYY-MM")]
    pub(crate) month: Option<String>,
    /// Science of a programme run or target across nights, or KEY=VALUE of its headers; mode DEEP
    #[arg(long, value_name = "KEY")]
    pub(crate) batch: Option<BatchKey>,
    /// Store that is read: a path, file:// or s3://
    #[arg(long, value_name = "URL", required_unless_present = "project")]
    pub(crate) archive: Option<String>,
    /// Store that receives the products [default: the archive]
    #[arg(long, value_name = "URL")]
    pub(crate) deliver_to: Option<String>,
    /// Who decides what is delivered: none, auto (all green), manual [default: auto]
    #[arg(long, value_name = "POLICY")]
    pub(crate) review: Option<ReviewPolicy>,
    /// Arithmetic: phoenix, or eso (equal to ESO's pipeline, its defects included) [default: phoenix]
    #[arg(long, value_name = "NUMERICS")]
    pub(crate) numerics: Option<Numerics>,
    /// Kind of batch: IDP (science with archived masters), MCALIB (masters anew, judged by stored scores), COMPLETE
    /// (masters, then science), DEEP (science of --batch across nights)
    #[arg(long, value_name = "MODE")]
    pub(crate) mode: Option<Mode>,
    /// Backend that executes the recipes: native, esorex; or that of one task, TASK=NAME [default: native]
    #[arg(long, value_name = "[TASK=]NAME")]
    pub(crate) backend: Vec<String>,
    /// Where jobs come from: make (rules alone), fetch (the store's association blocks alone), prefer (blocks where
    /// there are any), optimise (blocks, with better calibrations where the rules find them) [default: prefer]
    #[arg(long = "ab", value_name = "SOURCE")]
    pub(crate) blocks: Option<BlockSource>,
    /// State of earlier runs (state.db): what jobs took, and in mode MCALIB the scores that masters are judged by
    #[arg(long, value_name = "FILE")]
    pub(crate) history: Option<PathBuf>,
    /// Parameter of a recipe, RECIPE.NAME=VALUE; may be given many times
    #[arg(long = "param", value_name = "RECIPE.NAME=VALUE")]
    pub(crate) params: Vec<String>,
    /// Do only this step, on what earlier steps left in DIR
    #[arg(long, value_name = "STEP")]
    pub(crate) step: Option<Step>,
    /// Do only this job; may be given many times
    #[arg(long = "job", value_name = "ID")]
    pub(crate) jobs: Vec<String>,
    /// Show what would be done and write nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// With `plan`: tell for a job every candidate calibration and the first rule that refused it
    #[arg(long, value_name = "JOB")]
    pub(crate) explain: Option<String>,
    /// Name of an exploratory run; it gets a folder of that name below --out, for `compare`
    #[arg(long, value_name = "NAME", value_parser = label)]
    pub(crate) label: Option<String>,
    /// Folder of the run
    #[arg(long, value_name = "DIR", default_value = "phoenix-out")]
    pub(crate) out: PathBuf,
    /// What may be taken from the machine
    #[command(flatten)]
    pub(crate) machine: Machine,
}

impl RunArgs {
    /// Returns the folder of the run.
    pub(crate) fn folder(&self) -> PathBuf {
        self.label
            .as_ref()
            .map_or_else(|| self.out.clone(), |label| self.out.join(label))
    }
}

/// Reads a label: a name that can be a folder.
fn label(text: &str) -> Result<String, String> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if !text.is_empty() && !text.starts_with('.') && text.chars().all(is_plain) {
        Ok(text.to_owned())
    } else {
        Err(format!(
            "{text:?} is no label: letters, digits, dashes, underscores and dots"
        ))
    }
}

/// Options of `deep`.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("what").required(true).args(["target", "run"]))]
pub(crate) struct DeepArgs {
    /// Target, as the blocks or the headers name it, across runs and nights
    #[arg(long, value_name = "NAME")]
    pub(crate) target: Option<String>,
    /// Programme run, with every target of it
    #[arg(long, value_name = "ID")]
    pub(crate) run: Option<String>,
    /// Instrument
    #[arg(long, value_name = "NAME", default_value = "MUSE")]
    pub(crate) instrument: String,
    /// Project file: rules, overlays, parameters, review, stores; of mode DEEP
    #[arg(long, value_name = "FILE")]
    pub(crate) project: Option<PathBuf>,
    /// First of several nights [default: every night of the store]
    #[arg(long, value_name = "YYYY-MM-DD", requires = "to")]
    pub(crate) from: Option<String>,
    /// Last of several nights
    #[arg(long, value_name = "YYYY-MM-DD", requires = "from")]
    pub(crate) to: Option<String>,
    /// Store that is read: a path, file:// or s3://
    #[arg(long, value_name = "URL", required_unless_present = "project")]
    pub(crate) archive: Option<String>,
    /// Store that receives the products [default: the archive]
    #[arg(long, value_name = "URL")]
    pub(crate) deliver_to: Option<String>,
    /// Farthest that an exposure may lie from the nearest other one of its group [default: 45, narrow field 5.6]
    #[arg(long, value_name = "ARCSEC")]
    pub(crate) max_separation: Option<f64>,
    /// Farthest that two exposures of a group may lie from each other [default: 120, narrow field 15]
    #[arg(long, value_name = "ARCSEC")]
    pub(crate) max_diameter: Option<f64>,
    /// Take exposures of other names and runs too that lie within the limits of a group
    #[arg(long)]
    pub(crate) nearby: bool,
    /// Grades of blocks that are taken, _ for none
    #[arg(long, value_name = "LIST", value_delimiter = ',', default_value = "A,B,D,_")]
    pub(crate) grades: Vec<String>,
    /// Worst seeing by the header that is taken [default: any]
    #[arg(long, value_name = "ARCSEC")]
    pub(crate) max_fwhm: Option<f64>,
    /// Take this instrument mode alone, e.g. WFM-AO-N [default: each mode by itself]
    #[arg(long, value_name = "MODE")]
    pub(crate) ins_mode: Option<String>,
    /// Leave out exposures that are unlike the others by more than so many robust sigmas; 0 keeps all [default: 4]
    #[arg(long, value_name = "SIGMA")]
    pub(crate) clip: Option<f64>,
    /// Measure neither offsets nor quality: trust headers and offset lists of the archive
    #[arg(long)]
    pub(crate) no_align: bool,
    /// Who decides what is delivered: none, auto (all green), manual [default: auto]
    #[arg(long, value_name = "POLICY")]
    pub(crate) review: Option<ReviewPolicy>,
    /// Arithmetic: phoenix, or eso (equal to ESO's pipeline, its defects included) [default: phoenix]
    #[arg(long, value_name = "NUMERICS")]
    pub(crate) numerics: Option<Numerics>,
    /// Backend that executes the recipes: native, esorex; or that of one task, TASK=NAME [default: native]
    #[arg(long, value_name = "[TASK=]NAME")]
    pub(crate) backend: Vec<String>,
    /// State of earlier runs (state.db): what jobs took, and exposures whose own product was rejected are left out
    #[arg(long, value_name = "FILE")]
    pub(crate) history: Option<PathBuf>,
    /// Parameter of a recipe, RECIPE.NAME=VALUE; may be given many times
    #[arg(long = "param", value_name = "RECIPE.NAME=VALUE")]
    pub(crate) params: Vec<String>,
    /// Tell which exposures become one product and why, and write nothing
    #[arg(long, visible_alias = "dry-run")]
    pub(crate) explain: bool,
    /// Folder of the run
    #[arg(long, value_name = "DIR", default_value = "phoenix-out")]
    pub(crate) out: PathBuf,
    /// What may be taken from the machine
    #[command(flatten)]
    pub(crate) machine: Machine,
}

/// Options of `stream`.
#[derive(Debug, Args)]
pub(crate) struct StreamArgs {
    /// Wait no longer for a kind of calibration, in one night or in all; may be given many times, with --because
    #[arg(long, value_name = "[NIGHT:]KIND", requires = "because")]
    pub(crate) give_up: Vec<String>,
    /// Why it is given up, kept with the decision
    #[arg(long, value_name = "TEXT", requires = "give_up")]
    pub(crate) because: Option<String>,
    /// What is to be run
    #[command(flatten)]
    pub(crate) run: RunArgs,
}

/// The commands of `ab`.
#[derive(Debug, Subcommand)]
pub(crate) enum AbCommand {
    /// Put blocks into a store, byte for byte, where runs find them
    Import(AbImportArgs),
    /// Tell how two blocks, or two folders of blocks, differ: calibrations with both levels, then the rest
    Compare(AbCompareArgs),
}

/// Options of `ab import`.
#[derive(Debug, Args)]
pub(crate) struct AbImportArgs {
    /// Store that receives the blocks
    #[arg(long, value_name = "URL")]
    pub(crate) archive: String,
    /// Blocks
    #[arg(value_name = "FILE", required = true)]
    pub(crate) files: Vec<PathBuf>,
}

/// Options of `ab compare`.
#[derive(Debug, Args)]
pub(crate) struct AbCompareArgs {
    /// The old block, or a folder of blocks
    #[arg(value_name = "OLD")]
    pub(crate) old: PathBuf,
    /// The new one
    #[arg(value_name = "NEW")]
    pub(crate) new: PathBuf,
}

/// The folder of a run.
#[derive(Debug, Args)]
pub(crate) struct FolderArgs {
    /// Folder of the run
    #[arg(value_name = "DIR", default_value = "phoenix-out")]
    pub(crate) out: PathBuf,
}

/// Options of `resume`.
#[derive(Debug, Args)]
pub(crate) struct ResumeArgs {
    /// Folder of the run
    #[arg(value_name = "DIR", default_value = "phoenix-out")]
    pub(crate) out: PathBuf,
    /// Try again what failed before
    #[arg(long)]
    pub(crate) retry: bool,
    /// What may be taken from the machine
    #[command(flatten)]
    pub(crate) machine: Machine,
}

/// Options of `redo`.
#[derive(Debug, Args)]
pub(crate) struct RedoArgs {
    /// Jobs to do again
    #[arg(value_name = "JOB", required = true)]
    pub(crate) jobs: Vec<String>,
    /// Also everything that was made from their results
    #[arg(long)]
    pub(crate) downstream: bool,
    /// Folder of the run
    #[arg(long, value_name = "DIR", default_value = "phoenix-out")]
    pub(crate) out: PathBuf,
}

/// Options of `doctor`.
#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    /// Instrument; all that are built in if it is not given
    #[arg(long, value_name = "NAME")]
    pub(crate) instrument: Option<String>,
    /// Backend that is asked about: native, esorex; or that of one task, TASK=NAME
    #[arg(long, value_name = "[TASK=]NAME")]
    pub(crate) backend: Vec<String>,
    /// Folder where products are to go
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub(crate) out: PathBuf,
}

/// Options of `compare`.
#[derive(Debug, Args)]
pub(crate) struct CompareArgs {
    /// The first run: a label below --out, or a folder
    #[arg(value_name = "A")]
    pub(crate) first: String,
    /// The second run
    #[arg(value_name = "B")]
    pub(crate) second: String,
    /// Folder of labelled runs
    #[arg(long, value_name = "DIR", default_value = "phoenix-out")]
    pub(crate) out: PathBuf,
}

/// Options of `review`.
#[derive(Debug, Args)]
pub(crate) struct ReviewArgs {
    /// Folder of the run
    #[arg(value_name = "DIR", default_value = "phoenix-out")]
    pub(crate) out: PathBuf,
    /// Job to accept; may be given many times
    #[arg(long, value_name = "ID")]
    pub(crate) accept: Vec<String>,
    /// Job to reject; may be given many times
    #[arg(long, value_name = "ID")]
    pub(crate) reject: Vec<String>,
    /// Why, kept with the decision
    #[arg(long, value_name = "TEXT")]
    pub(crate) because: Option<String>,
}

/// The commands of `rules`.
#[derive(Debug, Subcommand)]
pub(crate) enum RulesCommand {
    /// Lint rule books; one line per finding: `FILE:LINE:COLUMN: severity: rule-id: KEYWORD: message`
    Check(RulesCheckArgs),
    /// Tell the kind of a frame, and with --rules which conditions hold and which do not
    Explain(RulesExplainArgs),
}

/// Options of `rules check`.
#[derive(Debug, Args)]
pub(crate) struct RulesCheckArgs {
    /// Folder of ESO dictionaries against which keywords are checked
    #[arg(long, value_name = "DIR")]
    pub(crate) dic: Option<PathBuf>,
    /// Instrument that the books are of [default: the first word of the file name]
    #[arg(long, value_name = "NAME")]
    pub(crate) instrument: Option<String>,
    /// Rule books; a `validity.toml` beside one is read with it
    #[arg(value_name = "FILE", required = true)]
    pub(crate) files: Vec<PathBuf>,
}

/// Options of `rules explain`.
#[derive(Debug, Args)]
pub(crate) struct RulesExplainArgs {
    /// Rule book to explain by; the instruments that are built in are asked if it is not given
    #[arg(long, value_name = "FILE")]
    pub(crate) rules: Option<PathBuf>,
    /// Frame, or a file with its header alone
    #[arg(value_name = "FRAME")]
    pub(crate) frame: PathBuf,
}

/// The commands of `sdp`.
#[derive(Debug, Subcommand)]
pub(crate) enum SdpCommand {
    /// Check files; one line per finding: `FILE:PLACE: severity: rule-id: KEYWORD: message`
    Validate(ValidateArgs),
}

/// Options of `sdp validate`.
#[derive(Debug, Args)]
pub(crate) struct ValidateArgs {
    /// How strictly: strict, tolerant
    #[arg(long, value_name = "PROFILE", default_value = "strict", value_parser = ["strict", "tolerant"])]
    pub(crate) profile: String,
    /// Files or folders
    #[arg(value_name = "PATH", required = true)]
    pub(crate) paths: Vec<PathBuf>,
}
