//! Answers that stay in hyper: bodies, errors, headers.

use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    HeaderMap, Response, StatusCode,
    header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue, RETRY_AFTER},
};

use crate::close::CloseReason;

pub(crate) type Answer = Response<Full<Bytes>>;

/// Why a request gets no answer to what it asked, and with which words.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    /// For programs; also the metric's label.
    pub(crate) code: &'static str,
    /// For people: what happened and what to do.
    pub(crate) message: String,
    /// The methods that would be right, if that is what is wrong.
    allow: Option<&'static str>,
}

impl Refusal {
    pub(crate) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), allow: None }
    }

    /// Right place, wrong method.
    pub(crate) fn method(message: &str, allow: &'static str) -> Self {
        Self { allow: Some(allow), ..Self::new(StatusCode::METHOD_NOT_ALLOWED, "method", message) }
    }

    /// Closed by the rules; names the rule that would open it.
    pub(crate) fn forbidden(what: &str, channel: &str, foreign: Option<&str>) -> Self {
        let because = foreign.map(|why| format!(" ({why}, so only what a rule opens is open to it)"));
        let message = format!(
            "no rule lets anyone {what} to {channel:?}{}; to allow it, add to the configuration:\n\n\
             [[channels]]\nmatch = {channel:?}\n{what} = \"anyone\"",
            because.unwrap_or_default()
        );
        Self::new(StatusCode::FORBIDDEN, "forbidden", message)
    }

    /// Turned away for now.
    pub(crate) fn closed(reason: CloseReason) -> Self {
        let message = match reason {
            CloseReason::Starting => "the gateway is starting and has no cursor to give out yet; try again",
            _ => "the gateway takes nobody in just now; try again",
        };
        Self::new(StatusCode::SERVICE_UNAVAILABLE, reason.label(), message)
    }

    /// The error as every answer shows it.
    pub(crate) fn answer(&self) -> Answer {
        let error = serde_json::json!({ "error": { "code": self.code, "message": self.message } });
        let mut answer = json(self.status, error.to_string());
        answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(allow) = self.allow {
            answer.headers_mut().insert(ALLOW, HeaderValue::from_static(allow));
        }
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            // Spread, so that those who were turned away together do not come back together.
            let seconds = rand::random_range(1..=5);
            answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        answer
    }
}

/// A body of JSON.
pub(crate) fn json(status: StatusCode, body: impl Into<Bytes>) -> Answer {
    with_type(status, "application/json", body)
}

/// A body of this content type.
pub(crate) fn with_type(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(Full::new(body.into()));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    answer
}

/// No body.
pub(crate) fn empty(status: StatusCode) -> Answer {
    let mut answer = Response::new(Full::default());
    *answer.status_mut() = status;
    answer
}

/// Adds headers, such as those of CORS.
pub(crate) fn extend(answer: &mut Answer, headers: Option<HeaderMap>) {
    if let Some(headers) = headers {
        answer.headers_mut().extend(headers);
    }
}
