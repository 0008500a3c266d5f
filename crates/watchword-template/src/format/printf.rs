//! `fmt.Sprintf`, with what Go prints where verb and value don't fit: `%!d(string=hi)`.

use std::fmt::Write;

use super::number::{self, Notation};
use super::{duration, print, quote};
use crate::error::Problem;
use crate::evaluate::item::Item;
use crate::limits::{MAX_OUTPUT, MAX_VALUE_DEPTH};

/// Flags, width and precision of one verb.
#[derive(Clone, Copy, Default)]
struct Spec {
    plus: bool,
    minus: bool,
    sharp: bool,
    space: bool,
    zero: bool,
    width: usize,
    precision: Option<usize>,
}

/// What `fmt.Sprintf(format, items…)` gives. Err for verbs that show Go's own types: `%T`, `%p`, `%#v`.
pub(crate) fn sprintf(format: &str, items: &[Item<'_>]) -> Result<String, Problem> {
    let mut printer = Printer { format, at: 0, items, next: 0, reordered: false, out: String::new() };
    printer.run()?;
    Ok(printer.out)
}

struct Printer<'f, 'i, 'a> {
    format: &'f str,
    at: usize,
    items: &'i [Item<'a>],
    /// The item that the next verb takes.
    next: usize,
    reordered: bool,
    out: String,
}

impl Printer<'_, '_, '_> {
    fn run(&mut self) -> Result<(), Problem> {
        while let Some(percent) = self.format[self.at..].find('%') {
            self.out.push_str(&self.format[self.at..self.at + percent]);
            self.at += percent + 1;
            if !self.verb()? {
                break;
            }
            if self.out.len() > MAX_OUTPUT {
                return Err(format!("`printf` makes more than {} KiB", MAX_OUTPUT / 1024).into());
            }
        }
        if self.at < self.format.len() {
            self.out.push_str(&self.format[self.at..]);
        }
        if !self.reordered && self.next < self.items.len() {
            self.out.push_str("%!(EXTRA ");
            for (index, item) in self.items[self.next..].iter().enumerate() {
                self.out.push_str(if index > 0 { ", " } else { "" });
                match item {
                    Item::Nil => self.out.push_str("<nil>"),
                    _ => {
                        let _ = write!(self.out, "{}=", type_name(item)?);
                        print::write(&mut self.out, item)?;
                    }
                }
            }
            self.out.push(')');
        }
        Ok(())
    }

    fn byte(&self) -> Option<u8> {
        self.format.as_bytes().get(self.at).copied()
    }

    /// What is behind a `%`. False when the format ended in it.
    fn verb(&mut self) -> Result<bool, Problem> {
        let mut spec = Spec::default();
        while let Some(flag) = self.byte() {
            match flag {
                b'+' => spec.plus = true,
                b'-' => spec.minus = true,
                b'#' => spec.sharp = true,
                b' ' => spec.space = true,
                b'0' => spec.zero = true,
                _ => break,
            }
            self.at += 1;
        }
        let mut good = true;
        let mut indexed = self.index(&mut good);
        if self.byte() == Some(b'*') {
            self.at += 1;
            match self.starred() {
                Some(width) => {
                    spec.minus |= width < 0;
                    spec.zero &= width >= 0;
                    spec.width = usize::try_from(width.unsigned_abs()).unwrap_or(0);
                }
                None => self.out.push_str("%!(BADWIDTH)"),
            }
            indexed = false;
        } else if let Some(width) = self.digits() {
            good &= !indexed;
            spec.width = width;
        }
        if self.byte() == Some(b'.') && self.at + 1 < self.format.len() {
            self.at += 1;
            good &= !indexed;
            indexed = self.index(&mut good);
            if self.byte() == Some(b'*') {
                self.at += 1;
                match self.starred() {
                    Some(precision) => spec.precision = usize::try_from(precision).ok(),
                    None => self.out.push_str("%!(BADPREC)"),
                }
                indexed = false;
            } else {
                spec.precision = Some(self.digits().unwrap_or(0));
            }
        }
        if !indexed {
            self.index(&mut good);
        }
        let Some(verb) = self.format[self.at..].chars().next() else {
            self.out.push_str("%!(NOVERB)");
            return Ok(false);
        };
        self.at += verb.len_utf8();
        if verb == '%' {
            self.out.push('%');
        } else if !good {
            let _ = write!(self.out, "%!{verb}(BADINDEX)");
        } else if let Some(item) = self.items.get(self.next) {
            self.next += 1;
            if verb == 'v' {
                if spec.sharp {
                    return Err("`printf` has no `%#v`: it shows Go's own syntax".into());
                }
                spec.plus = false;
            }
            argument(&mut self.out, item, verb, spec, 0)?;
        } else {
            let _ = write!(self.out, "%!{verb}(MISSING)");
        }
        Ok(true)
    }

    /// `[3]`: which item comes next.
    fn index(&mut self, good: &mut bool) -> bool {
        if self.byte() != Some(b'[') {
            return false;
        }
        self.reordered = true;
        let rest = &self.format[self.at + 1..];
        let Some(length) = rest.find(']') else {
            *good = false;
            self.at += 1;
            return false;
        };
        self.at += length + 2;
        let number = &rest[..length];
        let digits = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
        match number.parse::<usize>() {
            Ok(index) if digits && (1..=self.items.len()).contains(&index) => {
                self.next = index - 1;
                true
            }
            Ok(_) if digits => {
                *good = false;
                true
            }
            _ => {
                *good = false;
                false
            }
        }
    }

    /// The item that a `*` takes, if it is a whole number and not too large.
    fn starred(&mut self) -> Option<i64> {
        let item = self.items.get(self.next)?;
        self.next += 1;
        match item {
            Item::Int(int) | Item::Duration(int) if int.unsigned_abs() <= 1_000_000 => Some(*int),
            _ => None,
        }
    }

    fn digits(&mut self) -> Option<usize> {
        let rest = &self.format[self.at..];
        let length = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let number = rest[..length].parse::<usize>().ok()?;
        if number > 1_000_000 {
            return None;
        }
        self.at += length;
        Some(number)
    }
}

