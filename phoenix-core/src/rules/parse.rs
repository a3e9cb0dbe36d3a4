//! Tokens to the tree of `ast`, by descent, one function per line of the grammar.

use super::ast::{
    Action, Assign, Block, Bounds, Comments, Comparison, Execute, Expr, IfRule, Item, KeyName, Part, Place,
    ProductRule, RecipeCall, Repair, RuleText, Scope, SelectFile, Source,
};
use super::error::RuleError;
use super::lex::{Kind, Token, tokens};
use crate::header::Key;

impl RuleText {
    /// Reads a rule book.
    ///
    /// # Contract
    /// * Nothing is skipped: every token is part of the tree, every comment is kept with its statement.
    /// * Slips that ESO's shipped files contain are read as they were meant and listed in `repairs`.
    ///
    /// # Errors
    /// `Syntax` with line, column, what could stand there and what does.
    pub fn parse(source: &str) -> Result<Self, RuleError> {
        let (tokens, repairs) = tokens(source)?;
        Parser {
            tokens: &tokens,
            next: 0,
            pending: Vec::new(),
            repairs,
        }
        .book()
    }
}

struct Parser<'t, 's> {
    tokens: &'t [Token<'s>],
    next: usize,
    /// Comments that were passed and belong to no statement yet.
    pending: Comments,
    repairs: Vec<Repair>,
}

type Parsed<T> = Result<T, RuleError>;

impl<'t, 's> Parser<'t, 's> {
    /// Returns the next token that is no comment.
    fn peek(&self) -> Option<&'t Token<'s>> {
        self.tokens
            .get(self.next..)?
            .iter()
            .find(|token| !matches!(token.kind, Kind::Comment(_)))
    }

    /// Takes the next token; comments before it become pending.
    fn bump(&mut self) {
        while let Some(token) = self.tokens.get(self.next) {
            self.next += 1;
            match token.kind {
                Kind::Comment(text) => self.pending.push(text.into()),
                _ => return,
            }
        }
    }

    fn place(&self) -> Place {
        let last = || self.tokens.last().map(|token| token.place);
        self.peek().map(|token| token.place).or_else(last).unwrap_or_default()
    }

    fn fail<T>(&self, expected: &str) -> Parsed<T> {
        Err(RuleError::Syntax {
            place: self.place(),
            expected: expected.to_owned(),
            found: self
                .peek()
                .map_or_else(|| "the end of the text".to_owned(), Token::spelling),
        })
    }

    fn is_symbol(&self, symbol: &str) -> bool {
        self.peek().is_some_and(|token| token.kind == Kind::Symbol(symbol))
    }

    fn is_word(&self, word: &str) -> bool {
        self.peek().is_some_and(|token| token.kind == Kind::Word(word))
    }

    fn take_symbol(&mut self, symbol: &str) -> bool {
        let is_there = self.is_symbol(symbol);
        if is_there {
            self.bump();
        }
        is_there
    }

    fn take_word(&mut self, word: &str) -> bool {
        let is_there = self.is_word(word);
        if is_there {
            self.bump();
        }
        is_there
    }

    fn symbol(&mut self, symbol: &str) -> Parsed<()> {
        if self.take_symbol(symbol) {
            Ok(())
        } else {
            self.fail(&format!("`{symbol}`"))
        }
    }

    fn word(&mut self, word: &str) -> Parsed<()> {
        if self.take_word(word) {
            Ok(())
        } else {
            self.fail(&format!("`{word}`"))
        }
    }

    fn name(&mut self, what: &str) -> Parsed<Box<str>> {
        match self.peek().map(|token| &token.kind) {
            Some(Kind::Word(text)) => {
                self.bump();
                Ok((*text).into())
            }
            _ => self.fail(what),
        }
    }

    fn integer(&mut self) -> Parsed<u32> {
        match self.peek().map(|token| &token.kind) {
            Some(Kind::Number(text)) if let Ok(value) = text.parse() => {
                self.bump();
                Ok(value)
            }
            _ => self.fail("a whole number"),
        }
    }

