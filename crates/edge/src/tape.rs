//! The frames of one audience, joined: made once, written to all of its sessions.
//!
//! A tape consists of pages. Each covers a stretch of the order without holes, whatever it holds,
//! so that a session reads on from its place through one page after the other. Pages live as long
//! as somebody reads them.

mod page;

use std::{
    collections::{HashMap, VecDeque},
    time::Instant,
};

use hub::{AudienceKey, Hub, Place, Shown};

use self::page::{PAGE_BYTES, Page};
use crate::encoding::Encoding;

/// A page of latest values ends with the frame that reaches this many bytes. Each is looked up among
/// all values, so there should be few.
const LATEST_BYTES: usize = 1024 * 1024;
/// Pages kept for reuse.
const MAX_SPARE: usize = 64;

/// A part of the latest values of an audience's channels, in order, without ids.
struct Latest {
    page: Page,
    /// Its values were the latest at this place.
    at: Place,
}

/// What one audience reads.
#[derive(Default)]
struct Tape {
    pages: VecDeque<Page>,
    latest: Vec<Latest>,
    /// The latest publication of each channel, for those who lag.
    newest: Option<Page>,
}

/// The tapes of all audiences of a shard.
#[derive(Default)]
pub(crate) struct Tapes {
    by_audience: HashMap<AudienceKey, Tape>,
    spare: Vec<Page>,
}

impl Tapes {
    /// The page that a session of `audience` reads on from after `place`, up to `until` at most.
    pub(crate) fn page(&mut self, hub: &Hub, audience: AudienceKey, after: Place, until: Place) -> &Page {
        let pages = &mut self.by_audience.entry(audience).or_default().pages;
        let mut index = pages.partition_point(|page| page.upto <= after);
        if pages.get(index).is_none_or(|page| page.after > after) {
            // Nothing covers the place: go on with the page that ends there, or begin a new one.
            let until = pages.get(index).map_or(until, |next| next.after.min(until));
            let open = |page: &Page| page.upto == after && page.bytes.len() < PAGE_BYTES;
            match index.checked_sub(1).filter(|last| open(&pages[*last])) {
                Some(last) => index = last,
                None => {
                    let mut page = self.spare.pop().unwrap_or_default();
                    page.restart(after);
                    pages.insert(index, page);
                }
            }
            pages[index].extend(hub, audience, until);
        }
        let page = &mut pages[index];
        page.used = true;
        page
    }

    /// The latest publication of each of the audience's channels, with ids: for sessions that are to
    /// skip what has been superseded, each from its place on.
    pub(crate) fn newest(&mut self, hub: &Hub, audience: AudienceKey) -> &Page {
        let page = self.by_audience.entry(audience).or_default().newest.get_or_insert_default();
        page.used = true;
        let Some((selection, encoding)) = hub.audience(audience) else { return page };
        let newest = hub.newest(selection).map_or(Place::START, |entry| entry.place);
        if page.ends.last().is_none_or(|(last, _)| *last != newest) {
            page.restart(Place::START);
            for entry in hub.latest(selection) {
                page.push(&Shown::delivered(entry, selection), Encoding::from_number(encoding), true);
            }
        }
        page.upto = hub.place();
        page
    }

    /// Nobody of `audience` reads any more.
    pub(crate) fn release(&mut self, audience: AudienceKey) {
        let Some(tape) = self.by_audience.get_mut(&audience) else { return };
        let room = MAX_SPARE.saturating_sub(self.spare.len());
        self.spare.extend(tape.pages.drain(..).take(room));
        tape.newest = None;
        if tape.latest.is_empty() {
            self.by_audience.remove(&audience);
        }
    }

    /// The audience has ended, and its key will mean another.
    pub(crate) fn remove(&mut self, audience: AudienceKey) {
        self.by_audience.remove(&audience);
    }

    /// Drops what nobody has read since the last sweep.
    pub(crate) fn sweep(&mut self) {
        self.spare.clear();
        self.by_audience.retain(|_, tape| {
            tape.latest.clear();
            tape.newest.take_if(|page| !std::mem::take(&mut page.used));
            tape.pages.retain_mut(|page| std::mem::take(&mut page.used));
            !tape.pages.is_empty() || tape.newest.is_some()
        });
        if self.by_audience.capacity() > 1024 && self.by_audience.len() < self.by_audience.capacity() / 8 {
            self.by_audience.shrink_to_fit();
        }
    }

