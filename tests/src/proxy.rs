//! A proxy with faults: what passes through it can be frozen, cut, or sent elsewhere.

use std::{
    io::{ErrorKind, Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use crate::redis::Redis;

/// How often a copying thread looks at what it is to do.
const LOOK: Duration = Duration::from_millis(10);

/// A TCP proxy on a port of its own.
pub struct Proxy {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
}

struct State {
    target: SocketAddr,
    /// New connections are refused.
    closed: bool,
    /// What new connections begin with.
    delay: Duration,
    connections: Vec<Arc<Connection>>,
}

/// One connection through the proxy.
struct Connection {
    client: TcpStream,
    server: TcpStream,
    frozen: Mutex<bool>,
    delay: Mutex<Duration>,
}

impl Proxy {
    /// One that passes everything to `target`.
    ///
    /// # Panics
    /// There is no free port.
    #[must_use]
    pub fn to(target: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let state = Arc::new(Mutex::new(State {
            target,
            closed: false,
            delay: Duration::ZERO,
            connections: Vec::new(),
        }));
        let accepting = Arc::clone(&state);
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let mut state = accepting.lock().expect("nothing panics while it holds this");
                if state.closed {
                    continue;
                }
                let Ok(server) = TcpStream::connect(state.target) else { continue };
                let delay = state.delay;
                state.connections.extend(Connection::start(client, server, delay));
            }
        });
        Self { address, state }
    }

    /// One before a Redis.
    #[must_use]
    pub fn before(redis: &Redis) -> Self {
        Self::to(([127, 0, 0, 1], redis.port()).into())
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Sends new connections elsewhere.
    pub fn redirect(&self, target: SocketAddr) {
        self.with(|state| state.target = target);
    }

    /// Ends all connections that there are.
    pub fn cut(&self) {
        self.with(|state| {
            for connection in state.connections.drain(..) {
                connection.end();
            }
        });
    }

    /// Refuses new connections from now on, or takes them again.
    pub fn set_closed(&self, closed: bool) {
        self.with(|state| state.closed = closed);
    }

    /// Nothing passes any more on the connections that there are, and nobody is told.
    pub fn freeze(&self) {
        self.set_frozen(true);
    }

    /// What was frozen passes again.
    pub fn thaw(&self) {
        self.set_frozen(false);
    }

    /// Everything takes so much longer, each way, on all connections from now on.
    pub fn set_delay(&self, delay: Duration) {
        self.with(|state| {
            state.delay = delay;
            for connection in &state.connections {
                *connection.delay.lock().expect("nothing panics while it holds this") = delay;
            }
        });
    }

    fn set_frozen(&self, frozen: bool) {
        self.with(|state| {
            for connection in &state.connections {
                *connection.frozen.lock().expect("nothing panics while it holds this") = frozen;
            }
        });
    }

    fn with(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock().expect("nothing panics while it holds this"));
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.set_closed(true);
        self.cut();
    }
}

impl Connection {
    fn start(client: TcpStream, server: TcpStream, delay: Duration) -> Option<Arc<Self>> {
        let connection =
            Arc::new(Self { client, server, frozen: Mutex::new(false), delay: Mutex::new(delay) });
        for (from, to) in [(&connection.client, &connection.server), (&connection.server, &connection.client)]
        {
            from.set_read_timeout(Some(LOOK)).ok()?;
            from.set_nodelay(true).ok()?;
            let (from, to) = (from.try_clone().ok()?, to.try_clone().ok()?);
            let connection = Arc::clone(&connection);
            thread::spawn(move || connection.copy(from, to));
        }
        Some(connection)
    }

    fn copy(&self, mut from: TcpStream, mut to: TcpStream) {
        let mut buffer = [0; 64 * 1024];
        loop {
            if *self.frozen.lock().expect("nothing panics while it holds this") {
                thread::sleep(LOOK);
                continue;
            }
            match from.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => {
                    // It is what has come meanwhile that goes on next, so this costs time, not rate.
                    let delay = *self.delay.lock().expect("nothing panics while it holds this");
                    thread::sleep(delay);
                    // Frozen while it was read: it waits with the rest.
                    while *self.frozen.lock().expect("nothing panics while it holds this") {
                        thread::sleep(LOOK);
                    }
                    if to.write_all(&buffer[..count]).is_err() {
                        break;
                    }
                }
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                Err(_) => break,
            }
        }
        let _ = to.shutdown(Shutdown::Write);
    }

    fn end(&self) {
        *self.frozen.lock().expect("nothing panics while it holds this") = false;
        let _ = self.client.shutdown(Shutdown::Both);
        let _ = self.server.shutdown(Shutdown::Both);
    }
}
