//! A service manager as sd_notify(3) describes it: a datagram socket that is told things.

use std::{
    io,
    os::unix::net::UnixDatagram,
    path::PathBuf,
    time::{Duration, Instant},
};

use tempfile::TempDir;

use crate::wait::PATIENCE;

/// The manager's side of the socket.
pub struct Manager {
    socket: UnixDatagram,
    folder: TempDir,
}

impl Manager {
    /// One that nobody has told anything.
    ///
    /// # Panics
    /// There is no temporary folder for its socket.
    #[must_use]
    pub fn start() -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let socket = UnixDatagram::bind(folder.path().join("notify")).expect("a socket");
        socket.set_read_timeout(Some(PATIENCE)).expect("a timeout can be set");
        Self { socket, folder }
    }

    /// What NOTIFY_SOCKET is to be.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.folder.path().join("notify")
    }

    /// The next message: its assignments.
    ///
    /// # Panics
    /// None comes.
    #[must_use]
    pub fn next(&self) -> Vec<String> {
        self.receive().expect("a message")
    }

    fn receive(&self) -> io::Result<Vec<String>> {
        let mut buffer = [0; 4096];
        let count = self.socket.recv(&mut buffer)?;
        Ok(String::from_utf8_lossy(&buffer[..count]).lines().map(str::to_owned).collect())
    }

    /// The next message that is neither a sign of life nor only a status.
    #[must_use]
    pub fn next_state(&self) -> Vec<String> {
        let told = |message: &Vec<String>| {
            message.iter().any(|line| !line.starts_with("STATUS=") && line != "WATCHDOG=1")
        };
        std::iter::repeat_with(|| self.next()).find(told).unwrap_or_default()
    }

    /// All messages until none has come for so long.
    ///
    /// # Panics
    /// They come on and on.
    #[must_use]
    pub fn until_quiet(&self, silence: Duration) -> Vec<Vec<String>> {
        self.socket.set_read_timeout(Some(silence)).expect("a timeout can be set");
        let began = Instant::now();
        let next = || {
            assert!(began.elapsed() < PATIENCE, "it does not fall quiet");
            self.receive().ok()
        };
        let messages = std::iter::from_fn(next).collect();
        self.socket.set_read_timeout(Some(PATIENCE)).expect("a timeout can be set");
        messages
    }

    /// Waits for a message that has this assignment.
    pub fn wait_for(&self, assignment: &str) {
        while !self.next().iter().any(|line| line == assignment) {}
    }
}
