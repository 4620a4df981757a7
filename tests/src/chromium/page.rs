//! A page of another origin that opens a bare `EventSource` and tells the test what it sees, and
//! the small server that it comes from.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use serde_json::{Value, json};

use super::Chromium;
use crate::report::{Report, Reporter};

const HTML: &str = include_str!("page.html");

/// A page that is open in a browser.
pub struct Page {
    address: SocketAddr,
    desk: Arc<Desk>,
}

/// Where the page's reports arrive.
struct Desk {
    html: String,
    reports: Mutex<Vec<Report>>,
    closed: AtomicBool,
}

impl Page {
    /// Opens one that subscribes at `gateway` (or at what stands before it) with this query.
    ///
    /// # Panics
    /// There is no free port.
    #[must_use]
    pub fn open(chromium: &mut Chromium, gateway: SocketAddr, query: &str) -> Self {
        let events = json!(format!("http://{gateway}/events?{query}"));
        let html = HTML.replace("EVENTS", &events.to_string());
        let desk = Arc::new(Desk { html, reports: Mutex::default(), closed: AtomicBool::new(false) });
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let serving = Arc::clone(&desk);
        thread::spawn(move || serving.serve(&listener));
        chromium.open(&format!("http://localhost:{}/", address.port()));
        Self { address, desk }
    }
}

impl Reporter for Page {
    fn reports(&self) -> Vec<Report> {
        self.desk.reports.lock().expect("nothing panics while it holds this").clone()
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("the page told: {:#?}", self.reports());
        }
        self.desk.closed.store(true, Ordering::Relaxed);
        // Wakes the server, so that it sees this.
        let _ = TcpStream::connect(self.address);
    }
}

impl Desk {
    /// Answers each connection on a thread of its own: browsers open some ahead of time and say
    /// nothing there. Reports stay in order, since the page has one under way at a time.
    fn serve(self: &Arc<Self>, listener: &TcpListener) {
        for stream in listener.incoming().map_while(Result::ok) {
            if self.closed.load(Ordering::Relaxed) {
                return;
            }
            let desk = Arc::clone(self);
            thread::spawn(move || desk.answer(stream));
        }
    }

    /// Answers the one request of a connection: a GET with the page, a POST once it is noted.
    fn answer(&self, stream: TcpStream) -> io::Result<()> {
        let mut reader = BufReader::new(stream);
        let (mut line, mut is_post, mut length) = (String::new(), false, 0);
        while reader.read_line(&mut line)? > 0 && line != "\r\n" {
            is_post |= line.starts_with("POST ");
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap_or(0);
            }
            line.clear();
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        if is_post {
            self.note(&body);
        }
        let html = if is_post { "" } else { &self.html };
        let length = html.len();
        let head = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n";
        reader.get_mut().write_all(format!("{head}Content-Length: {length}\r\n\r\n{html}").as_bytes())
    }

    fn note(&self, body: &[u8]) {
        let happened: Vec<Value> = serde_json::from_slice(body).expect("the page reports a list");
        let mut reports = self.reports.lock().expect("nothing panics while it holds this");
        reports.extend(happened.iter().filter_map(Report::from_json));
    }
}
