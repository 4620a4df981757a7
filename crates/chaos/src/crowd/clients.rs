//! All clients on one epoll loop, and what can be done to them.

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddrV4},
    sync::Arc,
    time::{Duration, Instant},
};

use rand::Rng;
use rustix::{
    buffer::spare_capacity,
    event::epoll::{self, EventData, EventFlags},
    fd::{AsFd, OwnedFd},
    io::Errno,
    net::{AddressFamily, SocketFlags, SocketType, sockopt},
    time::Timespec,
};

use super::client::{Client, Link, Outcome};
use crate::{ledger::Ledger, oracle::Findings};

/// Connections come from this many loopback addresses, so that ports never run out.
const SOURCE_ADDRESSES: usize = 32;
const READ_BUFFER_BYTES: usize = 64 * 1024;
const MAX_EVENTS_PER_TURN: usize = 1_024;
/// How often the loop looks at what time has done to the clients.
const SWEEP: Duration = Duration::from_millis(20);
/// Connects in one sweep, so that those who are live are read on meanwhile.
const MAX_CONNECTS_PER_SWEEP: usize = 1_000;

/// What the clients of a crowd have in common.
#[derive(Clone, Debug)]
pub(crate) struct Habits {
    /// Where they connect.
    pub(crate) server: SocketAddrV4,
    /// Each asks for so many of the ledger's channels.
    pub(crate) channels_each: usize,
    /// What the gateways promise.
    pub(crate) heartbeat: Duration,
    /// A small one makes a stalled reader felt soon; none leaves it to the kernel.
    pub(crate) receive_buffer_bytes: Option<usize>,
}

