//! A page that polls, and whose polls wait for something new or come at intervals.

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use super::{
    Heard, Outcome, Target, Wire, refusal,
    response::{Head, Part, Response},
};
use crate::crowd::backoff::jittered;

/// How long a poll waits that waits for something new.
const WAIT: Duration = Duration::from_secs(5);
/// The mean time between a whole answer and the next poll at intervals, without leisure.
pub(super) const INTERVAL: Duration = Duration::from_millis(500);
/// The mean time between an answer and the next poll that waits: often there is nothing new by then.
const BREATH: Duration = Duration::from_millis(50);

/// How it polls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Manner {
    Waits,
    /// At intervals of about this.
    Every(Duration),
}

/// The polls of one page, one after the other.
pub(super) struct Poll {
    manner: Manner,
    /// Goes into `If-None-Match`.
    tag: Option<String>,
    response: Response,
    head: Head,
    body: Vec<u8>,
}

#[derive(Deserialize)]
struct Answer {
    cursor: String,
    gap: Option<Gap>,
    more: bool,
    complete: bool,
    publications: Vec<Envelope>,
}

#[derive(Deserialize)]
struct Gap {
    reason: String,
}

#[derive(Deserialize)]
struct Envelope {
    channel: String,
    data: Value,
}

impl Poll {
    /// The first of them is about to be asked.
    pub(super) fn new(manner: Manner) -> Self {
        Self { manner, tag: None, response: Response::default(), head: Head::default(), body: Vec::new() }
    }

