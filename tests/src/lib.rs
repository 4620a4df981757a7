//! What the black-box tests speak: gateways, Redis servers, proxies, browsers. All real, each on
//! free ports, ended when dropped.

pub mod gateway;
pub mod http;
pub mod listener;
pub mod process;
pub mod proxy;
pub mod redis;
pub mod wait;

pub use self::{
    gateway::Gateway,
    http::Answer,
    listener::{Event, Listener},
    proxy::Proxy,
    redis::Redis,
    wait::{PATIENCE, wait_for},
};
