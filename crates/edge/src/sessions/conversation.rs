//! What clients say over WebSockets is heard, and their answers go out.

use std::{
    io::{ErrorKind, Read},
    slice,
};

use hub::{Selection, SessionKey};
use hyper::StatusCode;
use publication::{Pattern, Publication, SessionName};
use tokio::task::AbortHandle;

use super::{Sessions, session_mut};
use crate::{
    asker::Asker,
    close::CloseReason,
    command::{Ask, Command, Misunderstood},
    conversation,
    dialogue::{Request, Task},
    respond::Refusal,
    session::Session,
    websocket::{self, Incoming, Violation},
};

/// Bytes read from a socket at once.
const READ_BYTES: usize = 16 * 1024;
/// Things heard of a session after which the others have their turn.
const MAX_HEARD: usize = 32;
/// What may wait for the socket of one that goes on asking. Beyond it, it is heard again when it has taken
/// that.
const MAX_PINNED_BYTES: usize = 64 * 1024;

impl Sessions {
    /// Hears what a client has sent, for as long as nothing of it waits for an answer and the socket
    /// takes answers. Returns how many things it looked at.
    pub(super) fn listen(&mut self, key: SessionKey) -> usize {
        for heard in 0..MAX_HEARD {
            let (now, max) = (self.millis(), self.config.max_message_bytes);
            let Some(session) = session_mut(&mut self.slots, key) else { return heard };
            let Some(dialogue) = &mut session.dialogue else { return heard };
            if session.flags.blocked || !dialogue.listens() {
                return heard;
            }
            if session.wire.pinned.bytes() > MAX_PINNED_BYTES {
                break;
            }
            match dialogue.next(max, now) {
                Ok(Some(incoming)) => self.take(key, incoming),
                Ok(None) if !self.read(key) => return heard + 1,
                Ok(None) => {}
                Err(violation) => self.refuse(key, violation),
            }
        }
        // There may be more, of which no event tells.
        self.enqueue(key);
        MAX_HEARD
    }

    /// Reads more from a socket. False if there is nothing more.
    fn read(&mut self, key: SessionKey) -> bool {
        let Some(session) = session_mut(&mut self.slots, key) else { return false };
        let Some(dialogue) = &mut session.dialogue else { return false };
        let mut bytes = [0; READ_BYTES];
        loop {
            match session.wire.socket.read(&mut bytes) {
                Ok(count) if count > 0 => {
                    dialogue.hear(&bytes[..count]);
                    return true;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    session.flags.audible = false;
                    return false;
                }
                Ok(_) | Err(_) => {
                    self.write_last(key);
                    self.drop_session(key, CloseReason::Gone);
                    return false;
                }
            }
        }
    }

    fn take(&mut self, key: SessionKey, incoming: Incoming) {
        let (now, most) = (self.millis(), self.config.max_requests_per_second);
        match incoming {
            Incoming::Message(text) => self.take_message(key, &text),
            // Each is little work, but there is no end to how many one could send.
            Incoming::Ping(_) | Incoming::Pong
                if self.dialogue(key).is_some_and(|dialogue| !dialogue.may_ask(most, now)) =>
            {
                self.reply_refused(key, None, &too_many("too_many_requests", "requests", most));
            }
            Incoming::Ping(payload) => {
                let mut out = Vec::new();
                websocket::write_pong(&mut out, &payload);
                self.pin(key, out);
            }
            Incoming::Pong => {}
            Incoming::Close(code) => self.close(key, CloseReason::Gone, code, ""),
        }
    }

    fn take_message(&mut self, key: SessionKey, text: &str) {
        let now = self.millis();
        let (requests, publications) =
            (self.config.max_requests_per_second, self.config.max_publications_per_second);
        let Some(dialogue) = self.dialogue(key) else { return };
        let (reference, asked) = match Ask::parse(text) {
            Ok(Ask { reference, command }) => (reference, Ok(command)),
            Err(Misunderstood { reference, refusal }) => (reference, Err(refusal)),
        };
        let may_ask = dialogue.may_ask(requests, now);
        let asked = match asked {
            _ if !may_ask => Err(too_many("too_many_requests", "requests", requests)),
            Ok(Command::Publish(_)) if !dialogue.may_publish(publications, now) => {
                Err(too_many("too_many_publications", "publications", publications))
            }
            asked => asked,
        };
        match asked {
            Ok(command) => {
                dialogue.request = Request::Made(Box::new(Ask { reference, command }));
                self.asking.push(key);
            }
            Err(refusal) => self.reply_refused(key, reference.as_deref(), &refusal),
        }
    }

