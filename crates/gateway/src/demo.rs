//! `fanfare demo`: a prober, a watcher and the gateway in one process, on targets that it brings itself.

mod direct;
mod pages;
mod targets;

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use broker::Publisher;
use prober::{Store, Target};
use prometheus::Registry;
use tokio::time::sleep;

pub(crate) use self::pages::PAGES;
use self::{direct::Direct, targets::Targets};
use crate::config::Settings;

/// The example's own configuration.
const CONFIG: &str = include_str!("../../../examples/uptime/fanfare.toml");
/// What of it is another one here: where the database is, and what is looked at.
const DATABASE: &str = "sqlite:uptime.db";
const BROKER: &str = "[broker]\nkind = \"redis-stream\"\n";
/// It is to end at once.
const DRAIN: &str = "[drain]\ndelay = \"0s\"\nspread = \"500ms\"\n";
const PROBE: &str = "[probe]";

/// How often each target is looked at, how long it is waited for, and what is slow.
const INTERVAL: Duration = Duration::from_secs(1);
const TIMEOUT: Duration = Duration::from_millis(1_500);
const SLOW_AFTER: Duration = Duration::from_millis(400);
/// Between two tries of a query that found no database yet.
const RETRY: Duration = Duration::from_secs(1);

/// What a demo keeps on disk; removed with it.
pub(crate) struct Demo {
    folder: PathBuf,
    targets: Targets,
}

impl Demo {
    /// Makes a folder with the configuration in it.
    ///
    /// # Errors
    /// There is no place for one, or no port for its targets.
    pub(crate) fn new() -> io::Result<Self> {
        let folder = std::env::temp_dir().join(format!("fanfare-demo-{:016x}", rand::random::<u64>()));
        fs::create_dir(&folder)?;
        let targets = Targets::bind()?;
        let demo = Self { folder, targets };
        let probe = CONFIG.find(PROBE).unwrap_or(CONFIG.len());
        let text = CONFIG[..probe].replace(DATABASE, &demo.database()).replace(BROKER, DRAIN);
        fs::write(demo.config(), text)?;
        Ok(demo)
    }

    /// The configuration's file.
    pub(crate) fn config(&self) -> PathBuf {
        self.folder.join("fanfare.toml")
    }

    fn database(&self) -> String {
        format!("sqlite:{}", self.folder.join("uptime.db").display())
    }

    /// Starts what makes it live: targets, prober and watcher.
    ///
    /// # Errors
    /// It cannot be.
    pub(crate) async fn start(
        &self,
        publisher: Publisher,
        settings: &Settings,
        registry: &Registry,
    ) -> io::Result<()> {
        self.targets.start()?;
        let targets = self.targets.urls().map(|(id, name, url)| Target::new(id, name, &url));
        let probe = prober::Config {
            database: format!("{}?mode=rwc", self.database()),
            targets: targets.collect::<Result<_, _>>().map_err(io::Error::other)?,
            interval: INTERVAL,
            timeout: TIMEOUT,
            slow_after: SLOW_AFTER,
        };
        // The tables are there before somebody asks for them.
        drop(Store::open(&probe.database).await.map_err(io::Error::other)?);
        tokio::task::spawn_local(async move { prober::run(&probe).await });
        let metrics = watcher::Metrics::new(registry).map_err(io::Error::other)?;
        metrics.active.set(1);
        let (queries, outlet) = (settings.watch.queries.clone(), Direct(publisher));
        tokio::task::spawn_local(async move {
            loop {
                let ended = watcher::watch(&queries, &outlet, &metrics).await;
                tracing::warn!(%ended, "the watcher ends; beginning anew");
                sleep(RETRY).await;
            }
        });
        Ok(())
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        let path: &Path = &self.folder;
        if let Err(error) = fs::remove_dir_all(path) {
            tracing::warn!(%error, folder = %path.display(), "the demo's folder cannot be removed");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_holds_what_is_replaced() {
        for part in [DATABASE, BROKER, PROBE] {
            assert!(CONFIG.contains(part), "{part}");
        }
    }
}
