//! Asks the gateway's admin port: a plain GET, and some counters of its metrics.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddrV4, TcpStream};
use std::time::Duration;

use crate::Result;

const LIMIT: Duration = Duration::from_secs(5);

/// Publications by what became of them.
pub(crate) type Outcomes = BTreeMap<String, u64>;

/// `fanfare_publications_total` by its outcome.
pub(crate) fn outcomes(admin: SocketAddrV4) -> Result<Outcomes> {
    let (_, metrics) = get(admin, "/metrics")?;
    Ok(parse_outcomes(&metrics))
}

/// How often the gateway has read back a part of the stream.
pub(crate) fn stream_reads(admin: SocketAddrV4) -> Result<u64> {
    let (_, metrics) = get(admin, "/metrics")?;
    let line = metrics.lines().find_map(|line| line.strip_prefix("fanfare_stream_reads_total "));
    Ok(line.ok_or("the gateway does not count its reads")?.trim().parse()?)
}

/// How often the gateway has refused something, or ended a session: connections, requests, publications and
/// directives.
pub(crate) fn refusals(admin: SocketAddrV4) -> Result<u64> {
    let (_, metrics) = get(admin, "/metrics")?;
    Ok(parse_refusals(&metrics))
}

/// Status and body of a GET.
pub(super) fn get(address: SocketAddrV4, path: &str) -> Result<(u16, String)> {
    let mut socket = TcpStream::connect(address)?;
    socket.set_read_timeout(Some(LIMIT))?;
    write!(socket, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    socket.read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").ok_or("the answer has no head")?;
    let status = head.split(' ').nth(1).ok_or("the answer has no status")?;
    Ok((status.parse()?, body.to_owned()))
}

fn parse_outcomes(metrics: &str) -> Outcomes {
    metrics
        .lines()
        .filter_map(|line| line.strip_prefix("fanfare_publications_total{outcome=\""))
        .filter_map(|line| line.split_once("\"} "))
        .filter_map(|(outcome, count)| Some((outcome.to_owned(), count.trim().parse::<f64>().ok()? as u64)))
        .collect()
}

fn parse_refusals(metrics: &str) -> u64 {
    const KINDS: [(&str, &str); 4] = [
        ("fanfare_rejected_total{", ""),
        ("fanfare_sessions_closed_total{", ""),
        ("fanfare_publications_total{", "outcome=\"ok\""),
        ("fanfare_directives_total{kind=\"dropped\"", ""),
    ];
    let counts = metrics.lines().filter_map(|line| {
        let (_, but) = KINDS.iter().find(|(kind, _)| line.starts_with(kind))?;
        let (labels, count) = line.rsplit_once(' ')?;
        let is_one = but.is_empty() || !labels.contains(but);
        count.parse::<f64>().ok().filter(|_| is_one)
    });
    counts.sum::<f64>() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes_are_found_among_other_metrics() {
        let metrics = "# TYPE fanfare_publications_total counter\n\
            fanfare_publications_total{outcome=\"ok\"} 12\n\
            fanfare_publications_total{outcome=\"invalid\"} 0\nfanfare_sessions 3\n";
        let outcomes = parse_outcomes(metrics);
        assert_eq!(outcomes.get("ok"), Some(&12));
        assert_eq!(outcomes.len(), 2);
    }

    #[test]
    fn refusals_are_all_that_was_not_taken() {
        let metrics = "fanfare_publications_total{outcome=\"ok\"} 12\n\
            fanfare_publications_total{outcome=\"not_utf8\"} 3\n\
            fanfare_rejected_total{reason=\"bad_http\"} 4\n\
            fanfare_sessions_closed_total{reason=\"slow\",transport=\"sse\"} 5\n\
            fanfare_directives_total{kind=\"revoke\"} 7\nfanfare_directives_total{kind=\"dropped\"} 6\n";
        assert_eq!(parse_refusals(metrics), 18);
    }
}
