//! Reading a request's body.

use axum::body::{Body, HttpBody as _};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use thiserror::Error;

use super::Exchange;

/// A body over the limit is still read up to so many times the limit, and thrown away: a client that is answered while it
/// sends may never see the answer.
const PATIENCE_FACTOR: usize = 8;

/// Why there is no body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(crate) enum BodyError {
    /// Longer than the limit.
    #[error("the body is too large")]
    TooLarge,
    /// Not there when the request's time was over.
    #[error("the body took too long to arrive")]
    TooSlow,
    /// It broke off, or is not framed right.
    #[error("the body broke off")]
    Broken,
}

impl Exchange<'_> {
    /// The whole body, within the limits on size and time.
    ///
    /// # Errors
    /// Too large, too slow, or broken off.
    pub(crate) async fn read(&mut self, body: Body) -> Result<Bytes, BodyError> {
        if body.is_end_stream() {
            return Ok(Bytes::new());
        }
        let max = self.front.settings.limits.max_body_bytes;
        self.in_time(collect(body, max)).await.unwrap_or(Err(BodyError::TooSlow))
    }
}

async fn collect(mut body: Body, max: usize) -> Result<Bytes, BodyError> {
    let most_read = max.saturating_mul(PATIENCE_FACTOR);
    if body.size_hint().lower() > most_read as u64 {
        return Err(BodyError::TooLarge);
    }
    let mut first = Bytes::new();
    let mut whole = BytesMut::new();
    let mut read = 0_usize;
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| BodyError::Broken)?.into_data() else { continue };
        read = read.saturating_add(data.len());
        if read > most_read {
            return Err(BodyError::TooLarge);
        }
        if read > max {
            continue;
        }
        // A small body comes in one piece, and is not copied.
        if first.is_empty() && whole.is_empty() {
            first = data;
            continue;
        }
        if whole.is_empty() {
            whole.extend_from_slice(&std::mem::take(&mut first));
        }
        whole.extend_from_slice(&data);
    }
    match read > max {
        true => Err(BodyError::TooLarge),
        false if whole.is_empty() => Ok(first),
        false => Ok(whole.freeze()),
    }
}
