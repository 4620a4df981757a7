//! The README's way from a table of one's own to a live dashboard, in its very words.

use std::{
    fs,
    os::unix::process::CommandExt,
    path::Path,
    process::{Child, Command},
    time::Instant,
};

use rustix::process::{Pid, Signal, kill_process_group};
use tempfile::TempDir;
use tests::{Chromium, Postgres, gateway::binary, port::free_port, wait_for};

/// The database as the README has it.
const DATABASE: &str = "postgres://localhost/mydb";
/// Behind this heading stand the commands.
const HEADING: &str = "## A dashboard on your own table";

/// Commands in a shell, with all that they start.
struct Shell(Child);

impl Drop for Shell {
    fn drop(&mut self) {
        if let Some(group) = Pid::from_raw(self.0.id().cast_signed()) {
            // They may have ended by themselves.
            let _ = kill_process_group(group, Signal::KILL);
        }
        let _ = self.0.wait();
    }
}

fn commands() -> String {
    let readme = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md"))
        .expect("it is as the test has made it");
    let (_, section) = readme.split_once(HEADING).expect("it is as the test has made it");
    let (_, block) = section.split_once("```sh\n").expect("it is as the test has made it");
    block.split_once("```").expect("it is as the test has made it").0.to_owned()
}

#[test]
fn a_table_of_ones_own_is_a_live_dashboard() {
    let postgres = Postgres::start();
    postgres.run("CREATE TABLE monitors (id INTEGER PRIMARY KEY, name TEXT, up BOOLEAN)");
    postgres.run("INSERT INTO monitors VALUES (1, 'Website', true), (2, 'API', true)");
    let mut chromium = Chromium::start();
    let (folder, public) = (TempDir::new().unwrap(), free_port());
    let text = commands();
    assert!(text.contains(DATABASE));
    let path = format!("{}:{}", binary().parent().unwrap().display(), std::env::var("PATH").unwrap());

    let began = Instant::now();
    let mut shell = Command::new("sh");
    // Where the README's ports are taken.
    shell.env("FANFARE__LISTEN__PUBLIC", format!("127.0.0.1:{public}"));
    shell.env("FANFARE__LISTEN__ADMIN", "127.0.0.1:0").env("FANFARE__WATCH__ADMIN", "127.0.0.1:0");
    shell.env("FANFARE__BROKER__EMBEDDED__RESP", "127.0.0.1:0");
    shell.args(["-ec", &format!("{}\nwait", text.replace(DATABASE, &postgres.url()))]);
    shell.env("PATH", path).current_dir(folder.path()).process_group(0);
    let _shell = Shell(shell.spawn().unwrap());
    wait_for("the gateway", || std::net::TcpStream::connect(("127.0.0.1", public)).is_ok());
    let page = chromium.open(&format!("http://127.0.0.1:{public}/?channel=monitors/*&view=table"));
    let reads = |row: usize, cells: &str| {
        format!(
            "[...document.querySelectorAll('tbody tr')].map(row => [...row.cells].map(cell => cell.textContent).join(' '))[{row}] === '{cells}'"
        )
    };
    chromium.wait_until(&page, &reads(0, "monitors/1 1 Website true"));
    chromium.wait_until(&page, &reads(1, "monitors/2 2 API true"));
    let shown = began.elapsed();
    postgres.run("UPDATE monitors SET up = false WHERE id = 2");
    chromium.wait_until(&page, &reads(1, "monitors/2 2 API false"));
    postgres.run("DELETE FROM monitors WHERE id = 1");
    chromium.wait_until(&page, &reads(0, "monitors/2 2 API false"));
    assert_eq!(chromium.complaints(), [""; 0]);
    eprintln!("from the README's first command to a live dashboard: {shown:.1?}");
}
