//! Go's templates: the part of `text/template`, `html/template` and sprig that messages need.
//!
//! **To add a function**: write it into the table of the file in `functions/` that its theme belongs to. One line says its
//! name, what it takes, and what it does; values are checked against that before it is called. It must be bounded: make no text
//! without asking `bounded`. It must not name a value in its error: a value may be a passcode. Then add templates that call it to
//! `tests/against_go/`, where Go says what is right, and its name to the list below.
//!
//! ```
//! use watchword_template::{Escaping, Template, Value};
//!
//! let template = Template::parse("{{ .Name | upper }}: {{ .Code }}", Escaping::None)?;
//! let data = Value::from([("Name", "anna".into()), ("Code", "123456".into())]);
//! assert_eq!(template.render(&data, 0)?, "ANNA: 123456");
//! # Ok::<(), watchword_template::TemplateError>(())
//! ```
//!
//! # What is there
//!
//! All actions of Go 1.26: `if`, `with`, `range` with `else`, `break` and `continue`, `define`, `template`, `block`, variables,
//! pipelines, comments, trim markers. Values are those of [`Value`]; a length of time has its methods (`.Minutes`, `.Seconds`, …),
//! so has the time that `now` gives (`.Format`, `.Add`, `.Year`, …).
//!
//! Go's functions: `and or not eq ne lt le gt ge len index slice print printf println html js urlquery`.
//!
//! sprig's: `abbrev add add1 all any append atoi b64dec b64enc biggest cat ceil coalesce compact contains date dateInZone
//! dateModify date_in_zone date_modify default dict div duration empty first float64 floor get has hasKey hasPrefix hasSuffix
//! htmlDate htmlDateInZone indent initial int int64 join last list lower max min mod mul nindent nospace now plural prepend push
//! quote repeat replace rest reverse round slice sortAlpha split splitList splitn squote sub substr ternary title toString
//! toStrings trim trimAll trimall trimPrefix trimSuffix trunc tuple unixEpoch until untilStep untitle upper without`.
//!
//! HTML is escaped by context: text, attributes with and without quotes, links, scripts, styles, as `html/template` does it.
//!
//! # What is refused when it is read
//!
//! `call` (no value is a function) · complex numbers · other functions of sprig, which reach out of a message (`env`,
//! `getHostByName`, random ones, keys and certificates) or have no place in one · in HTML: a script's text in back quotes, a value
//! in `srcset`, a value inside `[ ]` of a script's pattern, a named character reference in a script's attribute, branches that end
//! in different contexts, a template that calls itself and ends in another context than it began.
//! When it is carried out: `printf` with `%T`, `%p`, `%#v`, `%b` and `%x` of fractions, `#` with fractions.
//!
//! # What differs from Go
//!
//! - Errors come sooner: an unknown template, a wrong number of values and an assignment to a variable that is not there are found
//!   when the template is read, also where Go would never get to them.
//! - There is one kind of whole number: where Go tells `int` from `int64`, and refuses `trunc (add 1 2) .X`, this does not.
//! - `trunc`, `substr`, `abbrev` and `slice` count bytes, as in Go, but never cut a character: the cut moves to before it.
//! - `nospace` leaves characters beyond ASCII whole. `slice` takes texts too. `duration` takes a number too.
//! - `now` is in UTC, and so is what `date` prints: a message should not depend on where the server stands.
//! - `round` has no third value. `b64dec` of what is not base64 fails, where sprig prints the error.
//!
//! # Limits
//!
//! See the constants: [`MAX_SOURCE`], [`MAX_NESTING`], [`MAX_DEPTH`], [`MAX_STEPS`], [`MAX_OUTPUT`], [`MAX_LIST`]. Past each of
//! them is a [`TemplateError`].

mod check;
mod error;
mod evaluate;
mod format;
mod functions;
mod html;
mod limits;
mod syntax;
mod value;

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;

pub use error::TemplateError;
pub use limits::{MAX_DEPTH, MAX_LIST, MAX_NESTING, MAX_OUTPUT, MAX_SOURCE, MAX_STEPS};
pub use value::Value;

use evaluate::item::Item;
use syntax::tree::Program;

/// How what a template prints is made safe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Escaping {
    /// Not at all: subjects, SMS.
    None,
    /// By where it stands in the HTML, as `html/template` does.
    Html,
}

/// A template that was read and found sound. Cheap to clone.
#[derive(Clone)]
pub struct Template {
    program: Arc<Program>,
}

impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Template(…)")
    }
}

impl Template {
    /// Reads a template. With [`Escaping::Html`], where values stand is found out here, once.
    ///
    /// # Errors
    /// It is not a template, is larger than [`MAX_SOURCE`], or uses what is not there: a function, a template, a variable. With
    /// [`Escaping::Html`] also: its HTML can't be followed.
    pub fn parse(source: &str, escaping: Escaping) -> Result<Self, TemplateError> {
        let program = syntax::parser::parse(source)?;
        let program = match escaping {
            Escaping::None => program,
            Escaping::Html => html::escape(&program)?,
        };
        Ok(Self { program: Arc::new(program) })
    }

    /// Carries it out for `data`, which is its dot; `now_millis` is what `now` is, as milliseconds since 1970.
    ///
    /// # Errors
    /// It fails on this data, or does not end within the limits of steps and of length.
    pub fn render(&self, data: &Value, now_millis: i64) -> Result<String, TemplateError> {
        // Nobody sends messages beyond the calendar's end.
        let now = Timestamp::from_millisecond(now_millis).unwrap_or(Timestamp::UNIX_EPOCH);
        evaluate::run::render(&self.program, &Item::from(data), now)
    }

    /// Makes sure that it works on data like `sample`: carries it out, and looks at every branch, also those that were not
    /// taken, for fields that `sample` does not have.
    ///
    /// A field of a list's element is looked for in the first element only, and what functions give is not followed.
    ///
    /// # Errors
    /// A field is not there (the error names the nearest one that is), or as [`Template::render`].
    pub fn check(&self, sample: &Value) -> Result<(), TemplateError> {
        check::check(&self.program, sample)?;
        self.render(sample, 0).map(|_| ())
    }

    /// Whether it could look at the field `name` of its data. If not, the data need not have it.
    pub fn uses(&self, name: &str) -> bool {
        check::uses(&self.program, name)
    }
}