    fn pending(&mut self) -> Comments {
        std::mem::take(&mut self.pending)
    }

    /// Takes the comments that stand inside a statement or behind it on its last line.
    fn settle(&mut self, comments: &mut Comments) {
        let line = self
            .next
            .checked_sub(1)
            .and_then(|last| self.tokens.get(last))
            .map(|token| token.end_line);
        while let Some(token) = self.tokens.get(self.next)
            && let Kind::Comment(text) = token.kind
            && Some(token.place.line) == line
        {
            self.pending.push(text.into());
            self.next += 1;
        }
        comments.append(&mut self.pending);
    }

    fn book(mut self) -> Parsed<RuleText> {
        let mut items = Vec::new();
        while self.peek().is_some() {
            items.push(self.item()?);
        }
        self.bump();
        Ok(RuleText {
            items,
            comments: self.pending(),
            repairs: self.repairs,
        })
    }

    fn item(&mut self) -> Parsed<Item> {
        let place = self.place();
        if self.take_word("if") {
            return self.if_rule(place).map(Item::If);
        }
        if self.take_word("action") {
            return self.action(place).map(Item::Action);
        }
        let bounds = self.bounds()?;
        if self.is_word("select") {
            let place = self.place();
            self.bump();
            return self.execute(place, bounds).map(Item::Execute);
        }
        self.fail(if bounds == Bounds::default() {
            "`if`, `select`, `action`, `minRet` or `maxRet`"
        } else {
            "`select`, `minRet` or `maxRet`"
        })
    }

    fn if_rule(&mut self, place: Place) -> Parsed<IfRule> {
        let mut comments = self.pending();
        let condition = self.expr()?;
        self.word("then")?;
        self.symbol("{")?;
        comments.append(&mut self.pending);
        let block = self.block_body()?;
        self.settle(&mut comments);
        Ok(IfRule {
            comments,
            place,
            condition,
            block,
        })
    }

    /// Reads assignments up to the closing brace; the opening one is taken.
    fn block_body(&mut self) -> Parsed<Block> {
        let mut assigns = Vec::new();
        while !self.is_symbol("}") {
            let key = self.key("a key or `}`")?;
            let mut comments = self.pending();
            self.symbol("=")?;
            let value = self.expr()?;
            self.symbol(";")?;
            self.settle(&mut comments);
            assigns.push(Assign { comments, key, value });
        }
        self.bump();
        Ok(Block {
            assigns,
            comments: self.pending(),
        })
    }

    fn bounds(&mut self) -> Parsed<Bounds> {
        let mut bounds = Bounds::default();
        loop {
            let limit = if self.take_word("minRet") {
                &mut bounds.min
            } else if self.take_word("maxRet") {
                &mut bounds.max
            } else {
                return Ok(bounds);
            };
            if !self.take_symbol("=") {
                return self.fail("`=`");
            }
            *limit = Some(self.integer()?);
            self.symbol(";")?;
        }
    }

    fn source(&mut self) -> Parsed<Source> {
        self.word("from")?;
        for (name, source) in [
            ("inputFiles", Source::InputFiles),
            ("calibFiles", Source::CalibFiles),
            ("rawFiles", Source::RawFiles),
        ] {
            if self.take_word(name) {
                return Ok(source);
            }
        }
        self.fail("`inputFiles`, `calibFiles` or `rawFiles`")
    }

    fn execute(&mut self, place: Place, bounds: Bounds) -> Parsed<Execute> {
        self.word("execute")?;
        let mut comments = self.pending();
        self.symbol("(")?;
        let task = self.name("the name of a task")?;
        self.symbol(")")?;
        let source = self.source()?;
        self.word("where")?;
        let condition = self.expr()?;
        let mut group_by = Vec::new();
        let mut template = None;
        if self.take_word("group") {
            self.word("by")?;
            group_by.push(self.key("a key")?);
            while self.take_symbol(",") {
                group_by.push(self.key("a key")?);
            }
            if self.take_word("as") {
                self.symbol("(")?;
                let name = self.name("the name of a template")?;
                self.symbol(",")?;
                template = Some((name, self.name("a suffix")?));
                self.symbol(")")?;
            }
            if !self.is_symbol(";") {
                return self.fail("`,`, `as` or `;`");
            }
        }
        if !self.take_symbol(";") {
            return self.fail("`and`, `or`, `group by` or `;`");
        }
        self.settle(&mut comments);
        Ok(Execute {
            comments,
            place,
            bounds,
            task,
            source,
            condition,
            group_by,
            template,
        })
    }

