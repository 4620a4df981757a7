//! All clients on one epoll loop, and what can be done to them.

mod turn;

use std::{
    collections::BTreeMap,
    net::SocketAddrV4,
    sync::Arc,
    time::{Duration, Instant},
};

use rustix::{
    event::epoll::{self, EventData, EventFlags},
    fd::OwnedFd,
    io::Errno,
};

use super::{
    client::{Client, Link},
    share::{Share, Shares},
};
use crate::{
    ledger::Ledger,
    transport::{Mix, Taste},
};

const READ_BUFFER_BYTES: usize = 64 * 1024;
/// A crowd of so many has no need of leisure.
const USUAL_CLIENTS: usize = 1_000;

/// What the clients of a crowd have in common.
#[derive(Clone, Debug)]
pub(crate) struct Habits {
    /// Where they connect.
    pub(crate) server: SocketAddrV4,
    /// Which transports they use.
    pub(crate) mix: Mix,
    /// What clients do by themselves, they do so many times less often: see [`leisure`].
    pub(crate) leisure: u32,
    /// Each asks for so many of the ledger's channels.
    pub(crate) channels_each: usize,
    /// What the gateways promise.
    pub(crate) heartbeat: Duration,
    /// A small one makes a stalled reader felt soon; none leaves it to the kernel.
    pub(crate) receive_buffer_bytes: Option<usize>,
}

/// Polls at intervals and changes of transport are as many in all, however many clients there are.
pub(crate) fn leisure(clients: usize) -> u32 {
    (clients / USUAL_CLIENTS).max(1) as u32
}

/// The clients and their loop.
pub(crate) struct Clients {
    habits: Habits,
    ledger: Arc<Ledger>,
    epoll: OwnedFd,
    clients: Vec<Client>,
    /// How many have ever come.
    arrived: usize,
    /// What became of clients that have left for good.
    gone: Shares,
    recovery: Recovery,
    next_sweep: Instant,
    buffer: Vec<u8>,
}

/// How long it takes everybody to be live again.
#[derive(Default)]
struct Recovery {
    /// When the last connection ended.
    last_end: Option<Instant>,
    /// From then until everybody was live; none while somebody is not.
    took: Option<Duration>,
}

/// How a crowd is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Census {
    pub(crate) clients: usize,
    pub(crate) live: usize,
    /// Pages that never try again, by what stopped them.
    pub(crate) dead: BTreeMap<String, u64>,
    pub(crate) reconnects: u64,
    /// Clients that are not dead, but not live or without one of the newest publications.
    pub(crate) unwell: usize,
    /// From the end of the last connection until everybody was live; none while somebody is not.
    pub(crate) recovery: Option<Duration>,
}

impl Clients {
    pub(super) fn new(habits: Habits, ledger: Arc<Ledger>) -> Result<Self, Errno> {
        Ok(Self {
            habits,
            ledger,
            epoll: epoll::create(epoll::CreateFlags::CLOEXEC)?,
            clients: Vec::new(),
            arrived: 0,
            gone: Shares::new(),
            recovery: Recovery::default(),
            next_sweep: Instant::now(),
            buffer: vec![0; READ_BUFFER_BYTES],
        })
    }

    /// So many more come, each with channels of its own choice.
    pub(crate) fn add(&mut self, count: usize) {
        let now = Instant::now();
        for _ in 0..count {
            let taste = self.habits.mix.taste(self.arrived);
            let client = self.new_client(taste, now);
            self.clients.push(client);
        }
    }

    /// A share of them leaves for good, and as many new ones come, of the same tastes.
    pub(crate) fn replace(&mut self, share: f64) {
        let now = Instant::now();
        for index in 0..self.clients.len() {
            if rand::random_bool(share) {
                let newcomer = self.new_client(self.clients[index].taste, now);
                let client = std::mem::replace(&mut self.clients[index], newcomer);
                judge(&client, &self.ledger, false, &mut self.gone);
            }
        }
    }

    /// Cuts the connections of a share of them; what was under way is lost with them.
    pub(crate) fn cut(&mut self, share: f64) {
        let now = Instant::now();
        for client in &mut self.clients {
            let connected = !matches!(client.link, Link::Away | Link::Dead(_));
            if connected && rand::random_bool(share) {
                leave(client, &mut self.recovery, now);
            }
        }
    }

    /// A share of them reads nothing any more. Returns how many.
    pub(crate) fn stall(&mut self, share: f64) -> usize {
        let mut stalled = 0;
        for client in &mut self.clients {
            if let Link::Asked(socket) = &client.link
                && rand::random_bool(share)
                && epoll::delete(&self.epoll, socket).is_ok()
            {
                client.stalled = true;
                stalled += 1;
            }
        }
        stalled
    }

    /// Those that had stalled read on.
    pub(crate) fn unstall(&mut self) {
        for (index, client) in self.clients.iter_mut().enumerate() {
            if let Link::Asked(socket) = &client.link
                && client.stalled
            {
                // It was watched before, so it can be watched again.
                let _ = epoll::add(&self.epoll, socket, EventData::new_u64(index as u64), EventFlags::IN);
                client.go_on(Instant::now());
            }
        }
    }

    /// How they are.
    pub(crate) fn census(&self) -> Census {
        let newest = self.ledger.newest();
        let mut census = Census { clients: self.clients.len(), ..Census::default() };
        census.reconnects = self.gone.values().map(|share| share.reconnects).sum();
        census.recovery = self.recovery.took;
        for client in &self.clients {
            let is_live = client.is_live();
            census.live += usize::from(is_live);
            census.reconnects += client.reconnects;
            match client.death() {
                Some(why) => *census.dead.entry(why.to_owned()).or_default() += 1,
                None => census.unwell += usize::from(!is_live || !client.witness.has_all(&newest)),
            }
        }
        census
    }

    /// What became of them, once all is published and they had the time to get it.
    pub(crate) fn judge(&self) -> Shares {
        let mut shares = self.gone.clone();
        for client in &self.clients {
            // What a dead page has missed is counted as its death.
            judge(client, &self.ledger, client.death().is_none(), &mut shares);
        }
        shares
    }

    fn new_client(&mut self, taste: Taste, now: Instant) -> Client {
        self.arrived += 1;
        let (all, each) = (self.ledger.channels(), self.habits.channels_each);
        let channels = rand::seq::index::sample(&mut rand::rng(), all, each.min(all)).into_vec();
        Client::new(channels, taste, &self.habits, now)
    }
}

/// Adds a client to its share.
fn judge(client: &Client, ledger: &Ledger, to_the_end: bool, shares: &mut Shares) {
    let mut share =
        Share { clients: 1, reconnects: client.reconnects, moves: client.moves, ..Share::default() };
    client.witness.judge(ledger, to_the_end, &mut share.findings);
    shares.entry(client.taste.label().to_owned()).or_default().add(&share);
}

/// Its connection is over.
fn leave(client: &mut Client, recovery: &mut Recovery, now: Instant) {
    client.leave(now);
    *recovery = Recovery { last_end: Some(now), took: None };
}
