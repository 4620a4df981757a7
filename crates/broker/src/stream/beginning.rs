//! The stream is begun with: what it held before comes first.

use std::time::{Duration, Instant};

use publication::Arrival;

use super::{
    Tail, ZERO,
    entries::{data_bytes, receive},
    ledger::Ledger,
    warmth::{self, now_ms},
};
use crate::{connection::Connection, link_error::LinkError, outlet::Outlet};

impl<O: Outlet> Tail<O> {
    /// Begins, or begins anew with another stream: its newest part comes first.
    pub(super) async fn read_back(&mut self, connection: &mut Connection) -> Result<(), LinkError> {
        if self.ledger.is_some() {
            tracing::error!(
                "the stream is another one than before, or has lost its end; sessions are told a gap"
            );
        }
        let (began, now) = (Instant::now(), now_ms(connection).await);
        let (after, survey) = warmth::read_newest(connection, &self.key, self.warmth, self.max_value).await?;
        self.epoch.begin();
        let mut begun = false;
        let mut ledger = Ledger::new(after, survey);
        let newest = survey.map_or(ZERO, |survey| survey.last);
        let mut position = after;
        loop {
            // From the oldest to the newest, in order and in steps, as the receivers take it.
            let (mut count, mut bytes, limit) = (0, 0, self.questions.limit());
            let range = [&*format!("({position}"), &*newest.to_string()];
            let words = ["XRANGE", &self.key, range[0], range[1], "COUNT", &limit.to_string()];
            connection.send(&words).await?;
            let Self { intake, batch, max_value, .. } = self;
            receive(connection, "XRANGE", Duration::ZERO, *max_value, |(id, fields)| {
                if !std::mem::replace(&mut begun, true) {
                    // What stood before it may have been trimmed meanwhile.
                    batch.push(Arrival::Anew(id.before()));
                }
                // Rounded up: a value may go a second early, but never comes back.
                let age = now.saturating_sub(id.ms).div_ceil(1_000);
                let age = u32::try_from(age).unwrap_or(u32::MAX);
                batch.push(Arrival::Entry(id, intake.take_entry(fields, age)));
                ledger.read(id);
                bytes += data_bytes(fields);
                (position, count) = (id, count + 1);
            })
            .await?;
            self.questions.learn_size(count, bytes);
            if !self.flush().await || count < limit {
                break;
            }
        }
        if !begun {
            self.batch.push(Arrival::Anew(after));
        }
        if position < newest {
            // The newest entries were deleted; cursors behind them are known all the same.
            self.batch.push(Arrival::Entry(newest, None));
        }
        self.batch.push(Arrival::Warm);
        self.flush().await;
        self.ledger = Some(ledger);
        tracing::info!(from = %after, to = %position, took = ?began.elapsed(), "read back the newest part of the stream");
        self.status.send_modify(|status| {
            status.begun.get_or_insert_with(Instant::now);
            status.complete = true;
        });
        Ok(())
    }
}
