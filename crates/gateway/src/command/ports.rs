//! Whether the ports of the configuration are free, or a gateway listens there already.

use std::{io::ErrorKind, net::SocketAddr, net::TcpListener};

use broker::{Diagnosis, Verdict};

use crate::{client::Server, config::Settings};

/// Looks at both.
pub(crate) async fn look(settings: &Settings) -> Vec<Diagnosis> {
    let running = state(settings.admin).await;
    let ports = [("browsers", settings.public, "listen.public"), ("admin", settings.admin, "listen.admin")];
    let mut found: Vec<_> =
        ports.into_iter().map(|(what, address, key)| port(what, address, key, running.is_some())).collect();
    found.extend(running.map(|state| Diagnosis {
        verdict: Verdict::Fine,
        text: format!("a gateway is running here: {state}"),
        remedy: None,
    }));
    found
}

fn port(what: &str, address: SocketAddr, key: &str, running: bool) -> Diagnosis {
    let (verdict, state, remedy) = match TcpListener::bind(address) {
        Ok(_) => (Verdict::Fine, "is free".to_owned(), None),
        Err(error) if error.kind() == ErrorKind::AddrInUse && running => {
            (Verdict::Fine, "is in use".to_owned(), None)
        }
        Err(error) => {
            let remedy = format!("end what listens there, or set {key}");
            (Verdict::Problem, format!("cannot be listened on: {error}"), Some(remedy))
        }
    };
    Diagnosis { verdict, text: format!("the port for {what}, {address}, {state}"), remedy }
}

/// What a gateway on this admin port says of itself, on one line; `None` if there is none.
async fn state(admin: SocketAddr) -> Option<String> {
    let gateway = Server::parse(&format!("http://{admin}")).ok()?;
    let report = gateway.get("/readyz").await.ok()?;
    let lines: Vec<_> = report.lines().collect();
    report.contains("\nbroker: ").then(|| lines.join(", "))
}
