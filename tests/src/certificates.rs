//! Certificates made by the `openssl` command: an authority, and what it signs.

use std::{fs, path::PathBuf, process::Command};

use tempfile::TempDir;

/// An authority of the test's own.
pub struct Authority {
    folder: TempDir,
}

/// A certificate and its key, each a file in PEM.
pub struct Signed {
    /// The certificate.
    pub certificate: String,
    /// The key.
    pub key: String,
}

impl Authority {
    /// Makes one.
    ///
    /// # Panics
    /// There is no `openssl` command.
    #[must_use]
    pub fn new(name: &str) -> Self {
        let authority = Self { folder: TempDir::new().expect("a temporary folder") };
        authority
            .openssl(&format!("req -x509 {NEW_KEY} -keyout ca.key -out ca.pem -days 2 -subj /CN={name}"));
        authority
    }

    /// Its own certificate, which others are to trust.
    #[must_use]
    pub fn certificate(&self) -> String {
        self.path("ca.pem")
    }

    /// Signs a certificate for these names, such as `IP:127.0.0.1,DNS:localhost`.
    ///
    /// # Panics
    /// The command fails.
    #[must_use]
    pub fn sign(&self, name: &str, alternatives: &str) -> Signed {
        let extensions = self.folder.path().join(format!("{name}.ext"));
        fs::write(extensions, format!("subjectAltName={alternatives}")).expect("it can be written");
        self.openssl(&format!("req {NEW_KEY} -keyout {name}.key -out {name}.csr -subj /CN={name}"));
        self.openssl(&format!(
            "x509 -req -in {name}.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -out {name}.pem \
             -extfile {name}.ext"
        ));
        Signed { certificate: self.path(&format!("{name}.pem")), key: self.path(&format!("{name}.key")) }
    }

    fn path(&self, file: &str) -> String {
        let path: PathBuf = self.folder.path().join(file);
        path.to_string_lossy().into_owned()
    }

    fn openssl(&self, arguments: &str) {
        let output = Command::new("openssl")
            .args(arguments.split_whitespace())
            .current_dir(self.folder.path())
            .output()
            .expect("openssl is installed");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

const NEW_KEY: &str = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