    fn action(&mut self, place: Place) -> Parsed<Action> {
        let mut comments = self.pending();
        let task = self.name("the name of a task")?;
        self.symbol("{")?;
        comments.append(&mut self.pending);
        let mut parts = Vec::new();
        while !self.is_symbol("}") {
            parts.push(self.part()?);
        }
        self.bump();
        let closing = self.pending();
        self.settle(&mut comments);
        Ok(Action {
            comments,
            place,
            task,
            parts,
            closing,
        })
    }

    fn part(&mut self) -> Parsed<Part> {
        let place = self.place();
        if self.take_word("recipe") {
            return self.recipe(place).map(Part::Recipe);
        }
        if self.take_word("product") {
            return self.product(place).map(Part::Product);
        }
        if self.take_word("priority") {
            let mut comments = self.pending();
            self.symbol("=")?;
            let value = self.integer()?;
            self.symbol(";")?;
            self.settle(&mut comments);
            return Ok(Part::Priority { comments, value });
        }
        let bounds = self.bounds()?;
        if self.is_word("select") {
            let place = self.place();
            self.bump();
            return self.select_file(place, bounds).map(Part::Select);
        }
        if bounds == Bounds::default() {
            return self.fail("`select`, `minRet`, `maxRet`, `recipe`, `product`, `priority` or `}`");
        }
        self.repairs.push(Repair {
            place,
            what: "minRet and maxRet stand before no selection and bound nothing".to_owned(),
        });
        let mut comments = self.pending();
        self.settle(&mut comments);
        Ok(Part::Bounds { comments, bounds })
    }

    fn select_file(&mut self, place: Place, bounds: Bounds) -> Parsed<SelectFile> {
        self.word("file")?;
        let mut comments = self.pending();
        self.word("as")?;
        let tag = self.name("the kind of the files")?;
        let source = self.source()?;
        self.word("where")?;
        let condition = self.expr()?;
        if !self.take_symbol(";") {
            return self.fail("`and`, `or` or `;`");
        }
        self.settle(&mut comments);
        Ok(SelectFile {
            comments,
            place,
            bounds,
            tag,
            source,
            condition,
        })
    }

    fn recipe(&mut self, place: Place) -> Parsed<RecipeCall> {
        let mut comments = self.pending();
        let name = self.name("the name of a recipe")?;
        let mut options = Vec::new();
        let is_block = self.take_symbol("{");
        if is_block {
            while !self.take_symbol("}") {
                match self.peek().map(|token| &token.kind) {
                    Some(Kind::Text(text)) => options.push(text.as_str().into()),
                    _ => return self.fail("an option in quotes or `}`"),
                }
                self.bump();
                self.symbol(";")?;
            }
        }
        if !self.take_symbol(";") && !is_block {
            self.repairs.push(Repair {
                place,
                what: format!("the semicolon after recipe {name} is missing"),
            });
        }
        self.settle(&mut comments);
        Ok(RecipeCall {
            comments,
            place,
            name,
            options,
        })
    }

    fn product(&mut self, place: Place) -> Parsed<ProductRule> {
        let mut comments = self.pending();
        let name = self.name("the name of a product")?;
        self.symbol("{")?;
        comments.append(&mut self.pending);
        let block = self.block_body()?;
        self.settle(&mut comments);
        Ok(ProductRule {
            comments,
            place,
            name,
            block,
        })
    }

    fn expr(&mut self) -> Parsed<Expr> {
        self.joined("or", Expr::Or, |parser| parser.joined("and", Expr::And, Self::negated))
    }

