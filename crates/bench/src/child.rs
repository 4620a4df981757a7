//! A process that this benchmark started, and that ends with its owner.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{self, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::Result;

const START_LIMIT: Duration = Duration::from_secs(20);
const START_PAUSE: Duration = Duration::from_millis(20);
const END_LIMIT: Duration = Duration::from_secs(5);
const LOG_TAIL_BYTES: usize = 2_000;

/// A running process; dropping it kills it, by its own id.
pub(crate) struct Child {
    name: &'static str,
    process: process::Child,
    log: PathBuf,
    /// A master that must end its workers is asked to, not killed.
    is_asked_to_end: bool,
}

impl Child {
    /// Starts a command. What it says goes to a log in `directory`.
    pub(crate) fn start(name: &'static str, command: &mut Command, directory: &Path) -> Result<Child> {
        let log = directory.join(format!("{name}.log"));
        let file = File::create(&log)?;
        command.stdout(file.try_clone()?).stderr(file);
        Child::spawn(name, command, log)
    }

    /// Starts a command whose standard output we listen to; see [`Child::lines`].
    pub(crate) fn start_talking(
        name: &'static str,
        command: &mut Command,
        directory: &Path,
    ) -> Result<Child> {
        let log = directory.join(format!("{name}.log"));
        command.stdout(Stdio::piped()).stderr(File::create(&log)?);
        Child::spawn(name, command, log)
    }

    fn spawn(name: &'static str, command: &mut Command, log: PathBuf) -> Result<Child> {
        let process = command
            .stdin(Stdio::null())
            .spawn()
            .map_err(|error| format!("{name} does not start: {error}"))?;
        Ok(Child { name, process, log, is_asked_to_end: false })
    }

    /// From now on it is asked to end, because it has children of its own.
    pub(crate) fn ask_to_end(&mut self) {
        self.is_asked_to_end = true;
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Waits until `ready`; an error with the end of the log if the process ends or is late.
    pub(crate) fn wait_until(&mut self, ready: impl Fn() -> bool) -> Result<()> {
        let deadline = Instant::now() + START_LIMIT;
        while !ready() {
            let ended = self.process.try_wait()?;
            if ended.is_some() || Instant::now() > deadline {
                return Err(format!("{} is not ready: {}", self.name, self.log_tail()).into());
            }
            thread::sleep(START_PAUSE);
        }
        Ok(())
    }

    /// The lines that the process writes to standard output, where it is asked to talk there.
    pub(crate) fn lines(&mut self) -> Result<impl Iterator<Item = std::io::Result<String>> + use<>> {
        let output = self.process.stdout.take().ok_or("the output is taken")?;
        Ok(BufReader::new(output).lines())
    }

    fn log_tail(&self) -> String {
        let log = fs::read(&self.log).unwrap_or_default();
        let from = log.len().saturating_sub(LOG_TAIL_BYTES);
        String::from_utf8_lossy(&log[from..]).trim().to_owned()
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if self.is_asked_to_end {
            let _ = kill_process(Pid::from_child(&self.process), Signal::TERM);
            let deadline = Instant::now() + END_LIMIT;
            while matches!(self.process.try_wait(), Ok(None)) && Instant::now() < deadline {
                thread::sleep(START_PAUSE);
            }
        }
        // Both fail only for a process that has ended.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A loopback address that nothing listens on at the moment.
pub(crate) fn free_address() -> Result<SocketAddrV4> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    Ok(SocketAddrV4::new(Ipv4Addr::LOCALHOST, listener.local_addr()?.port()))
}

/// Whether something accepts connections there.
pub(crate) fn listens(address: SocketAddrV4) -> bool {
    TcpStream::connect(address).is_ok()
}
