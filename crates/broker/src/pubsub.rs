//! Follows Redis Pub/Sub: one link, a second one in doubt, and a new one after a break.

use std::{
    collections::VecDeque,
    future::Future,
    pin::Pin,
    time::{Duration, Instant},
};

use publication::{Arrival, Batch, BeaconId};
use tokio::{
    sync::watch,
    time::{MissedTickBehavior, interval, sleep, sleep_until},
};

use crate::{
    beacon::Beacon,
    config::RedisConfig,
    decode::Rules,
    intake::Intake,
    link::{Link, LinkError},
    metrics::Metrics,
    order::{Item, Order},
    outlet::Outlet,
    status::Status,
};

/// The link is doubted when an own beacon has not come back by the time the third after it is due:
/// half an interval less than three, since ticks and answers come a moment late.
const DOUBT_HALF_INTERVALS: u32 = 5;
/// How long the first link may take to show a beacon that the second one has shown.
const JOIN_TIME: Duration = Duration::from_secs(1);
/// Waits between attempts to connect: from the first to the second, each jittered.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));
/// Beacons that may be on their way; of older ones the round trip is not measured.
const MAX_SENT: usize = 64;

/// Follows Redis until the receivers are gone.
pub(crate) struct Follower<O> {
    config: RedisConfig,
    max_payload: usize,
    intake: Intake,
    metrics: Metrics,
    outlet: O,
    /// The receivers are gone.
    closed: bool,
    status: watch::Sender<Status>,
    order: Order,
    gateway: u64,
    /// The counter of the next own beacon.
    counter: u32,
    /// Own beacons on their way, with the time they were sent.
    sent: VecDeque<(u32, Instant)>,
    /// When an own beacon last came back on the first link.
    proven: Instant,
    batch: Vec<Arrival>,
}

/// A second link beside a doubted first one.
enum Second {
    Opening(Pin<Box<dyn Future<Output = Result<Link, LinkError>> + Send>>),
    Open {
        link: Box<Link>,
        /// When it saw an own beacon.
        proven: Option<Instant>,
    },
}

/// What happened on the links.
enum Event {
    First(Result<(), LinkError>),
    SecondOpened(Result<Link, LinkError>),
    Second(Result<(), LinkError>),
    /// The first link has had its time to show what the second one has shown.
    Overdue,
    Tick,
}

impl<O: Outlet> Follower<O> {
    pub(crate) fn new(
        config: RedisConfig,
        rules: Rules,
        metrics: Metrics,
        outlet: O,
        status: watch::Sender<Status>,
    ) -> Self {
        Self {
            // An envelope holds names and escapes around the data.
            max_payload: rules.max_data_bytes.saturating_mul(6).saturating_add(4096),
            intake: Intake::new(config.prefix(), rules, metrics.clone()),
            config,
            metrics,
            outlet,
            closed: false,
            status,
            order: Order::default(),
            gateway: rand::random(),
            counter: 0,
            sent: VecDeque::new(),
            proven: Instant::now(),
            batch: Vec::new(),
        }
    }

    /// Follows until the receivers are gone.
    ///
    /// # Errors
    /// At the very first connection only: why this Redis will never do.
    pub(crate) async fn run(mut self) -> Result<(), LinkError> {
        let mut link = self.connect(true).await?;
        tracing::info!(redis = self.config.address(), "linked to Redis");
        loop {
            let error = self.follow(link).await;
            if self.closed {
                return Ok(());
            }
            tracing::error!(%error, redis = self.config.address(), "the link to Redis broke");
            self.metrics.reconnects.inc();
            self.trouble(&error.to_string());
            link = self.connect(false).await?;
            tracing::info!(redis = self.config.address(), "the link to Redis is back");
        }
    }

    /// Connects, however long it takes. At first, what will never do is not tried again.
    async fn connect(&mut self, at_first: bool) -> Result<Link, LinkError> {
        let mut wait = BACKOFF.0;
        loop {
            match Link::open(&self.config, self.max_payload).await {
                Ok(link) => return Ok(link),
                Err(error) if at_first && error.is_permanent() => return Err(error),
                Err(error) => {
                    tracing::warn!(%error, redis = self.config.address(), "no link to Redis, trying again");
                    self.trouble(&error.to_string());
                }
            }
            sleep(wait.mul_f64(rand::random_range(0.5..1.5))).await;
            wait = (wait * 2).min(BACKOFF.1);
        }
    }