    /// The page of latest values that a session of `audience` reads on from after `after`, when what
    /// is newer than `upto` comes to it later.
    ///
    /// Pages that were made at different places join: a value that lies before `after` and still is
    /// the latest was one when the pages before were made.
    pub(crate) fn latest(
        &mut self,
        hub: &Hub,
        audience: AudienceKey,
        (after, upto): (Place, Place),
        now: Instant,
        keeps: impl Fn(&str) -> bool,
    ) -> &Page {
        let parts = &mut self.by_audience.entry(audience).or_default().latest;
        let index = parts.iter().position(|part| part.covers(after, upto)).unwrap_or_else(|| {
            // What is older than this reader serves nobody better than what is made now.
            parts.retain(|part| part.at >= upto);
            parts.push(Latest::new(hub, audience, after, now, keeps));
            parts.len() - 1
        });
        &parts[index].page
    }

    /// At which place the latest values that readers of `audience` begin with now were made, if any.
    pub(crate) fn latest_at(&self, audience: AudienceKey) -> Option<Place> {
        let parts = &self.by_audience.get(&audience)?.latest;
        parts.iter().find(|part| part.page.after == Place::START).map(|part| part.at)
    }
}

impl Latest {
    /// The latest values after a place, or as many of them as fill a page.
    fn new(
        hub: &Hub,
        audience: AudienceKey,
        after: Place,
        now: Instant,
        keeps: impl Fn(&str) -> bool,
    ) -> Self {
        let (mut page, at) = (Page::default(), hub.place());
        page.restart(after);
        if let Some((selection, encoding)) = hub.audience(audience) {
            let values = hub.values(selection, now, keeps);
            for value in values.iter().filter(|value| value.entry.place > after) {
                if page.bytes.len() >= LATEST_BYTES {
                    return Self { page, at };
                }
                page.push(value, Encoding::from_number(encoding), false);
            }
        }
        page.upto = at;
        Self { page, at }
    }

    /// Whether a reader that has all values up to `after` goes on with it, when it must not miss one
    /// up to `upto`.
    fn covers(&self, after: Place, upto: Place) -> bool {
        self.page.after <= after && after < self.page.upto && upto <= self.at
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::HashSet, sync::Arc, time::Duration};

    use hub::{Config, Selection};
    use proptest::prelude::*;
    use publication::{Arrival, BeaconId, Draft, Pattern, Publication};

    use super::*;
    use crate::sse::Form;

    const CHUNKED: Encoding =
        Encoding::Events(Form { envelope: false, chunked: true, named_by_channel: false });

    fn hub() -> Hub {
        let mut hub = Hub::new(Config {
            keep_count: 10_000,
            keep_bytes: usize::MAX,
            keep_for: Duration::MAX,
            keep_channels: 10,
            keep_cursors: Duration::MAX,
        });
        hub.append(&Arrival::Beacon(BeaconId { gateway: 1, counter: 0 }), std::time::Instant::now());
        hub
    }

    fn publish(hub: &mut Hub, channel: &str, bytes: usize) {
        let data = format!("{:?}{}", hub.place(), "x".repeat(bytes));
        let draft = Draft { channel, data: &data, ..Draft::default() };
        let publication = Publication::new(&draft, usize::MAX).expect("valid");
        hub.append(&Arrival::Publication(Arc::new(publication)), std::time::Instant::now());
    }

    /// A reader as a session is one: at its place, with the rest of a frame before anything else.
    struct Reader {
        place: Place,
        cut: Vec<u8>,
        got: Vec<u8>,
        frames: usize,
    }

    impl Reader {
        /// Writes up to `count` bytes, as a socket that takes no more.
        fn write(&mut self, tapes: &mut Tapes, hub: &Hub, audience: AudienceKey, count: usize) {
            if !self.cut.is_empty() {
                let count = count.min(self.cut.len());
                self.got.extend(self.cut.drain(..count));
                self.frames += usize::from(self.cut.is_empty());
                return;
            }
            let page = tapes.page(hub, audience, self.place, hub.place());
            let bytes = page.after(self.place);
            let count = count.min(bytes.len());
            let progress = page.progress(self.place, count);
            self.got.extend_from_slice(&bytes[..count]);
            self.place = progress.place;
            self.frames += progress.frames;
            self.cut = progress.cut.to_vec();
        }

