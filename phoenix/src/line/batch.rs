//! A batch that is no date: the science of one programme run or target, across nights.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use phoenix_archive::frames::nights;
use phoenix_archive::store::Store;
use phoenix_core::dataset::LeftOut;
use phoenix_core::frame::{Category, ClassifiedFrame, Frame};
use phoenix_core::header::{Header, Key};
use phoenix_core::id::FrameId;
use phoenix_core::unit::Night;
use serde::{Deserialize, Serialize};

use super::{LineError, Nights, Settings};
use crate::choice::SettingError;
use crate::controls::Controls;

/// Where a value without a key is looked for: programme run, then target.
const KEYS: [&str; 3] = ["OBS.PROG.ID", "OBS.TARG.NAME", "OBJECT"];

/// Where a target's name stands.
const TARGET_KEYS: &str = "OBS.TARG.NAME|OBJECT";
/// Where a programme run stands.
const RUN_KEY: &str = "OBS.PROG.ID";

/// What a batch selects science by: `KEY=VALUE`, `KEY|KEY=VALUE` where any of the keys may hold it, or a value alone, which
/// names a programme run or a target.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct BatchKey {
    key: Option<String>,
    value: String,
}

impl BatchKey {
    /// Tells whether a header is of the batch; case and blanks around the value do not count.
    pub fn holds(&self, header: &Header) -> bool {
        self.keys()
            .any(|key| value_of(header, key).is_some_and(|value| value.eq_ignore_ascii_case(&self.value)))
    }

    /// Returns the batch of a target by its name, as the block or the header calls it.
    ///
    /// # Errors
    /// If the name is empty.
    pub fn target(name: &str) -> Result<Self, SettingError> {
        format!("{TARGET_KEYS}={name}").parse()
    }

    /// Returns the batch of a programme run.
    ///
    /// # Errors
    /// If the name is empty.
    pub fn run(id: &str) -> Result<Self, SettingError> {
        format!("{RUN_KEY}={id}").parse()
    }

    /// Returns how people call it: a target, a run, or what it is written as.
    pub fn title(&self) -> String {
        match self.key.as_deref() {
            Some(TARGET_KEYS) => format!("target {}", self.value),
            Some(RUN_KEY) => format!("run {}", self.value),
            _ => self.to_string(),
        }
    }

    fn keys(&self) -> impl Iterator<Item = &str> {
        let own = self.key.as_deref();
        own.into_iter()
            .flat_map(|keys| keys.split('|'))
            .chain(KEYS.into_iter().filter(move |_| own.is_none()))
    }

    /// Splits off the science that is neither of the batch nor named to go along; calibrations serve every batch.
    pub(super) fn restrict(
        &self,
        frames: Vec<Frame>,
        also: &BTreeSet<FrameId>,
        classify: impl Fn(&Frame) -> Option<ClassifiedFrame>,
    ) -> (Vec<Frame>, Vec<LeftOut>) {
        let mut left_out = Vec::new();
        let mut kept = Vec::new();
        for frame in frames {
            let named = classify(&frame);
            let is_science = named.as_ref().is_some_and(|named| named.category == Category::Science);
            let header = named.as_ref().map_or(&frame.header, |named| &named.frame.header);
            if is_science && !self.holds(header) && !also.contains(&frame.id) {
                left_out.push(LeftOut::info(frame.id, format!("it is not of batch {self}")));
            } else {
                kept.push(frame);
            }
        }
        (kept, left_out)
    }

    /// Returns the values that science frames have where this batch looks, in order.
    pub(super) fn seen<'f>(&self, frames: impl Iterator<Item = &'f Frame>) -> Vec<String> {
        let values: BTreeSet<String> = frames
            .flat_map(|frame| self.keys().filter_map(|key| value_of(&frame.header, key)))
            .collect();
        values.into_iter().collect()
    }
}

fn value_of(header: &Header, key: &str) -> Option<String> {
    let value = header.get(Key::new(key))?.display();
    let value = value.trim();
    (!value.is_empty()).then(|| value.to_owned())
}

impl fmt::Display for BatchKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.key {
            Some(key) => write!(f, "{key}={}", self.value),
            None => f.write_str(&self.value),
        }
    }
}

impl FromStr for BatchKey {
    type Err = SettingError;

    fn from_str(text: &str) -> Result<Self, SettingError> {
        let (key, value) = match text.split_once('=') {
            Some((keys, value)) => {
                let keys: Vec<String> = keys
                    .split('|')
                    .map(|key| Key::new(key.trim()).short().to_owned())
                    .collect();
                (Some(keys.join("|")), value)
            }
            None => (None, text),
        };
        let value = value.trim();
        if value.is_empty() || key.as_ref().is_some_and(String::is_empty) {
            return Err(SettingError::new(text, "batch key (run or target, or KEY=VALUE)"));
        }
        Ok(Self {
            key,
            value: value.to_owned(),
        })
    }
}

impl From<BatchKey> for String {
    fn from(batch: BatchKey) -> Self {
        batch.to_string()
    }
}

impl TryFrom<String> for BatchKey {
    type Error = SettingError;

    fn try_from(text: String) -> Result<Self, SettingError> {
        text.parse()
    }
}

/// Narrows the nights of a batch to those that the store has; of a flat store every time counts.
pub(super) fn with_known_nights(
    store: &Store,
    settings: &Settings,
    controls: &Controls,
) -> Result<Settings, LineError> {
    let mut settings = settings.clone();
    if settings.batch.is_none() || settings.nights != Nights::all() {
        return Ok(settings);
    }
    let names = phoenix_archive::wait_unless_stopped(nights(store, &settings.instrument), &controls.cancel)?
        .ok_or(LineError::Stopped)?
        .map_err(|source| LineError::Store {
            location: settings.archive.clone(),
            source,
        })?;
    let known: Vec<Night> = names.iter().filter_map(|name| name.parse().ok()).collect();
    if let (Some(first), Some(last)) = (known.iter().min(), known.iter().max()) {
        settings.nights = Nights::between(*first, *last).unwrap_or(settings.nights);
    }
    Ok(settings)
}

#[cfg(test)]
mod tests {
    use phoenix_core::header::Header;

    use super::BatchKey;

    #[test]
    fn a_value_alone_names_a_run_or_a_target_and_a_key_names_itself() -> Result<(), super::SettingError> {
        let mut header = Header::new();
        header.set("OBS.PROG.ID", "60.A-9100(C)", "");
        header.set("OBS.TARG.NAME", "HDFS ", "");
        header.set("INS.MODE", "WFM-NOAO-N", "");
        for (text, holds) in [
            ("60.A-9100(C)", true),
            ("hdfs", true),
            ("HDFN", false),
            ("OBS.TARG.NAME=HDFS", true),
            ("OBS.PROG.ID=HDFS", false),
            ("INS.MODE = WFM-NOAO-N", true),
            ("OBJECT | OBS.TARG.NAME = HDFS", true),
            ("OBJECT|INS.MODE=HDFS", false),
        ] {
            let batch: BatchKey = text.parse()?;
            assert_eq!(batch.holds(&header), holds, "{text}");
            assert_eq!(String::from(batch.clone()).parse(), Ok(batch));
        }
        assert!("".parse::<BatchKey>().is_err() && "OBJECT=".parse::<BatchKey>().is_err());
        Ok(())
    }
}
