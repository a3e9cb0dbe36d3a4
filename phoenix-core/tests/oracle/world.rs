//! A random rule book with its validity table, as plain data and as text.

use std::fmt::Write;

use super::dice::Dice;
use super::scene::Scene;

/// Ticks of a day: 22.5 minutes each, so that every time is exact in binary and in milliseconds.
pub(crate) const TICKS: i64 = 64;
/// The keys that may have to agree.
pub(crate) const KEYS: [&str; 3] = ["DET.BINX", "INS.MODE", "INS.LAMP1.ST"];

/// Which in time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Rule {
    Closest,
    Next,
    Previous,
    SameNight,
    Between,
    TryBetween,
    ValidFrom,
}

impl Rule {
    fn text(self) -> &'static str {
        match self {
            Self::Closest => "closest",
            Self::Next => "next",
            Self::Previous => "previous",
            Self::SameNight => "same-night",
            Self::Between => "between",
            Self::TryBetween => "try-between",
            Self::ValidFrom => "valid-from",
        }
    }
}

/// One window of the plan, in ticks.
#[derive(Debug, Clone)]
pub(crate) struct Window {
    pub(crate) level: u8,
    pub(crate) before: i64,
    pub(crate) after: i64,
    pub(crate) since: Option<i64>,
    pub(crate) until: Option<i64>,
}

/// A condition on the candidate alone.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Own {
    None,
    ModeIsA,
    ModeIsNotA,
    ModeLikeA,
    NoLamp,
    NotBinTwo,
}

/// One slot.
#[derive(Debug, Clone)]
pub(crate) struct SlotRule {
    pub(crate) kind: usize,
    pub(crate) tag: String,
    pub(crate) min: Option<usize>,
    pub(crate) max: Option<usize>,
    pub(crate) joins: Vec<usize>,
    pub(crate) own: Own,
    /// A condition on the dataset alone: its mode must be "a".
    pub(crate) needs_mode_a: bool,
    /// Time conditions in the rule itself: later than this many ticks after the dataset, and at most that many.
    pub(crate) later_than: Option<i64>,
    pub(crate) at_most: Option<i64>,
    pub(crate) rule: Rule,
    pub(crate) windows: Vec<Window>,
    pub(crate) breakpoints: Vec<i64>,
    pub(crate) since: Option<i64>,
    pub(crate) until: Option<i64>,
    /// 0 master, 1 raw, 2 nearest, absent the book's word.
    pub(crate) prefer: Option<u8>,
}

/// A rule book.
#[derive(Debug, Clone)]
pub(crate) struct World {
    seed: u64,
    pub(crate) slots: Vec<SlotRule>,
    pub(crate) prefer: u8,
    pub(crate) unlimited_zero: bool,
}

pub(crate) const KINDS: usize = 3;

impl World {
    pub(crate) fn new(seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let slots = (0..8).map(|n| slot(&mut dice, n)).collect();
        Self {
            seed,
            slots,
            prefer: dice.pick(&[0, 0, 1, 2]),
            unlimited_zero: dice.once_in(2),
        }
    }

    pub(crate) fn scene(&self, round: u64) -> Scene<'_> {
        Scene::new(self, Dice::new(self.seed * 1000 + round), 30)
    }

    pub(crate) fn crowded(&self, n_candidates: usize) -> Scene<'_> {
        Scene::new(self, Dice::new(self.seed), n_candidates)
    }

    pub(crate) fn rules(&self) -> String {
        let mut text = String::from(
            "if PRO.CATG like \"K%\" then { DO.CATG = PRO.CATG; }\n\
             select execute(work) from inputFiles where INSTRUME == \"TOY\" and DO.CATG == \"OBJECT\";\n",
        );
        for kind in 0..KINDS {
            let _ = writeln!(
                text,
                "action make{kind} {{ recipe make{kind}; product K{kind} {{ PRO.CATG = \"K{kind}\"; }} }}"
            );
        }
        text += "action work {\n";
        for slot in &self.slots {
            for (name, limit) in [("minRet", slot.min), ("maxRet", slot.max)] {
                if let Some(limit) = limit {
                    let _ = write!(text, "{name} = {limit}; ");
                }
            }
            let _ = write!(text, "select file as {} from calibFiles where ", slot.tag);
            let key = if slot.kind == 1 { "DO.CATG" } else { "PRO.CATG" };
            let _ = write!(text, "{key} == \"K{}\"", slot.kind);
            for (n, join) in slot.joins.iter().enumerate() {
                let name = KEYS[*join];
                let _ = if n % 2 == 0 {
                    write!(text, " and inputFile.{name} == {name}")
                } else {
                    write!(text, " and {name} == inputFile.{name}")
                };
            }
            text += match slot.own {
                Own::None => "",
                Own::ModeIsA => " and INS.MODE == \"a\"",
                Own::ModeIsNotA => " and INS.MODE != \"a\"",
                Own::ModeLikeA => " and (INS.MODE like \"a%\" or INS.MODE like \"%x\")",
                Own::NoLamp => " and INS.LAMP1.ST is undefined",
                Own::NotBinTwo => " and not DET.BINX == 2",
            };
            if slot.needs_mode_a {
                text += " and inputFile.INS.MODE == \"a\"";
            }
            if let Some(ticks) = slot.later_than {
                let _ = write!(text, " and MJD-OBS > inputFile.MJD-OBS {}", signed_days(ticks));
            }
            if let Some(ticks) = slot.at_most {
                let _ = write!(text, " and inputFile.MJD-OBS {} >= MJD-OBS", signed_days(ticks));
            }
            text += ";\n";
        }
        text + "}\n"
    }

    pub(crate) fn validity(&self) -> String {
        let prefer = |prefer: u8| ["master", "raw", "nearest"][usize::from(prefer)];
        let mut text = format!(
            "instrument = \"TOY\"\nprefer = \"{}\"\nzero_max = \"{}\"\n",
            prefer(self.prefer),
            if self.unlimited_zero { "unlimited" } else { "ignore" }
        );
        for slot in &self.slots {
            let _ = writeln!(text, "[{}]\nrule = \"{}\"", slot.tag, slot.rule.text());
            let levels: Vec<String> = slot.windows.iter().map(window_text).collect();
            let _ = writeln!(text, "level = [{}]", levels.join(", "));
            let breakpoints: Vec<String> = slot.breakpoints.iter().map(|at| format!("\"{}\"", date(*at))).collect();
            let _ = writeln!(text, "breakpoints = [{}]", breakpoints.join(", "));
            for (name, at) in [("since", slot.since), ("until", slot.until)] {
                if let Some(at) = at {
                    let _ = writeln!(text, "{name} = \"{}\"", date(at));
                }
            }
            if let Some(value) = slot.prefer {
                let _ = writeln!(text, "prefer = \"{}\"", prefer(value));
            }
        }
        text
    }
}

