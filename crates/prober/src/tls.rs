//! How TLS is spoken, and until when a certificate holds.

use std::{
    io,
    sync::{Arc, OnceLock},
};

use rustls::{CertificateError, ClientConfig, Error, RootCertStore, pki_types::CertificateDer};
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

/// Why there is no connection, for those who have to mend it.
pub(crate) fn words(error: &io::Error) -> String {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
    let Some(Error::InvalidCertificate(reason)) = inner else { return error.to_string() };
    match reason {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "the certificate has expired".to_owned()
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "the certificate does not hold yet".to_owned()
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "the certificate is for another name".to_owned()
        }
        CertificateError::UnknownIssuer => {
            "the certificate is from an authority that is not trusted here, or its chain is incomplete"
                .to_owned()
        }
        CertificateError::Revoked => "the certificate was revoked".to_owned(),
        other => format!("the certificate is not valid: {other}"),
    }
}

/// Until when the first of these certificates holds, in milliseconds since 1970.
pub(crate) fn valid_until(certificates: Option<&[CertificateDer<'_>]>) -> Option<i64> {
    let (_, certificate) = X509Certificate::from_der(certificates?.first()?).ok()?;
    Some(certificate.validity().not_after.timestamp().saturating_mul(1_000))
}
