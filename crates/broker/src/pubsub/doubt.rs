//! A link in doubt: a second one is opened beside it, and then one of them is followed on.

use std::{
    future::Future,
    pin::Pin,
    time::{Duration, Instant},
};

use tokio::time::sleep_until;

use super::{Event, Follower};
use crate::{link::Link, link_error::LinkError, order::Item, outlet::Outlet};

/// How long the first link may take to show a beacon that the second one has shown.
const JOIN_TIME: Duration = Duration::from_secs(1);

/// A second link beside a doubted first one.
pub(super) enum Second {
    Opening(Pin<Box<dyn Future<Output = Result<Link, LinkError>> + Send>>),
    Open {
        link: Box<Link>,
        /// It saw an own beacon.
        proven: bool,
        /// What is waited for next comes by then: that beacon, and then what the first link shows.
        due: Instant,
    },
}

/// What became of the doubt.
pub(super) enum Settled {
    /// Nothing yet.
    Doubt(Second),
    /// The first link is followed on.
    First,
    /// The second one has taken its place.
    Second(Box<Link>),
    /// There is no link any more.
    Broken(LinkError),
}

/// What happens next on the second link.
pub(super) async fn next(second: &mut Option<Second>) -> Event {
    match second {
        None => std::future::pending().await,
        Some(Second::Opening(opening)) => Event::SecondOpened(opening.await),
        Some(Second::Open { link, due, .. }) => tokio::select! {
            // What has come in time may have waited for this reader.
            biased;
            filled = link.fill() => Event::Second(filled),
            () = sleep_until((*due).into()) => Event::Overdue,
        },
    }
}

impl<O: Outlet> Follower<O> {
    pub(super) async fn opened(&mut self, opened: Result<Link, LinkError>) -> Option<Second> {
        let mut link = match opened {
            Ok(link) => Box::new(link),
            Err(error) => {
                tracing::warn!(%error, "no second link");
                return None;
            }
        };
        self.order.open_second();
        match self.publish_beacon(&mut link).await {
            Ok(()) => Some(Second::Open { link, proven: false, due: Instant::now() + self.config.timeout }),
            Err(error) => {
                tracing::warn!(%error, "the second link broke");
                self.order.close_second();
                None
            }
        }
    }

    /// Holds back what the second link delivered.
    pub(super) fn take_second(&mut self, second: &mut Option<Second>, filled: Result<(), LinkError>) {
        let Some(Second::Open { link, proven, due }) = second else { return };
        let Self { intake, order, own, .. } = self;
        let mut full = false;
        let delivered = filled.and_then(|()| {
            link.deliver(|delivery| {
                let Some(item) = intake.take(&delivery) else { return };
                if let Item::Beacon(beacon) = &item
                    && own.is_own(beacon.id)
                    && !*proven
                {
                    (*proven, *due) = (true, Instant::now() + JOIN_TIME);
                }
                full |= !order.hold(item);
            })
        });
        if full {
            // No more can be held back: what the first link has not shown by now counts as lost.
            (*proven, *due) = (true, Instant::now());
        }
        if let Err(error) = delivered {
            tracing::warn!(%error, "the second link broke");
            self.order.close_second();
            *second = None;
        }
    }

    /// A second link that showed nothing in time is as dead as the first: the next beat opens another.
    pub(super) fn drop_unproven(&mut self, second: &mut Option<Second>) {
        if matches!(second, Some(Second::Open { proven: false, .. })) {
            tracing::warn!("no beacon came back on the second link either");
            self.order.close_second();
            *second = None;
        }
    }

    /// Decides between the two links, after something happened on one of them.
    pub(super) fn settle(
        &mut self,
        first: Result<(), LinkError>,
        link: &Link,
        second: Option<Second>,
    ) -> Settled {
        let (other, proven, due) = match (second, first) {
            (None, Ok(())) => return Settled::First,
            (None | Some(Second::Opening(_)), Err(error)) => return Settled::Broken(error),
            (Some(second @ Second::Opening(_)), Ok(())) => {
                // The first link has come back before there was a second.
                let recovered = self.own.silence() < self.config.beacon_interval;
                return if recovered { Settled::First } else { Settled::Doubt(second) };
            }
            (Some(Second::Open { link: other, proven, .. }), Err(error)) => {
                tracing::warn!(%error, "the first link broke");
                return self.replace(link, other, proven, Some(error));
            }
            (Some(Second::Open { link, proven, due }), Ok(())) => (link, proven, due),
        };
        let met = self.order.meeting().is_some();
        let same = link.server().is_same_primary(other.server());
        if met && !same && self.own.silence() < self.config.beacon_interval {
            // The first link works again, and there is no proof that the second shows its order.
            tracing::info!("the first link is back");
            self.order.close_second();
            return Settled::First;
        }
        let too_late = proven && Instant::now() >= due;
        if (met && same) || too_late {
            return self.replace(link, other, proven, None);
        }
        Settled::Doubt(Second::Open { link: other, proven, due })
    }

    /// Goes on with the second link: joined to the first if both are seen to show one order.
    fn replace(
        &mut self,
        first: &Link,
        second: Box<Link>,
        proven: bool,
        error: Option<LinkError>,
    ) -> Settled {
        let same = first.server().is_same_primary(second.server());
        match self.order.meeting().filter(|_| same) {
            Some(meeting) => {
                self.order.join(meeting, &mut self.batch);
                tracing::info!("the second link goes on where the first one was, without a gap");
            }
            None if proven => {
                self.order.cut(&mut self.batch);
                self.metrics.reconnects.inc();
                self.publisher.reconnect();
                tracing::error!(
                    "the first link is dead; what came since may be lost, sessions are told a gap"
                );
            }
            None => return Settled::Broken(error.unwrap_or(LinkError::Silent)),
        }
        self.prove();
        Settled::Second(second)
    }
}
