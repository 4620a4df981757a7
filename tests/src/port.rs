//! Ports for servers that come and go.

use std::{
    fs::{self, File},
    hash::{BuildHasher, Hasher, RandomState},
    net::TcpListener,
    sync::Mutex,
};

/// Below those that the kernel gives out by itself: it has none of them for whoever asks for any.
const FIRST: u16 = 10_000;
const COUNT: u64 = 22_000;

/// Marks of the ports that this process has been given, locked for as long as it lives.
static MARKS: Mutex<Vec<File>> = Mutex::new(Vec::new());

/// A port at which nobody listens, and that no other test is given: a gateway that has gone finds it
/// free when it comes back.
///
/// # Panics
/// Marks cannot be written.
#[must_use]
pub fn free_port() -> u16 {
    let folder = std::env::temp_dir().join("fanfare-test-ports");
    fs::create_dir_all(&folder).expect("a folder for the marks");
    loop {
        let drawn = RandomState::new().build_hasher().finish() % COUNT;
        let port = FIRST + u16::try_from(drawn).expect("it is less than the count");
        let mark = File::create(folder.join(port.to_string())).expect("a mark");
        if mark.try_lock().is_ok() && TcpListener::bind(("127.0.0.1", port)).is_ok() {
            MARKS.lock().expect("nobody panics here").push(mark);
            return port;
        }
    }
}
