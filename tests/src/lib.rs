//! What the black-box tests speak: gateways, Redis servers, proxies, browsers. All real, each on
//! free ports, ended when dropped.

pub mod caddy;
pub mod certificates;
pub mod chromium;
pub mod dead_end;
pub mod gateway;
pub mod haproxy;
pub mod http;
pub mod kept;
pub mod listener;
pub mod manager;
pub mod nginx;
pub mod operator;
pub mod port;
pub mod postgres;
pub mod process;
pub mod prometheus;
pub mod proxy;
pub mod redis;
pub mod report;
pub mod sentinel;
pub mod site;
pub mod sqlite;
pub mod stall;
pub mod table;
pub mod tap;
pub mod tokens;
pub mod upstream;
pub mod wait;
pub mod watcher;
pub mod websocket;

pub use self::{
    caddy::Caddy,
    certificates::{Authority, Signed},
    chromium::Chromium,
    dead_end::DeadEnd,
    gateway::Gateway,
    haproxy::Haproxy,
    http::Answer,
    kept::Kept,
    listener::{Event, Listener},
    manager::Manager,
    nginx::Nginx,
    operator::Operator,
    postgres::Postgres,
    prometheus::Prometheus,
    proxy::Proxy,
    redis::Redis,
    report::Reporter,
    sentinel::Watched,
    site::Site,
    sqlite::Sqlite,
    stall::Stall,
    tokens::Issuer,
    upstream::Upstream,
    wait::{PATIENCE, wait_for, wait_some},
    watcher::Watcher,
    websocket::{Frame, WebSocket},
};
