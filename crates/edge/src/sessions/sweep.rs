//! What time brings: heartbeats, sessions that took nothing for too long or have lasted long enough,
//! byes of a drain.

use std::time::{Duration, Instant, SystemTime};

use hub::SessionKey;

use super::Sessions;
use crate::{
    access::WhenSlow,
    close::CloseReason,
    control,
    websocket::{self, Violation},
};

/// Every session is looked at so many times in a heartbeat, and no less often than this.
const LOOKS: u32 = 16;
const MAX_PERIOD: Duration = Duration::from_secs(1);

/// The longest time from the first byte of a client's message to its last.
const MESSAGE_TIMEOUT: Duration = Duration::from_secs(10);
/// Pings that may go unanswered; each is a heartbeat apart.
const MAX_UNANSWERED: u8 = 3;

/// How long before its token expires a session is told so, on average.
const EXPIRING: Duration = Duration::from_secs(30);

/// How far the sweeps have come.
#[derive(Default)]
pub(super) struct Sweep {
    /// The next slot to look at.
    next: usize,
    at: Option<Instant>,
    /// The time of day at the last one.
    time: Option<SystemTime>,
    /// When `max_lifetime` was changed, if it was: no session is older than that.
    renewed: Option<Instant>,
    drain: Option<Drain>,
}

/// A drain under way: sessions get their bye in the order of their slots, evenly over the time.
struct Drain {
    began: Instant,
    spread: Duration,
    next: usize,
    /// Those whose turn has come, but whose request waits for its answer, and operators: they get their bye
    /// behind it, or at the end.
    staying: Vec<SessionKey>,
}

impl Sessions {
    /// How often [`Sessions::sweep`] is to be called.
    pub(crate) fn sweep_interval(&self) -> Duration {
        (self.config.heartbeat / 64).clamp(Duration::from_millis(5), Duration::from_millis(100))
    }

    /// Looks at as many sessions as are due, so that each is looked at some times in a heartbeat
    /// and the work is even.
    pub(crate) fn sweep(&mut self) {
        self.now = Instant::now();
        let period = (self.config.heartbeat / LOOKS).min(MAX_PERIOD);
        let passed = self.sweep.at.replace(self.now).map_or(Duration::ZERO, |at| self.now - at);
        let share = (passed.as_secs_f64() / period.as_secs_f64()).min(1.0);
        self.sweep.time = Some(SystemTime::now());
        self.end_revoked();
        let due = (self.slots.len() as f64 * share).ceil() as usize;
        for _ in 0..due.min(self.slots.len()) {
            let index = self.sweep.next % self.slots.len();
            self.sweep.next = index + 1;
            // The table is indexed by the hub's keys, which have 32 bits.
            self.look_at(index as SessionKey);
        }
        self.call_due();
        self.leaving.retain(|_, leaving| leaving.until > self.now);
        self.continue_drain();
    }

    /// Lets go of what is too old, once a second.
    pub(crate) fn tick(&mut self) {
        self.now = Instant::now();
        self.hub.tick(self.now);
        self.tapes.sweep();
        self.tally.tick();
        while self.slots.last().is_some_and(Option::is_none) {
            self.slots.pop();
        }
        if self.slots.len() < self.slots.capacity() / 4 {
            self.slots.shrink_to(self.slots.len() * 2);
        }
    }

    /// Says good-bye to all, over `spread`.
    pub(crate) fn drain(&mut self, spread: Duration) {
        self.close_for(CloseReason::Drain);
        self.hurry(spread);
        self.sweep.drain = Some(Drain { began: self.now, spread, next: 0, staying: Vec::new() });
    }

    /// Lets every session's lifetime begin anew: what was set or shortened must not end all at once.
    pub(super) fn renew_lifetimes(&mut self) {
        self.sweep.renewed = Some(Instant::now());
    }

    fn look_at(&mut self, key: SessionKey) {
        if self.has_expired(key) {
            return self.finish(key, CloseReason::TokenExpired);
        }
        let now = self.millis();
        let Some(session) = super::session_mut(&mut self.slots, key) else { return };
        let silence = Duration::from_millis(now.wrapping_sub(session.last_write).into());
        let opened = session.opened;
        let heartbeat = self.config.heartbeat;
        let (dawdles, ping_due) = session.dialogue.as_ref().map_or((false, false), |dialogue| {
            (dialogue.dawdles(MESSAGE_TIMEOUT, now), dialogue.is_ping_due(heartbeat, now))
        });
        if session.flags.blocked {
            let closes = session.flags.live && session.when_slow == WhenSlow::Close;
            if silence >= self.config.write_timeout {
                self.finish(key, CloseReason::Slow);
            } else if closes && self.hub.is_left_behind(key) {
                self.finish_slow(key);
            }
        } else if !session.wire.pinned.is_empty() || session.owed.is_some() {
            // It is in the middle of something, and has that to write anyway.
        } else if self.has_lasted(key, opened) {
            self.finish(key, CloseReason::Lifetime);
        } else if dawdles {
            self.refuse(key, Violation::Dawdling);
        } else if ping_due || silence >= patience(self.config.heartbeat, key, opened) {
            self.beat(key);
        }
    }

