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
}
