//! Who is in which channel, across all gateways.
//!
//! On a thread of its own, and with Redis on a connection of its own: shards write on the roll who is
//! present through this gateway, and are told what those who watch are to know. Changes here are told
//! at once, those elsewhere when Redis is looked at, once a second. No publication waits for any of it.

mod elsewhere;
mod room;

use std::{
    collections::{HashMap, HashSet},
    future::Future,
    io,
    time::{Duration, Instant},
};

use publication::{ChannelName, Members, News, Presence, Roll, SessionName};
use tokio::{
    sync::{mpsc, oneshot},
    time::{MissedTickBehavior, interval},
};

use self::{
    elsewhere::{Changes, Elsewhere, Look},
    room::{Parts, Room, presence},
};
use crate::{
    broker::{Kind, spawn},
    metrics::Metrics,
    publish_error::PublishError,
};

/// Between two looks at the roll.
const TICK: Duration = Duration::from_millis(100);
/// Between two looks at Redis.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);
/// Questions that may wait, and that are answered together.
const MAX_QUESTIONS: usize = 1_024;

/// The limits of presence.
#[derive(Clone, Copy, Debug)]
pub struct PresenceConfig {
    /// In a channel with more members than this they are counted, not listed.
    pub max_members: usize,
    /// How long the members of a gateway that was killed are still taken to be there.
    pub expire: Duration,
}

/// Takes what those who watch are to be told, in order.
pub trait NewsOutlet: Send + Sync + 'static {
    /// Takes some; false if nobody is there any more.
    fn tell(&mut self, news: Vec<News>) -> impl Future<Output = bool> + Send;
}

/// Asks who is there; cloning shares the lane.
#[derive(Clone)]
pub struct Whereabouts(mpsc::Sender<Question>);

struct Question {
    channel: ChannelName,
    reply: oneshot::Sender<Presence>,
}

impl Whereabouts {
    /// Begins to follow the roll.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub fn start(
        kind: &Kind,
        config: PresenceConfig,
        roll: Roll,
        metrics: Metrics,
        outlet: impl NewsOutlet,
    ) -> Result<Self, io::Error> {
        let (sender, questions) = mpsc::channel(MAX_QUESTIONS);
        let elsewhere = match kind {
            Kind::Embedded => None,
            Kind::RedisPubSub(redis) | Kind::RedisStream(redis, ..) => {
                Some(Elsewhere::new(redis, config.expire))
            }
        };
        metrics.presence_ok.set(1);
        let keeper = Keeper {
            config,
            roll,
            metrics,
            outlet,
            elsewhere,
            rooms: HashMap::new(),
            looked: Instant::now(),
            failed: None,
        };
        spawn("presence", keeper.run(questions))?;
        Ok(Self(sender))
    }

    /// Asks who is in a channel. The reply is dropped if that cannot be told now.
    pub async fn ask(&self, channel: ChannelName, reply: oneshot::Sender<Presence>) {
        // Without anybody to answer it the reply is dropped too.
        let _ = self.0.send(Question { channel, reply }).await;
    }
}

struct Keeper<O> {
    config: PresenceConfig,
    roll: Roll,
    metrics: Metrics,
    outlet: O,
    /// `None` if there are no other gateways.
    elsewhere: Option<Elsewhere>,
    /// The channels that somebody watches.
    rooms: HashMap<ChannelName, Room>,
    /// When Redis was looked at.
    looked: Instant,
    /// When Redis did not answer last.
    failed: Option<Instant>,
}

impl<O: NewsOutlet> Keeper<O> {
    /// The loop. Its inputs: the roll, looked at in time, and questions.
    async fn run(mut self, mut questions: mpsc::Receiver<Question>) {
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut asked = Vec::new();
        loop {
            tokio::select! {
                _ = ticks.tick() => {
                    if !self.tick().await {
                        return;
                    }
                }
                count = questions.recv_many(&mut asked, MAX_QUESTIONS) => {
                    if count == 0 {
                        return;
                    }
                    self.answer(std::mem::take(&mut asked)).await;
                }
            }
        }
    }

    /// Tells what changed here, then what changed elsewhere. False if nobody listens any more.
    async fn tick(&mut self) -> bool {
        let max = self.config.max_members;
        let touched = self.roll.take_touched();
        let (mut news, mut begun, mut new) = (Vec::new(), Vec::new(), HashSet::new());
        for (channel, changes) in &touched.changes {
            if let Some(room) = self.rooms.get_mut(channel) {
                room.change(changes, max, &mut news);
            }
        }
        for (channel, watchers) in touched.watchers {
            if !self.rooms.contains_key(&channel) {
                new.insert(channel.clone());
                self.rooms.insert(channel.clone(), Room::new(channel.clone(), watchers.here));
            }
            begun.push((channel, watchers.sessions));
        }
        if !self.tell(&mut news).await {
            return false;
        }
        let is_due = self.looked.elapsed() >= LOOK_INTERVAL;
        if is_due {
            self.looked = Instant::now();
            self.rooms.retain(|channel, _| new.contains(channel) || self.roll.is_watched(channel));
            self.metrics.presence_members.set(i64::try_from(self.roll.count()).unwrap_or(i64::MAX));
        }
        self.follow_redis(&touched.changes, |channel| is_due || new.contains(channel), &mut news).await;
        self.tell_begun(begun, &new, &mut news);
        if is_due {
            self.rooms.values_mut().for_each(|room| room.settle(max, &mut news));
        }
        self.tell(&mut news).await
    }

