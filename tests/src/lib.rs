//! What the black-box tests speak: gateways, Redis servers, proxies, browsers. All real, each on
//! free ports, ended when dropped.

pub mod chromium;
pub mod gateway;
pub mod http;
pub mod listener;
pub mod manager;
pub mod nginx;
pub mod process;
pub mod proxy;
pub mod redis;
pub mod report;
pub mod stall;
pub mod wait;

pub use self::{
    chromium::Chromium,
    gateway::Gateway,
    http::Answer,
    listener::{Event, Listener},
    manager::Manager,
    nginx::Nginx,
    proxy::Proxy,
    redis::Redis,
    report::Reporter,
    stall::Stall,
    wait::{PATIENCE, wait_for, wait_some},
};
