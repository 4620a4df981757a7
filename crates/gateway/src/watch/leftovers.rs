//! What queries that are not there any more have left in what is shown: another query whose channels they are goes on with
//! it, and what is nobody's is retracted.

use broker::{Entry, Remembered, Term, TermEnd};
use publication::{Draft, Publication};
use watcher::Query;

/// Channels in one command.
const CHUNK: usize = 500;

/// Settles what was left before this term.
pub(super) async fn settle(term: &Term<'_>, queries: &[Query]) -> Result<(), TermEnd> {
    for name in term.queries().await? {
        if !queries.iter().any(|query| query.name == name) {
            settle_one(term, queries, &name).await?;
        }
    }
    Ok(())
}

async fn settle_one(term: &Term<'_>, queries: &[Query], name: &str) -> Result<(), TermEnd> {
    let mut left = term.shown(name).await?;
    for heir in queries {
        let (own, others): (Vec<_>, Vec<_>) =
            left.into_iter().partition(|left| heir.channel.fits(&left.channel));
        left = others;
        for own in own.chunks(CHUNK) {
            term.hand_over(name, &heir.name, own).await?;
        }
    }
    for channels in left.chunks(CHUNK) {
        if !retract(term, name, channels).await? {
            // For a term in which somebody listens.
            return Ok(());
        }
    }
    if !left.is_empty() {
        tracing::info!(
            query = name,
            channels = left.len(),
            "the query is gone, and what it showed is retracted"
        );
    }
    term.forget(name).await
}

async fn retract(term: &Term<'_>, name: &str, channels: &[Remembered]) -> Result<bool, TermEnd> {
    let retraction = |left: &Remembered| {
        let draft = Draft { channel: &left.channel, retraction: true, ..Draft::default() };
        // Where somebody else wrote what is no channel, there is nothing to retract.
        Publication::new(&draft, usize::MAX).ok()
    };
    let retractions: Vec<_> = channels.iter().filter_map(retraction).collect();
    let entries: Vec<_> =
        retractions.iter().map(|publication| Entry { publication, shown: String::new() }).collect();
    term.publish(name, &entries).await
}