    /// Hands over what is to be told. False if nobody listens any more.
    async fn tell(&mut self, news: &mut Vec<News>) -> bool {
        news.is_empty() || self.outlet.tell(std::mem::take(news)).await
    }

    /// Tells those who have begun to watch who is there.
    fn tell_begun(
        &mut self,
        begun: Vec<(ChannelName, Vec<SessionName>)>,
        new: &HashSet<ChannelName>,
        news: &mut Vec<News>,
    ) {
        for (channel, sessions) in begun {
            let Some(room) = self.rooms.get_mut(&channel) else { continue };
            let presence = room.presence(self.config.max_members);
            if new.contains(&channel) {
                room.note_told(&presence);
            }
            news.push(News::Present { channel, to: Some(sessions), presence });
        }
    }

    /// Writes what changed here, and reads what changed elsewhere in the channels that are to be looked
    /// at.
    async fn follow_redis(
        &mut self,
        changes: &Changes,
        is_wanted: impl Fn(&ChannelName) -> bool,
        news: &mut Vec<News>,
    ) {
        let Some(elsewhere) = &mut self.elsewhere else { return };
        if self.failed.is_some_and(|at| at.elapsed() < LOOK_INTERVAL) {
            return elsewhere.pass_over(changes);
        }
        let rooms: Vec<_> = self.rooms.values().filter(|room| is_wanted(room.channel())).collect();
        let looks: Vec<_> = rooms.iter().map(|room| room.look()).collect();
        let found = elsewhere.exchange(changes, &self.roll, &looks, self.config.max_members).await;
        let channels: Vec<_> = rooms.iter().map(|room| room.channel().clone()).collect();
        match found {
            Ok(found) => {
                self.note_answer();
                for (channel, parts) in channels.iter().zip(found) {
                    self.take(channel, parts, news);
                }
            }
            Err(error) => self.note_failure(&error),
        }
    }

    /// Takes what Redis says of a channel. For a while after it could not be asked it may have lost
    /// what it held: until the other gateways have written that anew, nobody is said to have gone.
    fn take(&mut self, channel: &ChannelName, mut parts: Parts, news: &mut Vec<News>) {
        let Some(room) = self.rooms.get_mut(channel) else { return };
        if self.failed.is_some_and(|at| at.elapsed() < self.config.expire) {
            for (gateway, part) in room.elsewhere() {
                parts.entry(*gateway).or_insert_with(|| part.clone());
            }
        }
        room.replace(parts, self.config.max_members, news);
    }

    fn note_answer(&mut self) {
        if self.metrics.presence_ok.get() == 0 {
            self.metrics.presence_ok.set(1);
            tracing::info!("Redis tells again who is present");
        }
    }

    fn note_failure(&mut self, error: &PublishError) {
        self.failed = Some(Instant::now());
        let Some(elsewhere) = &self.elsewhere else { return };
        if self.metrics.presence_ok.get() == 1 {
            self.metrics.presence_ok.set(0);
            let remedy = elsewhere.remedy(error);
            tracing::warn!("Redis does not tell who is present through other gateways: {error}{remedy}");
        }
    }

    /// Answers questions, all with one look.
    async fn answer(&mut self, questions: Vec<Question>) {
        let channels: HashSet<_> = questions.iter().map(|question| question.channel.clone()).collect();
        let here: Vec<_> =
            channels.into_iter().map(|channel| (self.roll.members(&channel), channel)).collect();
        let found = match self.look(&here).await {
            Ok(found) => found,
            // The replies are dropped.
            Err(error) => return self.note_failure(&error),
        };
        let max = self.config.max_members;
        let told: HashMap<_, _> = here
            .into_iter()
            .zip(found)
            .map(|((here, channel), parts)| (channel, presence(&here, &parts, max)))
            .collect();
        for Question { channel, reply } in questions {
            // Whoever asked may have gone.
            let _ = told.get(&channel).map(|presence| reply.send(presence.clone()));
        }
    }

    /// Who is present elsewhere in these channels, now.
    async fn look(&self, here: &[(Members, ChannelName)]) -> Result<Vec<Parts>, PublishError> {
        let none = Parts::new();
        let Some(elsewhere) = &self.elsewhere else { return Ok(vec![none; here.len()]) };
        let known = |channel| self.rooms.get(channel).map_or(&none, Room::elsewhere);
        let look = |(here, channel)| Look { channel, here, known: known(channel) };
        let looks: Vec<_> = here.iter().map(|(here, channel)| look((here, channel))).collect();
        elsewhere.look(&looks, self.config.max_members).await
    }
}
