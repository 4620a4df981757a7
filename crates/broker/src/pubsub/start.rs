//! A gateway that starts: what arrives is held back until a peer has told what it knows.
//!
//! Nobody is let in meanwhile, so those who come back find the same here as elsewhere.

use std::{
    future::{Future, pending},
    pin::Pin,
    time::{Duration, Instant},
};

use publication::{Arrival, BeaconId, Snapshot};
use tokio::time::sleep_until;

use super::{Event, Follower};
use crate::{control::Control, held::Held, link::Link, link_error::LinkError, outlet::Outlet};

/// How long a peer may take for its picture before another one is asked.
const PATIENCE: Duration = Duration::from_secs(3);
/// Peers that are waited for in vain at most.
const MAX_UNANSWERED: usize = 3;

/// A start under way.
pub(super) struct Start {
    began: Instant,
    /// Gateways whose beacons were seen, in the order of coming, and how many were asked.
    peers: Vec<u64>,
    asked: usize,
    /// Those that knew nothing yet.
    unknowing: Vec<u64>,
    /// How many times one did not answer, or not with a picture that could be read.
    unanswered: usize,
    /// The picture that is waited for, and since when.
    token: Option<(u64, Instant)>,
    fetching: Option<Pin<Box<dyn Future<Output = Option<Snapshot>> + Send>>>,
    /// A picture that reaches further than what has arrived here.
    ahead: Option<Snapshot>,
    /// The part of the batch that has been looked at.
    held: Held,
}

impl Start {
    pub(super) fn new() -> Self {
        Self {
            began: Instant::now(),
            peers: Vec::new(),
            asked: 0,
            unknowing: Vec::new(),
            unanswered: 0,
            token: None,
            fetching: None,
            ahead: None,
            held: Held::default(),
        }
    }

    /// Looks at what was added to the batch that is held back.
    fn count(&mut self, batch: &[Arrival]) {
        for arrival in &batch[self.held.count()..] {
            self.held.add(if let Arrival::Publication(publication) = arrival {
                publication.bytes()
            } else {
                0
            });
        }
    }

    /// What happens next.
    pub(super) async fn next(start: &mut Option<Self>, alone_after: Duration) -> Event {
        let Some(start) = start else { return pending().await };
        let deadline = match start.token {
            Some((_, since)) => since + PATIENCE,
            None => start.began + alone_after,
        };
        let picture = async {
            match &mut start.fetching {
                Some(fetching) => fetching.await,
                None => pending().await,
            }
        };
        tokio::select! {
            snapshot = picture => Event::Picture(snapshot),
            () = sleep_until(deadline.into()) => Event::Picture(None),
        }
    }
}

impl<O: Outlet> Follower<O> {
    /// Another gateway's beacon was seen.
    pub(super) fn meet(&mut self, BeaconId { gateway, .. }: BeaconId) {
        if let Some(start) = &mut self.start
            && !start.peers.contains(&gateway)
        {
            start.peers.push(gateway);
        }
    }

    /// Asks the next peer, or begins without a picture if there is none to ask; to be called when
    /// something has arrived.
    pub(super) async fn proceed(&mut self, link: &mut Link) -> Result<(), LinkError> {
        let Some(start) = &mut self.start else { return Ok(()) };
        start.count(&self.batch);
        if start.held.is_full() {
            tracing::warn!("too much is published to wait for what other gateways know");
            self.begin(false);
            return Ok(());
        }
        if let Some(snapshot) = start.ahead.take() {
            self.join(snapshot);
        } else if start.token.is_none() && link.receivers() == Some(1) && !self.batch.is_empty() {
            // Nobody else listens: there are no peers.
            self.begin(true);
        } else if start.token.is_none() && !self.batch.is_empty() {
            return self.ask(link).await;
        }
        Ok(())
    }

    async fn ask(&mut self, link: &mut Link) -> Result<(), LinkError> {
        let Some(start) = &mut self.start else { return Ok(()) };
        let Some(to) = start.peers.get(start.asked).copied() else { return Ok(()) };
        let token = rand::random();
        start.asked += 1;
        start.token = Some((token, Instant::now()));
        link.say(&format!("{}@control", self.config.prefix()), &Control::Ask { to, token }.encode()).await
    }

