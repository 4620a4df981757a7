//! What a client of another make (a page in a browser, a script in Node or Python) reports of its
//! event stream, and the words in which tests ask about it.

use serde_json::Value;

use crate::{listener::Event, proxy::Proxy, wait::wait_for};

/// One thing that a client has noticed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Report {
    /// Its connection is now `connecting`, `open` or `closed`.
    State(String),
    /// An event came. Its name is empty if the client took it for a plain message.
    Event(Event),
}

impl Report {
    /// Reads `{"state":"open"}` or `{"name":"","id":"1","data":"hello"}`.
    #[must_use]
    pub fn from_json(json: &Value) -> Option<Self> {
        if let Some(state) = json["state"].as_str() {
            return Some(Self::State(state.to_owned()));
        }
        let text = |key: &str| json[key].as_str().filter(|text| !text.is_empty()).map(str::to_owned);
        let data = json["data"].as_str()?.to_owned();
        let name = text("name").unwrap_or_default();
        Some(Self::Event(Event { name, data, id: text("id"), retry: None }))
    }
}

/// A client that reports.
pub trait Reporter {
    /// Everything it has reported so far, in order.
    fn reports(&self) -> Vec<Report>;

    /// The states that its connection went through.
    fn states(&self) -> Vec<String> {
        let state = |report| if let Report::State(state) = report { Some(state) } else { None };
        self.reports().into_iter().filter_map(state).collect()
    }

    /// The events that came.
    fn events(&self) -> Vec<Event> {
        let event = |report| if let Report::Event(event) = report { Some(event) } else { None };
        self.reports().into_iter().filter_map(event).collect()
    }

    /// The events that were published, and are no control messages.
    fn publications(&self) -> Vec<Event> {
        self.events().into_iter().filter(|event| !event.name.starts_with("fanfare.")).collect()
    }

    /// The control messages of this name, such as `gap`.
    fn controls(&self, name: &str) -> Vec<Event> {
        self.events().into_iter().filter(|event| event.name == format!("fanfare.{name}")).collect()
    }

    /// Waits for the first control message of this name.
    ///
    /// # Panics
    /// It does not come.
    fn wait_for_control(&self, name: &str) -> Event {
        wait_for(&format!("fanfare.{name}"), || !self.controls(name).is_empty());
        self.controls(name).remove(0)
    }

    /// Waits until it has been in this state so many times.
    ///
    /// # Panics
    /// It does not get there.
    fn wait_for_state(&self, state: &str, times: usize) {
        wait_for(&format!("to be {state} {times} times"), || {
            self.states().iter().filter(|other| *other == state).count() >= times
        });
    }

    /// Cuts it off, and keeps it out until it has tried in vain to come back.
    fn cut_off(&self, proxy: &Proxy) {
        let before = self.states().iter().filter(|state| *state == "connecting").count();
        proxy.set_closed(true);
        proxy.cut();
        self.wait_for_state("connecting", before + 2);
    }

    /// Waits for as many publications as there are `data`. They are all that it ever got, in
    /// order, each exactly once and with an id of its own.
    ///
    /// # Panics
    /// They are not.
    fn expect_all<T: ToString>(&self, data: impl IntoIterator<Item = T>) {
        let expected: Vec<String> = data.into_iter().map(|data| data.to_string()).collect();
        wait_for(&format!("{} publications", expected.len()), || self.publications().len() >= expected.len());
        let publications = self.publications();
        let received: Vec<&String> = publications.iter().map(|event| &event.data).collect();
        assert_eq!(received, expected.iter().collect::<Vec<_>>());
        let mut ids: Vec<&String> = publications.iter().filter_map(|event| event.id.as_ref()).collect();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), expected.len(), "each has an id of its own: {publications:?}");
    }
}
