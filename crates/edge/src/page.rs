//! The page at `/`: subscribe, watch, publish. Everything that is not the gateway's own URL.

use hyper::{
    Method, StatusCode,
    header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderValue, REFERRER_POLICY, X_FRAME_OPTIONS},
};

use crate::respond::{self, Answer, Refusal};

const HTML: &str = include_str!("page/index.html");
const STYLE: &str = include_str!("page/style.css");
const SCRIPT: &str = include_str!("page/script.js");
/// What our pages may load and do: what is theirs, and nothing inline.
const POLICY: &str = "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; \
                      form-action 'self'; frame-ancestors 'none'";

/// Answers a request for a page.
///
/// # Errors
/// There is no such page, or it is not read with GET.
pub(crate) fn serve(path: &str, method: &Method) -> Result<Answer, Refusal> {
    let (content_type, body) = match path {
        "/" => ("text/html; charset=utf-8", HTML),
        "/style.css" => ("text/css; charset=utf-8", STYLE),
        "/script.js" => ("text/javascript; charset=utf-8", SCRIPT),
        _ => {
            let message = "there is nothing here; subscribe and publish at /events";
            return Err(Refusal::new(StatusCode::NOT_FOUND, "not_found", message));
        }
    };
    if method != Method::GET && method != Method::HEAD {
        return Err(Refusal::method("this page is read with GET", "GET, HEAD"));
    }
    let mut answer = respond::with_type(StatusCode::OK, content_type, body);
    let headers = answer.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    // The query may hold a token.
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    Ok(answer)
}
