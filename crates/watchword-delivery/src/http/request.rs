//! The request that a message becomes.

use std::collections::BTreeMap;

use bytes::Bytes;
use reqwest::Request;
use reqwest::header::{
    AUTHORIZATION, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, EXPECT, HOST, HeaderMap, HeaderName,
    HeaderValue, TE, TRAILER, TRANSFER_ENCODING, UPGRADE, USER_AGENT,
};
use url::form_urlencoded;
use watchword_core::delivery::ProviderId;

use super::endpoint::{Endpoint, Wrong};
use super::settings::{HttpSettings, Json, Method, Values};
use super::text::{Data, Text, Unmade};
use crate::checks::{basic, wrong};
use crate::settings::Secret;

/// Headers that belong to the connection or follow from the body.
const NOT_OURS: [HeaderName; 8] =
    [HOST, CONTENT_LENGTH, TRANSFER_ENCODING, CONNECTION, UPGRADE, TE, TRAILER, EXPECT];

/// How requests are made: everything about them but the message.
pub(super) struct Plan {
    method: reqwest::Method,
    endpoint: Endpoint,
    /// Those that are the same in every request.
    headers: HeaderMap,
    made_headers: Vec<(HeaderName, Text)>,
    body: Option<Body>,
}

enum Body {
    Form(Vec<(String, Text)>),
    Json(JsonPlan),
    Text(Text),
}

/// A JSON document whose texts are still to be made.
enum JsonPlan {
    Text(Text),
    Value(serde_json::Value),
    List(Vec<JsonPlan>),
    Object(Vec<(String, JsonPlan)>),
}

impl Plan {
    pub(super) fn new(id: &ProviderId, settings: &HttpSettings) -> Result<Self, Wrong> {
        let (mut headers, made_headers) = headers(&settings.headers)?;
        if let Some(authorization) = authorization(id, settings)? {
            if headers.contains_key(AUTHORIZATION)
                || made_headers.iter().any(|(name, _)| name == AUTHORIZATION)
            {
                return Err(wrong(
                    id,
                    "username",
                    "is set, and so is the header `Authorization`; remove one",
                )
                .into());
            }
            headers.insert(AUTHORIZATION, authorization);
        }
        let body = body(id, settings)?;
        if let Some(body) = &body {
            let content_type = HeaderValue::from_static(body.content_type());
            if !made_headers.iter().any(|(name, _)| name == CONTENT_TYPE) {
                headers.entry(CONTENT_TYPE).or_insert(content_type);
            }
        }
        let user_agent = concat!("watchword/", env!("CARGO_PKG_VERSION"));
        headers.entry(USER_AGENT).or_insert(HeaderValue::from_static(user_agent));
        let method = match settings.method {
            Method::Post => reqwest::Method::POST,
            Method::Get => reqwest::Method::GET,
            Method::Put => reqwest::Method::PUT,
            Method::Patch => reqwest::Method::PATCH,
        };
        let endpoint = Endpoint::new(id, &settings.url, &settings.query)?;
        let plan = Self { method, endpoint, headers, made_headers, body };
        // What fails with any message is better found now.
        plan.request(&Data::example())?;
        Ok(plan)
    }

    pub(super) fn request(&self, data: &Data) -> Result<Request, Unmade> {
        let mut request = Request::new(self.method.clone(), self.endpoint.render(data)?);
        let headers = request.headers_mut();
        headers.clone_from(&self.headers);
        for (name, text) in &self.made_headers {
            headers.insert(name.clone(), header_value(text.setting(), &text.render(data)?)?);
        }
        if let Some(body) = &self.body {
            *request.body_mut() = Some(body.render(data)?.into());
        }
        Ok(request)
    }
}

type Headers = (HeaderMap, Vec<(HeaderName, Text)>);

fn headers(settings: &BTreeMap<String, Secret>) -> Result<Headers, Unmade> {
    let (mut fixed, mut made) = (HeaderMap::new(), Vec::new());
    for (name, source) in settings {
        let setting = format!("headers.{name}");
        let Ok(header) = HeaderName::try_from(name) else {
            return Err(Unmade::new(setting, "is not the name of a header"));
        };
        if NOT_OURS.contains(&header) {
            return Err(Unmade::new(setting, "is set by the connection; remove it"));
        }
        if source.expose().contains("{{") {
            made.push((header, Text::new(setting, source)?));
        } else if fixed.insert(header, header_value(&setting, source.expose())?).is_some() {
            return Err(Unmade::new(setting, "is there twice, in capitals and in small letters"));
        }
    }
    Ok((fixed, made))
}

