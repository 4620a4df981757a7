//! Watching whenever it may: in the term of a lease, standing by, or over HTTP without either.

use std::{
    convert::Infallible,
    time::{Duration, Instant},
};

use broker::{Lease, Taken, Term, TermEnd};
use tokio::time::sleep;

use super::{Watcher, leftovers::settle, over_http::OverHttp, printer::Printer, status::State, term::read};

/// The longest wait before it is asked again whether the lease is free.
const LOOK: Duration = Duration::from_millis(500);
/// Between two tries after a failure, at first and at the most, before jitter.
const RETRY: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(5));
/// Between two looks of one that stands by at what is shown.
const COPY: Duration = Duration::from_secs(10);
/// Of the time that a lease holds, what lies between two renewals.
const RENEWALS: u32 = 3;

/// Why the queries do not run for the moment.
enum Pause {
    /// Another process runs them.
    Standby(Duration),
    /// Something is broken.
    Broken(String),
}

impl Watcher<'_> {
    /// Watches whenever it may, for ever.
    pub(super) async fn watch(&self, mut lease: Option<&mut Lease>) -> Result<Infallible, String> {
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
    pub(super) async fn renew(&self, term: &Term<'_>) -> TermEnd {
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
}
