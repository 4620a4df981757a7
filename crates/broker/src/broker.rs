//! The broker's thread, and the handle on it.

use std::{io, thread};

use tokio::{
    runtime,
    sync::{mpsc, oneshot, watch},
};

use crate::{
    config::RedisConfig,
    decode::Rules,
    directives::Directives,
    door::Door,
    embedded,
    intake::Intake,
    link_error::LinkError,
    metrics::Metrics,
    outlet::Outlet,
    pictures::Pictures,
    publisher::Publisher,
    pubsub::Follower,
    status::Status,
    stream::{Archive, Epoch, Retention, Tail, Warmth, run_archive},
    wrong_door::WrongDoor,
};

/// Which broker.
#[derive(Clone, Debug)]
pub enum Kind {
    /// In the process.
    Embedded,
    /// Redis, by PUBLISH.
    RedisPubSub(RedisConfig),
    /// Redis, by XADD.
    RedisStream(RedisConfig, Warmth, Retention),
}

/// A running broker.
pub struct Broker {
    /// Publishes through it.
    pub publisher: Publisher,
    /// How it is.
    pub status: watch::Receiver<Status>,
    /// Says, at most once and only at the start, why it can never work.
    pub failed: oneshot::Receiver<LinkError>,
    /// Reads back what memory no longer holds, where the broker keeps it.
    pub archive: Option<Archive>,
    /// Takes pictures of what this gateway knows to others that start, where there is need.
    pub pictures: Option<(Pictures, mpsc::Receiver<u64>)>,
}

impl Broker {
    /// Starts a broker on a thread of its own, so that reading Redis never waits for anything but
    /// the receivers of its batches. To be called inside a runtime.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub fn start(
        kind: Kind,
        rules: Rules,
        metrics: Metrics,
        directives: Directives,
        outlet: impl Outlet,
    ) -> Result<Self, io::Error> {
        let (status_sender, status) = watch::channel(Status::default());
        let (failure, failed) = oneshot::channel();
        let (mut archive, mut kept_pictures) = (None, None);
        let publisher = match kind {
            Kind::Embedded => {
                let (sender, requests) = embedded::queue();
                spawn("broker", async move {
                    embedded::run(requests, outlet, metrics, status_sender).await;
                    // Kept until the end: a dropped sender would look like a failure.
                    drop(failure);
                })?;
                Publisher::embedded(sender)
            }
            Kind::RedisPubSub(config) => {
                let publisher = Publisher::redis(&config);
                let other =
                    WrongDoor::new(config.clone(), Door::PubSub, rules.clone(), &metrics, directives.clone());
                spawn("wrong door", other.listen())?;
                let (pictures, wanted) = Pictures::new(&config);
                kept_pictures = Some((pictures.clone(), wanted));
                let intake = Intake::new(config.prefix(), rules, metrics.clone(), directives);
                let follower = Follower::new(
                    config,
                    intake,
                    metrics,
                    outlet,
                    status_sender,
                    publisher.clone(),
                    pictures,
                );
                spawn("broker", async move {
                    if let Err(error) = follower.run().await {
                        let _ = failure.send(error);
                    }
                })?;
                publisher
            }
            Kind::RedisStream(config, warmth, retention) => {
                let publisher = Publisher::stream(&config);
                let (handle, requests) = Archive::new();
                archive = Some(handle);
                let (archived, kept, counted) = (config.clone(), rules.clone(), metrics.clone());
                let epoch = Epoch::default();
                let counting = epoch.clone();
                spawn("archive", run_archive(archived, retention, kept, counted, counting, requests))?;
                let other =
                    WrongDoor::new(config.clone(), Door::Stream, rules.clone(), &metrics, directives.clone());
                spawn("wrong door", other.listen())?;
                let intake = Intake::new(config.prefix(), rules, metrics.clone(), directives);
                let tail = Tail::new(config, warmth, intake, metrics, outlet, status_sender, epoch);
                spawn("broker", async move {
                    if let Err(error) = tail.run().await {
                        let _ = failure.send(error);
                    }
                })?;
                publisher
            }
        };
        Ok(Self { publisher, status, failed, archive, pictures: kept_pictures })
    }
}

pub(crate) fn spawn(name: &str, work: impl Future<Output = ()> + Send + 'static) -> Result<(), io::Error> {
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    thread::Builder::new().name(name.to_owned()).spawn(move || runtime.block_on(work))?;
    Ok(())
}
