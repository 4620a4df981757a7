//! The header `Prefer` of RFC 7240, as far as it says how long a poll may wait.

use std::time::Duration;

use hyper::{HeaderMap, header::HeaderName};

/// The header's name.
pub(crate) const PREFER: HeaderName = HeaderName::from_static("prefer");

/// What `wait=SECONDS` says, if it is said. What cannot be understood is passed over, as the standard
/// has it; of several the first counts.
pub(crate) fn wait(headers: &HeaderMap) -> Option<Duration> {
    let values = headers.get_all(PREFER).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).find_map(|preference| {
        let (preference, _parameters) = preference.split_once(';').unwrap_or((preference, ""));
        let (name, value) = preference.split_once('=')?;
        let seconds = value.trim().trim_matches('"').parse().ok()?;
        name.trim().eq_ignore_ascii_case("wait").then(|| Duration::from_secs(seconds))
    })
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    #[test]
    fn the_first_wait_that_can_be_understood_counts() {
        let check = |values: &[&'static str], seconds: Option<u64>| {
            let header = |value: &&'static str| (PREFER, HeaderValue::from_static(value));
            let headers = values.iter().map(header).collect();
            assert_eq!(wait(&headers), seconds.map(Duration::from_secs), "{values:?}");
        };
        check(&["wait=25"], Some(25));
        check(&["respond-async, WAIT = \"10\"; foo=1"], Some(10));
        check(&["return=minimal", "wait=x, wait=3, wait=4"], Some(3));
        check(&["wait", "waiting=3"], None);
        check(&["wait=-1"], None);
    }
}