    /// An answer is whole.
    fn conclude(&mut self, heard: &mut dyn FnMut(Heard<'_>)) -> Outcome {
        let (head, body) = (std::mem::take(&mut self.head), std::mem::take(&mut self.body));
        let kept = !head.field("connection").eq_ignore_ascii_case("close");
        let pause = match head.status {
            200 => self.take_answer(&head, &body, heard),
            304 => self.take_nothing(&head, heard),
            _ => return refusal::outcome(&head, heard),
        };
        pause.map_or_else(Outcome::Failed, |pause| Outcome::Answered { pause, kept })
    }

    fn take_answer(
        &mut self,
        head: &Head,
        body: &[u8],
        heard: &mut dyn FnMut(Heard<'_>),
    ) -> Result<Duration, String> {
        let answer: Answer = serde_json::from_slice(body).map_err(|error| format!("an answer: {error}"))?;
        let tag = head.field("etag");
        if !tag.is_empty() && (answer.more || !answer.complete) {
            return Err("a tag on an answer that is not the last, or not complete".to_owned());
        }
        if head.field("fanfare-cursor") != answer.cursor {
            return Err("two cursors in one answer".to_owned());
        }
        self.tag = (!tag.is_empty()).then(|| tag.to_owned());
        heard(Heard::Open);
        // It stands before what comes after it.
        if let Some(gap) = &answer.gap {
            heard(Heard::Gap(&gap.reason));
        }
        for Envelope { channel, data } in &answer.publications {
            match data.as_str() {
                Some(data) => heard(Heard::Publication { channel: Some(channel), data }),
                None => heard(Heard::Foreign),
            }
        }
        heard(Heard::Cursor(&answer.cursor));
        Ok(if answer.more { Duration::ZERO } else { self.pause() })
    }

    /// Nothing new: the cursor alone may have moved.
    fn take_nothing(&mut self, head: &Head, heard: &mut dyn FnMut(Heard<'_>)) -> Result<Duration, String> {
        if self.tag.is_none() {
            return Err("304 without If-None-Match".to_owned());
        }
        let cursor = head.field("fanfare-cursor");
        if cursor.is_empty() {
            return Err("304 without a cursor".to_owned());
        }
        heard(Heard::Open);
        heard(Heard::Cursor(cursor));
        Ok(self.pause())
    }

    fn pause(&self) -> Duration {
        jittered(match self.manner {
            Manner::Waits => BREATH,
            Manner::Every(interval) => interval,
        })
    }
}

impl Wire for Poll {
    fn request(&self, target: &Target<'_>, cursor: &str) -> String {
        let wait = match self.manner {
            Manner::Waits => format!("&wait={}", WAIT.as_secs()),
            Manner::Every(_) => String::new(),
        };
        let get = target.get(cursor, &format!("&transport=poll{wait}"));
        let tag = self.tag.as_ref().map_or(String::new(), |tag| format!("If-None-Match: {tag}\r\n"));
        format!("{get}Accept: application/json\r\n{tag}\r\n")
    }

    fn receive(&mut self, bytes: &[u8], heard: &mut dyn FnMut(Heard<'_>)) -> Outcome {
        self.response.feed(bytes);
        loop {
            match self.response.next() {
                Ok(None) => return Outcome::Goes,
                Err(_) => return Outcome::Failed("an answer that is no HTTP".to_owned()),
                Ok(Some(Part::Head(head))) => {
                    heard(Heard::Gateway(head.gateway()));
                    self.head = head;
                }
                Ok(Some(Part::Body(body))) => self.body.extend(body),
                Ok(Some(Part::End)) => {
                    self.response = Response::default();
                    return self.conclude(heard);
                }
            }
        }
    }

    fn hang_up(&mut self) {
        self.response = Response::default();
        self.body.clear();
    }

    fn silence(&self) -> Duration {
        match self.manner {
            Manner::Waits => WAIT,
            Manner::Every(_) => Duration::ZERO,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::tests::{ask, hear},
        *,
    };

    fn answer(headers: &str, body: &str) -> Vec<u8> {
        format!("HTTP/1.1 200 OK\r\n{headers}Content-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
    }

    const NEWS: &str = r#"{"cursor":"c","gap":{"reason":"overtaken","after":null},"more":false,"complete":true,
        "publications":[{"id":"c","channel":"chaos-00","data":"x"}]}"#;

    #[test]
    fn an_answer_is_a_gap_and_then_what_comes_after_it() {
        let mut poll = Poll::new(Manner::Waits);
        let bytes = answer("chaos-gateway: a\r\nFanfare-Cursor: c\r\nETag: \"c\"\r\n", NEWS);
        for cut in 0..bytes.len() {
            let (words, outcome) = hear(&mut poll, &[&bytes[..cut], &bytes[cut..]]);
            let publication = "Publication { channel: Some(\"chaos-00\"), data: \"x\" }";
            let expected = ["Gateway(\"a\")", "Open", "Gap(\"overtaken\")", publication, "Cursor(\"c\")"];
            assert_eq!(words, expected, "cut at {cut}");
            assert!(matches!(outcome, Outcome::Answered { kept: true, .. }), "{outcome:?}");
        }
        let request = ask(&poll, "c");
        assert!(request.contains("&transport=poll&wait=5&since=c HTTP/1.1\r\n"), "{request}");
        assert!(request.contains("\r\nIf-None-Match: \"c\"\r\n"), "{request}");
        let (words, outcome) = hear(
            &mut poll,
            &[b"HTTP/1.1 304 Not Modified\r\nConnection: close\r\nFanfare-Cursor: d\r\n\r\n"],
        );
        assert_eq!(words, ["Gateway(\"\")", "Open", "Cursor(\"d\")"]);
        assert!(matches!(outcome, Outcome::Answered { kept: false, .. }), "{outcome:?}");
    }

    #[test]
    fn more_is_asked_for_at_once() {
        let body = r#"{"cursor":"c","gap":null,"more":true,"complete":true,"publications":[]}"#;
        let (_, outcome) =
            hear(&mut Poll::new(Manner::Every(INTERVAL)), &[&answer("Fanfare-Cursor: c\r\n", body)]);
        assert_eq!(outcome, Outcome::Answered { pause: Duration::ZERO, kept: true });
        let (_, outcome) = hear(
            &mut Poll::new(Manner::Every(INTERVAL)),
            &[&answer("Fanfare-Cursor: c\r\nETag: \"c\"\r\n", body)],
        );
        assert!(matches!(outcome, Outcome::Failed(_)), "{outcome:?}");
    }

    #[test]
    fn it_comes_back_when_it_is_told_to_and_only_then() {
        for (head, gives_up) in [
            ("HTTP/1.1 503 No\r\nRetry-After: 4\r\nContent-Length: 0\r\n\r\n", false),
            ("HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n", true),
            ("HTTP/1.1 502 No\r\nContent-Length: 0\r\n\r\n", false),
            ("HTTP/1.1 502 No\r\nchaos-gateway: a\r\nContent-Length: 0\r\n\r\n", true),
            ("HTTP/1.1 400 No\r\nContent-Length: 0\r\n\r\n", true),
            ("HTTP/1.1 304 Not Modified\r\nFanfare-Cursor: d\r\n\r\n", true),
        ] {
            let (words, outcome) = hear(&mut Poll::new(Manner::Waits), &[head.as_bytes()]);
            assert_eq!(matches!(outcome, Outcome::Failed(_)), gives_up, "{head}");
            assert_eq!(words.contains(&"Retry(4s)".to_owned()), head.contains("Retry-After"), "{head}");
        }
    }
}
