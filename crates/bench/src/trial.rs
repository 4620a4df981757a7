//! One measurement: a fresh server, its sessions, and what is published to them.

use std::time::{Duration, Instant};

use crate::Result;
use crate::clock;
use crate::generator::Generator;
use crate::lab::Lab;
use crate::meter::Meter;
use crate::plan::{Ledger, Plan};
use crate::publisher::Door;
use crate::server::{Contender, Server};
use crate::session::Subscription;

const CONNECT_LIMIT: Duration = Duration::from_secs(60);
/// Deliveries that have not come when nothing has come for so long are lost.
const SILENCE_LIMIT: Duration = Duration::from_secs(15);

/// A server under test and its load.
pub(crate) struct Trial<'a> {
    pub(crate) lab: &'a Lab,
    pub(crate) server: Server,
    pub(crate) generator: Generator,
    pub(crate) ledger: Ledger,
    /// What stamps of this trial say.
    pub(crate) run: u32,
}

impl<'a> Trial<'a> {
    /// Starts a contender; nobody is connected yet, and no stream is left from before.
    pub(crate) fn start(lab: &'a Lab, contender: Contender) -> Result<Trial<'a>> {
        lab.redis.forget_stream()?;
        let server = lab.start(contender)?;
        let run = rand::random();
        Ok(Trial { generator: new_generator(&server, run)?, ledger: Ledger::new(run), run, lab, server })
    }

    /// Puts another server into the place of this one; what was published stays published. Says
    /// what went wrong until now, if anything did.
    pub(crate) fn restart(&mut self, contender: Contender) -> Result<Option<String>> {
        let trouble = self.close_account();
        self.server = self.lab.start(contender)?;
        self.generator = new_generator(&self.server, self.run)?;
        Ok(trouble)
    }

    /// Opens sessions and returns how long it took until all were live.
    pub(crate) fn connect(
        &mut self,
        subscriptions: impl IntoIterator<Item = Subscription>,
    ) -> Result<Duration> {
        let before = self.generator.live();
        let mut asked = 0;
        let began = Instant::now();
        self.generator.subscribe(subscriptions.into_iter().inspect(|_| asked += 1));
        self.generator.run_until_live(CONNECT_LIMIT)?;
        let took = began.elapsed();
        let live = self.generator.live() - before;
        if live < asked {
            let trouble = self.generator.tally.trouble().unwrap_or_default();
            return Err(format!("{live} of {asked} sessions are live: {trouble}").into());
        }
        Ok(took)
    }

    /// Publishes at a moderate rate and reads until everything has come.
    pub(crate) fn deliver_steadily(&mut self, plan: Plan, deliveries: u64) -> Result<Duration> {
        let door = self.server.steady_door(self.lab.redis.address);
        self.deliver(door, plan, deliveries)
    }

    /// Publishes as fast as the broker takes it and reads until everything has come.
    pub(crate) fn deliver_fast(&mut self, plan: Plan, deliveries: u64) -> Result<Duration> {
        let door = self.server.fast_door(self.lab.redis.address);
        self.deliver(door, plan, deliveries)
    }

    /// Begins to measure what the server uses.
    pub(crate) fn meter(&self) -> Result<Meter> {
        Meter::start(self.server.pid, self.lab.redis.pid())
    }

    /// Ends the trial: what has not come is lost. Says what went wrong, if anything did.
    pub(crate) fn finish(mut self) -> Option<String> {
        self.close_account()
    }

    fn close_account(&mut self) -> Option<String> {
        let ledger = &self.ledger;
        self.generator.finish(|channel| ledger.published(channel));
        self.generator.tally.trouble()
    }

    /// Publishes through a door. The time from the beginning of that to the last delivery. A server that falls
    /// silent before that has lost something; [`Trial::finish`] then says what.
    pub(crate) fn deliver(&mut self, door: Door, plan: Plan, deliveries: u64) -> Result<Duration> {
        let wanted = self.generator.tally.delivered + deliveries;
        let silence = SILENCE_LIMIT + plan.every;
        let limit = plan.every * plan.bursts().count() as u32 + Duration::from_secs(300);
        let publishing = door.publish(plan);
        let began_nanos = publishing.began_nanos;
        self.generator.run_until("deliveries", limit, |generator| {
            let tally = &generator.tally;
            let latest = tally.last_delivery_nanos.max(began_nanos);
            tally.delivered >= wanted || clock::between(latest, clock::now_nanos()) > silence
        })?;
        publishing.finish()?;
        Ok(clock::between(began_nanos, self.generator.tally.last_delivery_nanos))
    }
}

/// A generator without sessions, for this server.
fn new_generator(server: &Server, run: u32) -> Result<Generator> {
    Generator::new(server.public, run, server.transport(), server.sends_open())
}