fn days(ticks: i64) -> f64 {
    ticks as f64 / TICKS as f64
}

fn signed_days(ticks: i64) -> String {
    if ticks < 0 {
        format!("- {}", days(-ticks))
    } else {
        format!("+ {}", days(ticks))
    }
}

fn window_text(window: &Window) -> String {
    let mut text = format!(
        "{{ level = {}, before_days = {:?}, after_days = {:?}",
        window.level,
        days(window.before),
        days(window.after)
    );
    for (name, at) in [("since", window.since), ("until", window.until)] {
        if let Some(at) = at {
            let _ = write!(text, ", {name} = \"{}\"", date(at));
        }
    }
    text + " }"
}

/// Writes a time in ticks after 2014-12-09T00:00 (MJD 57000); every time of a world lies within 50 days of it.
pub(crate) fn date(ticks: i64) -> String {
    let lengths = [
        (2014, 10, 31),
        (2014, 11, 30),
        (2014, 12, 31),
        (2015, 1, 31),
        (2015, 2, 28),
    ];
    let (mut day, clock) = (ticks.div_euclid(TICKS) + 31 + 30 + 8, ticks.rem_euclid(TICKS));
    for (year, month, length) in lengths {
        if day < length {
            let seconds = clock * 1350;
            return format!(
                "{year:04}-{month:02}-{:02}T{:02}:{:02}:{:02}",
                day + 1,
                seconds / 3600,
                seconds / 60 % 60,
                seconds % 60
            );
        }
        day -= length;
    }
    panic!("tick {ticks} is outside the calendar of the test");
}

fn slot(dice: &mut Dice, n: usize) -> SlotRule {
    let rule = dice.pick(&[
        Rule::Closest,
        Rule::Closest,
        Rule::Next,
        Rule::Previous,
        Rule::SameNight,
        Rule::Between,
        Rule::TryBetween,
        Rule::ValidFrom,
    ]);
    let n_windows = if rule == Rule::ValidFrom { 0 } else { dice.below(4) };
    let windows = (0..n_windows)
        .map(|n| {
            let since = dice.once_in(6).then(|| dice.range(-300, 200));
            Window {
                level: u8::try_from(n).expect("few windows"),
                before: dice.pick(&[0, 32, 64, 128, 320]) * (n + 1),
                after: dice.pick(&[0, 32, 64, 128, 320]) * (n + 1),
                since,
                until: dice.once_in(6).then(|| since.unwrap_or(-300) + dice.range(1, 400)),
            }
        })
        .collect();
    let since = dice.once_in(8).then(|| dice.range(-300, 0));
    let min = dice.pick(&[None, Some(0), Some(1), Some(1), Some(2)]);
    SlotRule {
        kind: usize::try_from(dice.below(KINDS as i64)).expect("an index is not negative"),
        tag: format!("S{n}"),
        min,
        max: dice.pick(&[None, Some(0), Some(1), Some(1), Some(1), Some(2), Some(3)]),
        joins: (0..KEYS.len()).filter(|_| dice.once_in(3)).collect(),
        own: dice.pick(&[
            Own::None,
            Own::None,
            Own::None,
            Own::ModeIsA,
            Own::ModeIsNotA,
            Own::ModeLikeA,
            Own::NoLamp,
            Own::NotBinTwo,
        ]),
        needs_mode_a: dice.once_in(12),
        later_than: dice.once_in(6).then(|| dice.range(-300, 10)),
        at_most: dice.once_in(6).then(|| dice.range(-10, 300)),
        rule,
        windows,
        breakpoints: (0..dice.below(3)).map(|_| dice.range(-400, 400)).collect(),
        since,
        until: dice.once_in(8).then(|| since.unwrap_or(-300) + dice.range(1, 600)),
        prefer: dice.pick(&[None, None, Some(0), Some(1), Some(2)]),
    }
}
