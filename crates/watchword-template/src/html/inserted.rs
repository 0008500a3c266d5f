//! Which escapers a context wants behind a pipeline.

use super::context::{Context, Quote, State, UrlPart};
use super::escapers::{self, Escaper, Escapers};
use crate::error::Problem;
use crate::evaluate::item::Item;
use crate::functions;
use crate::syntax::tree::{Command, Operand, Pipeline};

/// The escapers for a value in `context`.
pub(super) fn wanted(context: Context) -> Result<Vec<Escaper>, Problem> {
    let mut wanted = Vec::with_capacity(3);
    match context.state {
        State::Url
        | State::StyleDouble
        | State::StyleSingle
        | State::StyleUrlDouble
        | State::StyleUrlSingle
        | State::StyleUrl => {
            let text = matches!(context.state, State::StyleDouble | State::StyleSingle);
            if context.url == UrlPart::Start {
                wanted.push(Escaper::UrlFilter);
            }
            wanted.push(match context.url {
                UrlPart::Start | UrlPart::BeforeQuery if text => Escaper::StyleText,
                UrlPart::Start | UrlPart::BeforeQuery => Escaper::UrlNormalize,
                UrlPart::QueryOrFragment => Escaper::UrlQueryPart,
                UrlPart::Unknown => {
                    return Err("branches before it leave open whether this value stands before or behind the `?` of a link".into());
                }
            });
        }
        State::MetaUrl => wanted.push(Escaper::UrlFilter),
        State::Attribute | State::MetaContent => {}
        State::Script => wanted.push(Escaper::ScriptValue),
        State::ScriptDouble | State::ScriptSingle => wanted.push(Escaper::ScriptText),
        State::ScriptRegexp => wanted.push(Escaper::ScriptRegexp),
        State::Style => wanted.push(Escaper::StyleValue),
        State::Text => wanted.push(Escaper::Text),
        State::Rcdata => wanted.push(Escaper::Rcdata),
        State::AttributeName | State::Tag => wanted.push(Escaper::Name),
        State::Srcset => return Err("a value can't stand in `srcset`: use `src`".into()),
        _ => wanted.push(Escaper::Comment),
    }
    match context.quote {
        Quote::None => {}
        Quote::Unquoted => wanted.push(Escaper::Unquoted),
        Quote::Double | Quote::Single => wanted.push(Escaper::Attribute),
    }
    Ok(wanted)
}

/// Which of the two escapers that authors write themselves a command calls.
fn own(command: &Command) -> Option<Escaper> {
    match &command.head {
        Operand::Function(function) if function.name == "html" => Some(Escaper::Html),
        Operand::Function(function) if function.name == "urlquery" => Some(Escaper::UrlQuery),
        _ => None,
    }
}

/// Go refuses the author's own escapers where they would break what comes behind.
pub(super) fn check_own(pipeline: &Pipeline, context: Context) -> Result<(), Problem> {
    let last = pipeline.commands.len() - 1;
    for (at, command) in pipeline.commands.iter().enumerate() {
        let unquoted = context.state == State::Attribute && context.quote == Quote::Unquoted;
        match own(command) {
            Some(Escaper::Html) if unquoted => {
                return Err(
                    "`html` is not enough in an attribute without quotes: leave it out, or put quotes".into(),
                );
            }
            Some(_) if at < last => {
                return Err(
                    "`html` and `urlquery` may only come last: leave it out, values are escaped anyway"
                        .into(),
                );
            }
            _ => {}
        }
    }
    Ok(())
}

/// Puts `wanted` behind the pipeline: the author's own escaper takes the place of an equivalent one, and what does nothing
/// behind another is left out.
pub(super) fn insert(pipeline: &mut Pipeline, mut wanted: Vec<Escaper>) -> Escapers {
    let mut replaced = vec![false; wanted.len()];
    if let Some(given) = pipeline.commands.last().and_then(own) {
        for (escaper, replaced) in wanted.iter_mut().zip(&mut replaced) {
            let equivalent = match given {
                Escaper::Html => matches!(escaper, Escaper::Text | Escaper::Rcdata | Escaper::Attribute),
                _ => matches!(escaper, Escaper::UrlQueryPart | Escaper::UrlNormalize),
            };
            if equivalent {
                *escaper = given;
                *replaced = true;
            }
        }
        if replaced.contains(&true) {
            drop_own(pipeline);
        }
    }
    let mut kept: Vec<Escaper> = Vec::with_capacity(wanted.len());
    for escaper in wanted {
        if !kept.last().is_some_and(|before| does_nothing_behind(escaper, *before)) {
            kept.push(escaper);
        }
    }
    kept.into()
}

/// Takes the author's escaper out of the pipeline. `html .A .B` still has to join its values.
fn drop_own(pipeline: &mut Pipeline) {
    match (pipeline.commands.as_mut_slice(), functions::find("print")) {
        ([only], Some(print)) => only.head = Operand::Function(print),
        _ => {
            pipeline.commands.pop();
        }
    }
}

fn does_nothing_behind(escaper: Escaper, before: Escaper) -> bool {
    match escaper {
        Escaper::Attribute => matches!(
            before,
            Escaper::Comment | Escaper::StyleText | Escaper::ScriptRegexp | Escaper::ScriptText
        ),
        Escaper::Text => before == Escaper::Comment,
        Escaper::UrlNormalize => before == Escaper::UrlQueryPart,
        _ => false,
    }
}

/// Appends `item` as the escapers make it.
pub(crate) fn write(out: &mut String, item: &Item<'_>, escapers: &[Escaper]) -> Result<(), Problem> {
    match escapers {
        [only] => escapers::write(out, item, *only),
        [first, rest @ ..] => {
            let mut text = String::new();
            escapers::write(&mut text, item, *first)?;
            for (left, escaper) in rest.iter().enumerate() {
                let item = Item::text(std::mem::take(&mut text));
                let last = left + 1 == rest.len();
                escapers::write(if last { &mut *out } else { &mut text }, &item, *escaper)?;
            }
            Ok(())
        }
        [] => Ok(()),
    }
}
