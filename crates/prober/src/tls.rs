//! How TLS is spoken, and until when a certificate holds.

use std::sync::{Arc, OnceLock};

use rustls::{ClientConfig, RootCertStore, pki_types::CertificateDer};
use tokio_rustls::TlsConnector;
use x509_parser::prelude::{FromDer, X509Certificate};

/// With the authorities that this system trusts.
pub(crate) fn connector() -> TlsConnector {
    static CONFIG: OnceLock<Arc<ClientConfig>> = OnceLock::new();
    let config = CONFIG.get_or_init(|| {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        Arc::new(ClientConfig::builder().with_root_certificates(roots).with_no_client_auth())
    });
    TlsConnector::from(Arc::clone(config))
}

/// Until when the first of these certificates holds, in milliseconds since 1970.
pub(crate) fn valid_until(certificates: Option<&[CertificateDer<'_>]>) -> Option<i64> {
    let (_, certificate) = X509Certificate::from_der(certificates?.first()?).ok()?;
    Some(certificate.validity().not_after.timestamp().saturating_mul(1_000))
}
