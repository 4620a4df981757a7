//! Who is present through the other gateways, and who through this one, as Redis keeps it.
//!
//! Under the prefix, for each channel in which somebody is present: `@presence:at:CHANNEL` is the set
//! of the gateways through which somebody is, and `@presence:of:GATEWAY:CHANNEL` the hash of those who
//! are through one of them: session to what it says of itself, and a number under the empty name
//! which is another one after each change. The hash expires unless it is renewed: of a gateway that was
//! killed nothing stays, and who finds nothing of it takes it out of the set.

mod reading;

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::{Duration, Instant},
};

use publication::{ChannelName, Members, Roll, SessionName};
use redis::{FromRedisValue, Pipeline};
use tokio::time::timeout;

pub(super) use self::reading::Look;
use super::room::Parts;
use crate::{config::RedisConfig, lane::Lane, publish_error::PublishError, rights};

/// Commands sent at once, and members in one of them.
const CHUNK: usize = 500;

/// How long the set of a channel's gateways is kept: longer than any of them may expire.
const OUTLIVE: Duration = Duration::from_secs(2 * 24 * 60 * 60);
/// The longest wait for an answer: what is told of this gateway waits with it.
const PATIENCE: Duration = Duration::from_secs(2);

/// So many times a thing is renewed before it would expire.
const RENEWALS: u32 = 3;

pub(super) type Changes = HashMap<ChannelName, BTreeMap<SessionName, Option<Arc<str>>>>;

/// The other gateways.
pub(super) struct Elsewhere {
    config: RedisConfig,
    lane: Lane,
    prefix: String,
    /// This one.
    gateway: u64,
    expire: Duration,
    /// Counts what has been written, so that each change has its number.
    version: u64,
    /// Redis holds what the roll says, but for what has changed since.
    is_certain: bool,
    /// When it was last kept from expiring; `None` if that is to be done at once.
    renewed: Option<Instant>,
}

impl Elsewhere {
    pub(super) fn new(config: &RedisConfig, expire: Duration) -> Self {
        Self {
            config: config.clone(),
            lane: Lane::new(config),
            prefix: format!("{}@presence:", config.prefix()),
            gateway: rand::random(),
            expire,
            version: 0,
            is_certain: true,
            renewed: None,
        }
    }

