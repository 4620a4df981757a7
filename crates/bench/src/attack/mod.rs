//! Those who mean harm: many connections from one address, each of which says something at intervals, and comes
//! back when it is thrown out. All that is bounded: their number, their pace, and how long it takes.

mod arms;

use std::fmt;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddrV4, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::process::setpriority_process;

use crate::Result;
pub(crate) use arms::ALL;

/// Between two looks at what is due.
const TICK: Duration = Duration::from_millis(10);
/// The least important thread of the load's core: whoever is measured there must not wait for it.
const NICE: i32 = 19;

/// What is done by those who mean harm.
pub(crate) struct Attack {
    pub(crate) name: &'static str,
    /// How many connections there are at once.
    connections: usize,
    /// How many are opened a second.
    opened_per_second: usize,
    /// Said at once by the nth connection.
    opening: fn(usize) -> Vec<u8>,
    /// Said by each connection, again and again ...
    refrain: fn() -> Vec<u8>,
    /// ... so often.
    every: Duration,
    whom: Whom,
    /// What is refused each time.
    refused: Refused,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Whom {
    Gateway,
    Redis,
}

/// What the gateway must count for it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Refused {
    /// Each connection that it ends.
    Connections,
    /// So many things in each refrain.
    Things(u64),
}

/// An attack that goes on in a thread of its own.
pub(crate) struct Siege {
    stop: Arc<AtomicBool>,
    refused: Arc<AtomicU64>,
    thread: JoinHandle<Result<()>>,
}

impl Attack {
    /// Begins it.
    pub(crate) fn begin(&'static self, gateway: SocketAddrV4, redis: SocketAddrV4) -> Siege {
        let (stop, refused) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let target = match self.whom {
            Whom::Gateway => gateway,
            Whom::Redis => redis,
        };
        let mut horde = Horde {
            attack: self,
            target,
            connections: Vec::new(),
            opened: 0,
            next: 0,
            refused: Arc::clone(&refused),
        };
        let stopped = Arc::clone(&stop);
        let thread = thread::spawn(move || {
            setpriority_process(Some(rustix::thread::gettid()), NICE)?;
            while !stopped.load(Ordering::Relaxed) {
                let began = Instant::now();
                horde.turn();
                thread::sleep(TICK.saturating_sub(began.elapsed()));
            }
            Ok(())
        });
        Siege { stop, refused, thread }
    }
}

impl Siege {
    /// What was refused until now, as seen from outside.
    pub(crate) fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// Ends it: all connections are closed.
    pub(crate) fn end(self) -> Result<()> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().map_err(|_| "the attackers' thread has panicked")?
    }
}

impl fmt::Display for Attack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// The connections of an attack.
struct Horde {
    attack: &'static Attack,
    target: SocketAddrV4,
    connections: Vec<TcpStream>,
    opened: usize,
    /// Whose turn it is next.
    next: usize,
    refused: Arc<AtomicU64>,
}

impl Horde {
    /// What is due in one tick.
    fn turn(&mut self) {
        let room = self.attack.connections - self.connections.len();
        let due = (self.attack.opened_per_second as f64 * TICK.as_secs_f64()).ceil() as usize;
        for _ in 0..room.min(due) {
            match self.open() {
                Ok(connection) => self.connections.push(connection),
                // It was thrown out before it could say its first word.
                Err(_) => self.note_ended(),
            }
        }
        let share = TICK.as_secs_f64() / self.attack.every.as_secs_f64();
        let turns = (self.connections.len() as f64 * share).ceil() as usize;
        for _ in 0..turns.min(self.connections.len()) {
            let next = if self.next < self.connections.len() { self.next } else { 0 };
            if self.connections.get_mut(next).is_some_and(|connection| self.attack.go_on(connection)) {
                if let Refused::Things(count) = self.attack.refused {
                    self.refused.fetch_add(count, Ordering::Relaxed);
                }
                self.next = next + 1;
            } else {
                self.connections.swap_remove(next);
                self.note_ended();
            }
        }
    }

    fn open(&mut self) -> std::io::Result<TcpStream> {
        let mut connection = TcpStream::connect(self.target)?;
        connection.set_nonblocking(self.attack.whom == Whom::Gateway)?;
        self.opened += 1;
        // Where it does not fit, the rest is not said.
        let _ = connection.write_all(&(self.attack.opening)(self.opened));
        Ok(connection)
    }

    /// The gateway has ended a connection.
    fn note_ended(&self) {
        if self.attack.refused == Refused::Connections {
            self.refused.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Attack {
    /// Says the refrain and hears what comes. False if the other side has ended it.
    fn go_on(&self, connection: &mut TcpStream) -> bool {
        let would_block = |error: std::io::Error| error.kind() == ErrorKind::WouldBlock;
        let mut heard = [0; 16 * 1024];
        // Redis was asked not to answer.
        let stays = self.whom == Whom::Redis
            || connection.read(&mut heard).map_or_else(would_block, |count| count > 0);
        stays && connection.write_all(&(self.refrain)()).map_or_else(would_block, |()| true)
    }
}
