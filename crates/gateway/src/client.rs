//! A small HTTP client, for commands and for what the gateway itself asks: one request, one answer, over
//! HTTP/1, in cleartext or by TLS.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::{
    Method, Request, Response,
    body::Incoming,
    client::conn::http1,
    header::{HOST, HeaderValue},
    http::uri::Uri,
};
use hyper_util::rt::TokioIo;
use rustls::{ClientConfig, RootCertStore, pki_types::ServerName};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::TlsConnector;

/// The longest wait for a connection and for the head of an answer.
const TIMEOUT: Duration = Duration::from_secs(10);
const NO_HEADERS: &[(&str, &str)] = &[];
/// The longest body that is read as a text.
const MAX_TEXT_BYTES: usize = 4 * 1024 * 1024;

/// A server, by its URL.
#[derive(Clone)]
pub(crate) struct Server {
    authority: String,
    address: (String, u16),
    /// As whom it must show itself by TLS.
    tls: Option<ServerName<'static>>,
    /// Path and query, as they were written.
    target: String,
}

/// A connection to one.
trait Connection: AsyncRead + AsyncWrite + Unpin {}
impl<T: AsyncRead + AsyncWrite + Unpin> Connection for T {}

impl Server {
    /// Reads `http[s]://host[:port][/path][?query]`.
    pub(crate) fn parse(url: &str) -> Result<Self, String> {
        let uri: Uri = url.parse().map_err(|error| format!("{url:?} is no URL: {error}"))?;
        let is_tls = match uri.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            _ => return Err(format!("{url:?} must begin with http:// or https://")),
        };
        let host = uri.host().ok_or_else(|| format!("{url:?} names no host"))?;
        let port = uri.port_u16().unwrap_or(if is_tls { 443 } else { 80 });
        let bare = host.trim_matches(['[', ']']).to_owned();
        let name = ServerName::try_from(bare.clone()).map_err(|error| format!("{url:?}: {error}"))?;
        let target = uri.path_and_query().map_or("/", |target| target.as_str()).to_owned();
        let (authority, address) = (format!("{host}:{port}"), (bare, port));
        Ok(Self { authority, address, tls: is_tls.then_some(name), target })
    }

    /// Sends a request to `/events?QUERY`.
    pub(crate) async fn send(
        &self,
        method: Method,
        query: &str,
        headers: &[(&'static str, impl AsRef<[u8]>)],
        body: Bytes,
    ) -> Result<Response<Incoming>, String> {
        let path = self.target.split('?').next().unwrap_or_default().trim_end_matches('/');
        self.request(method, &format!("{path}/events?{query}"), headers, body).await
    }

    /// What stands at a path, whatever the status is.
    pub(crate) async fn get(&self, path: &str) -> Result<String, String> {
        text(self.request(Method::GET, path, NO_HEADERS, Bytes::new()).await?).await
    }

    /// Asks for what the URL means.
    pub(crate) async fn ask(
        &self,
        headers: &[(&'static str, impl AsRef<[u8]>)],
    ) -> Result<Response<Incoming>, String> {
        self.request(Method::GET, &self.target, headers, Bytes::new()).await
    }

    /// Sends a body to what the URL means.
    pub(crate) async fn post(
        &self,
        headers: &[(&'static str, impl AsRef<[u8]>)],
        body: Bytes,
    ) -> Result<Response<Incoming>, String> {
        self.request(Method::POST, &self.target, headers, body).await
    }

    async fn request(
        &self,
        method: Method,
        target: &str,
        headers: &[(&'static str, impl AsRef<[u8]>)],
        body: Bytes,
    ) -> Result<Response<Incoming>, String> {
        let stream = timeout(TIMEOUT, self.connect()).await;
        let stream = stream.map_err(|_| format!("{} does not answer", self.authority))??;
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(|error| error.to_string())?;
        // Its errors show up in the answer too.
        tokio::task::spawn_local(connection);
        let mut request = Request::builder()
            .method(method)
            .uri(target)
            .body(Full::new(body))
            .map_err(|error| error.to_string())?;
        request.headers_mut().insert(HOST, value(self.authority.as_bytes())?);
        for (name, text) in headers {
            request.headers_mut().insert(*name, value(text.as_ref())?);
        }
        let answer = timeout(TIMEOUT, sender.send_request(request)).await;
        answer
            .map_err(|_| format!("{} does not answer", self.authority))?
            .map_err(|error| format!("{}: {error}", self.authority))
    }

    async fn connect(&self) -> Result<Box<dyn Connection>, String> {
        let stream = TcpStream::connect(&self.address).await;
        let stream = stream.map_err(|error| format!("{} cannot be reached: {error}", self.authority))?;
        let Some(name) = self.tls.clone() else { return Ok(Box::new(stream)) };
        match tls().connect(name, stream).await {
            Ok(stream) => Ok(Box::new(stream)),
            Err(error) => Err(format!("{} does not speak TLS as it should: {error}", self.authority)),
        }
    }
}

/// The whole body of an answer as text.
pub(crate) async fn text(answer: Response<Incoming>) -> Result<String, String> {
    text_within(answer, MAX_TEXT_BYTES).await
}

/// The same, of up to so many bytes.
pub(crate) async fn text_within(answer: Response<Incoming>, limit: usize) -> Result<String, String> {
    let body = Limited::new(answer.into_body(), limit);
    let body = body.collect().await.map_err(|error| error.to_string())?;
    Ok(String::from_utf8_lossy(&body.to_bytes()).into_owned())
}

/// How TLS is spoken: with the authorities that this system trusts.
fn tls() -> TlsConnector {
    static CONFIG: OnceLock<Arc<ClientConfig>> = OnceLock::new();
    let config = CONFIG.get_or_init(|| {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        Arc::new(ClientConfig::builder().with_root_certificates(roots).with_no_client_auth())
    });
    TlsConnector::from(Arc::clone(config))
}

/// The message of an error that a gateway gave.
pub(crate) fn error_message(body: &str) -> String {
    let parsed: Option<serde_json::Value> = serde_json::from_str(body).ok();
    let message = parsed.as_ref().and_then(|error| error["error"]["message"].as_str());
    message.unwrap_or(body.trim()).to_owned()
}

fn value(text: &[u8]) -> Result<HeaderValue, String> {
    HeaderValue::from_bytes(text).map_err(|error| error.to_string())
}
