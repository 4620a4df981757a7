//! As `steady`, with the gateway on a Redis stream: what a delivery costs then.

use super::steady;
use crate::Result;
use crate::lab::Lab;
use crate::server::Contender;

pub(super) const NAME: &str = "stream-steady";

pub(super) fn run(lab: &mut Lab) -> Result<()> {
    steady::compare(lab, NAME, Contender::Stream, &[Contender::Fanfare])?;
    lab.report.note(
        "stream-steady: ours is published to by XADD, the floor by PUBLISH as always; fanfare among \
         the peers is the gateway on redis-pubsub",
    );
    Ok(())
}
