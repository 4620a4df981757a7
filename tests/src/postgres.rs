//! A real Postgres on a free port.

use std::{
    fs,
    os::unix::{fs::chown, process::CommandExt},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use rustix::process::{Signal, geteuid};
use tempfile::TempDir;

use crate::{port::free_port, process::Process, wait::wait_for};

/// A Postgres of the test's own.
pub struct Postgres {
    process: Process,
    port: u16,
    folder: TempDir,
}

impl Postgres {
    /// Makes a cluster and starts it.
    ///
    /// # Panics
    /// It cannot be made.
    #[must_use]
    pub fn start() -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        if let Some(user) = user() {
            chown(folder.path(), Some(user), None).expect("root may give folders away");
        }
        let data = folder.path().join("data");
        let arguments =
            ["--auth=trust", "--username=postgres", "--no-sync", "--encoding=UTF8", "--locale=C", "--pgdata"];
        let made = command("initdb").args(arguments).arg(&data).stdout(Stdio::null()).status();
        assert!(made.expect("initdb runs").success());
        let port = free_port();
        let postgres = Self { process: launch(folder.path(), port), port, folder };
        postgres.wait_until_up();
        postgres
    }

    /// Where it is.
    #[must_use]
    pub fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    /// Runs SQL by psql, and returns what it prints.
    ///
    /// # Panics
    /// It fails.
    pub fn run(&self, sql: &str) -> String {
        let ran = self.psql(sql).output().expect("psql runs");
        assert!(ran.status.success(), "{sql}: {}", String::from_utf8_lossy(&ran.stderr));
        String::from_utf8_lossy(&ran.stdout).trim_end().to_owned()
    }

    fn psql(&self, sql: &str) -> Command {
        let mut psql = command("psql");
        psql.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", sql]).arg(self.url());
        psql
    }

    /// Ends it, with all connections.
    pub fn stop(&mut self) {
        self.process.signal(Signal::INT);
        self.process.wait();
    }

    /// Starts it again in the same place.
    pub fn start_again(&mut self) {
        self.process = launch(self.folder.path(), self.port);
        self.wait_until_up();
    }

    fn wait_until_up(&self) {
        wait_for("Postgres to answer", || {
            let mut psql = self.psql("SELECT 1");
            psql.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
        });
    }
}

fn launch(folder: &Path, port: u16) -> Process {
    let mut postgres = command("postgres");
    postgres.arg("-D").arg(folder.join("data")).args(["-p", &port.to_string(), "-k"]).arg(folder);
    postgres.args(["-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"]);
    Process::start(&mut postgres)
}

/// A program of Postgres's, by a user that it accepts: it refuses to be run by root.
fn command(name: &str) -> Command {
    let mut command = Command::new(program(name));
    if let Some(user) = user() {
        command.uid(user).current_dir("/");
    }
    command
}

/// Debian keeps them outside of the path, by version.
fn program(name: &str) -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let found = versions.map(|version| version.path().join("bin").join(name)).filter(|path| path.is_file());
    found.max().unwrap_or_else(|| name.into())
}

/// Whom to be instead of root.
fn user() -> Option<u32> {
    if !geteuid().is_root() {
        return None;
    }
    let id = Command::new("id").args(["-u", "postgres"]).output().expect("id runs");
    Some(String::from_utf8_lossy(&id.stdout).trim().parse().expect("Debian's package makes this user"))
}
