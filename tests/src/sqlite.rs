//! A SQLite database in a file.

use std::process::Command;

use tempfile::TempDir;

/// A file of the test's own.
pub struct Sqlite {
    folder: TempDir,
}

impl Default for Sqlite {
    /// An empty one.
    fn default() -> Self {
        let sqlite = Self { folder: TempDir::new().expect("a temporary folder") };
        // As a database is set up that is read while it is written to.
        sqlite.run("PRAGMA journal_mode = wal");
        sqlite
    }
}

impl Sqlite {
    /// Where it is.
    #[must_use]
    pub fn url(&self) -> String {
        format!("sqlite:{}", self.path())
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> String {
        self.folder.path().join("test.db").display().to_string()
    }

    /// Runs SQL by sqlite3, and returns what it prints.
    ///
    /// # Panics
    /// It fails.
    pub fn run(&self, sql: &str) -> String {
        let ran = Command::new("sqlite3")
            .args(["-batch", "-bail", "-cmd", ".timeout 10000"])
            .args([&self.path(), sql])
            .output();
        let ran = ran.expect("sqlite3 runs");
        assert!(ran.status.success(), "{sql}: {}", String::from_utf8_lossy(&ran.stderr));
        String::from_utf8_lossy(&ran.stdout).trim_end().to_owned()
    }
}
