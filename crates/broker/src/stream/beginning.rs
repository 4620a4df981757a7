//! The stream is begun with: what it held before comes first.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use publication::{Arrival, EntryId, Publication};

use super::{Tail, ZERO, clock::Clock, entries::receive, ledger::Ledger, questions, survey::Survey};
use crate::{connection::Connection, link_error::LinkError, outlet::Outlet};

/// How much of the stream is read back at the start: as much as memory keeps.
#[derive(Clone, Copy, Debug)]
pub struct Warmth {
    /// Publications.
    pub count: usize,
    /// Their bytes.
    pub bytes: usize,
    /// Their age.
    pub age: Duration,
}

/// The newest part of the stream, the newest entry first.
type Part = Vec<(EntryId, Option<Arc<Publication>>)>;

impl<O: Outlet> Tail<O> {
    /// Begins, or begins anew with another stream: its newest part comes first. Nothing is handed on
    /// before all of it is here, so that a link which breaks meanwhile leaves all as it was.
    pub(super) async fn read_back(&mut self, connection: &mut Connection) -> Result<(), LinkError> {
        if self.has_begun() {
            tracing::error!(
                "the stream is another one than before, or has lost its end; sessions are told a gap"
            );
        }
        let began = Instant::now();
        let survey = Survey::take(connection, &self.key).await?;
        let part = self.newest_part(connection).await?;
        let last = survey.map_or(ZERO, |survey| survey.last);
        // Never "since the beginning", even if nothing is missing: ids from before may be of another stream.
        let after = part.last().map_or(last, |(oldest, _)| oldest.before());
        tracing::info!(entries = part.len(), %after, took = ?began.elapsed(), "read back the newest part of the stream");

        let ids = part.iter().rev().map(|(id, _)| *id);
        let ledger = Ledger::begin(after, ids, survey);
        let mut newest = after;
        self.batch.push(Arrival::Anew { epoch: self.epoch.begin(), after });
        for (id, publication) in part.into_iter().rev() {
            newest = id;
            self.batch.push(Arrival::Entry(id, publication));
            // In steps, as the receivers take it.
            if self.batch.len() >= questions::MAX_ENTRIES {
                self.flush().await;
            }
        }
        if newest < last {
            // The newest entries were deleted; cursors behind them are known all the same.
            self.batch.push(Arrival::Entry(last, None));
        }
        self.batch.push(Arrival::Warm);
        self.flush().await;
        self.ledger = Some(ledger);
        self.status.send_modify(|status| {
            status.begun.get_or_insert_with(Instant::now);
            status.complete = true;
        });
        Ok(())
    }

    /// Read from the newest entry back, so that what is trimmed meanwhile leaves no hole.
    async fn newest_part(&mut self, connection: &mut Connection) -> Result<Part, LinkError> {
        let clock = Clock::ask(connection).await?;
        let Self { questions, intake, warmth, max_value, key, .. } = self;
        let oldest_ms = clock.now_ms().saturating_sub(warmth.age.as_millis() as u64);
        let (mut part, mut bytes, mut is_full) = (Part::new(), 0, false);
        while !is_full {
            let end = part.last().map_or("+".to_owned(), |(id, _)| format!("({id}"));
            let (limit, mut count) = (questions.limit(), 0);
            connection.send(&["XREVRANGE", key, &end, "-", "COUNT", &limit.to_string()]).await?;
            let read = receive(connection, "XREVRANGE", Duration::ZERO, *max_value, |(id, fields)| {
                count += 1;
                is_full |= part.len() >= warmth.count || bytes > warmth.bytes || id.ms < oldest_ms;
                if !is_full {
                    let publication = intake.take_entry(fields, clock.age(id));
                    bytes += publication.as_ref().map_or(0, |publication| publication.bytes());
                    part.push((id, publication));
                }
            })
            .await?;
            questions.learn_size(count, read);
            is_full |= count < limit;
        }
        Ok(part)
    }
}
