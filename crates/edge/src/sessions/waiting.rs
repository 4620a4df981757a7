//! Polls that wait: they come, are called when there is something new or their time is over, and go
//! back to where they are answered.

use std::{
    collections::{BTreeSet, HashMap},
    io,
    time::{Duration, Instant},
};

use hub::{SessionKey, Step, Want};
use identity::Identity;
use mio::{Interest, Token, event::Event, net::TcpStream};

use super::Sessions;
use crate::{
    close::CloseReason, encoding::Encoding, subscriber::Subscriber, transport::Transport, waiter::Waiter,
};

/// All polls of a shard that wait.
#[derive(Default)]
pub(super) struct Waiting {
    polls: HashMap<SessionKey, Box<Poll>>,
    /// When the time of each is over.
    due: BTreeSet<(Instant, SessionKey)>,
    /// Those that are to be answered.
    called: Vec<Waiter>,
}

struct Poll {
    waiter: Waiter<TcpStream>,
    until: Instant,
}

impl Sessions {
    /// Takes in a poll for which there is nothing new.
    pub(crate) fn wait(&mut self, mut waiter: Waiter) {
        if self.refusal().is_some() {
            // A drain has begun while it looked.
            return self.waiting.called.push(waiter);
        }
        // The rules have looked at each; what is left to do needs their set alone.
        let Subscriber { wanted, start, .. } = &mut waiter.subscriber;
        wanted.patterns = Vec::new();
        let now = Instant::now();
        let until = now + wanted.wait;
        let key = self.hub.enter(&wanted.selection, Encoding::NONE, *start, now);
        let mut waiter = waiter.map(TcpStream::from_std);
        if let Err(error) =
            self.registry.register(&mut waiter.visitor.socket, Token(key as usize), Interest::READABLE)
        {
            tracing::error!(%error, "a socket cannot be watched");
            return self.forget(key);
        }
        self.waiting.polls.insert(key, Box::new(Poll { waiter, until }));
        self.waiting.due.insert((until, key));
        self.metrics.count_opened(Transport::Poll);
        self.ready.push_back(key);
    }

    /// Polls that are to be answered now.
    pub(crate) fn called(&mut self) -> Vec<Waiter> {
        std::mem::take(&mut self.waiting.called)
    }

    /// Calls the poll if there is anything to tell it, or its time is over. Returns how many were called.
    pub(super) fn look_for_news(&mut self, key: SessionKey) -> usize {
        let Some(poll) = self.waiting.polls.get(&key) else { return 0 };
        if poll.until > self.now && !self.has_news(key) {
            return 0;
        }
        self.call(key);
        1
    }

    /// Whether there is something for the poll: what was published on other channels is passed over.
    fn has_news(&mut self, key: SessionKey) -> bool {
        loop {
            let (after, until) = match self.hub.step(key, Want::All) {
                Step::Rest => return false,
                Step::Read { after, until, .. } => (after, until),
                Step::Gap(_) | Step::Fetch(_) => return true,
            };
            let audience = self.hub.audience(self.hub.audience_of(key));
            let any = |(selection, _)| !self.hub.read(selection, after, until, 1).is_empty();
            if audience.is_some_and(any) {
                return true;
            }
            self.hub.advance(key, until);
        }
    }

    /// Calls all who have shown a token of which this is so, whatever there is to tell them.
    pub(super) fn call_those(&mut self, is_meant: impl Fn(&Identity) -> bool) {
        let is_meant = |poll: &Poll| poll.waiter.subscriber.asker.identity.as_deref().is_some_and(&is_meant);
        let polls = self.waiting.polls.iter();
        let meant: Vec<_> = polls.filter(|(_, poll)| is_meant(poll)).map(|(key, _)| *key).collect();
        meant.into_iter().for_each(|key| self.call(key));
    }

    /// Lines up those whose time is over. While the order is being replaced nobody can be answered.
    pub(super) fn call_due(&mut self) {
        if !self.hub.is_warm() && self.closed_for.is_none() {
            return;
        }
        while let Some(first) = self.waiting.due.first()
            && first.0 <= self.now
            && let Some((_, key)) = self.waiting.due.pop_first()
        {
            self.ready.push_back(key);
        }
    }

    /// Has all called, evenly over this time.
    pub(super) fn hurry(&mut self, spread: Duration) {
        let Waiting { polls, due, .. } = &mut self.waiting;
        due.clear();
        for (key, poll) in polls {
            poll.until = poll.until.min(self.now + spread.mul_f64(rand::random()));
            due.insert((poll.until, *key));
        }
    }

    /// What the socket of a poll reported.
    pub(super) fn take_poll_event(&mut self, key: SessionKey, event: &Event) {
        let Some(poll) = self.waiting.polls.get(&key) else { return };
        // What it sends is its next request, and stays where it is.
        let open = match poll.waiter.visitor.socket.peek(&mut [0]) {
            Ok(count) => count > 0,
            Err(error) => error.kind() == io::ErrorKind::WouldBlock,
        };
        if !open || event.is_read_closed() || event.is_error() {
            drop(self.dismiss_poll(key, CloseReason::Gone));
        }
    }

    fn call(&mut self, key: SessionKey) {
        let Some(Poll { mut waiter, .. }) = self.dismiss_poll(key, CloseReason::Answered) else { return };
        if self.registry.deregister(&mut waiter.visitor.socket).is_ok() {
            self.waiting.called.push(waiter.map(Into::into));
        }
    }

    fn dismiss_poll(&mut self, key: SessionKey, reason: CloseReason) -> Option<Poll> {
        let poll = self.waiting.polls.remove(&key)?;
        self.waiting.due.remove(&(poll.until, key));
        self.forget(key);
        self.metrics.count_closed(Transport::Poll, reason);
        Some(*poll)
    }
}
