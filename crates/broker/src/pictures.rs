//! Pictures of what gateways know, on their way through Redis from one that runs to one that starts.
//!
//! A picture lies in Redis for a minute, in pieces, so that it never passes through the subscriptions
//! of those whom it does not concern.

use std::sync::Arc;

use publication::{BeaconId, Cursor, Draft, Known, Publication, Sender, Snapshot};
use redis::FromRedisValue;
use serde::{Deserialize, Serialize};
use tokio::{sync::mpsc, time::sleep};

use crate::{
    backoff::Backoff, config::RedisConfig, control::Control, lane::Lane, publish_error::PublishError,
};

/// The length of a piece.
const PIECE_BYTES: usize = 512 * 1024;
/// How long a picture is kept, in seconds.
const KEEP_SECONDS: &str = "60";

/// Pictures that others may wait for.
const MAX_WANTED: usize = 4;

/// Stores and fetches pictures; cloning shares the connection.
#[derive(Clone)]
pub struct Pictures {
    prefix: String,
    lane: Arc<Lane>,
    wanted: mpsc::Sender<u64>,
}

impl Pictures {
    /// The handle, and the names under which others want pictures of what this gateway knows.
    pub(crate) fn new(config: &RedisConfig) -> (Self, mpsc::Receiver<u64>) {
        let (wanted, asked) = mpsc::channel(MAX_WANTED);
        (Self { prefix: config.prefix().to_owned(), lane: Arc::new(Lane::new(config)), wanted }, asked)
    }

    /// Another gateway wants a picture. If too many do at once, those who get no answer ask another.
    pub(crate) fn want(&self, token: u64) {
        let _ = self.wanted.try_send(token);
    }

    /// Stores a picture under the name that was asked for, and says so.
    ///
    /// # Errors
    /// Redis does not take it.
    pub async fn store(&self, token: u64, snapshot: &Snapshot) -> Result<(), PublishError> {
        let text = encode(snapshot);
        let (mut rest, mut number) = (text.as_str(), 0);
        while !rest.is_empty() {
            let (piece, behind) = rest.split_at(rest.floor_char_boundary(PIECE_BYTES));
            self.send::<String>(&["SET", &self.key(token, number), piece, "EX", KEEP_SECONDS]).await?;
            (rest, number) = (behind, number + 1);
        }
        self.say(Control::Stored { token }).await
    }

    /// Says that there is nothing yet to make a picture of.
    ///
    /// # Errors
    /// Redis does not take it.
    pub async fn decline(&self, token: u64) -> Result<(), PublishError> {
        self.say(Control::Nothing { token }).await
    }

    /// Fetches a picture, and removes it; `None` if it is not there or cannot be read.
    ///
    /// # Errors
    /// Redis does not answer.
    pub(crate) async fn fetch(&self, token: u64) -> Result<Option<Snapshot>, PublishError> {
        let (mut text, mut number) = (Vec::new(), 0);
        while let Some(piece) = self.send::<Option<Vec<u8>>>(&["GETDEL", &self.key(token, number)]).await? {
            text.extend_from_slice(&piece);
            number += 1;
        }
        Ok(decode(&text))
    }

    /// Writes down that what was published may be missing here, for those who know what should be shown: they publish
    /// it again. Tries until Redis takes it.
    pub(crate) async fn note_loss(self) {
        let (key, mut backoff) = (lost_key(&self.prefix), Backoff::default());
        loop {
            let loss = format!("{:016x}", rand::random::<u64>());
            match self.send::<String>(&["SET", &key, &loss]).await {
                Ok(_) => return,
                Err(error) => tracing::debug!(%error, "a loss cannot be written down yet"),
            }
            sleep(backoff.next()).await;
        }
    }

    async fn say(&self, control: Control) -> Result<(), PublishError> {
        let channel = format!("{}@control", self.prefix);
        self.send::<u64>(&["PUBLISH", &channel, &control.encode()]).await?;
        Ok(())
    }

    async fn send<T: FromRedisValue>(&self, words: &[&str]) -> Result<T, PublishError> {
        let words: Vec<_> = words.iter().map(|&word| word.to_owned()).collect();
        self.lane.send(&words).await
    }

    fn key(&self, token: u64, piece: usize) -> String {
        format!("{}@picture:{token:016x}:{piece}", self.prefix)
    }
}

/// The key that has another value after each loss.
pub(crate) fn lost_key(prefix: &str) -> String {
    format!("{prefix}@lost")
}

/// The picture as it is written: JSON, with cursors as their texts.
#[derive(Serialize, Deserialize)]
struct Picture {
    version: u32,
    place: u64,
    beacon: (u64, u32),
    beacon_place: u64,
    senders: Vec<WrittenSender>,
    publications: Vec<Written>,
    history: usize,
    breaks: Vec<(u64, Option<String>, String)>,
    lost: Vec<(String, u64)>,
    forgotten: u64,
}

/// A gateway, its first counter, and where its beacons stand with how much comes after each.
type WrittenSender = (u64, u32, Vec<(u64, u32)>);

#[derive(Serialize, Deserialize)]
struct Written {
    place: u64,
    cursor: String,
    channels: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    event: Option<String>,
    data: String,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    json: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    retraction: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ttl: Option<u32>,
    /// For how many seconds it still is the latest value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    left: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    from: Option<String>,
}

const VERSION: u32 = 1;