    /// Follows one link, or the second one that takes its place, until it breaks.
    async fn follow(&mut self, mut first: Link) -> LinkError {
        self.order.restart();
        self.proven = Instant::now();
        let mut second: Option<Second> = None;
        let mut ticks = interval(self.config.beacon_interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let event = tokio::select! {
                filled = first.fill() => Event::First(filled),
                event = next(&mut second) => event,
                _ = ticks.tick() => Event::Tick,
            };
            let outcome = match event {
                Event::First(filled) => filled.and_then(|()| self.take_first(&mut first)),
                Event::Tick => self.beat(&mut first, &mut second).await,
                Event::SecondOpened(opened) => {
                    second = self.opened(opened).await;
                    Ok(())
                }
                Event::Second(filled) => {
                    self.take_second(&mut second, filled);
                    Ok(())
                }
                Event::Overdue => Ok(()),
            };
            if second.is_some() {
                match self.settle(outcome, &first, second) {
                    Settled::Doubt(still) => second = Some(still),
                    Settled::First => second = None,
                    Settled::Second(link) => {
                        first = *link;
                        second = None;
                    }
                    Settled::Broken(error) => return error,
                }
            } else if let Err(error) = outcome {
                return error;
            }
            if !self.flush().await {
                return LinkError::Silent;
            }
        }
    }

    /// Takes what the first link delivered.
    fn take_first(&mut self, link: &mut Link) -> Result<(), LinkError> {
        let Self { intake, order, batch, .. } = self;
        let mut beacons = Vec::new();
        let delivered = link.deliver(|delivery| {
            let Some(item) = intake.take(&delivery) else { return };
            if let Item::Beacon(beacon) = &item {
                beacons.push(beacon.id);
            }
            order.receive(item, batch);
        });
        for id in beacons {
            self.note_beacon(id);
        }
        delivered
    }

    fn note_beacon(&mut self, id: BeaconId) {
        let now = Instant::now();
        let own = id.gateway == self.gateway;
        if own {
            self.prove(now);
            while let Some((counter, sent)) = self.sent.pop_front() {
                if counter == id.counter {
                    self.metrics.roundtrip.observe(now.duration_since(sent).as_secs_f64());
                    break;
                }
            }
        }
        self.status.send_if_modified(|status| {
            let changed = status.begun.is_none() || (!own && !status.peers);
            status.begun.get_or_insert(now);
            status.peers |= !own;
            changed
        });
    }

    /// An own beacon came back on the link that is followed.
    fn prove(&mut self, now: Instant) {
        self.proven = now;
        self.metrics.roundtrip_ok.set(1);
        self.status.send_if_modified(|status| {
            let changed = !status.connected;
            status.connected = true;
            status.trouble = None;
            changed
        });
    }

    /// Once an interval: publish a beacon, and see whether the earlier ones came back.
    async fn beat(&mut self, first: &mut Link, second: &mut Option<Second>) -> Result<(), LinkError> {
        let silent = self.proven.elapsed() >= self.config.beacon_interval * DOUBT_HALF_INTERVALS / 2;
        if silent && first.fill_now().await? {
            // Not the link is slow but this reader, or those behind it.
            self.take_first(first)?;
        } else if silent && second.is_none() {
            tracing::warn!(redis = self.config.address(), "beacons do not come back; trying a second link");
            self.trouble("beacons do not come back");
            let (config, max_payload) = (self.config.clone(), self.max_payload);
            *second = Some(Second::Opening(Box::pin(async move { Link::open(&config, max_payload).await })));
        }
        if let Some(Second::Open { link, .. }) = second
            && let Err(error) = self.publish_beacon(link).await
        {
            tracing::warn!(%error, "the second link broke");
            self.order.close_second();
            *second = None;
        }
        self.publish_beacon(first).await
    }

    async fn publish_beacon(&mut self, link: &mut Link) -> Result<(), LinkError> {
        let id = BeaconId { gateway: self.gateway, counter: self.counter };
        self.counter = self.counter.wrapping_add(1);
        if self.sent.len() == MAX_SENT {
            self.sent.pop_front();
        }
        self.sent.push_back((id.counter, Instant::now()));
        let beacon = Beacon { id, claim: self.order.claim(self.gateway) };
        let channel = format!("{}@beacon", self.config.prefix());
        link.publish(&channel, &beacon.encode()).await
    }

    async fn opened(&mut self, opened: Result<Link, LinkError>) -> Option<Second> {
        let mut link = match opened {
            Ok(link) => Box::new(link),
            Err(error) => {
                tracing::warn!(%error, "no second link");
                return None;
            }
        };
        self.order.open_second();
        match self.publish_beacon(&mut link).await {
            Ok(()) => Some(Second::Open { link, proven: None }),
            Err(error) => {
                tracing::warn!(%error, "the second link broke");
                self.order.close_second();
                None
            }
        }
    }