/// The clients and their loop.
pub(crate) struct Clients {
    habits: Habits,
    ledger: Arc<Ledger>,
    epoll: OwnedFd,
    clients: Vec<Client>,
    /// Findings about clients that have left for good.
    gone: Findings,
    gone_reconnects: u64,
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
            gone: Findings::default(),
            gone_reconnects: 0,
            recovery: Recovery::default(),
            next_sweep: Instant::now(),
            buffer: vec![0; READ_BUFFER_BYTES],
        })
    }

    /// So many more come, each with channels of its own choice.
    pub(crate) fn add(&mut self, count: usize) {
        let now = Instant::now();
        for _ in 0..count {
            let client = self.new_client(now);
            self.clients.push(client);
        }
    }

    /// A share of them leaves for good, and as many new ones come.
    pub(crate) fn replace(&mut self, share: f64) {
        let now = Instant::now();
        for index in 0..self.clients.len() {
            if rand::random_bool(share) {
                let newcomer = self.new_client(now);
                let client = std::mem::replace(&mut self.clients[index], newcomer);
                client.witness.judge(&self.ledger, false, &mut self.gone);
                self.gone_reconnects += client.reconnects;
            }
        }
    }

    /// Cuts the connections of a share of them; what was under way is lost with them.
    pub(crate) fn cut(&mut self, share: f64) {
        let now = Instant::now();
        for client in &mut self.clients {
            let connected = matches!(client.link, Link::Connecting(_) | Link::Asked(_));
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
                && std::mem::take(&mut client.stalled)
            {
                client.since = Instant::now();
                // It was watched before, so it can be watched again.
                let _ = epoll::add(&self.epoll, socket, EventData::new_u64(index as u64), EventFlags::IN);
            }
        }
    }

    /// How they are.
    pub(crate) fn census(&self) -> Census {
        let newest = self.ledger.newest();
        let mut census = Census { clients: self.clients.len(), ..Census::default() };
        census.reconnects = self.gone_reconnects;
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

    /// What is wrong with their records, once all is published and they had the time to get it.
    pub(crate) fn judge(&self) -> Findings {
        let mut findings = self.gone.clone();
        for client in &self.clients {
            client.witness.judge(&self.ledger, true, &mut findings);
        }
        findings
    }

    /// Serves what is ready, after at most a sweep's time.
    pub(super) fn turn(&mut self) {
        let now = Instant::now();
        if now >= self.next_sweep {
            self.next_sweep = now + SWEEP;
            self.sweep(now);
        }
        let timeout = Timespec::try_from(SWEEP).unwrap_or_default();
        let mut events = Vec::with_capacity(MAX_EVENTS_PER_TURN);
        // An interrupted wait is an empty one; any other error would be a bug of this loop's.
        if !matches!(
            epoll::wait(&self.epoll, spare_capacity(&mut events), Some(&timeout)),
            Ok(_) | Err(Errno::INTR)
        ) {
            unreachable!("epoll serves descriptors that are open");
        }
        for event in events {
            self.serve(event.data.u64() as usize);
        }
    }

    fn new_client(&self, now: Instant) -> Client {
        let (all, each) = (self.ledger.channels(), self.habits.channels_each);
        let channels = rand::seq::index::sample(&mut rand::rng(), all, each.min(all)).into_vec();
        Client::new(channels, self.habits.heartbeat, now)
    }

    fn sweep(&mut self, now: Instant) {
        if let Recovery { last_end: Some(end), took: None } = self.recovery
            && self.clients.iter().all(|client| client.is_live() || client.death().is_some())
        {
            self.recovery.took = Some(now.duration_since(end));
        }
        let mut connects = 0;
        // From anywhere, so that nobody always comes first.
        let (count, start) = (self.clients.len(), rand::rng().next_u32() as usize);
        for step in 0..count {
            let index = start.wrapping_add(step) % count;
            let client = &mut self.clients[index];
            if client.is_forsaken(now) {
                leave(client, &mut self.recovery, now);
            } else if client.is_due(now) && connects < MAX_CONNECTS_PER_SWEEP {
                connects += 1;
                if self.connect(index).is_err() {
                    leave(&mut self.clients[index], &mut self.recovery, now);
                }
            }
        }
    }

    fn connect(&mut self, index: usize) -> Result<(), Errno> {
        let source = Ipv4Addr::new(127, 0, 0, 2 + (index % SOURCE_ADDRESSES) as u8);
        let socket = new_socket(source, self.habits.receive_buffer_bytes)?;
        match rustix::net::connect(&socket, &self.habits.server) {
            Ok(()) | Err(Errno::INPROGRESS) => {}
            Err(error) => return Err(error),
        }
        epoll::add(&self.epoll, &socket, EventData::new_u64(index as u64), EventFlags::OUT)?;
        let client = &mut self.clients[index];
        client.since = Instant::now();
        client.link = Link::Connecting(socket);
        Ok(())
    }

    fn serve(&mut self, index: usize) {
        let now = Instant::now();
        let client = &mut self.clients[index];
        match std::mem::replace(&mut client.link, Link::Away) {
            Link::Connecting(socket) => match self.ask(index, &socket) {
                Ok(()) => self.clients[index].link = Link::Asked(socket),
                Err(_) => leave(&mut self.clients[index], &mut self.recovery, now),
            },
            Link::Asked(socket) => {
                let outcome = match rustix::io::read(&socket, &mut self.buffer[..]) {
                    Ok(0) => Outcome::Ended,
                    Ok(length) => client.receive(&self.buffer[..length], &self.ledger, now),
                    Err(Errno::AGAIN | Errno::INTR) => Outcome::Goes,
                    Err(_) => Outcome::Ended,
                };
                match outcome {
                    Outcome::Goes => client.link = Link::Asked(socket),
                    Outcome::Ended => leave(client, &mut self.recovery, now),
                    Outcome::Failed(why) => client.link = Link::Dead(why),
                }
            }
            link @ (Link::Away | Link::Dead(_)) => client.link = link,
        }
    }

    /// The connection stands: asks for the stream.
    fn ask(&self, index: usize, socket: &OwnedFd) -> Result<(), Errno> {
        sockopt::socket_error(socket.as_fd())??;
        let request = self.clients[index].request(self.habits.server);
        // A fresh socket's buffer takes a request whole, or the connection is broken.
        if rustix::io::write(socket, request.as_bytes())? < request.len() {
            return Err(Errno::AGAIN);
        }
        epoll::modify(&self.epoll, socket, EventData::new_u64(index as u64), EventFlags::IN)
    }
}

fn leave(client: &mut Client, recovery: &mut Recovery, now: Instant) {
    client.leave(now);
    *recovery = Recovery { last_end: Some(now), took: None };
}

/// A socket bound to a loopback address.
fn new_socket(source: Ipv4Addr, receive_buffer_bytes: Option<usize>) -> Result<OwnedFd, Errno> {
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let socket = rustix::net::socket_with(AddressFamily::INET, SocketType::STREAM, flags, None)?;
    if let Some(bytes) = receive_buffer_bytes {
        sockopt::set_socket_recv_buffer_size(&socket, bytes)?;
    }
    rustix::net::bind(&socket, &SocketAddrV4::new(source, 0))?;
    Ok(socket)
}
