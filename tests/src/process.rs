//! A child process that ends with its owner.

use std::{
    io::{BufRead, BufReader, Read},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex},
    thread,
};

use rustix::process::{Pid, Signal, kill_process};

use crate::wait::wait_some;

/// A running program and what it has said.
pub struct Process {
    child: Child,
    said: Arc<Mutex<Vec<String>>>,
}

impl Process {
    /// Starts a program and keeps every line of its two outputs.
    ///
    /// # Panics
    /// It cannot be started.
    #[must_use]
    pub fn start(command: &mut Command) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let said = Arc::new(Mutex::new(Vec::new()));
        let outputs: [Option<Box<dyn Read + Send>>; 2] = [
            child.stdout.take().map(|out| Box::new(out) as Box<dyn Read + Send>),
            child.stderr.take().map(|out| Box::new(out) as Box<dyn Read + Send>),
        ];
        for output in outputs.into_iter().flatten() {
            let said = Arc::clone(&said);
            thread::spawn(move || {
                for line in BufReader::new(output).lines().map_while(Result::ok) {
                    said.lock().expect("no test panics while it holds this").push(line);
                }
            });
        }
        Self { child, said }
    }

    /// Every line so far.
    ///
    /// # Panics
    /// Never: the lock is not held over anything that panics.
    #[must_use]
    pub fn said(&self) -> Vec<String> {
        self.said.lock().expect("no test panics while it holds this").clone()
    }

    /// Waits for a line that holds `part`, and returns what follows it.
    ///
    /// # Panics
    /// It does not come.
    #[must_use]
    pub fn wait_for_line(&self, part: &str) -> String {
        wait_some(&format!("a line with {part:?}"), || {
            let after = |line: &String| Some(line.split_once(part)?.1.to_owned());
            self.said().iter().find_map(after)
        })
    }

    /// Sends a signal to this very process.
    ///
    /// # Panics
    /// It is gone.
    pub fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).expect("the process is there");
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// It does not end.
    pub fn wait(&mut self) -> ExitStatus {
        wait_some("the end of a process", || self.child.try_wait().expect("it is a child"))
    }

    /// Whether it is still there.
    ///
    /// # Panics
    /// Never: it is a child of this process.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("it is a child").is_none()
    }

    /// Its id.
    ///
    /// # Panics
    /// Never: ids of children are positive.
    #[must_use]
    pub fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // A stopped process does not die of anything else.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
