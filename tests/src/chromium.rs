//! A real Chromium without a window, driven over its DevTools protocol.
//!
//! The protocol travels through a pair of pipes (`--remote-debugging-pipe`): that takes no port, no
//! WebSocket, and a browser whose test was killed sees the pipe close and ends too.

mod page;

use std::{
    io::{BufRead, BufReader, Write},
    os::unix::process::CommandExt,
    process::{Child, ChildStdin, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
};

use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::{Value, json};
use tempfile::TempDir;

pub use self::page::Page;
use crate::wait::{PATIENCE, wait_for};

/// The browser reads the protocol from descriptor 3 and writes it to 4. Only the shell can place
/// pipes there without unsafe code.
const ON_PIPES: &str = r#"exec "$@" 3<&0 4>&1 </dev/null >/dev/null"#;

const FLAGS: [&str; 9] = [
    "--headless",
    // Tests run as root in containers, where Chromium's sandbox cannot.
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-pipe",
];

/// A running browser with an empty profile of its own.
pub struct Chromium {
    child: Child,
    commands: ChildStdin,
    answers: Receiver<Value>,
    last_id: u64,
    complaints: Vec<String>,
    _profile: TempDir,
}

/// A tab of a [`Chromium`], by the protocol's id of the session with it.
pub struct Tab {
    session: String,
}

impl Chromium {
    /// Starts one.
    ///
    /// # Panics
    /// It cannot be started.
    #[must_use]
    pub fn start() -> Self {
        let profile = TempDir::new().expect("a temporary folder");
        let mut command = Command::new("sh");
        command.args(["-c", ON_PIPES, "sh", "chromium"]).args(FLAGS);
        command.arg(format!("--user-data-dir={}", profile.path().display()));
        // A group of its own, so that its many processes can be ended together.
        command.process_group(0).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().expect("a shell");
        let commands = child.stdin.take().expect("it is piped");
        let (sender, answers) = channel();
        let mut output = BufReader::new(child.stdout.take().expect("it is piped"));
        thread::spawn(move || {
            let mut bytes = Vec::new();
            while output.read_until(0, &mut bytes).is_ok_and(|count| count > 0) {
                bytes.pop();
                let Ok(answer) = serde_json::from_slice(&bytes) else { break };
                if sender.send(answer).is_err() {
                    break;
                }
                bytes.clear();
            }
        });
        Self { child, commands, answers, last_id: 0, complaints: Vec::new(), _profile: profile }
    }

    /// Opens a URL in a new tab.
    pub fn open(&mut self, url: &str) -> Tab {
        let target = self.call(None, "Target.createTarget", json!({"url": "about:blank"}))["targetId"].take();
        let attached = self.call(None, "Target.attachToTarget", json!({"targetId": target, "flatten": true}));
        let tab = Tab { session: attached["sessionId"].as_str().unwrap_or_default().to_owned() };
        for domain in ["Log", "Runtime"] {
            self.call(Some(&tab), &format!("{domain}.enable"), json!({}));
        }
        self.call(Some(&tab), "Page.navigate", json!({"url": url}));
        tab
    }

    /// What the browser has complained about so far: errors in its console, exceptions that no
    /// script caught.
    #[must_use]
    pub fn complaints(&self) -> &[String] {
        &self.complaints
    }

    /// The value of a JavaScript expression in a tab.
    ///
    /// # Panics
    /// It throws.
    pub fn evaluate(&mut self, tab: &Tab, expression: &str) -> Value {
        let parameters = json!({"expression": expression, "returnByValue": true, "awaitPromise": true});
        let answer = self.call(Some(tab), "Runtime.evaluate", parameters);
        assert!(answer["exceptionDetails"].is_null(), "{expression}: {answer}");
        answer["result"]["value"].clone()
    }

    /// Waits until a JavaScript expression is true in a tab.
    pub fn wait_until(&mut self, tab: &Tab, expression: &str) {
        wait_for(expression, || self.evaluate(tab, expression) == true);
    }

    /// Replaces what stands in the field that a CSS selector means, and presses Enter, as a person
    /// would.
    pub fn enter(&mut self, tab: &Tab, selector: &str, text: &str) {
        self.evaluate(tab, &format!("document.querySelector({selector:?}).select()"));
        self.call(Some(tab), "Input.insertText", json!({"text": text}));
        for (kind, character) in [("keyDown", "\r"), ("keyUp", "")] {
            let key = json!({
                "type": kind, "text": character, "key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 13
            });
            self.call(Some(tab), "Input.dispatchKeyEvent", key);
        }
    }

    /// Stops all of it where it is, as a laptop does that is closed.
    ///
    /// # Panics
    /// It is gone.
    pub fn freeze(&self) {
        kill_process_group(Pid::from_child(&self.child), Signal::STOP).expect("the browser is there");
    }

    /// Lets it go on.
    ///
    /// # Panics
    /// It is gone.
    pub fn thaw(&self) {
        kill_process_group(Pid::from_child(&self.child), Signal::CONT).expect("the browser is there");
    }

    /// Sends a command of the DevTools protocol to the browser, or to one tab of it, and returns
    /// the result.
    ///
    /// # Panics
    /// There is none in time, or it is an error.
    pub fn call(&mut self, tab: Option<&Tab>, method: &str, parameters: Value) -> Value {
        self.send(tab, method, parameters)
            .unwrap_or_else(|error| panic!("Chromium takes no {method}: {error}"));
        loop {
            let mut answer = self.answers.recv_timeout(PATIENCE).expect("Chromium answers");
            if answer["id"] == self.last_id {
                assert!(answer["error"].is_null(), "{method}: {answer}");
                return answer["result"].take();
            }
            self.note(&answer);
        }
    }

    /// Keeps of an event what the browser complains about in it.
    fn note(&mut self, event: &Value) {
        let complains = match event["method"].as_str() {
            Some("Log.entryAdded") => event["params"]["entry"]["level"] == "error",
            Some("Runtime.exceptionThrown") => true,
            _ => false,
        };
        if complains {
            self.complaints.push(event["params"].to_string());
        }
    }

    fn send(&mut self, tab: Option<&Tab>, method: &str, parameters: Value) -> std::io::Result<()> {
        self.last_id += 1;
        let mut command = json!({"id": self.last_id, "method": method});
        command["params"] = parameters;
        if let Some(tab) = tab {
            command["sessionId"] = json!(tab.session);
        }
        self.commands.write_all(format!("{command}\0").as_bytes())
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        // A test that failed may have left it frozen.
        let _ = kill_process_group(Pid::from_child(&self.child), Signal::CONT);
        // Asked politely it ends its children first, and leaves its profile alone from then on.
        let asked = self.send(None, "Browser.close", json!({}));
        if asked.is_ok() {
            while self.answers.recv_timeout(PATIENCE).is_ok() {}
        }
        let _ = kill_process_group(Pid::from_child(&self.child), Signal::KILL);
        let _ = self.child.wait();
    }
}