/// One item under a verb; the elements of a list or map under the same.
fn argument(out: &mut String, item: &Item<'_>, verb: char, spec: Spec, depth: usize) -> Result<(), Problem> {
    if depth > MAX_VALUE_DEPTH {
        return Err(print::too_deep());
    }
    match (item, verb) {
        (_, 'T' | 'p' | 'w') => return Err(format!("`printf` has no `%{verb}`").into()),
        (Item::Nil, 'v') => pad(out, "<nil>", spec),
        (Item::Nil, _) if depth > 0 => out.push_str("<nil>"),
        (Item::Bool(truth), 't' | 'v') => pad(out, if *truth { "true" } else { "false" }, spec),
        (Item::Duration(nanos), 'v' | 's' | 'x' | 'X' | 'q') => {
            text(out, &duration::text(*nanos), verb, spec);
        }
        (Item::Time(_), 'v' | 's' | 'x' | 'X' | 'q') => {
            let mut printed = String::new();
            print::write(&mut printed, item)?;
            text(out, &printed, verb, spec);
        }
        (Item::Int(int) | Item::Duration(int), 'v' | 'd' | 'b' | 'o' | 'O' | 'x' | 'X' | 'c' | 'q' | 'U') => {
            integer(out, *int, verb, spec);
        }
        (Item::Float(_), 'b' | 'x' | 'X') => {
            return Err(format!("`printf` has no `%{verb}` for fractions").into());
        }
        (Item::Float(number), 'v' | 'g' | 'G' | 'e' | 'E' | 'f' | 'F') => float(out, *number, verb, spec)?,
        (Item::Text(given), 'v' | 's' | 'x' | 'X' | 'q') => text(out, given, verb, spec),
        (Item::List(list), _) => {
            out.push('[');
            for (index, element) in list.iter().enumerate() {
                out.push_str(if index > 0 { " " } else { "" });
                argument(out, &element, verb, spec, depth + 1)?;
            }
            out.push(']');
        }
        (Item::Map(map), _) => {
            out.push_str("map[");
            for (index, (key, element)) in map.entries().iter().enumerate() {
                out.push_str(if index > 0 { " " } else { "" });
                argument(out, &Item::text(key.as_ref()), verb, spec, depth + 1)?;
                out.push(':');
                argument(out, element, verb, spec, depth + 1)?;
            }
            out.push(']');
        }
        (Item::Nil, _) => {
            let _ = write!(out, "%!{verb}(<nil>)");
        }
        (
            Item::Bool(_) | Item::Int(_) | Item::Float(_) | Item::Text(_) | Item::Duration(_) | Item::Time(_),
            _,
        ) => {
            let _ = write!(out, "%!{verb}({}=", type_name(item)?);
            match item {
                // Inside of its own complaint Go does not ask for the text.
                Item::Duration(nanos) => argument(out, &Item::Int(*nanos), 'v', spec, depth)?,
                _ => argument(out, item, 'v', spec, depth)?,
            }
            out.push(')');
        }
    }
    if out.len() > MAX_OUTPUT {
        return Err(format!("`printf` makes more than {} KiB", MAX_OUTPUT / 1024).into());
    }
    Ok(())
}

