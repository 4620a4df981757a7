//! What the black-box tests speak: gateways, Redis servers, proxies, browsers. All real, each on
//! free ports, ended when dropped.

pub mod certificates;
pub mod chromium;
pub mod gateway;
pub mod http;
pub mod listener;
pub mod nginx;
pub mod process;
pub mod proxy;
pub mod redis;
pub mod report;
pub mod sentinel;
pub mod wait;

pub use self::{
    certificates::{Authority, Signed},
    chromium::Chromium,
    gateway::Gateway,
    http::Answer,
    listener::{Event, Listener},
    nginx::Nginx,
    proxy::Proxy,
    redis::Redis,
    report::Reporter,
    sentinel::Watched,
    wait::{PATIENCE, wait_for},
};
