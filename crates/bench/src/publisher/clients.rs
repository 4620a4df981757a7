//! Publishes as clients do: over WebSockets, each channel's publications by a session of its own.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddrV4, TcpStream};
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::{RecvFlags, recv};

use super::sleep_until;
use crate::Result;
use crate::clock;
use crate::plan::{Item, Plan};
use crate::stream::{DONE, Event, OPEN, REFUSED, Stream};
use crate::transport::Transport;

/// A server that says nothing for so long has failed.
const SILENCE_LIMIT: Duration = Duration::from_secs(10);
const READ_BUFFER_BYTES: usize = 16 * 1024;

/// A session that speaks, and hears only what it is answered.
struct Talker {
    socket: TcpStream,
    transport: Transport,
    stream: Stream,
    heard: Heard,
    said: u32,
}

/// What a talker was told.
#[derive(Default)]
struct Heard {
    is_open: bool,
    done: u32,
    /// The first thing that no talker should be told.
    unwanted: Option<String>,
}

/// Publishes the whole plan; returns when every publication has been answered.
pub(super) fn publish(server: SocketAddrV4, transport: Transport, plan: &Plan) -> Result<()> {
    let mut talkers = BTreeMap::new();
    for item in plan.bursts().flatten() {
        if let Entry::Vacant(entry) = talkers.entry(item.channel) {
            entry.insert(Talker::connect(server, transport, item.channel)?);
        }
    }
    let mut due_nanos = clock::now_nanos();
    for burst in plan.bursts() {
        sleep_until(due_nanos);
        for &item in burst {
            // Connected above: every channel of the plan has its talker.
            if let Some(talker) = talkers.get_mut(&item.channel) {
                talker.say(item)?;
            }
        }
        due_nanos += plan.every.as_nanos() as u64;
    }
    talkers.into_values().try_for_each(Talker::finish)
}

impl Talker {
    /// Connects, subscribes to the channel and waits until it is live.
    fn connect(server: SocketAddrV4, transport: Transport, channel: u32) -> Result<Talker> {
        let mut socket = TcpStream::connect(server)?;
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(SILENCE_LIMIT))?;
        socket.write_all(&transport.request(server, [channel].into_iter(), None, None))?;
        let stream = transport.stream();
        let mut talker = Talker { socket, transport, stream, heard: Heard::default(), said: 0 };
        talker.hear_until(|heard| heard.is_open)?;
        Ok(talker)
    }

    /// Publishes, and hears what has been answered until now.
    fn say(&mut self, item: Item) -> Result<()> {
        self.said += 1;
        let message = self.transport.publish_message(item.channel, &item.data(), self.said)?;
        self.socket.write_all(&message)?;
        let mut buffer = [0; READ_BUFFER_BYTES];
        match recv(&self.socket, &mut buffer[..], RecvFlags::DONTWAIT) {
            Ok((length, _)) => self.take(&buffer[..length]),
            Err(Errno::AGAIN | Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Waits until everything that it said has been answered.
    fn finish(mut self) -> Result<()> {
        let said = self.said;
        self.hear_until(|heard| heard.done == said)
    }

    fn hear_until(&mut self, enough: impl Fn(&Heard) -> bool) -> Result<()> {
        let mut buffer = [0; READ_BUFFER_BYTES];
        while !enough(&self.heard) {
            match self.socket.read(&mut buffer) {
                Ok(length) => self.take(&buffer[..length])?,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    return Err(format!("a client heard {} answers of {}", self.heard.done, self.said).into());
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    fn take(&mut self, bytes: &[u8]) -> Result<()> {
        if bytes.is_empty() {
            return Err("the server hung up on a client that publishes".into());
        }
        let Talker { socket, stream, heard, .. } = self;
        let mut answers = Vec::new();
        stream.feed(bytes, &mut answers, &mut |event| heard.note(&event)).map_err(|rule| rule.0)?;
        socket.write_all(&answers)?;
        match self.heard.unwanted.take() {
            Some(what) => Err(format!("a client that publishes was told {what}").into()),
            None => Ok(()),
        }
    }
}

impl Heard {
    fn note(&mut self, event: &Event<'_>) {
        match event.name {
            OPEN => self.is_open = true,
            DONE => self.done += 1,
            // Its own publications are not shown to it: it asked for that.
            b"" | b"fanfare.gap" | b"fanfare.bye" | REFUSED => {
                let data = event.data.unwrap_or_default();
                self.unwanted = Some(format!("{} {}", event.name.escape_ascii(), data.escape_ascii()));
            }
            _ => {}
        }
    }
}