    pub(super) fn refuse(&mut self, key: SessionKey, violation: Violation) {
        let words = violation.words();
        self.metrics.count_rejected("websocket");
        if let Some(session) = session_mut(&mut self.slots, key) {
            tracing::debug!(client = %session.wire.client, code = violation.code(), words, "a WebSocket is closed");
        }
        self.close(key, CloseReason::Violation, Some(violation.code()), &words);
    }

    /// Requests that are to be answered.
    pub(crate) fn take_requests(&mut self) -> Vec<(SessionKey, Ask)> {
        let mut requests = Vec::new();
        for key in std::mem::take(&mut self.asking) {
            let Some(dialogue) = self.dialogue(key) else { continue };
            match std::mem::replace(&mut dialogue.request, Request::None) {
                Request::Made(ask) => requests.push((key, *ask)),
                other => dialogue.request = other,
            }
        }
        requests
    }

    /// A task answers the session's request.
    pub(crate) fn note_answering(&mut self, key: SessionKey, task: AbortHandle) {
        if let Some(dialogue) = self.dialogue(key) {
            dialogue.request = Request::Answering { _ends_with_the_session: Task(task) };
        }
    }

    /// The session's request is answered with this frame, and it may make the next.
    pub(crate) fn reply(&mut self, key: SessionKey, frame: &[u8]) {
        let Some(dialogue) = self.dialogue(key) else { return };
        dialogue.request = Request::None;
        self.pin(key, frame.to_vec());
    }

    /// The session's request is refused. If it was for more than a session may have, the session ends.
    pub(crate) fn reply_refused(&mut self, key: SessionKey, reference: Option<&str>, refusal: &Refusal) {
        self.metrics.count_rejected(refusal.code);
        self.reply(key, &conversation::refused(reference, refusal));
        if refusal.status == StatusCode::TOO_MANY_REQUESTS {
            self.finish(key, CloseReason::Limit);
        }
    }

    /// Who a session's client is.
    pub(crate) fn asker(&self, key: SessionKey) -> Option<Asker> {
        self.session(key).map(|session| session.asker.clone())
    }

    /// A session's client has shown another token.
    ///
    /// # Errors
    /// Its subject, which it had not named before, has too many sessions.
    pub(crate) fn renew(&mut self, key: SessionKey, asker: Asker) -> Result<(), Refusal> {
        let Some(session) = session_mut(&mut self.slots, key) else { return Ok(()) };
        let counted = asker.identity.as_ref().map_or(Ok(()), |identity| session.permit.count_under(identity));
        if counted.is_ok() {
            session.asker = asker;
            session.flags.warned = false;
        }
        counted.map_err(|crowded| Refusal::turned_away(self.turn_away(crowded)))
    }

    /// The channels of a session, where it can say so as they were asked for.
    pub(crate) fn patterns(&self, key: SessionKey) -> Vec<Pattern> {
        let Some(session) = self.session(key) else { return Vec::new() };
        if let Some(dialogue) = &session.dialogue {
            return dialogue.patterns.clone();
        }
        let audience = self.hub.audience(self.hub.audience_of(key));
        audience.map_or(Vec::new(), |(selection, _)| selection.patterns().collect())
    }

    /// The name of a session that can publish.
    pub(crate) fn name(&self, key: SessionKey) -> Option<SessionName> {
        self.session(key)?.dialogue.as_ref().map(|dialogue| dialogue.name)
    }

    /// A session is not shown some of what it publishes.
    pub(crate) fn note_unechoed(&mut self, key: SessionKey) {
        if let Some(name) = self.name(key) {
            self.unechoed.insert(name, key);
        }
    }

    /// What came last is not shown to the session that published it, if that is one of this shard's and
    /// reads it.
    pub(super) fn pass_over(&mut self, publication: &Publication, name: SessionName) {
        let Some(key) = self.unechoed.get(&name).copied() else { return };
        let audience = self.hub.audience(self.hub.audience_of(key));
        if audience.is_none_or(|(selection, _)| selection.shown(publication).is_none()) {
            return;
        }
        let place = self.hub.place();
        if let Some(dialogue) = self.dialogue(key) {
            dialogue.pass_over(place);
        }
    }