    /// Tells the other gateways what changed on the roll, keeps from expiring what Redis holds of this one,
    /// and says who is present in the channels to be looked at through others.
    ///
    /// # Errors
    /// Redis may hold something else than the roll, or the connection is another one than before, behind
    /// which Redis may have forgotten something: nothing that it says now is to be believed.
    pub(super) async fn exchange(
        &mut self,
        changes: &Changes,
        roll: &Roll,
        looks: &[Look<'_>],
        max: usize,
    ) -> Result<Vec<Parts>, PublishError> {
        let opened = self.lane.opened();
        let found = self.try_exchange(changes, roll, looks, max).await;
        if found.is_err() {
            self.distrust();
            // Whatever was begun on the connection there is ends with it.
            self.lane.give_up();
        } else if opened != 0 && self.lane.opened() != opened {
            self.distrust();
            return Err(PublishError::new("its connection was made anew"));
        }
        found
    }

    async fn try_exchange(
        &mut self,
        changes: &Changes,
        roll: &Roll,
        looks: &[Look<'_>],
        max: usize,
    ) -> Result<Vec<Parts>, PublishError> {
        self.write(changes, roll).await?;
        self.renew(roll).await?;
        self.look(looks, max).await
    }

    /// This has changed on the roll, and is not written now.
    pub(super) fn pass_over(&mut self, changes: &Changes) {
        self.is_certain &= changes.is_empty();
    }

    /// Redis may have lost what it held: all of it is written anew with the next that can.
    fn distrust(&mut self) {
        (self.is_certain, self.renewed) = (false, None);
    }

    async fn write(&mut self, changes: &Changes, roll: &Roll) -> Result<(), PublishError> {
        // Cut off half way, it is not certain either.
        let was_certain = std::mem::take(&mut self.is_certain);
        if was_certain {
            self.write_changes(changes, roll).await?;
        } else {
            // What is not on it any more expires.
            self.write_whole(&roll.channels(), roll).await?;
        }
        self.is_certain = true;
        Ok(())
    }

    async fn write_changes(&mut self, changes: &Changes, roll: &Roll) -> Result<(), PublishError> {
        let channels: Vec<_> = changes.iter().collect();
        for channels in channels.chunks(CHUNK) {
            let mut commands = transaction();
            for (channel, changes) in channels {
                let gone = changes.iter().filter(|(_, about)| about.is_none());
                let gone: Vec<_> = gone.map(|(session, _)| session.to_string()).collect();
                let came = changes.iter().filter_map(|(session, about)| Some((*session, about.clone()?)));
                self.put(&mut commands, channel, came.collect(), &gone, roll.has_members(channel));
            }
            self.send(&mut commands).await?;
        }
        Ok(())
    }

    /// Writes all that is on the roll of these channels, whatever Redis holds of them.
    async fn write_whole(&mut self, channels: &[ChannelName], roll: &Roll) -> Result<(), PublishError> {
        for channels in channels.chunks(CHUNK) {
            let mut commands = transaction();
            for channel in channels {
                let members = roll.members(channel);
                commands.del(self.of(self.gateway, channel)).ignore();
                let is_used = !members.is_empty();
                self.put(&mut commands, channel, members, &[], is_used);
            }
            self.send(&mut commands).await?;
        }
        Ok(())
    }

    /// Adds what writes these down in a channel, and no longer those who have gone.
    fn put(
        &mut self,
        commands: &mut Pipeline,
        channel: &str,
        members: Members,
        gone: &[String],
        is_used: bool,
    ) {
        let (of, at) = (self.of(self.gateway, channel), self.at(channel));
        if !is_used {
            commands.del(&of).ignore().srem(&at, hex(self.gateway)).ignore();
            return;
        }
        self.version += 1;
        for gone in gone.chunks(CHUNK) {
            commands.hdel(&of, gone).ignore();
        }
        let mut fields: Vec<_> =
            members.into_iter().map(|(session, about)| (session.to_string(), about.to_string())).collect();
        fields.push((String::new(), self.version.to_string()));
        for fields in fields.chunks(CHUNK) {
            // The library's own `hset_multiple` is the HMSET of old.
            commands.cmd("HSET").arg(&of).arg(fields).ignore();
        }
        self.renew_keys(commands, &of, &at);
    }

    /// What would help against an error, for whoever reads of it; empty if that is not known.
    pub(super) fn remedy(&self, error: &PublishError) -> String {
        let grant = rights::grant_presence(&self.config, &error.to_string());
        grant.map_or(String::new(), |grant| format!("; grant what is missing: {grant}"))
    }

    fn renew_keys(&self, commands: &mut Pipeline, of: &str, at: &str) {
        // The set is shared by gateways that may be told different times: it outlives them all.
        let outlive = millis(OUTLIVE);
        commands.sadd(at, hex(self.gateway)).ignore().pexpire(at, outlive).ignore();
        commands.pexpire(of, millis(self.expire));
    }

    /// Writes what a transaction holds: nobody sees half of it.
    async fn send(&self, commands: &mut Pipeline) -> Result<(), PublishError> {
        self.ask::<redis::Value>(commands.cmd("EXEC")).await.map(drop)
    }

    async fn ask<T: FromRedisValue>(&self, commands: &Pipeline) -> Result<T, PublishError> {
        let asked = timeout(PATIENCE, self.lane.send_all(commands)).await;
        asked.unwrap_or_else(|_| Err(PublishError::late()))
    }

    /// Keeps from expiring what Redis holds of this gateway, if it is time; what has expired all the
    /// same, or was lost, is written anew.
    ///
    /// # Errors
    /// It may not have been renewed.
    async fn renew(&mut self, roll: &Roll) -> Result<(), PublishError> {
        if self.renewed.is_some_and(|at| at.elapsed() < self.expire / RENEWALS) {
            return Ok(());
        }
        let mut lost = Vec::new();
        for channels in roll.channels().chunks(CHUNK) {
            let mut commands = redis::pipe();
            for channel in channels {
                self.renew_keys(&mut commands, &self.of(self.gateway, channel), &self.at(channel));
            }
            let held: Vec<bool> = self.ask(&commands).await?;
            lost.extend(
                channels.iter().zip(held).filter(|(_, held)| !held).map(|(channel, _)| channel.clone()),
            );
        }
        self.write_whole(&lost, roll).await?;
        self.renewed = Some(Instant::now());
        Ok(())
    }

    fn at(&self, channel: &str) -> String {
        format!("{}at:{channel}", self.prefix)
    }

    fn of(&self, gateway: u64, channel: &str) -> String {
        format!("{}of:{}:{channel}", self.prefix, hex(gateway))
    }
}

/// What is to be written as one. (The library's own transactions count wrong where MULTI is denied.)
fn transaction() -> Pipeline {
    let mut commands = redis::pipe();
    commands.cmd("MULTI").ignore();
    commands
}

fn hex(gateway: u64) -> String {
    format!("{gateway:016x}")
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
