//! TLS to Redis and to its Sentinels: whom to trust, and how to show who we are.

use std::{fmt, path::Path, sync::Arc};

use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};

/// The files that the configuration names, each in PEM; none of them must be there.
#[derive(Clone, Copy, Debug, Default)]
pub struct TlsFiles<'a> {
    /// The certificates of a private authority; without them, those that this system trusts.
    pub ca: Option<&'a Path>,
    /// What is shown to a Redis that asks for a client's certificate, and the chain behind it.
    pub certificate: Option<&'a Path>,
    /// Its private key.
    pub key: Option<&'a Path>,
}

/// Which of the files is wrong, and why.
#[derive(Debug)]
pub struct TlsProblem {
    /// The key of the configuration that names it, under `broker.redis`.
    pub key: &'static str,
    /// Why it is of no use.
    pub reason: String,
}

/// The keys of the configuration.
const CA: &str = "tls_ca_file";
const CERTIFICATE: &str = "tls_cert_file";
const KEY: &str = "tls_key_file";

impl TlsFiles<'_> {
    pub(crate) fn are_none(&self) -> bool {
        self.ca.is_none() && self.certificate.is_none() && self.key.is_none()
    }

    /// Reads them all.
    pub(crate) fn read(&self) -> Result<Arc<ClientConfig>, TlsProblem> {
        let builder = ClientConfig::builder().with_root_certificates(self.roots()?);
        let config = match (self.certificate, self.key) {
            (None, None) => builder.with_no_client_auth(),
            (Some(certificate), Some(key)) => {
                let key = PrivateKeyDer::from_pem_file(key).map_err(problem(KEY, key))?;
                builder
                    .with_client_auth_cert(certificates(CERTIFICATE, certificate)?, key)
                    .map_err(|error| TlsProblem { key: KEY, reason: error.to_string() })?
            }
            (Some(_), None) => return Err(missing(KEY, CERTIFICATE)),
            (None, Some(_)) => return Err(missing(CERTIFICATE, KEY)),
        };
        Ok(Arc::new(config))
    }

    fn roots(&self) -> Result<RootCertStore, TlsProblem> {
        let mut roots = RootCertStore::empty();
        let certificates = match self.ca {
            Some(path) => certificates(CA, path)?,
            None => rustls_native_certs::load_native_certs().certs,
        };
        let (added, _) = roots.add_parsable_certificates(certificates);
        if added == 0 {
            let reason = match self.ca {
                Some(path) => format!("there is no usable certificate in {}", path.display()),
                None => {
                    "this system trusts no authority at all; name the one that signed for Redis".to_owned()
                }
            };
            return Err(TlsProblem { key: CA, reason });
        }
        Ok(roots)
    }
}

fn certificates(key: &'static str, path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsProblem> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let certificates = read.map_err(problem(key, path))?;
    if certificates.is_empty() {
        return Err(TlsProblem { key, reason: format!("there is no certificate in {}", path.display()) });
    }
    Ok(certificates)
}

fn problem<E: fmt::Display>(key: &'static str, path: &Path) -> impl Fn(E) -> TlsProblem {
    move |error| TlsProblem { key, reason: format!("{} cannot be read as PEM: {error}", path.display()) }
}

fn missing(key: &'static str, with: &'static str) -> TlsProblem {
    TlsProblem { key, reason: format!("it goes with broker.redis.{with}; set both or none") }
}
