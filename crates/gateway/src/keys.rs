//! What issuers say at their URLs that they sign with: read at the start, every now and then, and when a
//! token names a key that is not known. While a URL cannot be read, what it said last holds.

use std::{
    cell::RefCell,
    collections::HashMap,
    rc::{Rc, Weak},
    time::{Duration, Instant},
};

use edge::{Edge, KeysRequest};
use identity::{Key, Keyring, key_set};
use prometheus::IntCounterVec;
use tokio::{
    sync::mpsc,
    time::{sleep, timeout},
};

use crate::client::{self, Server};

/// The longest time for an answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// A URL that could not be read is tried again after this, then after twice as long, and so on.
const FIRST_RETRY: Duration = Duration::from_secs(1);
const LONGEST_RETRY: Duration = Duration::from_secs(60);
/// Names of keys can be invented: for unknown ones a URL is read so many times in a row, and then once in
/// this time.
const BURST: f64 = 5.0;
const BETWEEN_ASKED: Duration = Duration::from_secs(10);
/// Tokens that may wait for one URL.
const MAX_WAITING: usize = 256;

/// What is known of all URLs; cloning shares it.
#[derive(Clone)]
pub(crate) struct Keys(Rc<Inner>);

struct Inner {
    edge: Weak<Edge>,
    refresh: Duration,
    fetches: IntCounterVec,
    known: RefCell<HashMap<String, Known>>,
}

/// What is known of one.
struct Known {
    keys: Vec<Key>,
    asking: mpsc::Sender<KeysRequest>,
}

impl Keys {
    /// Nothing is known yet.
    pub(crate) fn new(edge: &Rc<Edge>, refresh: Duration, fetches: IntCounterVec) -> Self {
        Self(Rc::new(Inner { edge: Rc::downgrade(edge), refresh, fetches, known: RefCell::default() }))
    }

    /// Adds what is known to a keyring, and begins to read what its issuers' URLs say.
    pub(crate) fn complete(&self, keyring: &mut Keyring) {
        let urls: Vec<String> = keyring.issuers.iter().filter_map(|issuer| issuer.url.clone()).collect();
        self.0.known.borrow_mut().retain(|url, _| urls.contains(url));
        for url in urls {
            let mut all = self.0.known.borrow_mut();
            let known = all.entry(url.clone()).or_insert_with(|| {
                let (asking, asked) = mpsc::channel(MAX_WAITING);
                tokio::task::spawn_local(follow(Rc::downgrade(&self.0), url.clone(), asked));
                Known { keys: Vec::new(), asking }
            });
            keyring.learn(&url, &known.keys);
        }
    }

    /// Passes on who asks for a key that is not known.
    pub(crate) async fn serve(self, mut requests: mpsc::Receiver<KeysRequest>) {
        while let Some(request) = requests.recv().await {
            let asking = self.0.known.borrow().get(&request.url).map(|known| known.asking.clone());
            // Where too many wait already, the reply is dropped: it cannot be told now.
            let _ = asking.map(|asking| asking.try_send(request));
        }
    }
}

/// Follows one URL for as long as an issuer has it.
async fn follow(inner: Weak<Inner>, url: String, mut asked: mpsc::Receiver<KeysRequest>) {
    let mut allowance = Allowance { left: BURST, counted: Instant::now() };
    let mut failures = 0;
    let mut waiting = Vec::new();
    loop {
        let read = read(&url).await;
        let Some(inner) = inner.upgrade() else { return };
        let outcome = if read.is_ok() { "ok" } else { "failed" };
        inner.fetches.with_label_values(&[outcome]).inc();
        let (succeeded, pause) = match read {
            Ok(keys) => {
                if failures > 0 {
                    tracing::info!(url, keys = keys.len(), "the keys of an issuer can be read again");
                }
                failures = 0;
                inner.learn(&url, keys);
                (true, inner.refresh)
            }
            Err(error) => {
                if failures == 0 {
                    tracing::warn!(
                        url,
                        error,
                        "the keys of an issuer cannot be read; those known before hold"
                    );
                }
                failures += 1;
                (false, FIRST_RETRY.saturating_mul(1 << failures.min(7)).min(LONGEST_RETRY))
            }
        };
        let keyring = inner.keyring();
        let tell = |request: KeysRequest| {
            if let Some(keyring) = keyring.clone().filter(|_| succeeded) {
                // Whoever asked may have given up.
                let _ = request.reply.send(keyring);
            }
        };
        waiting.drain(..).for_each(tell);
        drop(inner);
        // Others ask for what has been looked at just now; they are told that until they may have it looked
        // at again.
        let due = sleep(pause.mul_f64(rand::random_range(0.75..1.25)));
        tokio::pin!(due);
        loop {
            tokio::select! {
                () = &mut due => break,
                request = asked.recv() => match request {
                    None => return,
                    Some(request) if allowance.take(Instant::now()) => {
                        waiting.push(request);
                        break;
                    }
                    Some(request) => tell(request),
                },
            }
        }
        while let Ok(request) = asked.try_recv() {
            waiting.push(request);
        }
    }
}

impl Inner {
    fn learn(&self, url: &str, keys: Vec<Key>) {
        if let Some(edge) = self.edge.upgrade() {
            edge.learn_keys(url, &keys);
        }
        if let Some(known) = self.known.borrow_mut().get_mut(url) {
            known.keys = keys;
        }
    }

    fn keyring(&self) -> Option<std::sync::Arc<Keyring>> {
        self.edge.upgrade().map(|edge| edge.keyring())
    }
}

/// How many times a URL may still be read for those who ask.
struct Allowance {
    left: f64,
    counted: Instant,
}

impl Allowance {
    fn take(&mut self, now: Instant) -> bool {
        let gained = now.duration_since(self.counted).as_secs_f64() / BETWEEN_ASKED.as_secs_f64();
        self.left = (self.left + gained).min(BURST);
        self.counted = now;
        if self.left < 1.0 {
            return false;
        }
        self.left -= 1.0;
        true
    }
}

async fn read(url: &str) -> Result<Vec<Key>, String> {
    let server = Server::parse(url)?;
    let answered = async {
        let answer = server.ask(&[("accept", "application/json".to_owned())]).await?;
        let status = answer.status();
        let text = client::text(answer).await?;
        if !status.is_success() {
            return Err(format!("it answers {status}"));
        }
        let keys = key_set(&text).map_err(|error| error.to_string())?;
        if keys.is_empty() {
            return Err("there is no key in it that tokens can be checked with".to_owned());
        }
        Ok(keys)
    };
    timeout(PATIENCE, answered).await.unwrap_or_else(|_| Err("it does not answer in time".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_invents_keys_has_a_url_read_at_a_bounded_rate() {
        let start = Instant::now();
        let mut allowance = Allowance { left: BURST, counted: start };
        let mut granted = |from: u64, upto: u64| {
            (from..upto).filter(|ms| allowance.take(start + Duration::from_millis(*ms))).count()
        };
        assert_eq!(granted(0, 1_000), 5);
        assert_eq!(granted(1_000, 61_000), 6);
    }
}
