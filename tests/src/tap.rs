//! A proxy that sees what clients ask, and decides what becomes of it.

use std::{
    io::{Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::Arc,
    thread,
    time::Duration,
};

use crate::redis::Redis;

/// What becomes of what a client sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It passes.
    Pass,
    /// It passes so much later.
    Late(Duration),
    /// The connection ends instead.
    Cut,
}

/// Starts one before a Redis; returns where it listens. `judge` is asked for all that clients send, as
/// it comes.
///
/// # Panics
/// There is no free port.
pub fn tap(redis: &Redis, judge: impl Fn(&str) -> Fate + Send + Sync + 'static) -> SocketAddr {
    let target: SocketAddr = ([127, 0, 0, 1], redis.port()).into();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    let judge = Arc::new(judge);
    thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            let judge = Arc::clone(&judge);
            // Whoever is cut off has noticed by the end of the connection.
            thread::spawn(move || pass(client, target, &*judge));
        }
    });
    address
}

fn pass(mut client: TcpStream, target: SocketAddr, judge: &dyn Fn(&str) -> Fate) -> std::io::Result<()> {
    let mut server = TcpStream::connect(target)?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (mut answers, mut asker) = (server.try_clone()?, client.try_clone()?);
    let back = thread::spawn(move || {
        let copied = std::io::copy(&mut answers, &mut asker);
        let ended = asker.shutdown(Shutdown::Both);
        copied.and(ended)
    });
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(count @ 1..) = client.read(&mut buffer) {
        match judge(&String::from_utf8_lossy(&buffer[..count])) {
            Fate::Pass => {}
            Fate::Late(time) => thread::sleep(time),
            Fate::Cut => break,
        }
        server.write_all(&buffer[..count])?;
    }
    server.shutdown(Shutdown::Both)?;
    client.shutdown(Shutdown::Both)?;
    drop(back.join());
    Ok(())
}
