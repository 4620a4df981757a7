//! Follows Redis Pub/Sub: one link, a second one in doubt, and a new one after a break.

mod doubt;
mod start;

use std::time::Instant;

use publication::{Arrival, Batch, BeaconId, Snapshot};
use tokio::{
    sync::watch,
    time::{MissedTickBehavior, interval, sleep},
};

use self::{
    doubt::{Second, Settled},
    start::Start,
};
use crate::{
    backoff::Backoff,
    beacon::Beacon,
    config::RedisConfig,
    door::Door,
    intake::Intake,
    link::{Link, max_payload},
    link_error::LinkError,
    metrics::Metrics,
    order::{Item, Order},
    outlet::Outlet,
    own_beacons::OwnBeacons,
    pictures::Pictures,
    preflight::preflight,
    publisher::Publisher,
    status::Status,
};

/// The link is doubted when an own beacon has not come back by the time the third after it is due:
/// half an interval less than three, since ticks and answers come a moment late.
const DOUBT_HALF_INTERVALS: u32 = 5;

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
    own: OwnBeacons,
    batch: Vec<Arrival>,
    /// When the own beacon was sent that came back last: all from before it has arrived.
    current: Option<Instant>,
    /// What arrives is held back.
    start: Option<Start>,
    /// What is published goes to where the link goes.
    publisher: Publisher,
    pictures: Pictures,
}

/// What happened on the links.
enum Event {
    First(Result<(), LinkError>),
    SecondOpened(Result<Link, LinkError>),
    Second(Result<(), LinkError>),
    /// The second link has had its time to show a beacon, or then the first one to show what the second
    /// one has shown.
    Overdue,
    Tick,
    /// What another gateway knows has come, or does not.
    Picture(Option<Snapshot>),
}

impl<O: Outlet> Follower<O> {
    pub(crate) fn new(
        config: RedisConfig,
        intake: Intake,
        metrics: Metrics,
        outlet: O,
        status: watch::Sender<Status>,
        publisher: Publisher,
        pictures: Pictures,
    ) -> Self {
        Self {
            max_payload: max_payload(intake.rules()),
            intake,
            config,
            metrics,
            outlet,
            closed: false,
            status,
            order: Order::default(),
            own: OwnBeacons::new(),
            batch: Vec::new(),
            current: None,
            start: Some(Start::new()),
            publisher,
            pictures,
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
            // What other gateways know cannot be had over a broken link; but before the first beacon
            // nothing begins.
            if !self.batch.is_empty() {
                self.begin(false);
            }
            self.flush().await;
            if self.closed {
                return Ok(());
            }
            tracing::error!(%error, redis = self.config.address(), "the link to Redis broke");
            self.metrics.reconnects.inc();
            // What ended this link, such as a change of roles, need not end the publisher's connection.
            self.publisher.reconnect();
            self.trouble(&error.to_string());
            link = self.connect(false).await?;
            tracing::info!(redis = self.config.address(), "the link to Redis is back");
        }
    }

    /// Connects, however long it takes. At first, what will never do is not tried again.
    async fn connect(&mut self, at_first: bool) -> Result<Link, LinkError> {
        let mut backoff = Backoff::default();
        loop {
            match open(&self.config, self.max_payload, at_first).await {
                Ok(link) => {
                    // One that was opened meanwhile may lead to where the primary was then.
                    self.publisher.reconnect();
                    return Ok(link);
                }
                Err(error) if at_first && self.config.is_permanent(&error) => return Err(error),
                Err(error) => {
                    tracing::warn!(%error, redis = self.config.address(), "no link to Redis, trying again");
                    self.trouble(&error.to_string());
                }
            }
            sleep(backoff.next()).await;
        }
    }

