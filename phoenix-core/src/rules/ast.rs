//! The rule book as types: what ESO's Organisation, Classification, Association language says, with its comments.

use crate::header::Key;

/// Where a rule or a key stands in its text, both counted from 1.
///
/// Two trees are equal when they say the same, wherever it stands: places never differ.
#[derive(Debug, Clone, Copy, Default)]
pub struct Place {
    /// The line.
    pub line: u32,
    /// The column in characters.
    pub column: u32,
}

impl PartialEq for Place {
    fn eq(&self, _other: &Self) -> bool {
        true
    }
}

impl Eq for Place {}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// The lines of comment that belong to a statement, without the slashes.
pub type Comments = Vec<Box<str>>;

/// A whole rule book.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RuleText {
    /// The rules in order.
    pub items: Vec<Item>,
    /// The comments after the last rule.
    pub comments: Comments,
    /// Slips of the pen that were read as they were meant.
    pub repairs: Vec<Repair>,
}

/// A slip that the parser mends because the shipped files of ESO contain it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repair {
    /// Where.
    pub place: Place,
    /// What was read as what.
    pub what: String,
}

/// One rule.
#[derive(Debug, Clone, PartialEq)]
pub enum Item {
    /// A classification rule.
    If(IfRule),
    /// What starts a task.
    Execute(Execute),
    /// What a task needs and makes.
    Action(Action),
}

/// `if CONDITION then { KEY = VALUE; … }`.
#[derive(Debug, Clone, PartialEq)]
pub struct IfRule {
    /// The comments above it and inside its condition.
    pub comments: Comments,
    /// Where it stands.
    pub place: Place,
    /// When it applies.
    pub condition: Expr,
    /// What it sets.
    pub block: Block,
}

/// Assignments in braces.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Block {
    /// The assignments in order.
    pub assigns: Vec<Assign>,
    /// The comments before the closing brace.
    pub comments: Comments,
}

/// `KEY = VALUE;`.
#[derive(Debug, Clone, PartialEq)]
pub struct Assign {
    /// The comments above it.
    pub comments: Comments,
    /// The key that is set.
    pub key: KeyName,
    /// What it is set to.
    pub value: Expr,
}

/// `minRet` and `maxRet` before a selection.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Bounds {
    /// Fewest files.
    pub min: Option<u32>,
    /// Most files.
    pub max: Option<u32>,
}

/// Where a selection looks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// The frames to be worked.
    InputFiles,
    /// The calibrations, made or to be made.
    CalibFiles,
    /// The raw frames, whatever their kind.
    RawFiles,
}

/// `select execute(TASK) from inputFiles where CONDITION group by KEY, …;`.
#[derive(Debug, Clone, PartialEq)]
pub struct Execute {
    /// The comments above it and inside its condition.
    pub comments: Comments,
    /// Where it stands.
    pub place: Place,
    /// How many frames it takes.
    pub bounds: Bounds,
    /// The task.
    pub task: Box<str>,
    /// Where the frames come from.
    pub source: Source,
    /// Which frames start it.
    pub condition: Expr,
    /// The keys whose values hold one dataset together; empty if none are given.
    pub group_by: Vec<KeyName>,
    /// The template clause `as (NAME, suffix)`.
    pub template: Option<(Box<str>, Box<str>)>,
}

/// `action TASK { … }`.
#[derive(Debug, Clone, PartialEq)]
pub struct Action {
    /// The comments above it.
    pub comments: Comments,
    /// Where it stands.
    pub place: Place,
    /// The task.
    pub task: Box<str>,
    /// What it says, in order.
    pub parts: Vec<Part>,
    /// The comments before the closing brace.
    pub closing: Comments,
}

/// One statement of an action.
#[derive(Debug, Clone, PartialEq)]
pub enum Part {
    /// A calibration slot.
    Select(SelectFile),
    /// Which recipe runs, with its options.
    Recipe(RecipeCall),
    /// A product that the task makes.
    Product(ProductRule),
    /// `minRet` or `maxRet` with no selection behind it: it bounds nothing.
    Bounds {
        /// The comments above it.
        comments: Comments,
        /// The numbers.
        bounds: Bounds,
    },
    /// How urgent it is.
    Priority {
        /// The comments above it.
        comments: Comments,
        /// The number.
        value: u32,
    },
}

/// `select file as TAG from calibFiles where CONDITION;`.
#[derive(Debug, Clone, PartialEq)]
pub struct SelectFile {
    /// The comments above it and inside its condition.
    pub comments: Comments,
    /// Where it stands.
    pub place: Place,
    /// How many files it takes.
    pub bounds: Bounds,
    /// The kind that the files are to the recipe.
    pub tag: Box<str>,
    /// Where the files come from.
    pub source: Source,
    /// Which files fit.
    pub condition: Expr,
}

/// `recipe NAME { "--option=value"; … }`.
#[derive(Debug, Clone, PartialEq)]
pub struct RecipeCall {
    /// The comments above it and inside it.
    pub comments: Comments,
    /// Where it stands.
    pub place: Place,
    /// The recipe.
    pub name: Box<str>,
    /// Its options as written.
    pub options: Vec<Box<str>>,
}

