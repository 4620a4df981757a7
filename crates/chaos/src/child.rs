//! A job's process. It leads a process group of its own, so that all that it has started ends with it:
//! after a panic, after a signal, or when it takes too long.

use std::{
    io::{BufRead, BufReader, Read},
    os::unix::process::CommandExt,
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process_group};
use serde::{Serialize, de::DeserializeOwned};

use crate::{Result, interrupt, job::Line};

/// How often the runner looks whether it is to end.
const LOOK: Duration = Duration::from_millis(100);
/// Of what a process said before it died, so much is told.
const LAST_WORDS_BYTES: usize = 600;

/// A running job. Its whole group ends when this is dropped.
pub(crate) struct JobProcess {
    child: Child,
    lines: Receiver<String>,
    words: Option<JoinHandle<String>>,
}

impl JobProcess {
    /// Starts this binary with a job.
    pub(crate) fn start(job: &impl Serialize) -> Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("job").arg(serde_json::to_string(job)?).process_group(0).env("RUST_BACKTRACE", "0");
        // Its standard input tells it that we are still here.
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn()?;
        let output = child.stdout.take().ok_or("it is piped")?;
        let mut errors = child.stderr.take().ok_or("it is piped")?;
        let (sender, lines) = channel();
        thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(std::io::Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        let words = thread::spawn(move || {
            let mut words = Vec::new();
            let _ = errors.read_to_end(&mut words);
            String::from_utf8_lossy(&words).into_owned()
        });
        Ok(Self { child, lines, words: Some(words) })
    }

    /// Listens until it ends; `says` hears what it does. An error says why it came to no end.
    pub(crate) fn finish<T: DeserializeOwned>(
        mut self,
        limit: Duration,
        mut says: impl FnMut(String),
    ) -> Result<T> {
        let deadline = Instant::now() + limit;
        loop {
            if interrupt::is_wanted() {
                return Err("interrupted".into());
            }
            if Instant::now() > deadline {
                return Err(format!("no end after {limit:?}").into());
            }
            match self.lines.recv_timeout(LOOK) {
                Ok(line) => match serde_json::from_str(&line)? {
                    Line::Says(what) => says(what),
                    Line::Ends(outcome) => return Ok(serde_json::from_value(outcome)?),
                    Line::Fails(why) => return Err(why.into()),
                },
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Err(self.last_words().into()),
            }
        }
    }

    fn last_words(&mut self) -> String {
        let words = self.words.take().and_then(|words| words.join().ok()).unwrap_or_default();
        let from = words.len().saturating_sub(LAST_WORDS_BYTES);
        let tail = words.get(from..).unwrap_or(&words).trim();
        if tail.is_empty() { "it died without a word".to_owned() } else { tail.replace('\n', " | ") }
    }
}

impl Drop for JobProcess {
    fn drop(&mut self) {
        // Before it is waited for: its id, which is the group's, cannot be another's yet.
        let _ = kill_process_group(Pid::from_child(&self.child), Signal::KILL);
        let _ = self.child.wait();
    }
}
