//! What a caller passes: the URL's query and the body's form, as one set of named values.

use std::borrow::Cow;
use std::convert::Infallible;
use std::ops::RangeInclusive;

use bytes::Bytes;
use futures::{future, stream};
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use multer::Multipart;

use super::refusal::InputError;
use crate::form::{NotDecodable, pairs};

/// The names that mean something. Others are decoded, and dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Name {
    Provider,
    To,
    ChannelDescription,
    AddressDescription,
    Otp,
    Ttl,
    MaxAttempts,
    MaxGenerate,
    SkipDelete,
    Extra,
    /// Of a page's form.
    Action,
    /// How a page was opened.
    View,
}

impl Name {
    const ALL: [Self; 12] = [
        Self::Provider,
        Self::To,
        Self::ChannelDescription,
        Self::AddressDescription,
        Self::Otp,
        Self::Ttl,
        Self::MaxAttempts,
        Self::MaxGenerate,
        Self::SkipDelete,
        Self::Extra,
        Self::Action,
        Self::View,
    ];

    /// On the wire.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Provider => "provider",
            Self::To => "to",
            Self::ChannelDescription => "channel_description",
            Self::AddressDescription => "address_description",
            Self::Otp => "otp",
            Self::Ttl => "ttl",
            Self::MaxAttempts => "max_attempts",
            Self::MaxGenerate => "max_generate",
            Self::SkipDelete => "skip_delete",
            Self::Extra => "extra",
            Self::Action => "action",
            Self::View => "view",
        }
    }

    fn find(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.as_str() == name)
    }
}

/// The values of a request. The first one set stays.
#[derive(Debug, Default)]
pub(super) struct Parameters<'a> {
    values: [Option<Cow<'a, str>>; Name::ALL.len()],
}

/// What a body is, by its `Content-Type`.
enum Form {
    UrlEncoded,
    Multipart {
        boundary: String,
    },
    /// JSON, for instance: not read.
    Other,
}

impl<'a> Parameters<'a> {
    /// Reads both sources. A URL-encoded body wins over the query; the query wins over a multipart body. Within one source
    /// the first value of a name wins.
    ///
    /// # Errors
    /// Anything that is not UTF-8 or not encoded right, whatever its name.
    pub(super) async fn read(
        query: Option<&'a str>,
        headers: &HeaderMap,
        body: &'a Bytes,
    ) -> Result<Self, InputError> {
        let query = query.unwrap_or_default().as_bytes();
        let mut parameters = Self::default();
        match form(headers)? {
            Form::UrlEncoded => {
                parameters.add_pairs(body)?;
                parameters.add_pairs(query)?;
            }
            Form::Multipart { boundary } => {
                parameters.add_pairs(query)?;
                // Rare and large: it must not make every request's future larger.
                Box::pin(parameters.add_parts(body, boundary)).await?;
            }
            Form::Other => parameters.add_pairs(query)?,
        }
        Ok(parameters)
    }

    /// Reads the query alone.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub(super) fn of_query(query: Option<&'a str>) -> Result<Self, InputError> {
        let mut parameters = Self::default();
        parameters.add_pairs(query.unwrap_or_default().as_bytes())?;
        Ok(parameters)
    }

    fn add_pairs(&mut self, text: &'a [u8]) -> Result<(), InputError> {
        for pair in pairs(text) {
            let (name, value) = pair?;
            self.add(&name, value)?;
        }
        Ok(())
    }

    async fn add_parts(&mut self, body: &Bytes, boundary: String) -> Result<(), InputError> {
        let whole = stream::once(future::ready(Ok::<_, Infallible>(body.clone())));
        let mut parts = Multipart::new(whole, boundary);
        while let Some(part) = parts.next_field().await.map_err(|_| InputError::NotMultipart)? {
            let name = part.name().unwrap_or_default().to_owned();
            // A file is no value.
            let is_file = part.file_name().is_some();
            let value = part.bytes().await.map_err(|_| InputError::NotMultipart)?;
            if !is_file {
                let value = String::from_utf8(value.into()).map(Cow::Owned).map_err(|_| NotDecodable);
                self.add(&name, value)?;
            }
        }
        Ok(())
    }

    fn add(&mut self, name: &str, value: Result<Cow<'a, str>, NotDecodable>) -> Result<(), InputError> {
        let Some(name) = Name::find(name) else { return Ok(value.map(drop)?) };
        let value = value.map_err(|_| InputError::Value(name.as_str()))?;
        self.values[name as usize].get_or_insert(value);
        Ok(())
    }

    /// The value of a name; an empty one is none.
    pub(super) fn get(&self, name: Name) -> Option<&str> {
        self.values[name as usize].as_deref().filter(|value| !value.is_empty())
    }

    /// A whole number. A sign and zeros before it are fine, spaces and points are not.
    ///
    /// # Errors
    /// Anything else, and numbers out of range.
    pub(super) fn integer(
        &self,
        name: Name,
        range: RangeInclusive<u32>,
        default: u32,
    ) -> Result<u32, InputError> {
        let Some(text) = self.get(name) else { return Ok(default) };
        text.parse().ok().filter(|value| range.contains(value)).ok_or(InputError::Value(name.as_str()))
    }

    /// A short text of one line.
    ///
    /// # Errors
    /// Over `max` bytes, or with control characters.
    pub(super) fn line(&self, name: Name, max: usize) -> Result<&str, InputError> {
        let text = self.get(name).unwrap_or_default();
        let fits = text.len() <= max && !text.chars().any(char::is_control);
        if fits { Ok(text) } else { Err(InputError::Value(name.as_str())) }
    }

    /// Whether it is one of the ways to write true; `None`: it is not there. Anything else is false.
    pub(super) fn flag(&self, name: Name) -> Option<bool> {
        self.get(name).map(|value| matches!(value, "1" | "t" | "T" | "true" | "True" | "TRUE"))
    }
}

