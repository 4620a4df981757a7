//! The example's page, as the demo serves it.

use edge::Page;

macro_rules! page {
    ($path:literal, $file:literal) => {
        Page { path: $path, body: include_str!(concat!("../../../../examples/uptime/page/", $file)) }
    };
}

/// Everything of it.
pub(crate) const PAGES: &[Page] = &[
    page!("/", "index.html"),
    page!("/style.css", "style.css"),
    page!("/main.js", "main.js"),
    page!("/stream.js", "stream.js"),
    page!("/board.js", "board.js"),
    page!("/detail.js", "detail.js"),
    page!("/incidents.js", "incidents.js"),
    page!("/line.js", "line.js"),
    page!("/words.js", "words.js"),
    // The same origin; where the page is served by another server, this file is another one.
    Page { path: "/gateway.js", body: "export const gateway = `${location.origin}/`;\n" },
];
