//! Comments and grades of observing blocks, as the night log keeps them.

use phoenix_core::error::Status;
use phoenix_core::unit::Night;
use serde::{Deserialize, Serialize};

use crate::store::{Store, StoreError};

/// The observatory's verdict on an execution of an observing block.
///
/// # References
/// ESO night log legend.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Grade {
    /// Fully within the constraints.
    A,
    /// Mostly within; a constraint was violated by about a tenth.
    B,
    /// Out of constraints; the block is to be repeated.
    C,
    /// Out of constraints, considered completed.
    D,
    /// Uncertain or not applicable.
    X,
    /// None was given.
    #[default]
    #[serde(rename = "_")]
    Unset,
}

impl Grade {
    /// Tells whether the block counts as executed (A, B, D).
    pub fn is_completed(self) -> bool {
        matches!(self, Self::A | Self::B | Self::D)
    }

    /// Tells whether the data are as asked for (A, B).
    pub fn is_good(self) -> bool {
        matches!(self, Self::A | Self::B)
    }

    /// Returns the letter of the night log.
    pub fn letter(self) -> char {
        match self {
            Self::A => 'A',
            Self::B => 'B',
            Self::C => 'C',
            Self::D => 'D',
            Self::X => 'X',
            Self::Unset => '_',
        }
    }
}

/// What the night log says about one observing block.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockInfo {
    /// `OBS ID`.
    #[serde(rename = "obs_id", alias = "ob_id")]
    pub ob_id: i64,
    /// `OBS NAME`.
    #[serde(default, rename = "name", alias = "ob_name")]
    pub ob_name: String,
    /// `OBS PROG ID`.
    #[serde(default)]
    pub prog_id: String,
    /// The grade.
    #[serde(default)]
    pub grade: Grade,
    /// The observers' remarks, oldest first, kept as they wrote them: never markup, never a command.
    #[serde(default)]
    pub comments: Vec<String>,
}

/// What the night log says about a night.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NightInfo {
    /// The civil date of the evening.
    #[serde(default)]
    pub night: String,
    /// The blocks in order of execution.
    #[serde(default)]
    pub blocks: Vec<BlockInfo>,
}

/// Night information cannot be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InfoError {
    /// The file is not what it should be: mend it.
    #[error("night information {location}: {reason}")]
    Damaged {
        /// The file.
        location: String,
        /// What is wrong.
        reason: String,
    },
    /// The store does not give it.
    #[error("night information cannot be read")]
    Store(#[from] StoreError),
}

impl InfoError {
    /// Tells whether trying again can help.
    pub fn status(&self) -> Status {
        match self {
            Self::Damaged { .. } => Status::Permanent,
            Self::Store(error) => error.status(),
        }
    }
}

impl NightInfo {
    /// Returns the last word on a block; a block that was executed twice has two entries.
    pub fn block(&self, ob_id: i64) -> Option<&BlockInfo> {
        self.blocks.iter().rev().find(|block| block.ob_id == ob_id)
    }

    /// Reads the file form.
    ///
    /// # Errors
    /// If the text is not of that form; `location` names it in the message.
    pub fn from_json(text: &[u8], location: &str) -> Result<Self, InfoError> {
        serde_json::from_slice(text).map_err(|error| InfoError::Damaged {
            location: location.to_owned(),
            reason: error.to_string(),
        })
    }

    /// Returns the file form.
    pub fn to_json(&self) -> String {
        // Strings and numbers always serialise.
        serde_json::to_string_pretty(self).unwrap_or_default()
    }
}

/// Reads what the night log says about a night; empty if the store has nothing about it.
///
/// # Errors
/// If the file is damaged or the store does not answer.
pub async fn night_info(store: &Store, night: Night) -> Result<NightInfo, InfoError> {
    let key = store.layout().info(night);
    match store.read(&key).await {
        Ok(text) => NightInfo::from_json(&text, &store.address(&key)),
        Err(StoreError::NotFound { .. }) => Ok(NightInfo {
            night: night.to_string(),
            blocks: Vec::new(),
        }),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::{Grade, NightInfo, night_info};
    use crate::store::{PutOutcome, Store};

    const TEXT: &str = r#"{"night": "2016-05-01", "blocks": [
        {"obs_id": 200012345, "name": "HDFS-1", "prog_id": "60.A-9100(C)", "grade": "C",
         "comments": ["23:10 seeing 1.6 <b>bad</b>"]},
        {"obs_id": 200012345, "grade": "A"}, {"obs_id": 7, "grade": "_"}]}"#;

    #[test]
    fn the_last_execution_of_a_block_decides_its_grade() {
        let info = NightInfo::from_json(TEXT.as_bytes(), "t").expect("valid");
        assert_eq!(info.block(200_012_345).map(|block| block.grade), Some(Grade::A));
        assert_eq!(info.block(7).map(|block| block.grade), Some(Grade::Unset));
        assert_eq!(info.block(8), None);
        assert!(!Grade::C.is_completed() && Grade::D.is_completed() && !Grade::D.is_good());
        assert_eq!(NightInfo::from_json(info.to_json().as_bytes(), "t").ok(), Some(info));
    }

    #[tokio::test]
    async fn a_night_without_information_is_empty_and_a_damaged_file_is_named() {
        let store = Store::in_memory();
        let night = "2016-05-01".parse().expect("a night");
        assert!(night_info(&store, night).await.expect("empty").blocks.is_empty());
        let put = store.put_new("info/2016-05-01.json", "{\"blocks\": 3}").await;
        assert_eq!(put.ok(), Some(PutOutcome::Stored));
        let error = night_info(&store, night).await.expect_err("damaged");
        assert!(
            error.to_string().contains("memory://store/info/2016-05-01.json"),
            "{error}"
        );
    }
}