fn form(headers: &HeaderMap) -> Result<Form, InputError> {
    let Some(content_type) = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()) else {
        return Ok(Form::Other);
    };
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        return Ok(Form::UrlEncoded);
    }
    if !essence.eq_ignore_ascii_case("multipart/form-data") {
        return Ok(Form::Other);
    }
    let boundary = multer::parse_boundary(content_type).map_err(|_| InputError::NotMultipart)?;
    Ok(Form::Multipart { boundary })
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    const FORM: &str = "application/x-www-form-urlencoded";
    const PARTS: &str = "multipart/form-data; boundary=XX";

    /// What `otp` and `to` come to.
    async fn read(query: &str, content_type: &str, body: &[u8]) -> Result<[Option<String>; 2], InputError> {
        let mut headers = HeaderMap::new();
        if !content_type.is_empty() {
            headers.insert(CONTENT_TYPE, HeaderValue::from_str(content_type).unwrap());
        }
        let body = Bytes::copy_from_slice(body);
        let parameters = Parameters::read(Some(query), &headers, &body).await?;
        Ok([Name::Otp, Name::To].map(|name| parameters.get(name).map(str::to_owned)))
    }

    fn part(head: &str, value: &str) -> String {
        format!("--XX\r\nContent-Disposition: form-data; {head}\r\n\r\n{value}\r\n")
    }

    #[tokio::test]
    async fn which_of_several_values_wins() {
        let multipart = format!(
            "{}{}{}--XX--\r\n",
            part("name=\"to\"; filename=\"a.txt\"", "file"),
            part("name=\"to\"", "part"),
            part("name=\"to\"", "later")
        );
        for (query, content_type, body, to) in [
            ("to=query", "", "to=body", Some("query")),
            ("to=query", FORM, "to=body", Some("body")),
            ("to=query", FORM, "", Some("query")),
            ("to=query", FORM, "otp=1", Some("query")),
            ("to=query&to=later", FORM, "", Some("query")),
            ("", FORM, "to=body&to=later", Some("body")),
            ("to=query", FORM, "to=", None),
            ("", FORM, "to=&to=later", None),
            ("to=query", "application/json", "{\"to\":\"body\"}", Some("query")),
            ("", "application/json", "{\"to\":\"body\"}", None),
            ("", "text/plain", "to=body", None),
            ("", "Application/X-WWW-Form-UrlEncoded ; charset=UTF-8", "to=body", Some("body")),
            ("to=query", PARTS, multipart.as_str(), Some("query")),
            ("", PARTS, multipart.as_str(), Some("part")),
            ("TO=query", FORM, "To=body", None),
        ] {
            let read = read(query, content_type, body.as_bytes()).await.unwrap();
            assert_eq!(read[1].as_deref(), to, "?{query} {content_type} {body}");
        }
    }

    #[tokio::test]
    async fn what_does_not_decode_is_refused_by_name_where_the_name_means_something() {
        let in_part = |name| {
            let head = format!("--XX\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n");
            [head.as_bytes(), b"\xff\r\n--XX--\r\n"].concat()
        };
        let unnamed = "Invalid parameters: not percent-encoded UTF-8.";
        for (query, content_type, body, message) in [
            ("x=%zz", "", vec![], unnamed),
            ("x=%ff", "application/json", vec![], unnamed),
            ("", FORM, b"x=\xff".to_vec(), unnamed),
            ("", FORM, b"%=x".to_vec(), unnamed),
            ("", PARTS, in_part("x"), unnamed),
            ("to=%zz", "", vec![], "Invalid `to` value."),
            ("otp=1", FORM, b"to=1&to=%ff".to_vec(), "Invalid `to` value."),
            ("", PARTS, in_part("otp"), "Invalid `otp` value."),
        ] {
            let refused = read(query, content_type, &body).await.unwrap_err();
            assert_eq!(refused.to_string(), message, "?{query} {body:?}");
        }
    }

    #[tokio::test]
    async fn a_broken_multipart_body_is_refused() {
        let unfinished = part("name=\"to\"", "part");
        for (content_type, body) in [
            (PARTS, ""),
            (PARTS, "x"),
            (PARTS, unfinished.as_str()),
            ("multipart/form-data", unfinished.as_str()),
        ] {
            let refused = read("", content_type, body.as_bytes()).await.unwrap_err();
            assert!(matches!(refused, InputError::NotMultipart), "{content_type} {body:?}");
        }
    }

    #[tokio::test]
    async fn a_number_is_written_in_digits() {
        let headers = HeaderMap::new();
        let body = Bytes::new();
        for (text, expected) in [
            ("1", Some(1)),
            ("%2B5", Some(5)),
            ("007", Some(7)),
            ("100", Some(100)),
            ("", Some(42)),
            ("0", None),
            ("101", None),
            ("-1", None),
            ("%207", None),
            ("7%20", None),
            ("1.0", None),
            ("1e1", None),
            ("0x1", None),
            ("%2B", None),
            ("٣", None),
            ("99999999999999999999", None),
        ] {
            let query = format!("ttl={text}");
            let parameters = Parameters::read(Some(&query), &headers, &body).await.unwrap();
            assert_eq!(parameters.integer(Name::Ttl, 1..=100, 42).ok(), expected, "{text}");
        }
    }
}
