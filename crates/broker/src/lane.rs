//! One connection that all who publish share, to whichever server is the primary now.
//!
//! It is opened as every other connection is, and then left to redis-rs, which sends the commands
//! of many at once. When it breaks, or its server turns out not to be the primary any more, or is given
//! up, the next who publishes opens another one, asking the Sentinels anew.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Instant,
};

use redis::{
    AsyncConnectionConfig, Cmd, ErrorKind, FromRedisValue, Pipeline, RedisError, ServerErrorKind,
    aio::MultiplexedConnection,
};
use tokio::{sync::Mutex, time::timeout};

use crate::{
    config::RedisConfig, connection::Connection, link_error::LinkError, publish_error::PublishError,
};

/// The shared connection.
pub(crate) struct Lane {
    config: RedisConfig,
    state: Mutex<State>,
    /// How many times what was open has been given up.
    given_up: AtomicU64,
    /// How many have been opened.
    opened: AtomicU64,
}

#[derive(Default)]
struct State {
    open: Option<Open>,
    /// When nobody could open one the last time, and why: it serves all who waited for that.
    failed: Option<(Instant, String)>,
}

#[derive(Clone)]
struct Open {
    connection: MultiplexedConnection,
    /// Nothing can be sent any more, or nothing should be.
    over: Arc<AtomicBool>,
    /// How many times others had been given up when it was begun.
    given_up: u64,
}

/// What is sent.
#[derive(Clone, Copy)]
enum Query<'a> {
    One(&'a Cmd),
    All(&'a Pipeline),
}

impl Lane {
    pub(crate) fn new(config: &RedisConfig) -> Self {
        Self {
            config: config.clone(),
            state: Mutex::default(),
            given_up: AtomicU64::new(0),
            opened: AtomicU64::new(0),
        }
    }

    /// How many connections there have been: one more than before means that what was asked of the last
    /// one may have been asked of another server.
    pub(crate) fn opened(&self) -> u64 {
        self.opened.load(Ordering::Relaxed)
    }

    /// Nothing more is sent over the connection there is, nor over one that is being opened.
    pub(crate) fn give_up(&self) {
        self.given_up.fetch_add(1, Ordering::Relaxed);
    }

    /// Sends a command and waits for its answer.
    pub(crate) async fn send<T: FromRedisValue>(&self, words: &[String]) -> Result<T, PublishError> {
        let mut command = Cmd::new();
        command.arg(words);
        self.query(Query::One(&command)).await
    }

    /// Sends several commands at once and waits for their answers.
    pub(crate) async fn send_all<T: FromRedisValue>(&self, commands: &Pipeline) -> Result<T, PublishError> {
        self.query(Query::All(commands)).await
    }

    async fn query<T: FromRedisValue>(&self, query: Query<'_>) -> Result<T, PublishError> {
        match self.try_to_query(query).await? {
            // Certainly not done, and a new connection may lead to the primary.
            Err(error) if is_demoted(&error) => Ok(self.try_to_query(query).await??),
            answer => Ok(answer?),
        }
    }

    async fn try_to_query<T: FromRedisValue>(
        &self,
        query: Query<'_>,
    ) -> Result<Result<T, RedisError>, PublishError> {
        let Open { mut connection, over, .. } = self.open().await?;
        let answer = match query {
            Query::One(command) => command.query_async(&mut connection).await,
            Query::All(commands) => commands.query_async(&mut connection).await,
        };
        if let Err(error) = &answer
            && (is_demoted(error) || error.is_timeout() || error.is_unrecoverable_error())
        {
            over.store(true, Ordering::Relaxed);
        }
        Ok(answer)
    }

    /// The connection there is, or a new one. One opens it for all.
    async fn open(&self) -> Result<Open, PublishError> {
        let came = Instant::now();
        let mut state = self.state.lock().await;
        if let Some(open) = state.open.as_ref().filter(|open| self.is_usable(open)) {
            return Ok(open.clone());
        }
        if let Some((_, error)) = state.failed.as_ref().filter(|(at, _)| *at >= came) {
            return Err(PublishError::new(error));
        }
        state.open = None;
        match self.connect().await {
            Ok(open) => {
                state.open = Some(open.clone());
                self.opened.fetch_add(1, Ordering::Relaxed);
                Ok(open)
            }
            Err(error) => {
                let error = error.to_string();
                state.failed = Some((Instant::now(), error.clone()));
                Err(PublishError::new(error))
            }
        }
    }

    fn is_usable(&self, open: &Open) -> bool {
        !open.over.load(Ordering::Relaxed) && open.given_up == self.given_up.load(Ordering::Relaxed)
    }

    async fn connect(&self) -> Result<Open, PublishError> {
        let refused = |error: LinkError| PublishError::new(error);
        let given_up = self.given_up.load(Ordering::Relaxed);
        let socket = Connection::open(&self.config).await.map_err(refused)?.into_socket();
        let settings = AsyncConnectionConfig::new().set_response_timeout(Some(self.config.timeout));
        let set_up =
            MultiplexedConnection::new_with_config(self.config.info().redis_settings(), socket, settings);
        let (connection, driver) = timeout(self.config.timeout, set_up)
            .await
            .map_err(|_| refused(LinkError::Timeout("answer")))??;
        let over = Arc::new(AtomicBool::new(false));
        let ended = Arc::clone(&over);
        tokio::spawn(async move {
            driver.await;
            ended.store(true, Ordering::Relaxed);
        });
        Ok(Open { connection, over, given_up })
    }
}

/// The server says that it takes nothing, because it is no primary, or not yet again.
fn is_demoted(error: &RedisError) -> bool {
    matches!(
        error.kind(),
        ErrorKind::Server(
            ServerErrorKind::ReadOnly | ServerErrorKind::MasterDown | ServerErrorKind::BusyLoading
        )
    )
}