/// `product NAME { KEY = VALUE; … }`.
#[derive(Debug, Clone, PartialEq)]
pub struct ProductRule {
    /// The comments above it.
    pub comments: Comments,
    /// Where it stands.
    pub place: Place,
    /// The name.
    pub name: Box<str>,
    /// The header keys of the product.
    pub block: Block,
}

/// Whose header a key is looked up in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scope {
    /// The frame at hand: the one to be classified, or the candidate.
    This,
    /// The first main frame of the dataset, `inputFile.`.
    Input,
    /// The last file of a template, `LF.`.
    Last,
    /// What is happening, `SIG.`: `SIG.FRAME` for each frame, `SIG.TEMPLATE` for a finished template.
    Signal,
}

impl Scope {
    /// Returns the prefix that names the scope.
    pub fn prefix(self) -> &'static str {
        match self {
            Self::This => "",
            Self::Input => "inputFile.",
            Self::Last => "LF.",
            Self::Signal => "SIG.",
        }
    }
}

/// A key as rules name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyName {
    /// Whose header.
    pub scope: Scope,
    /// The keyword.
    pub key: Key,
    /// Where it stands.
    pub place: Place,
}

/// How two values are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// `==`.
    Equal,
    /// `!=`.
    NotEqual,
    /// `<`.
    Less,
    /// `<=`.
    LessEqual,
    /// `>`.
    Greater,
    /// `>=`.
    GreaterEqual,
    /// `like`: `%` stands for any run of characters.
    Like,
    /// `regexp`: a regular expression, found anywhere in the text.
    Regexp,
}

impl Comparison {
    /// Returns the operator as it is written.
    pub fn symbol(self) -> &'static str {
        match self {
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessEqual => "<=",
            Self::Greater => ">",
            Self::GreaterEqual => ">=",
            Self::Like => "like",
            Self::Regexp => "regexp",
        }
    }
}

/// A condition or a value.
#[derive(Debug, Clone, PartialEq)]
pub enum Expr {
    /// True if any part is; two parts at least.
    Or(Vec<Expr>),
    /// True if every part is; two parts at least.
    And(Vec<Expr>),
    /// True if the part is not.
    Not(Box<Expr>),
    /// A comparison.
    Compare {
        /// The left side.
        left: Box<Expr>,
        /// The operator.
        op: Comparison,
        /// The right side.
        right: Box<Expr>,
    },
    /// `is undefined`: true if the value cannot be formed.
    Undefined(Box<Expr>),
    /// A sum, a difference, or texts joined; `true` marks a term that is subtracted. Two terms at least.
    Sum(Vec<(bool, Expr)>),
    /// A number as written.
    Number(Box<str>),
    /// A text in double quotes.
    Text(Box<str>),
    /// `T` or `F`.
    Logical(bool),
    /// A header key.
    Key(KeyName),
}

impl Expr {
    /// Calls `visit` on every key of the expression.
    pub fn for_each_key<'a>(&'a self, visit: &mut impl FnMut(&'a KeyName)) {
        match self {
            Self::Or(parts) | Self::And(parts) => parts.iter().for_each(|part| part.for_each_key(visit)),
            Self::Not(part) | Self::Undefined(part) => part.for_each_key(visit),
            Self::Compare { left, right, .. } => {
                left.for_each_key(visit);
                right.for_each_key(visit);
            }
            Self::Sum(terms) => terms.iter().for_each(|(_, term)| term.for_each_key(visit)),
            Self::Key(name) => visit(name),
            Self::Number(_) | Self::Text(_) | Self::Logical(_) => {}
        }
    }

    /// Returns the parts that must all hold: those of an `and`, else the expression itself.
    pub fn conjuncts(&self) -> &[Expr] {
        match self {
            Self::And(parts) => parts,
            other => std::slice::from_ref(other),
        }
    }
}

impl RuleText {
    /// Returns the classification rules in order.
    pub fn ifs(&self) -> impl Iterator<Item = &IfRule> {
        self.items.iter().filter_map(|item| match item {
            Item::If(rule) => Some(rule),
            _ => None,
        })
    }

    /// Returns what starts tasks, in order.
    pub fn executes(&self) -> impl Iterator<Item = &Execute> {
        self.items.iter().filter_map(|item| match item {
            Item::Execute(rule) => Some(rule),
            _ => None,
        })
    }

    /// Returns the actions in order.
    pub fn actions(&self) -> impl Iterator<Item = &Action> {
        self.items.iter().filter_map(|item| match item {
            Item::Action(rule) => Some(rule),
            _ => None,
        })
    }
}

impl Action {
    /// Returns the calibration slots in order.
    pub fn selects(&self) -> impl Iterator<Item = &SelectFile> {
        self.parts.iter().filter_map(|part| match part {
            Part::Select(select) => Some(select),
            _ => None,
        })
    }

    /// Returns the products in order.
    pub fn products(&self) -> impl Iterator<Item = &ProductRule> {
        self.parts.iter().filter_map(|part| match part {
            Part::Product(product) => Some(product),
            _ => None,
        })
    }

    /// Returns the recipe; the last one counts if there are several.
    pub fn recipe(&self) -> Option<&RecipeCall> {
        self.parts.iter().rev().find_map(|part| match part {
            Part::Recipe(recipe) => Some(recipe),
            _ => None,
        })
    }
}
