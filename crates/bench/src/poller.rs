//! Browsers that poll: each over a connection of its own that stays open, evenly spread over the
//! interval.

use std::net::SocketAddrV4;
use std::time::{Duration, Instant};

use memchr::{memchr, memmem};
use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::fd::OwnedFd;
use rustix::io::Errno;
use rustix::time::Timespec;

use crate::checker::{Checker, Faults};
use crate::cursor::Cursor;
use crate::stamp::{Stamp, channel_name};
use crate::stream::{AnswerReader, Head};
use crate::{Result, client_socket, clock, interrupt};

/// An answer that takes longer than this is none.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);
/// More than one in so many that is left out makes a measurement of something else.
const MAX_LATE: u64 = 100;
const MAX_SLEEP: Duration = Duration::from_millis(20);
const READ_BUFFER_BYTES: usize = 64 * 1024;
const MAX_EVENTS_PER_TURN: usize = 1_024;

/// Everybody who polls one channel.
pub(crate) struct Poller {
    pub(crate) tally: PollTally,
    server: SocketAddrV4,
    channel: u32,
    epoll: OwnedFd,
    browsers: Vec<Browser>,
    /// Polls that are not answered yet.
    open: usize,
    read_buffer: Vec<u8>,
    events: Vec<epoll::Event>,
}

/// What polls have brought, all together.
#[derive(Default)]
pub(crate) struct PollTally {
    /// Requests and answers, heads included.
    pub(crate) bytes: u64,
    /// Publications that came whole, once and in order.
    pub(crate) delivered: u64,
    /// Polls that were answered, or will be.
    pub(crate) asked: u64,
    /// Polls that were left out, because the one before was not answered yet.
    late: u64,
    /// Answers that there is nothing new.
    pub(crate) unchanged: u64,
    faults: Faults,
}

struct Browser {
    socket: OwnedFd,
    answers: AnswerReader,
    /// Where to read on: in the answer's body.
    cursor: Cursor,
    etag: Cursor,
    checker: Checker,
    is_waiting: bool,
}

impl Poller {
    /// Connects so many; each has polled once and knows where it stands.
    pub(crate) fn connect(server: SocketAddrV4, run: u32, channel: u32, count: u32) -> Result<Poller> {
        let mut poller = Poller {
            tally: PollTally::default(),
            server,
            channel,
            epoll: epoll::create(epoll::CreateFlags::CLOEXEC)?,
            browsers: Vec::new(),
            open: 0,
            read_buffer: vec![0; READ_BUFFER_BYTES],
            events: Vec::with_capacity(MAX_EVENTS_PER_TURN),
        };
        for nth in 0..count {
            let socket = client_socket::new(nth, None)?;
            match rustix::net::connect(&socket, &server) {
                Ok(()) | Err(Errno::INPROGRESS) => {}
                Err(error) => return Err(error.into()),
            }
            epoll::add(&poller.epoll, &socket, EventData::new_u64(nth.into()), EventFlags::IN)?;
            poller.browsers.push(Browser {
                socket,
                answers: AnswerReader::default(),
                cursor: Cursor::NONE,
                etag: Cursor::NONE,
                checker: Checker::new(run, [(channel, 0)]),
                is_waiting: false,
            });
            poller.ask(nth as usize)?;
            poller.settle()?;
        }
        Ok(poller)
    }

    /// Lets everybody poll at this interval for so long.
    pub(crate) fn run_for(&mut self, time: Duration, interval: Duration) -> Result<()> {
        let began_nanos = clock::now_nanos();
        let polls = time.div_duration_f64(interval) * self.browsers.len() as f64;
        let due = |poll: f64| began_nanos + (time.as_nanos() as f64 * poll / polls) as u64;
        for poll in 0..polls as usize {
            loop {
                let left = clock::between(clock::now_nanos(), due(poll as f64));
                if left.is_zero() {
                    break;
                }
                self.turn(left.min(MAX_SLEEP))?;
            }
            self.ask(poll % self.browsers.len())?;
        }
        self.settle()
    }

    /// Lets everybody poll once, one after the other.
    pub(crate) fn look_once(&mut self) -> Result<()> {
        for browser in 0..self.browsers.len() {
            self.ask(browser)?;
            self.settle()?;
        }
        Ok(())
    }

    /// What went wrong, if anything did, given how many were published.
    pub(crate) fn trouble(&self, published: u32) -> Option<String> {
        let mut faults = self.tally.faults;
        for browser in &self.browsers {
            browser.checker.finish(|_| published, &mut faults);
        }
        let PollTally { asked, late, .. } = self.tally;
        if faults != Faults::default() {
            Some(format!("{faults:?}"))
        } else if late > asked / MAX_LATE {
            Some(format!("{late} polls beside {asked} were left out: those before were not answered yet"))
        } else {
            None
        }
    }

