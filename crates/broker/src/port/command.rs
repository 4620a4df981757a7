//! What a command asks for.

use publication::Publication;

use super::{Port, answer::Answer, ids::Asked};
use crate::resp::Fields;

/// What remains to be done for a command.
pub(super) enum Deed {
    /// Nothing: this is the answer.
    Answered(Answer),
    /// To do something with the sessions of somebody.
    Direct(Vec<u8>),
    /// To publish, and to answer with the number of those who heard it, or with an id.
    Publish(Box<Publication>, Told),
}

/// What is told to who has published.
#[derive(Clone, Copy)]
pub(super) enum Told {
    /// How many hear it, as PUBLISH does.
    Heard,
    /// Its id, as XADD does.
    Id(Asked),
}

/// The words of PUBLISH and XADD, and of what clients ask for at the beginning.
pub(super) fn understand(port: &Port, name: &str, words: &[&[u8]]) -> Deed {
    let answer = match (name, words) {
        ("PING", []) => Answer::Simple("PONG"),
        ("PING" | "ECHO", [text]) => Answer::Bulk(text.to_vec()),
        ("PUBLISH", [channel, payload]) => return publish(port, channel, payload),
        ("XADD", [key, rest @ ..]) if !rest.is_empty() => return add(port, key, rest),
        ("SELECT", [_]) => Answer::OK,
        ("CLIENT", [what, ..]) => client(what),
        ("INFO", _) => Answer::Bulk(info().into_bytes()),
        // What clients look up in it they find in themselves.
        ("COMMAND", [what, ..]) if what.eq_ignore_ascii_case(b"COUNT") => Answer::Number(0),
        ("COMMAND", _) => Answer::List(Vec::new()),
        ("PING" | "ECHO" | "PUBLISH" | "XADD" | "SELECT" | "CLIENT", _) => wrong_number(name),
        _ => Answer::error(format!(
            "ERR unknown command '{}': this is Fanfare's own port and no Redis; publish with PUBLISH or XADD",
            name.chars().take(64).collect::<String>()
        )),
    };
    Deed::Answered(answer)
}

pub(super) fn wrong_number(name: &str) -> Answer {
    Answer::error(format!("ERR wrong number of arguments for '{}' command", name.to_ascii_lowercase()))
}

fn client(what: &[u8]) -> Answer {
    match what.to_ascii_uppercase().as_slice() {
        b"ID" => Answer::Number(1),
        b"GETNAME" => Answer::Null,
        b"INFO" | b"LIST" => Answer::Bulk(Vec::new()),
        _ => Answer::OK,
    }
}

/// What clients look for before they use a server.
fn info() -> String {
    let (version, id) = (env!("CARGO_PKG_VERSION"), std::process::id());
    format!(
        "# Server\r\nredis_version:7.4.0\r\nredis_mode:standalone\r\nserver_name:fanfare\r\nfanfare_version:{version}\r\n\
         process_id:{id}\r\n\r\n# Persistence\r\nloading:0\r\n\r\n# Replication\r\nrole:master\r\nconnected_slaves:0\r\n"
    )
}

fn publish(port: &Port, channel: &[u8], payload: &[u8]) -> Deed {
    let prefix = &port.config.prefix;
    let decoded = match channel.strip_prefix(prefix.as_bytes()) {
        Some(b"@control") => return Deed::Direct(payload.to_vec()),
        Some(b"@json") => port.rules.envelope(payload),
        Some(name) => port.rules.plain(name, payload),
        None => {
            let channel = String::from_utf8_lossy(channel);
            return refuse(
                port,
                "wrong_prefix",
                &format!("names begin with {prefix} here: PUBLISH {prefix}{channel} ..."),
            );
        }
    };
    match decoded {
        Ok(publication) => Deed::Publish(Box::new(publication), Told::Heard),
        Err(error) => refuse(port, error.label(), &error.to_string()),
    }
}

fn add(port: &Port, key: &[u8], words: &[&[u8]]) -> Deed {
    let prefix = &port.config.prefix;
    if key.strip_prefix(prefix.as_bytes()) != Some(b"@stream") {
        return refuse(port, "wrong_prefix", &format!("there is one stream here: XADD {prefix}@stream ..."));
    }
    let Some((id, pairs)) = behind_options(words).and_then(<[_]>::split_first) else {
        return Deed::Answered(Answer::error("ERR syntax error"));
    };
    let Some(asked) = Asked::parse(id) else {
        return Deed::Answered(Answer::error("ERR Invalid stream ID specified as stream command argument"));
    };
    if pairs.is_empty() || pairs.len() % 2 != 0 {
        return Deed::Answered(wrong_number("XADD"));
    }
    let mut fields = Fields::default();
    for pair in pairs.chunks_exact(2) {
        if let Some(slot) = fields.slot(pair[0]) {
            *slot = Some(pair[1]);
        }
    }
    match port.rules.entry(&fields) {
        Ok(publication) => Deed::Publish(Box::new(publication), Told::Id(asked)),
        Err(error) => refuse(port, error.label(), &error.to_string()),
    }
}

/// What follows the options of XADD. There is no stream to be trimmed, so they change nothing.
fn behind_options<'a, 'b>(words: &'b [&'a [u8]]) -> Option<&'b [&'a [u8]]> {
    let mut rest = words;
    loop {
        let option = rest.first()?.to_ascii_uppercase();
        rest = match option.as_slice() {
            b"NOMKSTREAM" | b"KEEPREF" | b"DELREF" | b"ACKED" => &rest[1..],
            b"MAXLEN" | b"MINID" => match rest.get(1)? {
                &b"=" | &b"~" => rest.get(3..)?,
                _ => rest.get(2..)?,
            },
            b"LIMIT" => rest.get(2..)?,
            _ => return Some(rest),
        };
    }
}

/// What is not valid is counted as what comes through Redis is; but here there is somebody to be told.
fn refuse(port: &Port, label: &str, reason: &str) -> Deed {
    port.metrics.publications.with_label_values(&[label]).inc();
    Deed::Answered(Answer::error(format!("ERR {reason}")))
}