    fn joined(
        &mut self,
        word: &str,
        join: impl Fn(Vec<Expr>) -> Expr,
        part: impl Fn(&mut Self) -> Parsed<Expr>,
    ) -> Parsed<Expr> {
        let first = part(self)?;
        if !self.is_word(word) {
            return Ok(first);
        }
        let mut parts = vec![first];
        while self.take_word(word) {
            parts.push(part(self)?);
        }
        Ok(join(parts))
    }

    fn negated(&mut self) -> Parsed<Expr> {
        if self.take_word("not") || self.take_symbol("!") {
            return Ok(Expr::Not(Box::new(self.negated()?)));
        }
        self.comparison()
    }

    fn comparison(&mut self) -> Parsed<Expr> {
        let left = self.sum()?;
        let op = match self.peek().map(|token| &token.kind) {
            Some(Kind::Symbol("==")) => Comparison::Equal,
            Some(Kind::Symbol("!=")) => Comparison::NotEqual,
            Some(Kind::Symbol("<")) => Comparison::Less,
            Some(Kind::Symbol("<=")) => Comparison::LessEqual,
            Some(Kind::Symbol(">")) => Comparison::Greater,
            Some(Kind::Symbol(">=")) => Comparison::GreaterEqual,
            Some(Kind::Word("like")) => Comparison::Like,
            Some(Kind::Word("regexp")) => Comparison::Regexp,
            Some(Kind::Word("is")) => {
                self.bump();
                self.word("undefined")?;
                return Ok(Expr::Undefined(Box::new(left)));
            }
            _ => return Ok(left),
        };
        self.bump();
        let right = self.sum()?;
        Ok(Expr::Compare {
            left: Box::new(left),
            op,
            right: Box::new(right),
        })
    }

    fn sum(&mut self) -> Parsed<Expr> {
        let first = self.atom()?;
        let mut terms = vec![(false, first)];
        loop {
            let is_minus = self.is_symbol("-");
            if !is_minus && !self.is_symbol("+") {
                break;
            }
            self.bump();
            terms.push((is_minus, self.atom()?));
        }
        match <[(bool, Expr); 1]>::try_from(terms) {
            Ok([(_, only)]) => Ok(only),
            Err(terms) => Ok(Expr::Sum(terms)),
        }
    }

    fn atom(&mut self) -> Parsed<Expr> {
        if self.take_symbol("(") {
            let inner = self.expr()?;
            if !self.take_symbol(")") {
                return self.fail("an operator or `)`");
            }
            return Ok(inner);
        }
        if self.take_symbol("-") {
            return match self.peek().map(|token| &token.kind) {
                Some(Kind::Number(text)) => {
                    self.bump();
                    Ok(Expr::Number(format!("-{text}").into()))
                }
                _ => self.fail("a number"),
            };
        }
        let value = match self.peek().map(|token| &token.kind) {
            Some(Kind::Number(text)) => Expr::Number((*text).into()),
            Some(Kind::Text(text)) => Expr::Text(text.as_str().into()),
            Some(Kind::Word("T")) => Expr::Logical(true),
            Some(Kind::Word("F")) => Expr::Logical(false),
            Some(Kind::Word(_)) => return self.key("a value").map(Expr::Key),
            _ => return self.fail("a key, a number, a text in quotes or `(`"),
        };
        self.bump();
        Ok(value)
    }

    fn key(&mut self, what: &str) -> Parsed<KeyName> {
        const RESERVED: [&str; 14] = [
            "if",
            "then",
            "and",
            "or",
            "not",
            "like",
            "regexp",
            "is",
            "select",
            "from",
            "where",
            "group",
            "action",
            "undefined",
        ];
        let place = self.place();
        if RESERVED.iter().any(|word| self.is_word(word)) {
            return self.fail(what);
        }
        let name = self.name(what)?;
        let scoped = [Scope::Input, Scope::Last, Scope::Signal]
            .into_iter()
            .find_map(|scope| Some((scope, name.strip_prefix(scope.prefix())?)));
        let (scope, key) = scoped.unwrap_or((Scope::This, &name));
        Ok(KeyName {
            scope,
            key: Key::new(key),
            place,
        })
    }
}