        /// The same, of latest values.
        fn write_latest(
            &mut self,
            tapes: &mut Tapes,
            hub: &Hub,
            audience: AudienceKey,
            upto: Place,
            count: usize,
        ) {
            self.got.append(&mut self.cut);
            if self.place >= upto {
                return;
            }
            let page = tapes.latest(hub, audience, (self.place, upto), Instant::now(), |_| true);
            let bytes = page.between(self.place, upto);
            if bytes.is_empty() {
                self.place = page.upto();
                return;
            }
            let count = count.min(bytes.len());
            self.got.extend_from_slice(&bytes[..count]);
            let progress = page.progress(self.place, count);
            (self.place, self.cut) = (progress.place, progress.cut.to_vec());
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

        /// However publications, readers' places and the sizes of writes fall, every reader gets
        /// exactly the frames after its place, and their count.
        #[test]
        fn every_reader_gets_exactly_its_frames(
            steps in prop::collection::vec((0u8..10, 0usize..40_000, 0usize..3), 1..60),
        ) {
            let mut hub = hub();
            let mut tapes = Tapes::default();
            let selection = Selection::new([Pattern::parse("a").expect("valid")]);
            let now = std::time::Instant::now();
            let session = hub.enter(&selection, CHUNKED.number(), hub::Start::Live, now);
            let audience = hub.audience_of(session);
            let mut readers: Vec<(Place, Reader)> = Vec::new();
            for (kind, size, reader) in steps {
                match kind {
                    0..3 => publish(&mut hub, "a", size % 3000),
                    3 => publish(&mut hub, "other", 10),
                    4 => tapes.sweep(),
                    5 => {
                        let place = hub.place();
                        readers.push((place, Reader { place, cut: Vec::new(), got: Vec::new(), frames: 0 }));
                    }
                    _ => if let Some((_, reader)) = readers.get_mut(reader) {
                        reader.write(&mut tapes, &hub, audience, size);
                    }
                }
            }
            for (began, mut reader) in readers {
                while reader.place < hub.place() || !reader.cut.is_empty() {
                    reader.write(&mut tapes, &hub, audience, 1_000_000);
                }
                let entries = hub.read(&selection, began, hub.place(), usize::MAX);
                let mut expected = Vec::new();
                for entry in &entries {
                    let shown = Shown::delivered(entry, &selection);
                    CHUNKED.write_publication(&mut expected, &shown, true);
                }
                prop_assert_eq!(reader.frames, entries.len());
                prop_assert!(reader.got == expected, "{} bytes instead of {}", reader.got.len(), expected.len());
            }
        }

        /// However often values change, pages are dropped and writes break off: whoever reads latest
        /// values, one of each channel, and then what follows, gets whole frames in order, the newest
        /// of each channel among them.
        #[test]
        fn latest_values_and_what_follows_them_hold_the_newest_of_each_channel(
            steps in prop::collection::vec((0u8..10, 0usize..300_000, 0usize..3), 1..40),
        ) {
            let encoding = Encoding::Events(Form { envelope: false, chunked: false, named_by_channel: false });
            let (mut hub, mut tapes, now) = (hub(), Tapes::default(), Instant::now());
            let selection = Selection::new([Pattern::parse("c*").expect("valid")]);
            let session = hub.enter(&selection, encoding.number(), hub::Start::Live, now);
            let audience = hub.audience_of(session);
            let mut readers: Vec<(Place, Reader)> = Vec::new();
            for (kind, size, index) in steps {
                match kind {
                    0..4 => publish(&mut hub, &format!("c{}", size % 6), size),
                    4 => publish(&mut hub, "other", 10),
                    5 => tapes.sweep(),
                    6 => {
                        // As one that comes, or as one that was told a gap.
                        let shared = tapes.latest_at(audience).filter(|_| size % 2 == 0);
                        let upto = shared.unwrap_or(hub.place());
                        let (cut, got) = (Vec::new(), Vec::new());
                        readers.push((upto, Reader { place: Place::START, cut, got, frames: 0 }));
                    }
                    _ => if let Some((upto, reader)) = readers.get_mut(index) {
                        reader.write_latest(&mut tapes, &hub, audience, *upto, size);
                    }
                }
            }
            for (upto, mut reader) in readers {
                while reader.place < upto || !reader.cut.is_empty() {
                    reader.write_latest(&mut tapes, &hub, audience, upto, usize::MAX);
                }
                for entry in hub.read(&selection, upto, hub.place(), usize::MAX) {
                    encoding.write_publication(&mut reader.got, &Shown::delivered(entry, &selection), false);
                }
                let text = String::from_utf8(reader.got).expect("text");
                let mut rest = &text[..];
                let mut got = Vec::new();
                for entry in hub.read(&selection, Place::START, hub.place(), usize::MAX) {
                    let frame = format!("data: {}\n\n", entry.publication.data());
                    if let Some(behind) = rest.strip_prefix(&frame) {
                        rest = behind;
                        got.push((entry.place, entry.publication.channels().next()));
                    }
                }
                prop_assert!(rest.is_empty(), "{} bytes are no frame, or out of order", rest.len());
                let has = |place: Place| got.iter().any(|(other, _)| *other == place);
                prop_assert!(hub.latest(&selection).iter().all(|latest| has(latest.place)));
                let values = got.iter().filter(|(place, _)| *place <= upto).map(|(_, channel)| channel);
                prop_assert!(values.clone().collect::<HashSet<_>>().len() == values.count(), "one of each");
            }
        }
    }
}
