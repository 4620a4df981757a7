//! Publishes with the Redis client fred, a burst as one pipeline.

use std::net::SocketAddrV4;

use fred::prelude::*;

use super::{PREFIX, STREAM, Way, sleep_until};
use crate::Result;
use crate::clock;
use crate::plan::{Item, Plan};
use crate::stamp::channel_name;

/// Publishes the whole plan; returns when Redis has taken it.
pub(super) fn publish(redis: SocketAddrV4, way: Way, plan: &Plan) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(publish_all(redis, way, plan))
}

async fn publish_all(redis: SocketAddrV4, way: Way, plan: &Plan) -> Result<()> {
    let config = Config::from_url(&format!("redis://{redis}"))?;
    let client = Builder::from_config(config).build()?;
    client.init().await?;
    let mut due_nanos = clock::now_nanos();
    for burst in plan.bursts() {
        sleep_until(due_nanos);
        publish_burst(&client, way, burst).await?;
        due_nanos += plan.every.as_nanos() as u64;
    }
    client.quit().await?;
    Ok(())
}

async fn publish_burst(client: &Client, way: Way, burst: &[Item]) -> Result<()> {
    let pipeline = client.pipeline();
    for item in burst {
        let (channel, data) = (channel_name(item.channel), item.data());
        match way {
            Way::Publish => {
                let _: () = pipeline.publish(format!("{PREFIX}{channel}"), &data[..]).await?;
            }
            Way::Add => {
                let fields = vec![("channel", Value::from(channel)), ("data", Value::from(&data[..]))];
                let _: () = pipeline.xadd(STREAM, false, None, "*", fields).await?;
            }
        }
    }
    let _: Value = pipeline.last().await?;
    Ok(())
}
