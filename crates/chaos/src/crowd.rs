//! The crowd: thousands of clients on a thread of their own.

mod backoff;
mod client;
mod clients;
mod share;
mod wire;

use std::{
    sync::{
        Arc,
        mpsc::{Sender, TryRecvError, channel},
    },
    thread,
    time::{Duration, Instant},
};

pub(crate) use self::{
    clients::{Census, Clients, Habits, leisure},
    share::{Share, Shares},
};
use crate::{Result, ledger::Ledger};

/// How often somebody who waits for the crowd looks at it.
const LOOK: Duration = Duration::from_millis(50);

/// Something to be done on the crowd's thread, between two turns of its loop.
type Ask = Box<dyn FnOnce(&mut Clients) + Send>;

/// The clients, from outside. The loop ends when this is dropped.
pub(crate) struct Crowd {
    asks: Sender<Ask>,
}

impl Crowd {
    /// A crowd without clients.
    pub(crate) fn start(habits: Habits, ledger: Arc<Ledger>) -> Result<Self> {
        let mut clients = Clients::new(habits, ledger)?;
        let (asks, asked) = channel::<Ask>();
        thread::Builder::new().name("crowd".to_owned()).spawn(move || {
            loop {
                match asked.try_recv() {
                    Ok(ask) => ask(&mut clients),
                    Err(TryRecvError::Empty) => clients.turn(),
                    Err(TryRecvError::Disconnected) => break,
                }
            }
        })?;
        Ok(Self { asks })
    }

    /// Does something to the clients, or asks them something, and waits for the answer.
    pub(crate) fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&mut Clients) -> T + Send + 'static,
    ) -> T {
        let (sender, answer) = channel();
        let ask: Ask = Box::new(move |clients| {
            // Whoever asked waits for it below.
            let _ = sender.send(question(clients));
        });
        self.asks.send(ask).ok();
        answer.recv().expect("the crowd's thread runs until this is dropped, and a panic ends the process")
    }

    /// How the clients are.
    pub(crate) fn census(&self) -> Census {
        self.ask(|clients| clients.census())
    }

    /// Waits until a census is as wanted. Returns it, and whether it is.
    pub(crate) fn wait_until(&self, limit: Duration, wanted: impl Fn(&Census) -> bool) -> (Census, bool) {
        let began = Instant::now();
        loop {
            let census = self.census();
            let is_wanted = wanted(&census);
            if is_wanted || began.elapsed() > limit {
                return (census, is_wanted);
            }
            thread::sleep(LOOK);
        }
    }
}

impl Census {
    /// Everybody who is not dead is live.
    pub(crate) fn all_live(&self) -> bool {
        self.live as u64 + self.dead.values().sum::<u64>() == self.clients as u64
    }
}