/// What Go calls its type.
fn type_name(item: &Item<'_>) -> Result<&'static str, Problem> {
    Ok(match item {
        Item::Nil => "<nil>",
        Item::Bool(_) => "bool",
        Item::Int(_) => "int",
        Item::Float(_) => "float64",
        Item::Text(_) => "string",
        Item::Duration(_) => "time.Duration",
        Item::List(_) => "[]interface {}",
        Item::Map(_) => "map[string]interface {}",
        Item::Time(_) => return Err("`printf` can't print a point in time so: use `date`".into()),
    })
}

/// Pads to the width, counted in characters.
fn pad(out: &mut String, text: &str, spec: Spec) {
    let missing = spec.width.saturating_sub(text.chars().count());
    let fill = if spec.zero && !spec.minus { '0' } else { ' ' };
    if !spec.minus {
        out.extend(std::iter::repeat_n(fill, missing));
    }
    out.push_str(text);
    if spec.minus {
        out.extend(std::iter::repeat_n(fill, missing));
    }
}

fn text(out: &mut String, text: &str, verb: char, spec: Spec) {
    let cut = |limit: usize| text.char_indices().nth(limit).map_or(text, |(end, _)| &text[..end]);
    let shown = spec.precision.map_or(text, cut);
    match verb {
        'x' | 'X' => hex(out, text.as_bytes(), verb == 'X', spec),
        'q' if spec.sharp
            && !shown.contains(|c: char| c == '`' || c.is_control() && c != '\t' || c == '\u{feff}') =>
        {
            pad(out, &format!("`{shown}`"), spec);
        }
        'q' => {
            let mut quoted = String::with_capacity(shown.len() + 2);
            quote::write(&mut quoted, shown, spec.plus);
            pad(out, &quoted, spec);
        }
        _ => pad(out, shown, spec),
    }
}

fn hex(out: &mut String, bytes: &[u8], upper: bool, spec: Spec) {
    let bytes = &bytes[..spec.precision.unwrap_or(bytes.len()).min(bytes.len())];
    let mut digits = String::with_capacity(bytes.len() * 2);
    for (index, byte) in bytes.iter().enumerate() {
        if index > 0 && spec.space {
            digits.push(' ');
        }
        if spec.sharp && (index == 0 || spec.space) {
            digits.push_str(if upper { "0X" } else { "0x" });
        }
        let _ = if upper { write!(digits, "{byte:02X}") } else { write!(digits, "{byte:02x}") };
    }
    pad(out, &digits, spec);
}

fn integer(out: &mut String, int: i64, verb: char, spec: Spec) {
    let plain = Spec { zero: false, ..spec };
    let character = u32::try_from(int).ok().and_then(char::from_u32);
    let magnitude = int.unsigned_abs();
    let digits = match verb {
        'c' => return pad(out, character.unwrap_or('\u{fffd}').encode_utf8(&mut [0; 4]), spec),
        'q' => {
            let mut quoted = String::from("'");
            quote::char(&mut quoted, character.unwrap_or('\u{fffd}'), '\'', spec.plus);
            quoted.push('\'');
            return pad(out, &quoted, spec);
        }
        'U' => {
            let mut code = format!("U+{int:0width$X}", width = spec.precision.unwrap_or(4).max(4));
            if let Some(c) = character.filter(|c| spec.sharp && quote::is_printable(*c)) {
                let _ = write!(code, " '{c}'");
            }
            return pad(out, &code, plain);
        }
        'b' => format!("{magnitude:b}"),
        'o' | 'O' => format!("{magnitude:o}"),
        'x' => format!("{magnitude:x}"),
        'X' => format!("{magnitude:X}"),
        _ => format!("{magnitude}"),
    };
    let signed = int < 0 || spec.plus || spec.space;
    let wanted = match spec.precision {
        Some(0) if int == 0 => return out.extend(std::iter::repeat_n(' ', spec.width)),
        Some(precision) => precision,
        None if spec.zero && !spec.minus => spec.width.saturating_sub(usize::from(signed)),
        None => 0,
    };
    let mut number = String::with_capacity(wanted + 4);
    number.push_str(match (int < 0, spec.plus, spec.space) {
        (true, ..) => "-",
        (_, true, _) => "+",
        (.., true) => " ",
        _ => "",
    });
    let zeros = wanted.saturating_sub(digits.len());
    number.push_str(match verb {
        'O' => "0o",
        'b' if spec.sharp => "0b",
        'o' if spec.sharp && zeros == 0 && digits != "0" => "0",
        'x' if spec.sharp => "0x",
        'X' if spec.sharp => "0X",
        _ => "",
    });
    number.extend(std::iter::repeat_n('0', zeros));
    number.push_str(&digits);
    pad(out, &number, plain);
}

fn float(out: &mut String, value: f64, verb: char, spec: Spec) -> Result<(), Problem> {
    if spec.sharp {
        return Err("`printf` has no `#` for fractions".into());
    }
    let (notation, precision) = match verb {
        'f' | 'F' => (Notation::Plain, Some(spec.precision.unwrap_or(6))),
        'e' | 'E' => (Notation::Exponent, Some(spec.precision.unwrap_or(6))),
        _ => (Notation::Shorter, spec.precision),
    };
    if precision.is_some_and(|digits| digits > 1_000) {
        return Err("`printf` writes at most 1000 digits".into());
    }
    let mut number = number::format(value, notation, precision);
    if matches!(verb, 'E' | 'G') {
        number = number.replace('e', "E");
    }
    let (sign, digits) = match number.as_bytes().first() {
        Some(b'-') => ("-", &number[1..]),
        Some(b'+') => ("+", &number[1..]),
        _ => ("+", number.as_str()),
    };
    let sign = match (sign, spec.plus, spec.space) {
        ("+", false, true) => " ",
        ("+", false, false) => "",
        _ => sign,
    };
    if !value.is_finite() {
        let sign = if value.is_infinite() && sign.is_empty() { "+" } else { sign };
        pad(out, &format!("{sign}{digits}"), Spec { zero: false, ..spec });
    } else if spec.zero && !spec.minus && !sign.is_empty() {
        out.push_str(sign);
        pad(out, digits, Spec { width: spec.width.saturating_sub(1), ..spec });
    } else {
        pad(out, &format!("{sign}{digits}"), spec);
    }
    Ok(())
}
