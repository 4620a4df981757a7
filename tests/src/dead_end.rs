//! A gateway that takes requests and dies of each.

use std::{
    io::Read,
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

use crate::upstream::Upstream;

/// Reads the head of every request and hangs up.
pub struct DeadEnd {
    address: SocketAddr,
    heads: Arc<Mutex<Vec<String>>>,
}

impl DeadEnd {
    /// Starts one.
    ///
    /// # Panics
    /// There is no free port.
    #[must_use]
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let heads = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&heads);
        thread::spawn(move || {
            for mut stream in listener.incoming().map_while(Result::ok) {
                if let Some(head) = read_head(&mut stream) {
                    noted.lock().expect("nothing panics while it holds this").push(head);
                }
            }
        });
        Self { address, heads }
    }

    /// Where it is.
    #[must_use]
    pub fn upstream(&self) -> Upstream {
        Upstream { public: self.address, admin: Upstream::vacant().admin }
    }

    /// How many requests of this method came.
    ///
    /// # Panics
    /// Never: the lock is not held over anything that panics.
    #[must_use]
    pub fn count(&self, method: &str) -> usize {
        let heads = self.heads.lock().expect("nothing panics while it holds this");
        heads.iter().filter(|head| head.starts_with(&format!("{method} "))).count()
    }
}

fn read_head(stream: &mut TcpStream) -> Option<String> {
    let (mut bytes, mut buffer) = (Vec::new(), [0; 4096]);
    while !bytes.windows(4).any(|window| window == b"\r\n\r\n") {
        match stream.read(&mut buffer) {
            Ok(0) | Err(_) => return None,
            Ok(count) => bytes.extend_from_slice(&buffer[..count]),
        }
    }
    Some(String::from_utf8_lossy(&bytes).into_owned())
}
