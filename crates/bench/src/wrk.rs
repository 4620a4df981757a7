//! Runs wrk, the usual HTTP load generator, and reads what it says.

use std::process::Command;
use std::time::Duration;

use crate::Result;

/// Connections that ask again and again, each when it has been answered.
const CONNECTIONS: u32 = 64;

/// Why it cannot be run here, if so.
pub(crate) fn obstacle() -> Option<String> {
    let is_there = Command::new("wrk").arg("-v").output().is_ok();
    (!is_there).then(|| "wrk is not installed (Debian: wrk)".into())
}

/// Asks for one URL as fast as it is answered; gives how many requests that were. An error if any
/// failed.
pub(crate) fn run(url: &str, header: Option<&str>, time: Duration) -> Result<u64> {
    let mut command = Command::new("wrk");
    command.args(["--threads", "1", "--connections", &CONNECTIONS.to_string()]);
    command.args(["--duration", &format!("{}s", time.as_secs())]);
    if let Some(header) = header {
        command.args(["--header", header]);
    }
    let output = command.arg(url).output().map_err(|error| format!("wrk does not start: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    requests(&text).ok_or_else(|| format!("wrk says {}", text.trim()).into())
}

/// `  123456 requests in 5.00s, 20.00MB read`, and nothing of errors.
fn requests(text: &str) -> Option<u64> {
    if text.contains("Non-2xx") || text.contains("Socket errors") {
        return None;
    }
    text.lines().find_map(|line| line.trim().split_once(" requests in ")?.0.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_count_only_if_none_failed() {
        let good =
            "Running 5s test\n  1 threads and 64 connections\n  123456 requests in 5.00s, 20.00MB read\n";
        assert_eq!(requests(good), Some(123_456));
        assert_eq!(requests(&format!("{good}  Non-2xx or 3xx responses: 1\n")), None);
        assert_eq!(
            requests(&format!("{good}  Socket errors: connect 0, read 1, write 0, timeout 0\n")),
            None
        );
        assert_eq!(requests("unable to connect"), None);
    }
}
