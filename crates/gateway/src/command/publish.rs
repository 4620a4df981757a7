//! `fanfare publish`.

use std::{io::Read, process::ExitCode};

use broker::{Kind, Publisher, RedisConfig};
use form_urlencoded::Serializer;
use hyper::{Method, StatusCode};
use publication::{Draft, Publication, Published};

use crate::{
    cli::{PublishOptions, fail},
    client::{self, Server},
    command,
    config::Settings,
    rules::Rules,
};

/// Publishes once and says what became of it.
pub(crate) fn run(options: &PublishOptions) -> ExitCode {
    let (_, settings) = match command::settings(&options.config) {
        Ok(read) => read,
        Err(code) => return code,
    };
    let data = match read_data(options) {
        Ok(data) => data,
        Err(error) => return fail(error),
    };
    command::run_local(async {
        let published = match (&options.to, &settings.broker) {
            (Some(url), _) => to_gateway(url, options, data).await,
            (None, Kind::RedisPubSub(config)) => {
                to_redis(config, &Publisher::redis(config), &settings, options, &data).await
            }
            (None, Kind::RedisStream(config, ..)) => {
                to_redis(config, &Publisher::stream(config), &settings, options, &data).await
            }
            (None, Kind::Embedded) => to_gateway(&format!("http://{}", settings.public), options, data).await,
        };
        match published {
            Ok(line) => {
                println!("{line}");
                ExitCode::SUCCESS
            }
            Err(error) => fail(error),
        }
    })
}

fn read_data(options: &PublishOptions) -> Result<String, String> {
    match options.data.as_deref() {
        Some(data) if data != "-" => Ok(data.to_owned()),
        None if options.retract => Ok(String::new()),
        _ => {
            let mut data = String::new();
            let read = std::io::stdin().read_to_string(&mut data);
            read.map_err(|error| format!("standard input cannot be read: {error}"))?;
            Ok(data)
        }
    }
}

async fn to_gateway(url: &str, options: &PublishOptions, data: String) -> Result<String, String> {
    let gateway = Server::parse(url)?;
    let mut query = Serializer::new(String::new());
    query.append_pair("channel", &options.channel);
    if let Some(event) = &options.event {
        query.append_pair("event", event);
    }
    if let Some(ttl) = options.ttl {
        query.append_pair("ttl", &ttl.to_string());
    }
    let headers: Vec<_> = options.bearer.header().into_iter().collect();
    let method = if options.retract { Method::DELETE } else { Method::POST };
    let answer = gateway.send(method, &query.finish(), &headers, data.into()).await?;
    let status = answer.status();
    let body = client::text(answer).await?;
    match status {
        StatusCode::OK | StatusCode::ACCEPTED => Ok(body),
        _ => Err(client::error_message(&body)),
    }
}

async fn to_redis(
    config: &RedisConfig,
    publisher: &Publisher,
    settings: &Settings,
    options: &PublishOptions,
    data: &str,
) -> Result<String, String> {
    let draft = Draft {
        channel: &options.channel,
        event: options.event.as_deref(),
        data,
        retraction: options.retract,
        ttl: options.ttl,
        ..Draft::default()
    };
    let rules = Rules::new(settings.edge.access.clone()).for_broker(settings.edge.max_data_bytes);
    let publication: Publication = rules.check(draft).map_err(|error| error.to_string())?;
    match publisher.publish(publication).await {
        Ok(Published::Subscribers(0)) => {
            Err(format!("Redis at {} took it, but no gateway listens there", config.address()))
        }
        Ok(Published::Subscribers(count)) => Ok(format!(r#"{{"subscribers":{count}}}"#)),
        Ok(Published::At(cursor)) => Ok(format!(r#"{{"id":"{cursor}"}}"#)),
        Err(error) => Err(error.to_string()),
    }
}