    /// Whether a session has read all that there is for it.
    pub(crate) fn has_all(&self, key: SessionKey) -> bool {
        self.session(key).is_some_and(|session| session.owed.is_none()) && self.hub.has_all(key)
    }

    /// Whether a session may have these channels too.
    ///
    /// # Errors
    /// It would have too many.
    pub(crate) fn check_room(&self, key: SessionKey, patterns: &[Pattern]) -> Result<(), Refusal> {
        let had = self.asked_for(key);
        let new = patterns.iter().filter(|pattern| !had.contains(pattern)).count();
        let max = self.config.max_channels;
        if had.len() + new <= max {
            return Ok(());
        }
        let words = format!("a session has at most {max} channels");
        Err(Refusal::new(StatusCode::TOO_MANY_REQUESTS, "too_many_channels", words))
    }

    /// Whether a session takes part in presence.
    pub(crate) fn takes_part(&self, key: SessionKey) -> bool {
        self.session(key).is_some_and(|session| session.present.is_some())
    }

    /// Adds channels to what a session reads from where it is.
    pub(crate) fn subscribe(&mut self, key: SessionKey, patterns: &[Pattern]) {
        let mut all = self.patterns(key);
        for pattern in patterns {
            if !all.contains(pattern) {
                all.push(pattern.clone());
            }
        }
        self.reselect(key, all);
    }

    /// The same by a backend's word, which no right of its client limits, and which no token takes back.
    pub(super) fn give(&mut self, key: SessionKey, patterns: &[Pattern]) {
        let has = self.patterns(key);
        // As many as it may ask for itself, and as many more.
        let room = (2 * self.config.max_channels).saturating_sub(has.len());
        let new = patterns.iter().filter(|pattern| !has.contains(pattern));
        let given: Vec<_> = new.take(room).cloned().collect();
        self.subscribe(key, &given);
        if let Some(dialogue) = self.dialogue(key) {
            dialogue.given.extend(given);
        }
    }

    /// The channels of a session that its client has asked for itself.
    pub(crate) fn asked_for(&self, key: SessionKey) -> Vec<Pattern> {
        let given = self.session(key).and_then(|session| session.dialogue.as_ref());
        let given = given.map_or(&[][..], |dialogue| &dialogue.given);
        self.patterns(key).into_iter().filter(|pattern| !given.contains(pattern)).collect()
    }

    /// Takes channels away from what a session reads.
    pub(crate) fn unsubscribe(&mut self, key: SessionKey, patterns: &[Pattern]) {
        let mut all = self.patterns(key);
        all.retain(|pattern| !patterns.contains(pattern));
        self.reselect(key, all);
    }

    fn reselect(&mut self, key: SessionKey, patterns: Vec<Pattern>) {
        let Some(session) = session_mut(&mut self.slots, key) else { return };
        let Session { dialogue, present, when_slow, asker, .. } = session;
        let access = &self.config.access;
        *when_slow = access.when_slow(&patterns);
        let selection = Selection::new(patterns.iter().cloned());
        let left = present.as_mut().map(|present| {
            // To read what a backend gave is not to be seen there.
            let seen =
                patterns.iter().filter(|one| access.allow_presence(slice::from_ref(*one), asker).is_ok());
            present.move_to(&seen.cloned().collect::<Vec<_>>())
        });
        if let Some(dialogue) = dialogue {
            dialogue.given.retain(|pattern| patterns.contains(pattern));
            dialogue.patterns = patterns;
        }
        self.stop_watching(key, &left.unwrap_or_default());
        let before = self.hub.audience_of(key);
        match self.hub.change(key, &selection) {
            Some(ended) => self.tapes.remove(ended),
            None => self.release(before),
        }
        self.enqueue(key);
    }
}

/// One more than there may be in a second: the session ends with it.
fn too_many(code: &'static str, what: &str, most: usize) -> Refusal {
    let words = format!("a session makes at most {most} {what} a second");
    Refusal::new(StatusCode::TOO_MANY_REQUESTS, code, words)
}