    /// Whether the time of a session's token is over. Shortly before that it is told so once.
    fn has_expired(&mut self, key: SessionKey) -> bool {
        let (now, Some(session)) = (self.sweep.time, super::session_mut(&mut self.slots, key)) else {
            return false;
        };
        let expires = session.asker.identity.as_ref().and_then(|identity| identity.expires);
        let (Some(now), Some(expires)) = (now, expires) else { return false };
        let Ok(left) = expires.duration_since(now) else { return true };
        // The 30 seconds are different for each, or all would ask for new tokens at once.
        let warning = EXPIRING.mul_f64(0.75 + 0.5 * lot(key, session.opened));
        if left <= warning && !std::mem::replace(&mut session.flags.warned, true) {
            let mut out = Vec::new();
            control::write_expiring(&mut out, session.encoding, left);
            self.pin(key, out);
        }
        left.is_zero()
    }

    /// Tells a session that has read all where it stands; one that still waits, only that it is there.
    /// One that can answer is pinged too.
    fn beat(&mut self, key: SessionKey) {
        let now = self.millis();
        let Some(session) = super::session_mut(&mut self.slots, key) else { return };
        let mut out = Vec::new();
        let waits = session.flags.fetching || self.hub.is_waiting(key);
        if waits || self.hub.at_tip(key) {
            let cursor = self.hub.tip().filter(|_| !waits);
            control::write_cursor(&mut out, session.encoding, cursor);
        }
        if let Some(dialogue) = &mut session.dialogue {
            if dialogue.ping(now) >= MAX_UNANSWERED {
                return self.finish(key, CloseReason::Silent);
            }
            websocket::write_ping(&mut out);
        }
        self.pin(key, out);
    }

    /// Whether a session has had its share of `max_lifetime`. In a drain it hears the drain's bye.
    fn has_lasted(&self, key: SessionKey, opened: u32) -> bool {
        let max = self.config.max_lifetime;
        if max.is_zero() || self.closed_for.is_some() {
            return false;
        }
        let age = Duration::from_millis(self.millis().wrapping_sub(opened).into());
        let share = max.mul_f64(0.5 + 0.5 * lot(key, opened));
        age >= share && self.sweep.renewed.is_none_or(|renewed| self.now.duration_since(renewed) >= share)
    }

    fn continue_drain(&mut self) {
        let Some(drain) = &mut self.sweep.drain else { return };
        let passed = self.now.duration_since(drain.began).as_secs_f64();
        let share = if drain.spread.is_zero() { 1.0 } else { (passed / drain.spread.as_secs_f64()).min(1.0) };
        let until = (self.slots.len() as f64 * share).ceil() as usize;
        let mut due = std::mem::take(&mut drain.staying);
        due.extend((drain.next..until).map(|index| index as SessionKey));
        drain.next = until.max(drain.next);
        for key in due {
            let answers = self.dialogue(key).is_some_and(|dialogue| !dialogue.listens());
            // Operators see the others off.
            let stays = answers || self.operators.contains(&key);
            match &mut self.sweep.drain {
                Some(drain) if stays && share < 1.0 => drain.staying.push(key),
                _ => self.finish(key, CloseReason::Drain),
            }
        }
    }
}

/// How long a session may be silent before a heartbeat is due, such that with the time between two
/// looks it is never silent for longer than a heartbeat. Different for each session and connection.
fn patience(heartbeat: Duration, key: SessionKey, opened: u32) -> Duration {
    heartbeat.mul_f64(0.75 + lot(key, opened) * (0.25 - 1.5 / f64::from(LOOKS)))
}

/// What a session has drawn, from 0 to 1: always the same without being stored, and different for each
/// session and connection.
fn lot(key: SessionKey, opened: u32) -> f64 {
    let mixed = (key ^ opened.rotate_left(16)).wrapping_mul(0x9e37_79b9);
    f64::from(mixed) / f64::from(u32::MAX)
}
