//! A small site of the test's own: it answers every request with the same, or not at all.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex, PoisonError},
    thread,
};

/// What it does when it is asked.
type Answering = dyn FnMut(&str) -> Option<String> + Send;

/// A running site; it ends with the test's process.
pub struct Site {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
}

struct State {
    answering: Box<Answering>,
    asked: usize,
}

impl Site {
    /// Answers with a body of JSON.
    #[must_use]
    pub fn with(json: &str) -> Self {
        let site = Self::start(|_| None);
        site.set(json);
        site
    }

    /// Gives each request's head to `answering`, and writes what comes back; `None` hangs up.
    ///
    /// # Panics
    /// There is no free port.
    #[must_use]
    pub fn start(answering: impl FnMut(&str) -> Option<String> + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let state = Arc::new(Mutex::new(State { answering: Box::new(answering), asked: 0 }));
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = Arc::clone(&shared);
                thread::spawn(move || answer(stream, &shared));
            }
        });
        Self { address, state }
    }

    /// Its URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// From now on it answers so.
    pub fn change(&self, answering: impl FnMut(&str) -> Option<String> + Send + 'static) {
        lock(&self.state).answering = Box::new(answering);
    }

    /// From now on it answers with this body of JSON.
    pub fn set(&self, json: &str) {
        let answer = ok(json);
        self.change(move |_| Some(answer.clone()));
    }

    /// From now on it hangs up.
    pub fn fall_silent(&self) {
        self.change(|_| None);
    }

    /// How often it was asked.
    #[must_use]
    pub fn asked(&self) -> usize {
        lock(&self.state).asked
    }
}

/// An answer that says yes, with a body of JSON.
#[must_use]
pub fn ok(json: &str) -> String {
    let length = json.len();
    format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{json}"
    )
}

fn lock(state: &Mutex<State>) -> std::sync::MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

fn answer(mut stream: TcpStream, state: &Mutex<State>) {
    let (mut head, mut buffer) = (Vec::new(), [0; 4096]);
    while !head.windows(4).any(|window| window == b"\r\n\r\n") {
        match stream.read(&mut buffer) {
            Ok(count) if count > 0 => head.extend_from_slice(&buffer[..count]),
            _ => return,
        }
    }
    let answer = {
        let mut state = lock(state);
        state.asked += 1;
        (state.answering)(&String::from_utf8_lossy(&head))
    };
    if let Some(answer) = answer {
        let _ = stream.write_all(answer.as_bytes());
    }
}