    /// Holds back what the second link delivered.
    fn take_second(&mut self, second: &mut Option<Second>, filled: Result<(), LinkError>) {
        let Some(Second::Open { link, proven }) = second else { return };
        let Self { intake, order, gateway, .. } = self;
        let mut full = false;
        let delivered = filled.and_then(|()| {
            link.deliver(|delivery| {
                let Some(item) = intake.take(&delivery) else { return };
                if let Item::Beacon(beacon) = &item
                    && beacon.id.gateway == *gateway
                {
                    proven.get_or_insert_with(Instant::now);
                }
                full |= !order.hold(item);
            })
        });
        if full {
            // No more can be held back: what the first link has not shown by now counts as lost.
            *proven = Instant::now().checked_sub(JOIN_TIME);
        }
        if let Err(error) = delivered {
            tracing::warn!(%error, "the second link broke");
            self.order.close_second();
            *second = None;
        }
    }

    /// Decides between the two links, after something happened on one of them.
    fn settle(&mut self, first: Result<(), LinkError>, link: &Link, second: Option<Second>) -> Settled {
        let (other, proven) = match (second, first) {
            (None, Ok(())) => return Settled::First,
            (None | Some(Second::Opening(_)), Err(error)) => return Settled::Broken(error),
            (Some(second @ Second::Opening(_)), Ok(())) => {
                // The first link has come back before there was a second.
                let recovered = self.proven.elapsed() < self.config.beacon_interval;
                return if recovered { Settled::First } else { Settled::Doubt(second) };
            }
            (Some(Second::Open { link: other, proven }), Err(error)) => {
                tracing::warn!(%error, "the first link broke");
                return self.replace(link, other, proven.is_some(), Some(error));
            }
            (Some(Second::Open { link, proven }), Ok(())) => (link, proven),
        };
        let met = self.order.meeting().is_some() && link.server.is_same_primary(&other.server);
        let too_late = proven.is_some_and(|at| at.elapsed() >= JOIN_TIME);
        if met || too_late {
            return self.replace(link, other, proven.is_some(), None);
        }
        Settled::Doubt(Second::Open { link: other, proven })
    }

    /// Goes on with the second link: joined to the first if both are seen to show one order.
    fn replace(
        &mut self,
        first: &Link,
        second: Box<Link>,
        proven: bool,
        error: Option<LinkError>,
    ) -> Settled {
        let same = first.server.is_same_primary(&second.server);
        match self.order.meeting().filter(|_| same) {
            Some(meeting) => {
                self.order.join(meeting, &mut self.batch);
                tracing::info!("the second link goes on where the first one was, without a gap");
            }
            None if proven => {
                self.order.cut(&mut self.batch);
                self.metrics.reconnects.inc();
                tracing::error!(
                    "the first link is dead; what came since may be lost, sessions are told a gap"
                );
            }
            None => return Settled::Broken(error.unwrap_or(LinkError::Silent)),
        }
        self.prove(Instant::now());
        Settled::Second(second)
    }

    /// Hands the batch on. Waits when the receivers are full: Redis then feels the back-pressure.
    async fn flush(&mut self) -> bool {
        if self.batch.is_empty() {
            return true;
        }
        let next = Vec::with_capacity(self.batch.len().min(1024));
        let arrivals = std::mem::replace(&mut self.batch, next);
        self.intake.count_delivered(&arrivals);
        self.closed = !self.outlet.deliver(Batch { arrived: Instant::now(), arrivals }).await;
        !self.closed
    }

    fn trouble(&self, trouble: &str) {
        self.metrics.roundtrip_ok.set(0);
        self.status.send_modify(|status| {
            status.connected = false;
            status.trouble = Some(trouble.to_owned());
        });
    }
}

/// What became of the doubt.
enum Settled {
    /// Nothing yet.
    Doubt(Second),
    /// The first link is followed on.
    First,
    /// The second one has taken its place.
    Second(Box<Link>),
    /// There is no link any more.
    Broken(LinkError),
}

async fn next(second: &mut Option<Second>) -> Event {
    match second {
        None => std::future::pending().await,
        Some(Second::Opening(opening)) => Event::SecondOpened(opening.await),
        Some(Second::Open { link, proven: None }) => Event::Second(link.fill().await),
        Some(Second::Open { link, proven: Some(at) }) => tokio::select! {
            filled = link.fill() => Event::Second(filled),
            () = sleep_until((*at + JOIN_TIME).into()) => Event::Overdue,
        },
    }
}
