//! The watcher's process: who may publish, how it ends, what it shows of itself.

mod announcement;
mod leftovers;
mod memory;
mod over_http;
mod printer;
mod status;
mod term;

use std::{
    io,
    net::TcpListener,
    pin::pin,
    rc::Rc,
    time::{Duration, Instant},
};

use broker::{Door, Kind, Lease, RedisConfig, Taken, Term, TermEnd};
use futures_util::StreamExt;
use prometheus::Registry;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook_tokio::Signals;
use tokio::time::sleep;

use self::{
    announcement::announce,
    leftovers::settle,
    memory::Memory,
    over_http::OverHttp,
    printer::Printer,
    status::{State, Status},
    term::{InTerm, read},
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

/// The longest wait before it is asked again whether the lease is free.
const LOOK: Duration = Duration::from_millis(500);
/// Between two tries after a failure, at first and at the most, before jitter.
const RETRY: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(5));
/// Between two looks of one that stands by at what is shown.
const COPY: Duration = Duration::from_secs(10);
/// Of the time that a lease holds, what lies between two renewals.
const RENEWALS: u32 = 3;

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

/// Why the queries do not run for the moment.
enum Pause {
    /// Another process runs them.
    Standby(Duration),
    /// Something is broken.
    Broken(String),
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

    /// Watches whenever it may, for ever.
    async fn watch(&self, mut lease: Option<&mut Lease>) -> Result<std::convert::Infallible, String> {
        let gateway = if lease.is_none() && !self.options.dry_run { Some(self.gateway()?) } else { None };
        let (mut retry, mut copied) = (RETRY.0, None);
        loop {
            let began = Instant::now();
            let pause = match (&gateway, &mut lease) {
                _ if self.options.dry_run => Pause::Broken(self.print().await),
                (_, Some(lease)) => self.in_term(lease).await,
                (Some(gateway), None) => Pause::Broken(self.over_http(gateway).await),
                (None, None) => return Err("there is nowhere to publish".to_owned()),
            };
            self.metrics.active.set(0);
            let wait = match pause {
                Pause::Standby(held) => {
                    if let Some(lease) = &lease
                        && copied.is_none_or(|copied: Instant| copied.elapsed() > COPY)
                    {
                        self.copy(lease).await;
                        copied = Some(began);
                    }
                    if self.status.set(State::StandingBy) {
                        tracing::info!("another process watches; standing by");
                    }
                    held.min(LOOK)
                }
                Pause::Broken(why) => {
                    if self.status.set(State::Broken(why.clone())) {
                        tracing::warn!("{why}; trying again");
                    }
                    retry
                }
            };
            // What went well for a while is tried again soon.
            retry = if began.elapsed() > RETRY.1 { RETRY.0 } else { (retry * 2).min(RETRY.1) };
            sleep(wait.mul_f64(rand::random_range(0.5..1.5))).await;
        }
    }

    /// Learns what is shown through another process, for the day on which Redis has forgotten it.
    async fn copy(&self, lease: &Lease) {
        for query in &self.settings.watch.queries {
            match lease.shown(&query.name).await {
                Ok(remembered) => drop(self.memory.learn(&query.name, read(remembered), false)),
                Err(error) => tracing::debug!(%error, "what is shown cannot be read"),
            }
        }
    }

    /// Takes the lease and watches until it is lost.
    async fn in_term(&self, lease: &mut Lease) -> Pause {
        let term = match lease.take().await {
            Ok(Taken::Term(term)) => term,
            Ok(Taken::Held(held)) => return Pause::Standby(held),
            Err(error) => return Pause::Broken(error.to_string()),
        };
        self.begin();
        let (outlet, queries) = (self.outlet(&term), &self.settings.watch.queries);
        let watch = async {
            match settle(&term, queries).await {
                Ok(()) => watcher::watch(queries, &outlet, &self.metrics).await,
                Err(end) => end,
            }
        };
        let end = tokio::select! {
            end = watch => end,
            end = self.renew(&term) => end,
        };
        match end {
            TermEnd::Lost => Pause::Standby(LOOK),
            TermEnd::Forgotten => {
                tracing::info!("a gateway began anew or missed something: everything is published again");
                Pause::Standby(Duration::ZERO)
            }
            TermEnd::Broken(error) => Pause::Broken(error.to_string()),
        }
    }

    /// Holds on to the lease until the term is over.
    async fn renew(&self, term: &Term<'_>) -> TermEnd {
        loop {
            sleep(self.settings.watch.lease / RENEWALS).await;
            if let Err(end) = term.renew().await {
                return end;
            }
        }
    }

    async fn over_http(&self, gateway: &OverHttp) -> String {
        if let Err(error) = gateway.reach().await {
            return error;
        }
        self.begin();
        tokio::select! {
            end = watcher::watch(&self.settings.watch.queries, gateway, &self.metrics) => end,
            end = gateway.forgets() => end,
        }
    }

    async fn print(&self) -> String {
        let printer = Printer::new(self.lease());
        watcher::watch(&self.settings.watch.queries, &printer, &self.metrics).await
    }

    fn begin(&self) {
        self.metrics.active.set(1);
        self.metrics.terms.inc();
        if self.status.set(State::Active) {
            tracing::info!("this process watches now");
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
