//! `fanfare tail`: shows what arrives, and goes on by itself after an interruption.

use std::{
    io::{self, Write},
    process::ExitCode,
    time::Duration,
};

use bytes::Bytes;
use form_urlencoded::Serializer;
use http_body_util::BodyExt;
use hyper::{Method, StatusCode};
use tokio::time::{sleep, timeout};

use self::events::{Event, Events};
use crate::{
    cli::{TailOptions, fail},
    client::{self, Server},
    command,
};

mod events;

/// A stream that is silent for so many heartbeats is dead.
const SILENT_HEARTBEATS: u32 = 3;
/// The heartbeat, until the gateway has said what it is.
const HEARTBEAT: Duration = Duration::from_secs(20);
/// How long to wait before trying again, until the gateway says otherwise.
const RETRY: Duration = Duration::from_secs(1);

/// Tails until interrupted.
pub(crate) fn run(options: &TailOptions) -> ExitCode {
    let url = match &options.from {
        Some(url) => url.clone(),
        None => match command::settings(&options.config) {
            Ok((_, settings)) => format!("http://{}", settings.public),
            Err(code) => return code,
        },
    };
    let gateway = match Server::parse(&url) {
        Ok(gateway) => gateway,
        Err(error) => return fail(error),
    };
    command::run_local(async {
        let mut tail = Tail { gateway, options, last_id: None, retry: RETRY, heartbeat: HEARTBEAT };
        loop {
            match tail.follow().await {
                Ended::Refused(message) => return fail(message),
                Ended::Closed => return ExitCode::SUCCESS,
                Ended::Broken(why) => eprintln!("fanfare: {why}; trying again"),
            }
            sleep(tail.retry.mul_f64(rand::random_range(0.5..1.5))).await;
        }
    })
}

struct Tail<'a> {
    gateway: Server,
    options: &'a TailOptions,
    /// Where to go on.
    last_id: Option<String>,
    retry: Duration,
    heartbeat: Duration,
}

/// Why a stream ended.
enum Ended {
    /// For good: the gateway will not change its mind.
    Refused(String),
    /// Nobody reads what is printed.
    Closed,
    /// For now.
    Broken(String),
}

impl Tail<'_> {
    async fn follow(&mut self) -> Ended {
        let mut query = Serializer::new(String::new());
        for channel in &self.options.channels {
            query.append_pair("channel", channel);
        }
        query.append_pair("format", "json");
        if let Some(since) = &self.options.since {
            query.append_pair("since", since);
        }
        let mut headers = vec![("accept", "text/event-stream".to_owned())];
        headers.extend(self.options.bearer.header());
        headers.extend(self.last_id.clone().map(|id| ("last-event-id", id)));
        let answer = match self.gateway.send(Method::GET, &query.finish(), &headers, Bytes::new()).await {
            Ok(answer) => answer,
            Err(error) => return Ended::Broken(error),
        };
        let status = answer.status();
        if status != StatusCode::OK {
            let body = client::text(answer).await.unwrap_or_default();
            let message = client::error_message(&body);
            let permanent = status.is_client_error();
            return if permanent { Ended::Refused(message) } else { Ended::Broken(message) };
        }
        let mut body = answer.into_body();
        let mut events = Events::default();
        loop {
            match timeout(self.heartbeat * SILENT_HEARTBEATS, body.frame()).await {
                Err(_) => return Ended::Broken("the stream went silent".to_owned()),
                Ok(None) => return Ended::Broken("the stream ended".to_owned()),
                Ok(Some(Err(error))) => return Ended::Broken(format!("the stream broke: {error}")),
                Ok(Some(Ok(frame))) => events.push(frame.data_ref().map_or(&[], |data| &data[..])),
            }
            while let Some(event) = events.next() {
                if self.show(&event).is_err() {
                    return Ended::Closed;
                }
            }
        }
    }

    /// Prints a publication to standard output and a control message to standard error.
    fn show(&mut self, event: &Event) -> io::Result<()> {
        if let Some(id) = &event.id {
            self.last_id = Some(id.clone());
        }
        if let Some(retry) = event.retry {
            self.retry = Duration::from_millis(retry);
        }
        match event.name.strip_prefix("fanfare.") {
            Some("open") => {
                let open: serde_json::Value = serde_json::from_str(&event.data).unwrap_or_default();
                if let Some(heartbeat) = open["heartbeat_ms"].as_u64() {
                    self.heartbeat = Duration::from_millis(heartbeat.max(100));
                }
            }
            Some("gap") => eprintln!("fanfare: publications may be missing here: {}", event.data),
            Some("bye") => eprintln!("fanfare: the gateway says good-bye: {}", event.data),
            Some(_) => {}
            None => self.print(&event.data)?,
        }
        Ok(())
    }

    fn print(&self, envelope: &str) -> io::Result<()> {
        let mut out = io::stdout().lock();
        if self.options.json {
            writeln!(out, "{envelope}")?;
        } else {
            let parsed: serde_json::Value = serde_json::from_str(envelope)?;
            let channel = parsed["channel"].as_str().unwrap_or_default();
            let event = parsed["event"].as_str().map(|event| format!(" [{event}]")).unwrap_or_default();
            match &parsed["data"] {
                serde_json::Value::String(text) => writeln!(out, "{channel}{event} {text}")?,
                value => writeln!(out, "{channel}{event} {value}")?,
            }
        }
        out.flush()
    }
}
