//! A browser that listens: an EventSource as the standard describes it, without its reconnecting.

use std::{
    collections::VecDeque,
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
};

use crate::http::{connect, unchunk};

/// One event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Event {
    /// The event type; empty for `message`.
    pub name: String,
    /// The data.
    pub data: String,
    /// The id, if the event has one.
    pub id: Option<String>,
    /// The time before a reconnect, in milliseconds.
    pub retry: Option<u64>,
}

/// An open event stream.
pub struct Listener {
    stream: TcpStream,
    /// The head of the answer.
    pub head: String,
    chunked: bool,
    raw: Vec<u8>,
    text: String,
    events: VecDeque<Event>,
    ended: bool,
    /// The newest id, as an EventSource would send it when it comes back.
    pub last_id: Option<String>,
    /// The `fanfare.open` that the session began with.
    pub opened: Event,
}

impl Listener {
    /// Subscribes and waits for `fanfare.open`.
    ///
    /// # Panics
    /// The session does not begin.
    #[must_use]
    pub fn open(address: SocketAddr, query: &str, last_id: Option<&str>) -> Self {
        let mut listener = Self::connect(address, query, last_id, "1.1");
        listener.opened = listener.next();
        assert_eq!(listener.opened.name, "fanfare.open", "{:?}", listener.opened);
        listener
    }

    /// Subscribes, whatever the answer is.
    ///
    /// # Panics
    /// There is no answer.
    #[must_use]
    pub fn connect(address: SocketAddr, query: &str, last_id: Option<&str>, version: &str) -> Self {
        Self::get(address, &format!("/events?{query}"), last_id, version)
    }

    /// Asks for an event stream, whatever the answer is.
    ///
    /// # Panics
    /// There is no answer.
    #[must_use]
    pub fn get(address: SocketAddr, target: &str, last_id: Option<&str>, version: &str) -> Self {
        let mut stream = connect(address);
        let id = last_id.map_or(String::new(), |id| format!("Last-Event-ID: {id}\r\n"));
        let request = format!(
            "GET {target} HTTP/{version}\r\nHost: {address}\r\nAccept: text/event-stream\r\n{id}\r\n"
        );
        stream.write_all(request.as_bytes()).expect("the request is taken");
        let mut listener = Self {
            stream,
            head: String::new(),
            chunked: false,
            raw: Vec::new(),
            text: String::new(),
            events: VecDeque::new(),
            ended: false,
            last_id: last_id.map(str::to_owned),
            opened: Event::default(),
        };
        listener.read_head();
        listener
    }

    fn read_head(&mut self) {
        let end = loop {
            if let Some(end) = self.raw.windows(4).position(|window| window == b"\r\n\r\n") {
                break end;
            }
            assert!(self.fill().expect("an answer"), "the connection ended before an answer");
        };
        self.head = String::from_utf8_lossy(&self.raw[..end]).into_owned();
        self.chunked = self.head.to_ascii_lowercase().contains("transfer-encoding: chunked");
        self.raw.drain(..end + 4);
    }

    /// The next event, of whatever kind; unlike an iterator's, there must be one.
    ///
    /// # Panics
    /// None comes.
    #[expect(clippy::should_implement_trait, reason = "it panics at the end, as tests want it")]
    pub fn next(&mut self) -> Event {
        self.try_next().unwrap_or_else(|| panic!("the stream ended instead of an event"))
    }

    /// The next event, or `None` at the end of the stream.
    ///
    /// # Panics
    /// Neither comes.
    pub fn try_next(&mut self) -> Option<Event> {
        loop {
            self.parse();
            if let Some(event) = self.events.pop_front() {
                if let Some(id) = &event.id {
                    self.last_id = Some(id.clone());
                }
                return Some(event);
            }
            if self.ended {
                return None;
            }
            match self.fill() {
                Ok(true) => {}
                Ok(false) => self.ended = true,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => panic!("no event came in time"),
                Err(_) => self.ended = true,
            }
        }
    }

    /// The next event that is no heartbeat.
    pub fn next_but_cursor(&mut self) -> Event {
        loop {
            let event = self.next();
            if event.name != "fanfare.cursor" {
                return event;
            }
        }
    }

    /// Expects a publication with this data, heartbeats aside.
    ///
    /// # Panics
    /// Something else comes.
    pub fn expect(&mut self, data: &str) -> Event {
        let event = self.next_but_cursor();
        assert_eq!(event.data, data, "{event:?}");
        assert!(!event.name.starts_with("fanfare."), "{event:?}");
        event
    }

    /// Expects publications with these data, in order.
    pub fn expect_all<T: ToString>(&mut self, data: impl IntoIterator<Item = T>) {
        for data in data {
            self.expect(&data.to_string());
        }
    }

    /// Expects a control message, heartbeats aside, and returns its JSON.
    ///
    /// # Panics
    /// Something else comes.
    pub fn expect_control(&mut self, name: &str) -> serde_json::Value {
        let event = self.next_but_cursor();
        assert_eq!(event.name, format!("fanfare.{name}"), "{event:?}");
        serde_json::from_str(&event.data).expect("control messages are JSON")
    }

    /// Expects a gap for this reason.
    ///
    /// # Panics
    /// Something else comes.
    pub fn expect_gap(&mut self, reason: &str) {
        assert_eq!(self.expect_control("gap")["reason"], reason);
    }

    /// Expects the end of the stream, heartbeats aside.
    ///
    /// # Panics
    /// Something else comes.
    pub fn expect_end(&mut self) {
        while let Some(event) = self.try_next() {
            assert_eq!(event.name, "fanfare.cursor", "{event:?}");
        }
    }

    /// Waits for the next heartbeat.
    pub fn heartbeat(&mut self) -> Event {
        loop {
            let event = self.next();
            if event.name == "fanfare.cursor" {
                return event;
            }
        }
    }

    /// Where it would go on.
    ///
    /// # Panics
    /// It has no id yet.
    #[must_use]
    pub fn cursor(&self) -> String {
        self.last_id.clone().expect("it has an id")
    }

    /// The socket itself.
    #[must_use]
    pub fn socket(&self) -> &TcpStream {
        &self.stream
    }

    fn fill(&mut self) -> io::Result<bool> {
        let mut buffer = [0; 64 * 1024];
        let count = self.stream.read(&mut buffer)?;
        self.raw.extend_from_slice(&buffer[..count]);
        Ok(count > 0)
    }

    fn parse(&mut self) {
        let content = if self.chunked {
            let (content, used, last) = unchunk(&self.raw);
            self.raw.drain(..used);
            self.ended |= last;
            content
        } else {
            std::mem::take(&mut self.raw)
        };
        self.text.push_str(&String::from_utf8_lossy(&content));
        while let Some(end) = self.text.find("\n\n") {
            let event: String = self.text.drain(..end + 2).collect();
            self.events.extend(parse_event(&event));
        }
    }
}

fn parse_event(text: &str) -> Option<Event> {
    let mut event = Event::default();
    let mut data: Option<String> = None;
    for line in text.lines().filter(|line| !line.is_empty()) {
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut event.name),
            "id" => event.id = Some(value.to_owned()),
            "retry" => event.retry = value.parse().ok(),
            "data" => match &mut data {
                Some(data) => *data = format!("{data}\n{value}"),
                None => data = Some(value.to_owned()),
            },
            _ => {}
        }
    }
    event.data = data?;
    Some(event)
}
