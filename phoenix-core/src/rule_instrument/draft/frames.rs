//! Frames by their names and the keys that the rules name.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use crate::frame::Category;
use crate::header::{Header, Key};
use crate::rule_instrument::policy::{Named, Policy};
use crate::rules::eval::Operand;
use crate::rules::table::{ColumnStore, ColumnsError, FrameTable, ProfileId, RowId};
use crate::rules::{KeyId, Moment};

/// A draft cannot be made or changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DraftError {
    /// The columns cannot serve the rules.
    #[error(transparent)]
    Columns(#[from] ColumnsError),
    /// No frame has this name: nothing was changed.
    #[error("no frame is called {name}")]
    UnknownFrame {
        /// The name.
        name: String,
    },
}

/// What became of a frame since it was added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    In,
    Rejected,
    Replaced,
}

/// Frames by their names and the keys that the rules name.
#[derive(Debug, Clone)]
pub struct DraftFrames {
    pub(super) policy: Arc<Policy>,
    pub(super) table: FrameTable,
    /// The profile of each frame before classification.
    raw: Vec<ProfileId>,
    standings: Vec<Standing>,
    /// Every name, one after the other, and where each ends.
    names: String,
    ends: Vec<u32>,
    /// Whether all names differ and none has an underscore; `None` if that is not known.
    has_plain_names: Option<bool>,
}

/// Frames as plain columns with their names.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredFrames<'a> {
    /// The values.
    pub columns: ColumnStore<'a>,
    /// Every name, one after the other.
    pub names: String,
    /// Where each name ends.
    pub ends: Vec<u32>,
}

/// A draft's frames after classification.
pub(super) struct Classified {
    /// What each frame is to the line; `None` if it takes no part.
    pub(super) categories: Vec<Option<Category>>,
    /// Those that take part in order of time, then name.
    pub(super) rows: Vec<RowId>,
}

impl DraftFrames {
    /// Returns no frames of a policy.
    pub fn new(policy: Arc<Policy>) -> Self {
        Self {
            table: policy.table(),
            policy,
            raw: Vec::new(),
            standings: Vec::new(),
            names: String::new(),
            ends: Vec::new(),
            has_plain_names: None,
        }
    }

    /// Returns the frames of stored columns; `ends` says where each name ends in `names`.
    ///
    /// # Errors
    /// `Columns` if the policy's rules name keys that the columns lack, or the columns are damaged.
    pub fn from_store(
        policy: Arc<Policy>,
        store: ColumnStore<'_>,
        names: String,
        ends: Vec<u32>,
    ) -> Result<Self, DraftError> {
        let table = FrameTable::of_store(store, policy.book(), &policy.looked_at())?;
        let is_sound = ends.len() == table.len()
            && ends.is_sorted()
            && ends.last().copied().unwrap_or(0) as usize == names.len()
            && ends.iter().all(|end| names.is_char_boundary(*end as usize));
        if !is_sound {
            let reason = "the names do not fit the rows";
            return Err(ColumnsError::Damaged { reason }.into());
        }
        Ok(Self {
            raw: (0..table.len() as u32).map(|row| table.profile(RowId(row))).collect(),
            standings: vec![Standing::In; table.len()],
            policy,
            table,
            names,
            ends,
            has_plain_names: None,
        })
    }

