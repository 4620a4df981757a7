//! Pages, such as the one at `/`: subscribe, watch, publish. Everything that is not the gateway's own URL.

use hyper::{
    Method, StatusCode,
    header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderValue, REFERRER_POLICY, X_FRAME_OPTIONS},
};

use crate::respond::{self, Answer, Refusal};

/// A page, or a part of one, that lies in the binary.
#[derive(Clone, Copy, Debug)]
pub struct Page {
    /// Where it is found; the page itself at `/`.
    pub path: &'static str,
    /// What it is, by the end of its path if that says it, else HTML.
    pub body: &'static str,
}

/// The colours that our pages share.
pub(crate) const PALETTE: &str = include_str!("page/palette.css");

/// The page to try a gateway with.
pub const PAGES: &[Page] = &[
    Page { path: "/", body: include_str!("page/index.html") },
    Page { path: "/palette.css", body: PALETTE },
    Page { path: "/style.css", body: include_str!("page/style.css") },
    Page { path: "/table.js", body: include_str!("page/table.js") },
    Page { path: "/script.js", body: include_str!("page/script.js") },
];

/// What our pages may load and do: what is theirs, and nothing inline.
const POLICY: &str = "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; \
                      form-action 'self'; frame-ancestors 'none'";

/// Answers a request for one of these pages.
///
/// # Errors
/// There is no such page, or it is not read with GET.
pub(crate) fn serve(pages: &[Page], path: &str, method: &Method) -> Result<Answer, Refusal> {
    let Some(Page { path, body }) = pages.iter().find(|page| page.path == path) else {
        let message = "there is nothing here; subscribe and publish at /events";
        return Err(Refusal::new(StatusCode::NOT_FOUND, "not_found", message));
    };
    if method != Method::GET && method != Method::HEAD {
        return Err(Refusal::method("this page is read with GET", "GET, HEAD"));
    }
    let content_type = match path.rsplit_once('.') {
        Some((_, "css")) => "text/css; charset=utf-8",
        Some((_, "js")) => "text/javascript; charset=utf-8",
        _ => "text/html; charset=utf-8",
    };
    Ok(dress(respond::with_type(StatusCode::OK, content_type, *body)))
}

/// A page with another status than the usual one.
pub(crate) fn html(status: StatusCode, body: &'static str) -> Answer {
    dress(respond::with_type(status, "text/html; charset=utf-8", body))
}

fn dress(mut answer: Answer) -> Answer {
    let headers = answer.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    // The query may hold a token.
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    answer
}