    /// Follows one link, or the second one that takes its place, until it breaks.
    async fn follow(&mut self, mut first: Link) -> LinkError {
        self.order.restart();
        self.own.prove();
        let mut second: Option<Second> = None;
        let mut ticks = interval(self.config.beacon_interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let event = tokio::select! {
                filled = first.fill() => Event::First(filled),
                event = doubt::next(&mut second) => event,
                event = Start::next(&mut self.start, self.config.beacon_interval.mul_f64(1.2)) => event,
                _ = ticks.tick() => Event::Tick,
            };
            let outcome = match event {
                Event::First(filled) => match filled.and_then(|()| self.take_first(&mut first)) {
                    Ok(()) => self.proceed(&mut first).await,
                    Err(error) => Err(error),
                },
                Event::Picture(picture) => self.take_picture(picture, &mut first).await,
                Event::Tick => self.beat(&mut first, &mut second).await,
                Event::SecondOpened(opened) => {
                    second = self.opened(opened).await;
                    Ok(())
                }
                Event::Second(filled) => {
                    self.take_second(&mut second, filled);
                    Ok(())
                }
                Event::Overdue => {
                    self.drop_unproven(&mut second);
                    Ok(())
                }
            };
            if second.is_some() {
                match self.settle(outcome, &first, second) {
                    Settled::Doubt(still) => second = Some(still),
                    Settled::First => second = None,
                    Settled::Second(link) => {
                        first = *link;
                        second = None;
                    }
                    Settled::Broken(error) => {
                        self.flush().await;
                        return error;
                    }
                }
            } else if let Err(error) = outcome {
                // What was read together with the end still counts.
                self.flush().await;
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
        let (mut beacons, mut controls) = (Vec::new(), Vec::new());
        let delivered = link.deliver(|delivery| {
            let Some(item) = intake.take(&delivery) else { return };
            match &item {
                Item::Beacon(beacon) => beacons.push(beacon.id),
                Item::Control(control) => controls.push(*control),
                Item::Publication(_) | Item::Skipped => {}
            }
            order.receive(item, batch);
        });
        for id in beacons {
            self.note_beacon(id);
        }
        for control in controls {
            self.take_control(control);
        }
        delivered
    }

    fn note_beacon(&mut self, id: BeaconId) {
        let own = self.own.is_own(id);
        if own {
            if let Some(roundtrip) = self.own.came_back(id) {
                self.current = Instant::now().checked_sub(roundtrip);
                self.metrics.roundtrip.observe(roundtrip.as_secs_f64());
            }
            self.prove();
        } else {
            self.meet(id);
        }
    }

    /// An own beacon came back on the link that is followed.
    fn prove(&mut self) {
        self.own.prove();
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
        let silent = self.own.silence() >= self.config.beacon_interval * DOUBT_HALF_INTERVALS / 2;
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
        let id = self.own.send();
        let beacon = Beacon { id, claim: self.order.claim(id.gateway) };
        let channel = format!("{}@beacon", self.config.prefix());
        link.publish(&channel, &beacon.encode()).await
    }

    /// Hands the batch on. Waits when the receivers are full: Redis then feels the back-pressure.
    async fn flush(&mut self) -> bool {
        if self.batch.is_empty() || self.start.is_some() {
            return true;
        }
        let next = Vec::with_capacity(self.batch.len().min(1024));
        let arrivals = std::mem::replace(&mut self.batch, next);
        self.intake.count_delivered(&arrivals);
        if arrivals.iter().any(|arrival| matches!(arrival, Arrival::Break(_))) {
            tokio::spawn(self.pictures.clone().note_loss());
        }
        let batch = Batch { arrived: Instant::now(), arrivals, current: self.current.take() };
        self.closed = !self.outlet.deliver(batch).await;
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

/// Opens a link; before the first one, all is looked at that could hurt later.
async fn open(config: &RedisConfig, max_payload: usize, at_first: bool) -> Result<Link, LinkError> {
    if at_first {
        preflight(config, Door::PubSub).await?;
    }
    Link::open(config, max_payload).await
}
