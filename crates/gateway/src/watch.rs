//! The watcher's process: who may publish, how it ends, what it shows of itself.

mod announcement;
mod duty;
mod leftovers;
mod memory;
mod over_http;
mod printer;
mod status;
mod term;

use std::{io, net::TcpListener, pin::pin, rc::Rc};

use broker::{Door, Kind, Lease, RedisConfig, Taken, Term};
use futures_util::StreamExt;
use prometheus::Registry;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook_tokio::Signals;

use self::{
    announcement::announce, leftovers::settle, memory::Memory, over_http::OverHttp, printer::Printer,
    status::Status, term::InTerm,
};
use crate::{
    admin,
    cli::WatchOptions,
    client::Server,
    config::{self, Settings},
    logs::Filter,
    manager::Manager,
    metrics,
};

/// A process that watches.
pub(crate) struct Watcher<'a> {
    options: &'a WatchOptions,
    settings: Settings,
    filter: Filter,
    metrics: watcher::Metrics,
    status: Rc<Status>,
    memory: Memory,
}

/// What a signal says.
enum Told {
    /// To go on with these.
    Settings(Box<Settings>),
    End,
}

impl<'a> Watcher<'a> {
    pub(crate) fn new(options: &'a WatchOptions, settings: Settings, filter: Filter) -> io::Result<Self> {
        let registry = Registry::new();
        metrics::register_process(&registry).map_err(io::Error::other)?;
        let metrics = watcher::Metrics::new(&registry).map_err(io::Error::other)?;
        Ok(Self {
            options,
            settings,
            filter,
            metrics,
            status: Rc::new(Status::new(registry)),
            memory: Memory::default(),
        })
    }

    /// Runs every query once. Returns whether all that they say is shown.
    ///
    /// # Errors
    /// Another process watches, or it cannot be published.
    pub(crate) async fn run_once(&self) -> Result<bool, String> {
        let queries = &self.settings.watch.queries;
        if self.options.dry_run {
            let printer = Printer::new(self.lease());
            return watcher::run_once(queries, &printer, &self.metrics).await;
        }
        let Some(mut lease) = self.lease() else {
            let gateway = self.gateway()?;
            return watcher::run_once(queries, &gateway, &self.metrics).await;
        };
        let outcome = match lease.take().await.map_err(|error| error.to_string())? {
            Taken::Held(_) => {
                let name = &self.settings.watch.name;
                return Err(format!(
                    "another process watches as {name:?}; set watch.name to watch beside it"
                ));
            }
            Taken::Term(term) => {
                let outlet = self.outlet(&term);
                let once = async {
                    settle(&term, queries).await?;
                    watcher::run_once(queries, &outlet, &self.metrics).await
                };
                tokio::select! {
                    done = once => done,
                    end = self.renew(&term) => Err(end),
                }
            }
        };
        lease.resign().await;
        outcome.map_err(|end| end.to_string())
    }

    /// Runs every query at its interval until told to stop.
    ///
    /// # Errors
    /// The admin port or signals cannot be had.
    pub(crate) async fn run(mut self) -> Result<bool, String> {
        let mut signals = Signals::new([SIGTERM, SIGINT, SIGHUP]).map_err(|error| error.to_string())?;
        let manager = Manager::find().map_err(|error| error.to_string())?;
        let admin = self.settings.watch.admin;
        let listener =
            listen(admin).map_err(|error| format!("{admin} cannot be listened on (watch.admin): {error}"))?;
        announce(&self.settings, &listener);
        tokio::task::spawn_local(admin::serve(Rc::clone(&self.status), listener));
        // One that stands by, or waits for its Redis, does what it is there for.
        manager.tell_ready();
        loop {
            let mut lease = self.lease();
            let told = self.watch_until_told(lease.as_mut(), &mut signals).await?;
            // What was on its way has been dropped; another process need not wait until the lease expires.
            if let Some(lease) = &lease {
                lease.resign().await;
            }
            match told {
                Told::Settings(settings) => self.settings = *settings,
                Told::End => return Ok(true),
            }
        }
    }

    async fn watch_until_told(
        &self,
        lease: Option<&mut Lease>,
        signals: &mut Signals,
    ) -> Result<Told, String> {
        let mut watching = pin!(self.watch(lease));
        loop {
            tokio::select! {
                never = &mut watching => match never? {},
                signal = signals.next() => match signal {
                    Some(SIGHUP) => {
                        if let Some(settings) = self.read_again() {
                            return Ok(Told::Settings(Box::new(settings)));
                        }
                    }
                    _ => return Ok(Told::End),
                }
            }
        }
    }

    fn outlet<'t>(&'t self, term: &'t Term<'t>) -> InTerm<'t> {
        let keep_count = match &self.settings.broker {
            Kind::RedisStream(_, retention, ..) => Some(retention.count),
            Kind::Embedded | Kind::RedisPubSub(_) => None,
        };
        InTerm { term, memory: &self.memory, keep_count }
    }

    /// The lease, where the broker is one that all watchers see.
    fn lease(&self) -> Option<Lease> {
        let new = |config: &RedisConfig, door| {
            Lease::new(config, door, &self.settings.watch.name, self.settings.watch.lease)
        };
        match &self.settings.broker {
            Kind::Embedded => None,
            Kind::RedisPubSub(config) => Some(new(config, Door::PubSub)),
            Kind::RedisStream(config, ..) => Some(new(config, Door::Stream)),
        }
    }

    fn gateway(&self) -> Result<OverHttp, String> {
        let to = &self.settings.watch.to;
        let url = if to.is_empty() { format!("http://{}", self.settings.public) } else { to.clone() };
        Ok(OverHttp::new(Server::parse(&url)?, self.options.bearer.header(), &self.settings.watch.queries))
    }

    /// Reads the configuration again, if it is a good one; the queries begin anew with it.
    fn read_again(&self) -> Option<Settings> {
        match config::read(self.options.config.config.as_deref()) {
            Ok((_, settings)) if settings.watch.queries.is_empty() => {
                tracing::error!("watch.queries: there are none any more; all stays as it is");
                None
            }
            Ok((_, settings)) => {
                if let Err(error) = self.filter.set(&settings.log_level) {
                    tracing::error!("{error}");
                }
                if settings.watch.admin != self.settings.watch.admin {
                    tracing::warn!("watch.admin needs a restart");
                }
                tracing::info!("the configuration has been read again");
                Some(settings)
            }
            Err(problems) => {
                tracing::error!("the configuration is not valid; all stays as it is");
                problems.iter().for_each(|problem| tracing::error!("{problem}"));
                None
            }
        }
    }
}

fn listen(address: std::net::SocketAddr) -> io::Result<TcpListener> {
    let listener = TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}
