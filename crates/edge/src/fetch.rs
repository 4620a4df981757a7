//! What memory no longer holds is read back through a one-way lane out of the edge.

use std::{
    rc::Rc,
    sync::Arc,
    time::{Duration, Instant},
};

use hub::SessionKey;
use publication::{Cursor, Excerpt};
use tokio::{
    sync::{mpsc, oneshot},
    time::{sleep, timeout},
};

use crate::shard::Shard;

/// How long a part is waited for before it is asked for again.
const PATIENCE: Duration = Duration::from_secs(10);
/// Before asking again for what could not be had.
const RETRY: Duration = Duration::from_millis(500);
/// Parts that a shard waits for at once.
const MAX_RUNNING: usize = 4;

/// Asks for the part of the stream that holds what comes after a place.
pub struct FetchRequest {
    /// The place.
    pub after: Cursor,
    /// Where the part goes; dropped if it cannot be had now.
    pub reply: oneshot::Sender<Arc<Excerpt>>,
}

/// The lane out of the edge.
pub(crate) type Fetching = mpsc::Sender<FetchRequest>;

/// Sessions of a shard that wait for something to be read back.
#[derive(Default)]
pub(crate) struct Fetches {
    waiting: Vec<SessionKey>,
    /// Places to be asked for.
    wanted: Vec<Cursor>,
    /// Places that were asked for.
    running: Vec<Cursor>,
}

impl Fetches {
    /// The session waits for what comes after this place.
    pub(crate) fn want(&mut self, session: SessionKey, after: Cursor) {
        self.waiting.push(session);
        // The first one's answer may hold what the others want: they are looked at again then.
        if self.wanted.is_empty() && self.running.len() < MAX_RUNNING && !self.running.contains(&after) {
            self.wanted.push(after);
        }
    }

    /// Whom an answer, or none, concerns: all look again.
    fn take_waiting(&mut self, answered: Cursor) -> Vec<SessionKey> {
        self.running.retain(|running| *running != answered);
        std::mem::take(&mut self.waiting)
    }
}

/// Asks for what the sessions of the shard have come to want.
pub(crate) fn start(shard: &Rc<Shard>) {
    let mut sessions = shard.sessions.borrow_mut();
    let fetches = sessions.fetches();
    for after in std::mem::take(&mut fetches.wanted) {
        fetches.running.push(after);
        let shard = Rc::clone(shard);
        tokio::task::spawn_local(async move {
            if !fetch(&shard, after).await {
                sleep(RETRY.mul_f64(rand::random_range(0.5..1.5))).await;
            }
            let mut sessions = shard.sessions.borrow_mut();
            let waiting = sessions.fetches().take_waiting(after);
            sessions.look_again(waiting);
            shard.stirred.notify_one();
        });
    }
}

/// Has what comes after a place read back and lent to the hub. False if that cannot be had now.
pub(crate) async fn fetch(shard: &Shard, after: Cursor) -> bool {
    let (reply, answer) = oneshot::channel();
    let asked = Instant::now();
    let fetched = async {
        shard.fetch.send(FetchRequest { after, reply }).await.ok()?;
        answer.await.ok()
    };
    let Ok(Some(excerpt)) = timeout(PATIENCE, fetched).await else {
        tracing::warn!(%after, waited = ?asked.elapsed(), "what memory no longer holds cannot be read back now");
        return false;
    };
    let mut sessions = shard.sessions.borrow_mut();
    sessions.hub.lend(&excerpt);
    // What is of no help, such as a part of another stream, is not asked for again at once.
    sessions.hub.helps(after)
}