fn header_value(setting: &str, text: &str) -> Result<HeaderValue, Unmade> {
    let mut value = HeaderValue::from_bytes(text.as_bytes())
        .map_err(|_| Unmade::new(setting, "would hold a line break or another control character"))?;
    value.set_sensitive(true);
    Ok(value)
}

fn authorization(id: &ProviderId, settings: &HttpSettings) -> Result<Option<HeaderValue>, Wrong> {
    let username = settings.username.as_deref().filter(|name| !name.is_empty());
    let password = settings.password.as_ref().map(Secret::expose).filter(|password| !password.is_empty());
    match (username, password) {
        (None, Some(_)) => Err(wrong(id, "password", "is set without `username`").into()),
        (None, None) => Ok(None),
        (Some(name), _) if name.contains(':') => Err(wrong(id, "username", "must not hold a `:`").into()),
        (Some(name), password) => Ok(Some(basic(name.as_bytes(), password.unwrap_or_default().as_bytes()))),
    }
}

fn body(id: &ProviderId, settings: &HttpSettings) -> Result<Option<Body>, Wrong> {
    let body = match (&settings.form, &settings.json, &settings.text) {
        (None, None, None) => return Ok(None),
        (Some(form), None, None) => Body::Form(fields("form", form)?),
        (None, Some(json @ (Json::Object(_) | Json::List(_))), None) => {
            Body::Json(JsonPlan::new("json", json)?)
        }
        (None, Some(_), None) => {
            return Err(
                wrong(id, "json", "must be a section or a list, such as { to = \"{{ .To }}\" }").into()
            );
        }
        (None, None, Some(text)) => Body::Text(Text::new("text".to_owned(), text)?),
        (Some(_), Some(_), _) => return Err(wrong(id, "json", "is set, and so is `form`; remove one").into()),
        (_, _, Some(_)) => {
            return Err(wrong(id, "text", "is set, and so is `form` or `json`; remove one").into());
        }
    };
    if settings.method == Method::Get {
        return Err(wrong(id, "method", "is GET, which has no body; put its values into `query`").into());
    }
    Ok(Some(body))
}

fn fields(section: &str, settings: &BTreeMap<String, Values>) -> Result<Vec<(String, Text)>, Unmade> {
    let mut fields = Vec::new();
    for (name, Values(values)) in settings {
        for value in values {
            fields.push((name.clone(), Text::new(format!("{section}.{name}"), value)?));
        }
    }
    Ok(fields)
}

impl Body {
    const fn content_type(&self) -> &'static str {
        match self {
            Self::Form(_) => "application/x-www-form-urlencoded",
            Self::Json(_) => "application/json",
            Self::Text(_) => "text/plain; charset=utf-8",
        }
    }

    fn render(&self, data: &Data) -> Result<Bytes, Unmade> {
        match self {
            Self::Text(text) => Ok(text.render(data)?.into_owned().into()),
            Self::Json(plan) => Ok(plan.render(data)?.to_string().into()),
            Self::Form(fields) => {
                let mut form = form_urlencoded::Serializer::new(String::new());
                for (name, text) in fields {
                    form.append_pair(name, &text.render(data)?);
                }
                Ok(form.finish().into())
            }
        }
    }
}

impl JsonPlan {
    fn new(setting: &str, json: &Json) -> Result<Self, Unmade> {
        Ok(match json {
            Json::Text(source) => Self::Text(Text::new(setting.to_owned(), source)?),
            Json::Number(number) => Self::Value((*number).into()),
            Json::Boolean(value) => Self::Value((*value).into()),
            Json::List(items) => {
                Self::List(items.iter().map(|item| Self::new(setting, item)).collect::<Result<_, _>>()?)
            }
            Json::Object(entries) => {
                let entry = |(name, json): (&String, &Json)| {
                    Ok((name.clone(), Self::new(&format!("{setting}.{name}"), json)?))
                };
                Self::Object(entries.iter().map(entry).collect::<Result<_, _>>()?)
            }
        })
    }

    fn render(&self, data: &Data) -> Result<serde_json::Value, Unmade> {
        Ok(match self {
            Self::Text(text) => text.render(data)?.into_owned().into(),
            Self::Value(value) => value.clone(),
            Self::List(items) => serde_json::Value::Array(
                items.iter().map(|item| item.render(data)).collect::<Result<_, _>>()?,
            ),
            Self::Object(entries) => {
                let entry = |(name, plan): &(String, Self)| Ok((name.clone(), plan.render(data)?));
                serde_json::Value::Object(entries.iter().map(entry).collect::<Result<_, _>>()?)
            }
        })
    }
}
