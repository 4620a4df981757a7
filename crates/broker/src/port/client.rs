//! One client of the port: its commands are answered in order, however many it sends at once.

use std::time::{SystemTime, UNIX_EPOCH};

use publication::Cursor;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::oneshot,
};

use super::{
    Port,
    answer::Answer,
    command::{Deed, Told, understand, wrong_number},
    request::{Malformed, Request, parse},
};
use crate::{embedded, link::max_payload};

/// Commands of one transaction.
const MAX_QUEUED: usize = 1_000;
/// Answers that may be owed before the next command is looked at.
const MAX_OWED: usize = 1_024;
/// Room for what stands around a payload.
const MARGIN_BYTES: usize = 64 * 1024;
/// Taken in at once.
const READ_BYTES: usize = 64 * 1024;

pub(super) struct Client<'a> {
    port: &'a Port,
    stream: TcpStream,
    /// What has come and is not yet understood.
    unread: Vec<u8>,
    resp3: bool,
    /// It has said the password, if there is one.
    known: bool,
    /// The commands of a transaction, and whether one of them was wrong.
    transaction: Option<(Vec<Vec<Vec<u8>>>, bool)>,
    leaving: bool,
}

/// An answer, or what it waits for.
enum Owed {
    Answer(Answer),
    /// A publication that the broker has yet to take.
    Cursor(oneshot::Receiver<Cursor>, Answer),
    /// Those of a transaction.
    All(Vec<Owed>),
}

impl<'a> Client<'a> {
    pub(super) fn new(port: &'a Port, stream: TcpStream) -> Self {
        Self {
            known: port.config.password.is_empty(),
            port,
            stream,
            unread: Vec::new(),
            resp3: false,
            transaction: None,
            leaving: false,
        }
    }

