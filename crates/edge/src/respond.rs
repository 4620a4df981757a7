//! Answers that stay in hyper: bodies, errors, headers.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    HeaderMap, Response, StatusCode,
    header::{
        ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_TYPE, HeaderValue, LOCATION, RETRY_AFTER,
        SEC_WEBSOCKET_VERSION, UPGRADE, WWW_AUTHENTICATE,
    },
};
use identity::TokenError;
use publication::Pattern;

use crate::{
    access::{Act, Who},
    asker::Foreign,
    close::CloseReason,
    sessions::TurnedAway,
};

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
    /// When to come back, if its turn is known.
    away: Option<Duration>,
    /// The connection ends with the answer: what follows may not be what it seems.
    closes: bool,
}

impl Refusal {
    pub(crate) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), allow: None, away: None, closes: false }
    }

    /// The same, and the connection ends with it.
    pub(crate) fn closing(self) -> Self {
        Self { closes: true, ..self }
    }

    /// Right place, wrong method.
    pub(crate) fn method(message: &str, allow: &'static str) -> Self {
        Self { allow: Some(allow), ..Self::new(StatusCode::METHOD_NOT_ALLOWED, "method", message) }
    }

    /// Asks for a WebSocket in a version other than the standard's, or asks without upgrading.
    pub(crate) fn upgrade() -> Self {
        let message = "a WebSocket is opened by an upgrade with `Sec-WebSocket-Version: 13`";
        Self::new(StatusCode::UPGRADE_REQUIRED, "bad_handshake", message)
    }

    /// A page of another origin.
    pub(crate) fn foreign_origin(what: &str) -> Self {
        let message = format!("pages of this origin may not {what}; list it in [cors] origins to allow it");
        Self::new(StatusCode::FORBIDDEN, "foreign_origin", message)
    }

    /// Whoever asks must say who it is.
    pub(crate) fn needs_token(act: Act, channel: &str) -> Self {
        let message = format!(
            "a token is needed to {} {channel:?}; show it as `Authorization: Bearer TOKEN`, in the cookie or in \
             the query",
            act.words()
        );
        Self::new(StatusCode::UNAUTHORIZED, "unauthorized", message)
    }

    /// A token that is not accepted.
    pub(crate) fn bad_token(error: &TokenError) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, error.code(), error.to_string())
    }

    /// A token of somebody else than the one who began.
    pub(crate) fn another_subject() -> Self {
        let message = "this token is another subject's; open a connection of its own for it";
        Self::new(StatusCode::FORBIDDEN, "forbidden", message)
    }

    /// Not among what a token opens.
    pub(crate) fn not_granted(act: Act, channel: &str) -> Self {
        let (key, words) = (act.grant(), act.words());
        let message = format!(
            "the token does not let its bearer {words} {channel:?}: the channel is not its own, and none of the \
             grants in its claim `fanfare.{key}` covers it"
        );
        Self::new(StatusCode::FORBIDDEN, "forbidden", message)
    }

    /// Closed by the rules; names the rule that would open it.
    pub(crate) fn forbidden(act: Act, channel: &str, foreign: Option<Foreign>, to: Who) -> Self {
        let because =
            foreign.map(|why| format!(" ({}, so only what a rule opens is open to it)", why.words()));
        let (key, words) = (act.key(), act.words());
        let whom = to.label();
        let message = format!(
            "no rule lets anyone {words} {channel:?}{}; to allow it, add to the configuration, before other rules \
             for this channel:\n\n[[channels]]\nmatch = {channel:?}\n{key} = {whom:?}",
            because.unwrap_or_default()
        );
        Self::new(StatusCode::FORBIDDEN, "forbidden", message)
    }

    /// Presence is of channels.
    pub(crate) fn no_presence_in(pattern: &Pattern) -> Self {
        let message =
            format!("one can be present in a channel, not in the pattern {:?}", pattern.to_string());
        Self::new(StatusCode::BAD_REQUEST, "bad_channel", message)
    }

    /// Turned away for now.
    pub(crate) fn closed(reason: CloseReason) -> Self {
        let message = match reason {
            CloseReason::Starting => "the gateway is starting and has no cursor to give out yet; try again",
            CloseReason::AuthUnavailable => "what checks the token cannot be reached now; try again",
            CloseReason::AddressLimit => {
                "there are too many sessions of this address; end others, or try again"
            }
            CloseReason::SubjectLimit => {
                "this token's subject has too many sessions; end others, or try again"
            }
            _ => "the gateway takes nobody in just now; try again",
        };
        let status = match reason {
            CloseReason::AddressLimit | CloseReason::SubjectLimit => StatusCode::TOO_MANY_REQUESTS,
            _ => StatusCode::SERVICE_UNAVAILABLE,
        };
        Self::new(status, reason.label(), message)
    }

    /// The same where it is known for how long.
    pub(crate) fn turned_away(TurnedAway { reason, away }: TurnedAway) -> Self {
        Self { away: Some(away), ..Self::closed(reason) }
    }

    /// Whether the same may well be answered a little later.
    pub(crate) fn is_temporary(&self) -> bool {
        matches!(self.status, StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS)
    }

    /// What every error says, as a JSON object.
    pub(crate) fn json(&self) -> String {
        serde_json::json!({ "code": self.code, "message": self.message }).to_string()
    }

    /// The error as every answer shows it.
    pub(crate) fn answer(&self) -> Answer {
        let mut answer = json(self.status, format!(r#"{{"error":{}}}"#, self.json()));
        answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if self.closes {
            answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        if let Some(allow) = self.allow {
            answer.headers_mut().insert(ALLOW, HeaderValue::from_static(allow));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            // RFC 6750, section 3: without a token no error is named.
            let challenge = match self.code {
                "unauthorized" => "Bearer",
                _ => "Bearer error=\"invalid_token\"",
            };
            answer.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        if self.status == StatusCode::UPGRADE_REQUIRED {
            let headers = answer.headers_mut();
            headers.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
            headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
            headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
        }
        if self.is_temporary() {
            // Spread, so that those who were turned away together do not come back together.
            let away = self.away.map(|away| away.as_secs_f64().ceil() as u64);
            let seconds = away.unwrap_or_else(|| rand::random_range(1..=5));
            answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        answer
    }
}

/// The same thing lies elsewhere.
pub(crate) fn redirect(path: &'static str) -> Answer {
    let mut answer = empty(StatusCode::FOUND);
    answer.headers_mut().insert(LOCATION, HeaderValue::from_static(path));
    answer
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