    fn ask(&mut self, nth: usize) -> Result<()> {
        let browser = &mut self.browsers[nth];
        if browser.is_waiting {
            self.tally.late += 1;
            return Ok(());
        }
        let request = browser.request(self.server, self.channel);
        if rustix::io::write(&browser.socket, &request)? < request.len() {
            return Err("a request did not fit into its socket".into());
        }
        browser.is_waiting = true;
        self.open += 1;
        self.tally.asked += 1;
        self.tally.bytes += request.len() as u64;
        Ok(())
    }

    /// Waits until all polls are answered.
    fn settle(&mut self) -> Result<()> {
        let deadline = Instant::now() + ANSWER_LIMIT;
        while self.open > 0 {
            if Instant::now() > deadline {
                return Err(format!("{} polls are not answered", self.open).into());
            }
            self.turn(MAX_SLEEP)?;
        }
        Ok(())
    }

    fn turn(&mut self, sleep: Duration) -> Result<()> {
        interrupt::check()?;
        let timeout = Timespec::try_from(sleep)?;
        match epoll::wait(&self.epoll, spare_capacity(&mut self.events), Some(&timeout)) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let mut events = std::mem::take(&mut self.events);
        for event in events.drain(..) {
            self.read(event.data.u64() as usize)?;
        }
        self.events = events;
        Ok(())
    }

    fn read(&mut self, nth: usize) -> Result<()> {
        let browser = &mut self.browsers[nth];
        let length = match rustix::io::read(&browser.socket, &mut self.read_buffer[..]) {
            Ok(0) => return Err("the server hung up on a connection that should stay".into()),
            Ok(length) => length,
            Err(Errno::AGAIN | Errno::INTR) => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        self.tally.bytes += length as u64;
        if let Some(answer) = browser.answers.take(&self.read_buffer[..length]).map_err(|rule| rule.0)? {
            browser.is_waiting = false;
            self.open -= 1;
            browser.take(&answer, &mut self.tally)?;
        }
        Ok(())
    }
}

impl Browser {
    fn request(&self, server: SocketAddrV4, channel: u32) -> Vec<u8> {
        let channel = channel_name(channel);
        let mut request = format!("GET /events?channel={channel}&transport=poll").into_bytes();
        let mut append = |name: &str, value: &Cursor, end: &str| {
            if *value != Cursor::NONE {
                request.extend_from_slice(name.as_bytes());
                request.extend_from_slice(value.as_bytes());
            }
            request.extend_from_slice(end.as_bytes());
        };
        append("&since=", &self.cursor, &format!(" HTTP/1.1\r\nHost: {server}\r\n"));
        append("If-None-Match: ", &self.etag, "\r\n");
        if self.etag != Cursor::NONE {
            request.extend_from_slice(b"\r\n");
        }
        request
    }

    fn take(&mut self, answer: &Head, tally: &mut PollTally) -> Result<()> {
        self.cursor.set(answer.header("Fanfare-Cursor").unwrap_or_default());
        match answer.status() {
            200 => {}
            304 => {
                tally.unchanged += 1;
                return Ok(());
            }
            status => return Err(format!("a poll was answered with {status}").into()),
        }
        if memmem::find(answer.rest(), br#""gap":null"#).is_none() {
            return Err("a poll was told of a gap".into());
        }
        self.etag.set(answer.header("ETag").unwrap_or_default());
        for data in data_of(answer.rest()) {
            match Stamp::decode(data) {
                Some(stamp) if self.checker.take(stamp, &mut tally.faults) => tally.delivered += 1,
                Some(_) => {}
                None => tally.faults.foreign += 1,
            }
        }
        Ok(())
    }
}

/// The data of each publication; it has nothing that JSON would escape.
fn data_of(body: &[u8]) -> impl Iterator<Item = &[u8]> {
    const MARK: &[u8] = br#""data":""#;
    memmem::find_iter(body, MARK).map(|at| {
        let data = &body[at + MARK.len()..];
        &data[..memchr(b'"', data).unwrap_or(data.len())]
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn publications_are_found_in_a_polls_body() {
        let body = br#"{"cursor":"b","publications":[{"id":"a","data":"x"},{"id":"b","data":"y"}]}"#;
        assert_eq!(data_of(body).collect::<Vec<_>>(), [b"x", b"y"]);
    }
}
