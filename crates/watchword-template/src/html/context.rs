//! Where in an HTML document a piece of text or a value stands.

/// The place. Two branches must end in the same one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Context {
    pub(super) state: State,
    pub(super) quote: Quote,
    pub(super) url: UrlPart,
    pub(super) slash: Slash,
    pub(super) attribute: Attribute,
    pub(super) element: Element,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) enum State {
    /// Outside of tags.
    #[default]
    Text,
    /// In a tag, before an attribute or its end.
    Tag,
    AttributeName,
    AfterName,
    BeforeValue,
    Comment,
    /// In `<textarea>` or `<title>`.
    Rcdata,
    /// In an attribute that is plain text.
    Attribute,
    Url,
    Srcset,
    /// In the `content` of a `<meta>`, outside of its `url=`.
    MetaContent,
    MetaUrl,
    Script,
    ScriptDouble,
    ScriptSingle,
    ScriptRegexp,
    ScriptBlockComment,
    ScriptLineComment,
    /// `<!--` in a script is a comment to the end of the line; so is `-->`.
    ScriptOpenComment,
    ScriptCloseComment,
    Style,
    StyleDouble,
    StyleSingle,
    StyleUrlDouble,
    StyleUrlSingle,
    StyleUrl,
    StyleBlockComment,
    StyleLineComment,
    /// Behind `break` or `continue`: never reached.
    Dead,
}

impl State {
    /// Whether it is a comment, of whichever language.
    pub(super) fn is_comment(self) -> bool {
        use State::{
            Comment, ScriptBlockComment, ScriptCloseComment, ScriptLineComment, ScriptOpenComment,
            StyleBlockComment, StyleLineComment,
        };
        matches!(
            self,
            Comment
                | ScriptBlockComment
                | ScriptLineComment
                | ScriptOpenComment
                | ScriptCloseComment
                | StyleBlockComment
                | StyleLineComment
        )
    }

    /// Whether it is a text or a pattern inside a script.
    pub(super) fn is_script_literal(self) -> bool {
        matches!(self, Self::ScriptDouble | Self::ScriptSingle | Self::ScriptRegexp)
    }
}

/// What ends the attribute value that it is in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) enum Quote {
    /// It is in none.
    #[default]
    None,
    Double,
    Single,
    /// A space, or the end of the tag.
    Unquoted,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) enum UrlPart {
    /// At its beginning, or in none.
    #[default]
    Start,
    BeforeQuery,
    QueryOrFragment,
    /// Branches disagree.
    Unknown,
}

/// What a `/` in a script would begin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) enum Slash {
    #[default]
    Regexp,
    Division,
    /// Branches disagree.
    Unknown,
}

/// What the attribute's value is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) enum Attribute {
    #[default]
    Plain,
    Script,
    /// The `type` of a `<script>`.
    ScriptType,
    Style,
    Url,
    Srcset,
    /// The `content` of a `<meta>`.
    MetaContent,
}

impl Attribute {
    /// The state in which its value begins.
    pub(super) fn begins(self) -> State {
        match self {
            Self::Plain | Self::ScriptType => State::Attribute,
            Self::Script => State::Script,
            Self::Style => State::Style,
            Self::Url => State::Url,
            Self::Srcset => State::Srcset,
            Self::MetaContent => State::MetaContent,
        }
    }
}

/// Elements whose content is not HTML, and `<meta>`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) enum Element {
    #[default]
    Other,
    Script,
    Style,
    Textarea,
    Title,
    Meta,
}

impl Element {
    /// The element of that name.
    pub(super) fn named(name: &str) -> Self {
        match name.to_ascii_lowercase().as_str() {
            "script" => Self::Script,
            "style" => Self::Style,
            "textarea" => Self::Textarea,
            "title" => Self::Title,
            "meta" => Self::Meta,
            _ => Self::Other,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Script => "script",
            Self::Style => "style",
            Self::Textarea => "textarea",
            Self::Title => "title",
            Self::Other | Self::Meta => "",
        }
    }

    /// What is between its tags.
    pub(super) fn content(self) -> State {
        match self {
            Self::Script => State::Script,
            Self::Style => State::Style,
            Self::Textarea | Self::Title => State::Rcdata,
            Self::Other | Self::Meta => State::Text,
        }
    }
}

impl Context {
    /// A place with nothing but its state.
    pub(super) fn of(state: State) -> Self {
        Self { state, ..Self::default() }
    }

    /// In a tag.
    pub(super) fn tag(element: Element) -> Self {
        Self { state: State::Tag, element, ..Self::default() }
    }

    /// Where a value stands that comes now: `<a href=` is still before the value, what is printed there is the value.
    pub(super) fn nudged(self) -> Self {
        match self.state {
            State::Tag => Self { state: State::AttributeName, ..self },
            State::BeforeValue => Self {
                state: self.attribute.begins(),
                quote: Quote::Unquoted,
                attribute: Attribute::Plain,
                ..self
            },
            State::AfterName => Self { state: State::AttributeName, attribute: Attribute::Plain, ..self },
            _ => self,
        }
    }

    /// The place behind two branches that end in `self` and `other`. None if they don't fit.
    pub(super) fn join(self, other: Self) -> Option<Self> {
        if self.state == State::Dead {
            return Some(other);
        }
        if other.state == State::Dead || self == other {
            return Some(self);
        }
        if (Self { url: other.url, ..self }) == other {
            return Some(Self { url: UrlPart::Unknown, ..self });
        }
        if (Self { slash: other.slash, ..self }) == other {
            return Some(Self { slash: Slash::Unknown, ..self });
        }
        let (nudged, other_nudged) = (self.nudged(), other.nudged());
        if nudged == self && other_nudged == other {
            return None;
        }
        nudged.join(other_nudged)
    }

    /// In words, for an error.
    pub(super) fn place(self) -> &'static str {
        match self.state {
            State::Text => "text",
            State::Tag | State::AttributeName | State::AfterName | State::BeforeValue => "a tag",
            State::Rcdata => "a title or textarea",
            State::Attribute | State::MetaContent => "an attribute",
            State::Url | State::MetaUrl => "a link",
            State::Srcset => "a srcset",
            State::Script | State::ScriptDouble | State::ScriptSingle | State::ScriptRegexp => "a script",
            State::Style
            | State::StyleDouble
            | State::StyleSingle
            | State::StyleUrlDouble
            | State::StyleUrlSingle
            | State::StyleUrl => "a style",
            State::Dead => "nothing",
            _ => "a comment",
        }
    }
}