    /// A gateway said something.
    pub(super) fn take_control(&mut self, control: Control) {
        match control {
            Control::Ask { to, token } if to == self.own.gateway() => self.pictures.want(token),
            Control::Ask { .. } => {}
            Control::Stored { token } => {
                let pictures = self.pictures.clone();
                if let Some(start) = self.waiting_for(token) {
                    start.fetching = Some(Box::pin(async move { pictures.fetch(token).await.ok()? }));
                }
            }
            Control::Nothing { token } => {
                // It starts too. The next one is asked; if there is none, there is time for one to be seen.
                if let Some(start) = self.waiting_for(token) {
                    start.token = None;
                    start.unknowing.extend(start.asked.checked_sub(1).map(|index| start.peers[index]));
                }
            }
        }
    }

    /// The start, if it waits for this picture.
    fn waiting_for(&mut self, token: u64) -> Option<&mut Start> {
        self.start.as_mut().filter(|start| start.token.is_some_and(|(expected, _)| expected == token))
    }

    /// A picture has come, or will not come.
    pub(super) async fn take_picture(
        &mut self,
        snapshot: Option<Snapshot>,
        link: &mut Link,
    ) -> Result<(), LinkError> {
        let Some(start) = &mut self.start else { return Ok(()) };
        start.fetching = None;
        if self.batch.is_empty() {
            // Without a first beacon there is nothing to begin with.
            start.began = Instant::now();
            return Ok(());
        }
        if let Some(snapshot) = snapshot {
            self.join(snapshot);
            return Ok(());
        }
        if start.token.take().is_some() {
            start.unanswered += 1;
            // Meanwhile they may know what too many asked another one for.
            start.peers.append(&mut start.unknowing);
        }
        if start.asked < start.peers.len() && start.unanswered < MAX_UNANSWERED {
            return self.ask(link).await;
        }
        // Peers that knew nothing when this one was listening already will not know more.
        let complete = start.unanswered == 0;
        if !complete {
            tracing::warn!("no other gateway tells what it knows; beginning without");
        }
        self.begin(complete);
        Ok(())
    }

    /// Takes a picture as what was known before, and goes on where it ends.
    fn join(&mut self, snapshot: Snapshot) {
        let is_its_beacon = |arrival: &Arrival| match arrival {
            Arrival::Beacon(id) | Arrival::Break(id) => Some(*id) == snapshot.beacon,
            _ => false,
        };
        let Some(beacon) = self.batch.iter().position(is_its_beacon) else {
            tracing::warn!("another gateway's picture ends before this one began to listen");
            return self.begin(false);
        };
        let counts = |arrival: &Arrival| matches!(arrival, Arrival::Publication(_) | Arrival::Skipped);
        let covered = snapshot.place - snapshot.beacon_place;
        let covered = usize::try_from(covered).unwrap_or(usize::MAX);
        let following = &self.batch[beacon + 1..];
        if following.iter().take(covered).filter(|arrival| counts(arrival)).count() < covered {
            // The other one is a moment ahead.
            if let Some(start) = &mut self.start {
                start.ahead = Some(snapshot);
            }
            return;
        }
        let publications = snapshot.publications.len();
        self.batch.drain(..=beacon + covered);
        self.batch.insert(0, Arrival::Known(snapshot.into()));
        tracing::info!(publications, "took over what another gateway knows");
        self.begin(true);
    }

    /// Delivers from now on. `complete`: nobody knows more.
    pub(super) fn begin(&mut self, complete: bool) {
        if self.start.take().is_none() {
            return;
        }
        if !matches!(self.batch.first(), Some(Arrival::Known(_))) {
            // What was published before is not known here.
            tokio::spawn(self.pictures.clone().note_loss());
        }
        self.status.send_modify(|status| {
            status.begun.get_or_insert_with(Instant::now);
            status.complete = complete;
        });
    }
}
