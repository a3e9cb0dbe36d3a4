//! Units in the spelling of ESO's dictionary: `10**(-20)erg.s**(-1).cm**(-2).angstrom**(-1)`.
//!
//! # References
//! ESO DICD (GEN-SPE-ESO-19400-0794), chapter 8; FITS standard 4.0, section 4.3.1 for what is read.

use std::fmt::Write as _;

/// A unit as a power of ten and factors with exponents, in the order they were written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Unit {
    power_of_ten: i32,
    factors: Vec<(String, i32)>,
}

impl Unit {
    fn multiply(&mut self, other: &Unit, exponent: i32) {
        self.power_of_ten += other.power_of_ten * exponent;
        for (name, power) in &other.factors {
            match self.factors.iter_mut().find(|(known, _)| known == name) {
                Some((_, sum)) => *sum += power * exponent,
                None => self.factors.push((name.clone(), power * exponent)),
            }
        }
    }

    fn spell(&self) -> String {
        let mut text = String::new();
        if self.power_of_ten != 0 {
            // Writing to a string cannot fail.
            let _ = write!(text, "10**({})", self.power_of_ten);
        }
        let mut separator = "";
        for (name, power) in self.factors.iter().filter(|(_, power)| *power != 0) {
            let _ = match power {
                1 => write!(text, "{separator}{name}"),
                power if *power > 0 => write!(text, "{separator}{name}**{power}"),
                power => write!(text, "{separator}{name}**({power})"),
            };
            separator = ".";
        }
        text
    }
}

/// Units that fluxes are made of (ESO DICD chapter 8; FITS standard 4.0, tables 3 to 5).
const KNOWN: [&str; 34] = [
    "m", "cm", "mm", "um", "nm", "angstrom", "pc", "s", "min", "h", "d", "Hz", "GHz", "g", "kg", "K", "sr", "rad",
    "deg", "arcmin", "arcsec", "mas", "J", "W", "erg", "eV", "Jy", "mJy", "uJy", "mag", "pixel", "adu", "count",
    "photon",
];

/// Spells a name as ESO does; `None` if it names no unit.
fn name(name: &str) -> Option<&str> {
    let spelled = match name {
        "Angstrom" | "Angstroms" | "ANGSTROM" | "Ang" | "AA" | "A" => "angstrom",
        "sec" | "second" => "s",
        "counts" | "ct" => "count",
        "ADU" => "adu",
        "pix" => "pixel",
        "ph" | "photons" => "photon",
        other => other,
    };
    KNOWN.contains(&spelled).then_some(spelled)
}

struct Parser<'a> {
    rest: &'a str,
}

impl Parser<'_> {
    fn eat(&mut self, token: &str) -> bool {
        self.rest = self.rest.trim_start();
        match self.rest.strip_prefix(token) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn take(&mut self, is_part: impl Fn(char) -> bool) -> &str {
        self.rest = self.rest.trim_start();
        let end = self.rest.find(|c| !is_part(c)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        self.rest = rest;
        taken
    }

    fn integer(&mut self) -> Option<i32> {
        let is_negative = self.eat("-");
        self.eat("+");
        let value: i32 = self.take(|c| c.is_ascii_digit()).parse().ok()?;
        Some(if is_negative { -value } else { value })
    }

    /// An exponent after `**` or `^`, in parentheses or not; 1 if there is none.
    fn exponent(&mut self) -> Option<i32> {
        if !self.eat("**") && !self.eat("^") {
            return Some(1);
        }
        if self.eat("(") {
            let value = self.integer()?;
            self.eat(")").then_some(value)
        } else {
            self.integer()
        }
    }

    fn atom(&mut self) -> Option<Unit> {
        let mut unit = Unit::default();
        if self.eat("(") {
            unit = self.product()?;
            if !self.eat(")") {
                return None;
            }
        } else if self.rest.trim_start().starts_with(|c: char| c.is_ascii_digit()) {
            let digits = self.take(|c| c.is_ascii_digit()).to_owned();
            if self.eat("e") || self.eat("E") {
                unit.power_of_ten = self.integer()?;
                if digits != "1" {
                    return None;
                }
            } else if digits == "10" {
                unit.power_of_ten = 1;
            } else if digits != "1" {
                return None;
            }
        } else {
            let found = self.take(|c| c.is_ascii_alphabetic());
            unit.factors.push((name(found)?.to_owned(), 1));
        }
        Some(unit)
    }

    fn product(&mut self) -> Option<Unit> {
        let mut unit = Unit::default();
        let mut sign = 1;
        loop {
            let atom = self.atom()?;
            let exponent = self.exponent()?;
            unit.multiply(&atom, sign * exponent);
            sign = 1;
            if self.eat("/") {
                sign = -1;
            } else if !(self.eat("*") || self.eat(".")) {
                let next = self.rest.trim_start();
                if next.is_empty() || next.starts_with(')') {
                    return Some(unit);
                }
            }
        }
    }
}

fn parse(text: &str) -> Option<Unit> {
    let mut parser = Parser { rest: text };
    let unit = parser.product()?;
    parser.rest.trim().is_empty().then_some(unit)
}

/// Spells a unit as ESO's dictionary does; `None` if it cannot be read.
///
/// # Examples
/// ```
/// use phoenix_archive::sdp::convert::to_dicd;
/// let unit = to_dicd("10**(-20)*erg/s/cm**2/Angstrom");
/// assert_eq!(unit.as_deref(), Some("10**(-20)erg.s**(-1).cm**(-2).angstrom**(-1)"));
/// ```
pub fn to_dicd(text: &str) -> Option<String> {
    parse(text).map(|unit| unit.spell())
}

/// Spells the square of a unit, which is that of its variance.
pub(super) fn squared(text: &str) -> Option<String> {
    let unit = parse(text)?;
    let mut square = Unit::default();
    square.multiply(&unit, 2);
    Some(square.spell())
}

#[cfg(test)]
mod tests {
    use super::{squared, to_dicd};

    #[test]
    fn usual_spellings_of_flux_density_are_one() {
        let expected = Some("10**(-20)erg.s**(-1).cm**(-2).angstrom**(-1)".to_owned());
        for text in [
            "10**(-20)*erg/s/cm**2/Angstrom",
            "1e-20 erg s^-1 cm^-2 Angstrom^-1",
            "10**(-20)erg.s**(-1).cm**(-2).angstrom**(-1)",
            "10^-20 erg/(s.cm**2.Angstrom)",
        ] {
            assert_eq!(
                to_dicd(text).as_deref().map(order),
                expected.as_deref().map(order),
                "{text}"
            );
        }
        assert_eq!(to_dicd("10**(-20)*erg/s/cm**2/Angstrom"), expected);
    }

    fn order(text: &str) -> Vec<String> {
        let mut parts: Vec<String> = text.split('.').map(str::to_owned).collect();
        parts.sort();
        parts
    }

    #[test]
    fn a_variance_has_the_square_of_the_unit() {
        assert_eq!(
            squared("10**(-20)*erg/s/cm**2/Angstrom").as_deref(),
            Some("10**(-40)erg**2.s**(-2).cm**(-4).angstrom**(-2)")
        );
        assert_eq!(squared("(erg/s)**2").as_deref(), Some("erg**4.s**(-4)"));
    }

    #[test]
    fn what_is_no_unit_is_not_guessed() {
        for text in ["", "3 erg", "erg/", "(erg", "erg**x", "erg per second"] {
            assert_eq!(to_dicd(text), None, "{text}");
        }
    }
}
