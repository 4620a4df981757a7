//! Publishes with the Redis client fred, a burst as one pipeline.

use std::net::SocketAddrV4;

use fred::prelude::*;

use super::{PREFIX, sleep_until};
use crate::Result;
use crate::clock;
use crate::plan::{Item, Plan};
use crate::stamp::channel_name;

/// Publishes the whole plan; returns when Redis has taken it.
pub(super) fn publish(redis: SocketAddrV4, plan: &Plan) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(publish_all(redis, plan))
}

async fn publish_all(redis: SocketAddrV4, plan: &Plan) -> Result<()> {
    let config = Config::from_url(&format!("redis://{redis}"))?;
    let client = Builder::from_config(config).build()?;
    client.init().await?;
    let mut due_nanos = clock::now_nanos();
    for burst in plan.bursts() {
        sleep_until(due_nanos);
        publish_burst(&client, burst).await?;
        due_nanos += plan.every.as_nanos() as u64;
    }
    client.quit().await?;
    Ok(())
}

async fn publish_burst(client: &Client, burst: &[Item]) -> Result<()> {
    let pipeline = client.pipeline();
    for item in burst {
        let channel = format!("{PREFIX}{}", channel_name(item.channel));
        let _: () = pipeline.publish(channel, &item.data()[..]).await?;
    }
    let _: i64 = pipeline.last().await?;
    Ok(())
}