fn encode(snapshot: &Snapshot) -> String {
    let beacon = snapshot.beacon.map_or((0, 0), |beacon| (beacon.gateway, beacon.counter));
    let picture = Picture {
        version: VERSION,
        place: snapshot.place,
        beacon,
        beacon_place: snapshot.beacon_place,
        senders: snapshot
            .senders
            .iter()
            .map(|sender| (sender.gateway, sender.first, sender.stretches.clone()))
            .collect(),
        publications: snapshot.publications.iter().map(write).collect(),
        history: snapshot.history,
        breaks: snapshot
            .breaks
            .iter()
            .map(|(place, after, cursor)| (*place, after.map(|after| after.to_string()), cursor.to_string()))
            .collect(),
        lost: snapshot.lost.clone(),
        forgotten: snapshot.forgotten,
    };
    // Numbers and strings: there is nothing that could fail.
    serde_json::to_string(&picture).unwrap_or_default()
}

fn write(known: &Known) -> Written {
    let publication = &known.publication;
    Written {
        place: known.place,
        cursor: known.cursor.to_string(),
        channels: publication.channels().map(str::to_owned).collect(),
        event: publication.event().map(str::to_owned),
        data: publication.data().to_owned(),
        json: publication.is_json(),
        retraction: publication.is_retraction(),
        ttl: publication.ttl(),
        left: publication.ttl_left(),
        from: publication.from().map(str::to_owned),
    }
}

/// Reads a picture; `None` if it is none of this version, or incomplete.
fn decode(text: &[u8]) -> Option<Snapshot> {
    let picture: Picture = serde_json::from_slice(text).ok()?;
    let (gateway, counter) = picture.beacon;
    let senders = picture
        .senders
        .into_iter()
        .map(|(gateway, first, stretches)| Sender { gateway, first, stretches })
        .collect();
    let publications = picture.publications.iter().map(read).collect::<Option<Vec<_>>>()?;
    let cursor = |text: &str| text.parse::<Cursor>().ok();
    let breaks = picture
        .breaks
        .iter()
        .map(|(place, after, at)| Some((*place, after.as_deref().and_then(cursor), cursor(at)?)))
        .collect::<Option<Vec<_>>>()?;
    let snapshot = Snapshot {
        place: picture.place,
        beacon: Some(BeaconId { gateway, counter }),
        beacon_place: picture.beacon_place,
        senders,
        publications,
        history: picture.history,
        breaks,
        lost: picture.lost,
        forgotten: picture.forgotten,
    };
    let ordered = snapshot.publications.is_sorted_by_key(|known| known.place);
    let sound = ordered && snapshot.history <= snapshot.publications.len();
    (picture.version == VERSION && sound && snapshot.beacon_place <= snapshot.place).then_some(snapshot)
}

fn read(written: &Written) -> Option<Known> {
    let channels: Vec<&str> = written.channels.iter().map(String::as_str).collect();
    let (channel, further) = channels.split_first()?;
    let Written { event, data, json, retraction, ttl, left, from, .. } = written;
    let (json, retraction, ttl) = (*json, *retraction, *ttl);
    // Whoever might be shown it in error is no session here: it was published before this gateway began.
    let except = None;
    let age = ttl.zip(*left).map_or(0, |(ttl, left)| ttl.saturating_sub(left));
    let (event, from) = (event.as_deref(), from.as_deref());
    let draft = Draft { channel, further, event, data, json, retraction, ttl, from, except };
    let publication = Arc::new(Publication::new(&draft, usize::MAX).ok()?.aged(age));
    Some(Known { place: written.place, cursor: written.cursor.parse().ok()?, publication })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn snapshot(data: &[String]) -> Snapshot {
        let beacon = BeaconId { gateway: u64::MAX, counter: 7 };
        let publications = data.iter().zip(11..).map(|(data, place)| {
            let ttl = (place % 2 == 0).then_some(600);
            let draft =
                Draft { channel: "a", further: &["b"], event: Some("x"), data, ttl, ..Draft::default() };
            let publication = Publication::new(&draft, usize::MAX).expect("valid");
            let publication = Arc::new(publication.aged(ttl.map_or(0, |_| place as u32)));
            Known { place, cursor: Cursor::Counted { beacon, number: place as u32 }, publication }
        });
        Snapshot {
            place: 100,
            beacon: Some(beacon),
            beacon_place: 90,
            senders: vec![Sender { gateway: 3, first: 1, stretches: vec![(1, 2), (3, u32::MAX)] }],
            publications: publications.collect(),
            history: data.len(),
            breaks: vec![(5, None, Cursor::Counted { beacon, number: 0 })],
            lost: vec![("a".to_owned(), 4)],
            forgotten: 2,
        }
    }

    proptest! {
        #[test]
        fn a_picture_is_read_back_as_it_was_written(data: Vec<String>) {
            let snapshot = snapshot(&data);
            let read = decode(encode(&snapshot).as_bytes()).expect("it is whole");
            prop_assert_eq!(format!("{read:?}"), format!("{snapshot:?}"));
        }

        #[test]
        fn whatever_lies_there_is_read_without_harm(bytes: Vec<u8>, cut in 0usize..500) {
            let _ = decode(&bytes);
            let whole = encode(&snapshot(&["x".to_owned()]));
            prop_assert!(decode(&whole.as_bytes()[..cut.min(whole.len() - 1)]).is_none());
        }
    }
}
