//! The tree back to text: one canonical layout, comments above their statements.

use std::fmt::{self, Display, Formatter};

use super::ast::{
    Action, Block, Bounds, Comparison, Execute, Expr, IfRule, Item, KeyName, Part, RuleText, SelectFile, Source,
};

impl Display for RuleText {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (n, item) in self.items.iter().enumerate() {
            if n > 0 {
                writeln!(f)?;
            }
            match item {
                Item::If(rule) => write!(f, "{rule}")?,
                Item::Execute(rule) => write!(f, "{rule}")?,
                Item::Action(rule) => write!(f, "{rule}")?,
            }
        }
        comments(f, &self.comments, "")
    }
}

fn comments(f: &mut Formatter<'_>, lines: &[Box<str>], indent: &str) -> fmt::Result {
    lines.iter().try_for_each(|line| writeln!(f, "{indent}//{line}"))
}

fn block(f: &mut Formatter<'_>, block: &Block, indent: &str) -> fmt::Result {
    writeln!(f, "{{")?;
    for assign in &block.assigns {
        comments(f, &assign.comments, &format!("{indent}  "))?;
        writeln!(f, "{indent}  {} = {};", assign.key, assign.value)?;
    }
    comments(f, &block.comments, &format!("{indent}  "))?;
    writeln!(f, "{indent}}}")
}

fn bounds(f: &mut Formatter<'_>, bounds: Bounds, indent: &str) -> fmt::Result {
    let limits: Vec<String> = [("minRet", bounds.min), ("maxRet", bounds.max)]
        .into_iter()
        .filter_map(|(name, limit)| limit.map(|limit| format!("{name} = {limit};")))
        .collect();
    if limits.is_empty() {
        return Ok(());
    }
    writeln!(f, "{indent}{}", limits.join(" "))
}

impl Display for IfRule {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        comments(f, &self.comments, "")?;
        write!(f, "if {} then ", self.condition)?;
        block(f, &self.block, "")
    }
}

impl Display for Source {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::InputFiles => "inputFiles",
            Self::CalibFiles => "calibFiles",
            Self::RawFiles => "rawFiles",
        })
    }
}

impl Display for Execute {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        comments(f, &self.comments, "")?;
        bounds(f, self.bounds, "")?;
        write!(
            f,
            "select execute({}) from {} where {}",
            self.task, self.source, self.condition
        )?;
        for (n, key) in self.group_by.iter().enumerate() {
            write!(f, "{}{key}", if n == 0 { " group by " } else { ", " })?;
        }
        if let Some((name, suffix)) = &self.template {
            write!(f, " as ({name}, {suffix})")?;
        }
        writeln!(f, ";")
    }
}

impl Display for SelectFile {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        comments(f, &self.comments, "  ")?;
        bounds(f, self.bounds, "  ")?;
        writeln!(
            f,
            "  select file as {} from {} where {};",
            self.tag, self.source, self.condition
        )
    }
}

impl Display for Action {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        comments(f, &self.comments, "")?;
        writeln!(f, "action {} {{", self.task)?;
        for part in &self.parts {
            match part {
                Part::Select(select) => write!(f, "{select}")?,
                Part::Recipe(recipe) => {
                    comments(f, &recipe.comments, "  ")?;
                    if recipe.options.is_empty() {
                        writeln!(f, "  recipe {};", recipe.name)?;
                    } else {
                        writeln!(f, "  recipe {} {{", recipe.name)?;
                        for option in &recipe.options {
                            writeln!(f, "    {};", Quoted(option))?;
                        }
                        writeln!(f, "  }}")?;
                    }
                }
                Part::Product(product) => {
                    comments(f, &product.comments, "  ")?;
                    write!(f, "  product {} ", product.name)?;
                    block(f, &product.block, "  ")?;
                }
                Part::Bounds {
                    comments: lines,
                    bounds: limits,
                } => {
                    comments(f, lines, "  ")?;
                    bounds(f, *limits, "  ")?;
                }
                Part::Priority { comments: lines, value } => {
                    comments(f, lines, "  ")?;
                    writeln!(f, "  priority = {value};")?;
                }
            }
        }
        comments(f, &self.closing, "  ")?;
        writeln!(f, "}}")
    }
}

impl Display for KeyName {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.scope.prefix(), self.key.short())
    }
}

/// A text in quotes with its escapes.
pub(super) struct Quoted<'a>(pub(super) &'a str);

impl Display for Quoted<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("\"")?;
        for c in self.0.chars() {
            match c {
                '"' => f.write_str("\\\"")?,
                '\\' => f.write_str("\\\\")?,
                '\n' => f.write_str("\\n")?,
                '\t' => f.write_str("\\t")?,
                other => write!(f, "{other}")?,
            }
        }
        f.write_str("\"")
    }
}

/// How tightly an expression binds; a part that binds no tighter than its whole stands in parentheses.
fn rank(expr: &Expr) -> u8 {
    match expr {
        Expr::Or(_) => 0,
        Expr::And(_) => 1,
        Expr::Not(_) => 2,
        Expr::Compare { .. } | Expr::Undefined(_) => 3,
        Expr::Sum(_) => 4,
        Expr::Number(_) | Expr::Text(_) | Expr::Logical(_) | Expr::Key(_) => 5,
    }
}

/// Writes a part of an expression, in parentheses unless it binds tighter than `whole`.
fn part(f: &mut Formatter<'_>, expr: &Expr, whole: u8) -> fmt::Result {
    if rank(expr) > whole {
        write!(f, "{expr}")
    } else {
        write!(f, "({expr})")
    }
}

fn join(f: &mut Formatter<'_>, parts: &[Expr], word: &str, whole: u8) -> fmt::Result {
    for (n, expr) in parts.iter().enumerate() {
        if n > 0 {
            write!(f, " {word} ")?;
        }
        part(f, expr, whole)?;
    }
    Ok(())
}

impl Display for Expr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Or(parts) => join(f, parts, "or", 0),
            Self::And(parts) => join(f, parts, "and", 1),
            Self::Not(inner) => {
                f.write_str("not ")?;
                part(f, inner, 1)
            }
            Self::Compare { left, op, right } => {
                part(f, left, 3)?;
                write!(f, " {op} ")?;
                part(f, right, 3)
            }
            Self::Undefined(inner) => {
                part(f, inner, 3)?;
                f.write_str(" is undefined")
            }
            Self::Sum(terms) => {
                for (n, (is_minus, term)) in terms.iter().enumerate() {
                    match (n, is_minus) {
                        (0, _) => {}
                        (_, true) => f.write_str(" - ")?,
                        (_, false) => f.write_str(" + ")?,
                    }
                    part(f, term, 4)?;
                }
                Ok(())
            }
            Self::Number(text) => f.write_str(text),
            Self::Text(text) => write!(f, "{}", Quoted(text)),
            Self::Logical(value) => f.write_str(if *value { "T" } else { "F" }),
            Self::Key(name) => write!(f, "{name}"),
        }
    }
}

impl Display for Comparison {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(self.symbol())
    }
}