    /// Returns the frames that were not replaced as plain columns; verdicts are left out.
    pub fn store(&self) -> StoredFrames<'_> {
        let is_kept = |n: &u32| self.standings.get(*n as usize) != Some(&Standing::Replaced);
        let kept: Vec<u32> = (0..self.len() as u32).filter(is_kept).collect();
        let rows = kept.iter().map(|n| {
            let profile = self.raw.get(*n as usize).copied();
            (RowId(*n), profile.unwrap_or_else(|| self.table.profile(RowId(*n))))
        });
        let rows: Vec<(RowId, ProfileId)> = rows.collect();
        let (mut names, mut ends) = (String::with_capacity(self.names.len()), Vec::with_capacity(kept.len()));
        for (row, _) in &rows {
            names.push_str(self.name(*row));
            ends.push(names.len() as u32);
        }
        StoredFrames {
            columns: self.table.store(&rows),
            names,
            ends,
        }
    }

    /// Returns the keys that the rules of the policy name: what a catalogue has to hold.
    pub fn keys(&self) -> Vec<Key> {
        self.table.keys().cloned().collect()
    }

    /// Returns the policy that the frames are classified by.
    pub fn policy(&self) -> &Arc<Policy> {
        &self.policy
    }

    /// Adds a frame by the values that the rules name and its time.
    pub fn push<'v>(
        &mut self,
        name: &str,
        values: impl IntoIterator<Item = (KeyId, Operand<'v>)>,
        moment: Option<Moment>,
    ) {
        let row = self.table.push_values(values, moment);
        self.note(name, row);
    }

    /// Adds a frame by its header.
    pub fn push_header(&mut self, name: &str, header: &Header) {
        let row = self.table.push(self.policy.book(), header);
        self.note(name, row);
    }

    fn note(&mut self, name: &str, row: RowId) {
        self.raw.push(self.table.profile(row));
        self.standings.push(Standing::In);
        self.has_plain_names = None;
        self.names.push_str(name);
        self.ends.push(self.names.len() as u32);
    }

    /// Returns the number of frames.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Tells whether there is no frame.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Returns the name of a frame.
    pub fn name(&self, row: RowId) -> &str {
        let n = row.0 as usize;
        let begin = n
            .checked_sub(1)
            .and_then(|before| self.ends.get(before))
            .copied()
            .unwrap_or(0);
        let end = self.ends.get(n).copied().unwrap_or(begin);
        self.names.get(begin as usize..end as usize).unwrap_or_default()
    }

    /// Returns the profiles before classification.
    pub(super) fn raw(&self) -> &[ProfileId] {
        &self.raw
    }

    /// Tells whether the names of all frames that were not replaced differ and have no underscore; `false` may be said of
    /// such names too.
    pub(super) fn has_plain_names(&mut self) -> bool {
        if let Some(known) = self.has_plain_names {
            return known;
        }
        let hasher = RandomState::new();
        let rows = (0..self.len()).filter(|n| self.standings.get(*n) != Some(&Standing::Replaced));
        let mut hashes: Vec<u64> = rows.map(|n| hasher.hash_one(self.name(RowId(n as u32)))).collect();
        hashes.sort_unstable();
        let is_plain = !self.names.contains('_') && hashes.array_windows::<2>().all(|[a, b]| a != b);
        self.has_plain_names = Some(is_plain);
        is_plain
    }

    /// Finds the frame of a name that was not replaced.
    fn find(&self, name: &str) -> Option<usize> {
        (0..self.len())
            .rev()
            .find(|n| self.standings.get(*n) != Some(&Standing::Replaced) && self.name(RowId(*n as u32)) == name)
    }

    /// Adds a frame in place of any of its name.
    pub(super) fn replace(&mut self, name: &str, header: &Header) {
        let had_plain_names = self.has_plain_names == Some(true);
        if let Some(standing) = self.find(name).and_then(|n| self.standings.get_mut(n)) {
            *standing = Standing::Replaced;
        }
        self.push_header(name, header);
        if had_plain_names && !name.contains('_') {
            self.has_plain_names = Some(true);
        }
    }

    /// Takes a frame out of the plan, or back into it.
    pub(super) fn set_rejected(&mut self, name: &str, is_rejected: bool) -> Result<(), DraftError> {
        let place = self.find(name).and_then(|n| self.standings.get_mut(n));
        let standing = place.ok_or_else(|| DraftError::UnknownFrame { name: name.to_owned() })?;
        *standing = if is_rejected { Standing::Rejected } else { Standing::In };
        Ok(())
    }

    /// Tells whether a frame of this name is there.
    pub(super) fn has(&self, name: &str) -> bool {
        self.find(name).is_some()
    }

    /// Tells whether other rules can be served.
    pub(super) fn check_rules(&self, policy: &Policy) -> Result<(), DraftError> {
        let lacking = self.table.lacking(policy.book(), &policy.looked_at());
        if lacking.is_empty() {
            Ok(())
        } else {
            Err(ColumnsError::LacksKeys { keys: lacking }.into())
        }
    }

    /// Takes other rules.
    pub(super) fn rebook(&mut self, policy: Arc<Policy>) -> Result<(), DraftError> {
        self.table
            .rebook(policy.book(), &policy.looked_at())
            .map_err(|keys: Vec<Key>| ColumnsError::LacksKeys { keys })?;
        self.policy = policy;
        Ok(())
    }

    /// Names every frame and puts those that take part in order.
    pub(super) fn classify(&mut self) -> Classified {
        let policy = self.policy.clone();
        let mut of_class: Vec<Option<Option<Category>>> = Vec::new();
        let mut categories: Vec<Option<Category>> = Vec::with_capacity(self.len());
        for (n, standing) in (0..).zip(&self.standings) {
            let row = RowId(n);
            if *standing != Standing::In {
                categories.push(None);
                continue;
            }
            let class = self.table.classify(policy.book(), row);
            if of_class.len() <= class.index() {
                of_class.resize(class.index() + 1, None);
            }
            let Some(known) = of_class.get_mut(class.index()) else {
                continue;
            };
            categories.push(*known.get_or_insert_with(|| {
                let assigned = self.table.class(class).map(|class| class.assigned.as_slice());
                match policy.named(&self.table.row(row), assigned.unwrap_or_default()) {
                    Named::Kind(_, category) => Some(category),
                    _ => None,
                }
            }));
        }
        let takes_part = |row: &RowId| categories.get(row.0 as usize).copied().flatten().is_some();
        let mut rows: Vec<RowId> = (0..self.len() as u32).map(RowId).filter(takes_part).collect();
        rows.sort_by(|a, b| {
            let time = |row: &RowId| self.table.moment(*row);
            time(a).cmp(&time(b)).then_with(|| self.name(*a).cmp(self.name(*b)))
        });
        Classified { categories, rows }
    }
}