    /// Serves it to its end; returns why that came.
    pub(super) async fn run(mut self) -> &'static str {
        // Answers are short, and waited for.
        let _ = self.stream.set_nodelay(true);
        let max_bytes = max_payload(&self.port.rules) + MARGIN_BYTES;
        loop {
            let (mut owed, mut ending, mut at) = (Vec::new(), None, 0);
            let mut unread = std::mem::take(&mut self.unread);
            while owed.len() < MAX_OWED && !self.leaving {
                match parse(&unread[at..], max_bytes) {
                    Ok(Some(Request { words, length })) => {
                        if !words.is_empty() {
                            owed.push(self.answer(&words).await);
                        }
                        at += length;
                    }
                    Ok(None) => break,
                    Err(Malformed(reason)) => {
                        tracing::debug!(reason, "a client of the port is no client");
                        ending = Some("malformed");
                        break;
                    }
                }
            }
            unread.drain(..at);
            self.unread = unread;
            let more = owed.len() >= MAX_OWED;
            if let Err(end) = self.pay(owed).await {
                return end;
            }
            if let Some(end) = ending.or(self.leaving.then_some("quit")) {
                return end;
            }
            if !more && !self.read().await {
                return "gone";
            }
        }
    }

    async fn read(&mut self) -> bool {
        self.unread.reserve(READ_BYTES);
        self.stream.read_buf(&mut self.unread).await.is_ok_and(|count| count > 0)
    }

    /// Waits for what is owed, in order, and sends it.
    async fn pay(&mut self, owed: Vec<Owed>) -> Result<(), &'static str> {
        let mut out = Vec::new();
        for owed in owed {
            settle(owed).await.ok_or("shutdown")?.write(self.resp3, &mut out);
        }
        if out.is_empty() {
            return Ok(());
        }
        self.stream.write_all(&out).await.map_err(|_| "gone")
    }

    /// Does what a command asks for, as far as that needs no answer of the broker's.
    async fn answer(&mut self, words: &[&[u8]]) -> Owed {
        let name = String::from_utf8_lossy(words[0]).to_ascii_uppercase();
        let rest = &words[1..];
        let answer = match &*name {
            "QUIT" => {
                self.leaving = true;
                Answer::OK
            }
            "HELLO" => self.hello(rest),
            "AUTH" => self.auth(rest),
            "RESET" => {
                (self.transaction, self.resp3) = (None, false);
                self.known = self.port.config.password.is_empty();
                Answer::Simple("RESET")
            }
            _ if !self.known => Answer::error("NOAUTH Authentication required."),
            "MULTI" if self.transaction.is_some() => Answer::error("ERR MULTI calls can not be nested"),
            "MULTI" => {
                self.transaction = Some((Vec::new(), false));
                Answer::OK
            }
            "DISCARD" if self.transaction.take().is_some() => Answer::OK,
            "DISCARD" => Answer::error("ERR DISCARD without MULTI"),
            "EXEC" => return self.execute().await,
            _ if self.transaction.is_some() => self.queue(&name, words),
            _ => return self.perform(understand(self.port, &name, rest)).await,
        };
        Owed::Answer(answer)
    }

    /// Puts a command into the transaction; one that is wrong, or one too many, spoils all of it.
    fn queue(&mut self, name: &str, words: &[&[u8]]) -> Answer {
        let Some((commands, spoiled)) = &mut self.transaction else { return Answer::OK };
        if commands.len() >= MAX_QUEUED {
            *spoiled = true;
            return Answer::error(format!("ERR a transaction has at most {MAX_QUEUED} commands here"));
        }
        let unknown = match understand(self.port, name, &words[1..]) {
            Deed::Answered(answer @ Answer::Error(_)) => Some(answer),
            _ => None,
        };
        if let Some(answer) = unknown {
            *spoiled = true;
            return answer;
        }
        commands.push(words.iter().map(|word| word.to_vec()).collect());
        Answer::Simple("QUEUED")
    }

    async fn execute(&mut self) -> Owed {
        let commands = match self.transaction.take() {
            None => return Owed::Answer(Answer::error("ERR EXEC without MULTI")),
            Some((_, true)) => {
                let why = "EXECABORT Transaction discarded because of previous errors.";
                return Owed::Answer(Answer::error(why));
            }
            Some((commands, false)) => commands,
        };
        let mut owed = Vec::with_capacity(commands.len());
        for command in &commands {
            let words: Vec<&[u8]> = command.iter().map(Vec::as_slice).collect();
            let name = String::from_utf8_lossy(words[0]).to_ascii_uppercase();
            owed.push(self.perform(understand(self.port, &name, &words[1..])).await);
        }
        Owed::All(owed)
    }

    async fn perform(&mut self, deed: Deed) -> Owed {
        let (publication, told) = match deed {
            Deed::Answered(answer) => return Owed::Answer(answer),
            Deed::Direct(directive) => {
                return Owed::Answer(match self.port.directives.hear(&directive) {
                    Ok(()) => Answer::Number(1),
                    Err(error) => Answer::error(format!("ERR {error}")),
                });
            }
            Deed::Publish(publication, told) => (*publication, told),
        };
        let answer = match told {
            Told::Heard => Answer::Number(1),
            Told::Id(asked) => {
                let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
                let now = u64::try_from(now).unwrap_or(u64::MAX);
                let mut ids = self.port.ids.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                match ids.next(&asked, now) {
                    Some(id) => Answer::Bulk(id.to_string().into_bytes()),
                    None => {
                        return Owed::Answer(Answer::error(
                            "ERR The ID specified in XADD is equal or smaller than the target stream top item",
                        ));
                    }
                }
            }
        };
        let (reply, cursor) = oneshot::channel();
        // A queue that is full makes the client wait; one that is gone shows when the answer is waited for.
        let _ = self.port.publications.send(embedded::Request { publication, reply }).await;
        Owed::Cursor(cursor, answer)
    }

    /// `HELLO [2|3 [AUTH user password] [SETNAME name]]`.
    fn hello(&mut self, words: &[&[u8]]) -> Answer {
        let version = match words.first() {
            None => self.resp3,
            Some(&b"2") => false,
            Some(&b"3") => true,
            Some(_) => return Answer::error("NOPROTO unsupported protocol version"),
        };
        let mut rest = words.get(1..).unwrap_or_default();
        loop {
            rest = match rest {
                [option, user, password, more @ ..] if option.eq_ignore_ascii_case(b"AUTH") => {
                    if let refused @ Answer::Error(_) = self.auth(&[user, password]) {
                        return refused;
                    }
                    more
                }
                [option, _, more @ ..] if option.eq_ignore_ascii_case(b"SETNAME") => more,
                [] => break,
                _ => return Answer::error("ERR syntax error in HELLO"),
            };
        }
        if !self.known {
            return Answer::error("NOAUTH HELLO must be called with the client already authenticated");
        }
        self.resp3 = version;
        Answer::Map(vec![
            ("server", Answer::Bulk(b"redis".to_vec())),
            ("version", Answer::Bulk(b"7.4.0".to_vec())),
            ("proto", Answer::Number(if version { 3 } else { 2 })),
            ("id", Answer::Number(1)),
            ("mode", Answer::Bulk(b"standalone".to_vec())),
            ("role", Answer::Bulk(b"master".to_vec())),
            ("modules", Answer::List(Vec::new())),
        ])
    }

    /// `AUTH [user] password`.
    fn auth(&mut self, words: &[&[u8]]) -> Answer {
        let (user, password) = match words {
            [password] => (&b"default"[..], *password),
            [user, password] => (*user, *password),
            _ => return wrong_number("AUTH"),
        };
        let expected = self.port.config.password.as_bytes();
        if user == b"default" && (expected.is_empty() || is_same(password, expected)) {
            self.known = true;
            return Answer::OK;
        }
        Answer::error("WRONGPASS invalid username-password pair or user is disabled.")
    }
}

/// Compares in a time that does not tell how much of it is right.
fn is_same(one: &[u8], other: &[u8]) -> bool {
    one.len() == other.len() && one.iter().zip(other).fold(0, |different, (a, b)| different | (a ^ b)) == 0
}

/// The answer, once it is there; `None` if the broker is gone.
async fn settle(owed: Owed) -> Option<Answer> {
    match owed {
        Owed::Answer(answer) => Some(answer),
        Owed::Cursor(cursor, answer) => cursor.await.ok().map(|_| answer),
        Owed::All(all) => {
            let mut answers = Vec::with_capacity(all.len());
            for owed in all {
                answers.push(match owed {
                    Owed::Answer(answer) => answer,
                    Owed::Cursor(cursor, answer) => cursor.await.ok().map(|_| answer)?,
                    // Transactions do not hold others.
                    Owed::All(_) => continue,
                });
            }
            Some(Answer::List(answers))
        }
    }
}
