//! A page with an EventSource, that comes back by the standard's rules.

use serde_json::Value;

use super::{
    Heard, Outcome, Target, Wire,
    event_source::{Event, EventSource},
    response::{Head, Part, Response},
};

/// An EventSource and its connection.
pub(super) struct Sse {
    /// What its URL says; its own last id wins over it.
    since: String,
    source: EventSource,
    response: Response,
}

impl Sse {
    /// One that a page has made with this cursor in its URL.
    pub(super) fn since(cursor: &str) -> Self {
        Self { since: cursor.to_owned(), source: EventSource::new(), response: Response::default() }
    }
}

impl Wire for Sse {
    fn request(&self, target: &Target<'_>, _: &str) -> String {
        let get = target.get(&self.since, "");
        let id = match &*self.source.last_id {
            "" => String::new(),
            id => format!("Last-Event-ID: {id}\r\n"),
        };
        format!("{get}Accept: text/event-stream\r\nCache-Control: no-cache\r\n{id}\r\n")
    }

    fn receive(&mut self, bytes: &[u8], heard: &mut dyn FnMut(Heard<'_>)) -> Outcome {
        self.response.feed(bytes);
        loop {
            match self.response.next() {
                Ok(None) => return Outcome::Goes,
                Ok(Some(Part::End)) | Err(_) => return Outcome::Ended,
                Ok(Some(Part::Head(head))) => {
                    if let Some(obstacle) = obstacle(&head) {
                        return Outcome::Failed(obstacle);
                    }
                    heard(Heard::Gateway(head.gateway()));
                }
                Ok(Some(Part::Body(body))) => {
                    self.source.feed(&body, |event| say(&event, heard));
                    if let Some(retry) = self.source.retry.take() {
                        heard(Heard::Retry(retry));
                    }
                    if !self.source.last_id.is_empty() {
                        heard(Heard::Cursor(&self.source.last_id));
                    }
                }
            }
        }
    }

    fn hang_up(&mut self) {
        self.response = Response::default();
        self.source.forget_partial();
    }
}

/// Why an EventSource stops for good at this head, if it does.
fn obstacle(head: &Head) -> Option<String> {
    let content_type = head.field("content-type");
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    match head.status {
        200 if media_type.eq_ignore_ascii_case("text/event-stream") => None,
        200 => Some(format!("200 with {media_type:?}")),
        status => Some(status.to_string()),
    }
}

fn say(event: &Event, heard: &mut dyn FnMut(Heard<'_>)) {
    match &*event.name {
        "" => heard(Heard::Publication { channel: None, data: &event.data }),
        "fanfare.open" => heard(Heard::Open),
        "fanfare.gap" => {
            let data: Value = serde_json::from_str(&event.data).unwrap_or_default();
            heard(Heard::Gap(data["reason"].as_str().unwrap_or("?")));
        }
        // A bye is followed by the end of the connection, a cursor carries nothing but its id.
        "fanfare.bye" | "fanfare.cursor" => {}
        _ => heard(Heard::Foreign),
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::tests::{ask, hear},
        *,
    };

    #[test]
    fn any_status_but_200_and_any_other_type_is_the_end() {
        for (head, death) in [
            ("HTTP/1.1 503 No\r\nContent-Type: text/event-stream\r\n\r\n", "503"),
            ("HTTP/1.1 204 No\r\n\r\n", "204"),
            ("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n", "200 with \"text/html\""),
        ] {
            let (_, outcome) = hear(&mut Sse::since(""), &[head.as_bytes()]);
            assert_eq!(outcome, Outcome::Failed(death.to_owned()));
        }
    }

    #[test]
    fn it_comes_back_with_its_last_id() {
        let mut sse = Sse::since("old");
        let head =
            "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nContent-Length: 47\r\n\r\n";
        let body = "event: fanfare.open\nretry: 900\nid: a\ndata: {}\n\n";
        let (words, outcome) = hear(&mut sse, &[head.as_bytes(), &body.as_bytes()[..body.len() - 1], b"\n"]);
        assert_eq!(words, ["Gateway(\"\")", "Retry(900ms)", "Open", "Cursor(\"a\")"]);
        assert_eq!(outcome, Outcome::Ended);
        sse.hang_up();
        let request = ask(&sse, "ignored");
        assert!(request.contains("&since=old HTTP/1.1\r\n"), "{request}");
        assert!(request.contains("\r\nLast-Event-ID: a\r\n"), "{request}");
    }

    #[test]
    fn a_gap_says_why_and_who_told_it() {
        let text = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nchaos-gateway: b\r\n\r\n\
                    event: fanfare.gap\nid: z\ndata: {\"reason\":\"trimmed\",\"after\":null}\n\n";
        let (words, _) = hear(&mut Sse::since(""), &[text.as_bytes()]);
        assert_eq!(words, ["Gateway(\"b\")", "Gap(\"trimmed\")", "Cursor(\"z\")"]);
    }
}
