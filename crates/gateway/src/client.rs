//! The commands' own small HTTP client: one request, one answer, over cleartext HTTP/1.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{
    Method, Request, Response,
    body::Incoming,
    client::conn::http1,
    header::{HOST, HeaderValue},
    http::uri::Uri,
};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, time::timeout};

/// The longest wait for a connection and for the head of an answer.
const TIMEOUT: Duration = Duration::from_secs(10);

/// A gateway, by its address.
pub(crate) struct Gateway {
    authority: String,
    address: (String, u16),
    path: String,
}

impl Gateway {
    /// Reads `http://host[:port][/path]`.
    pub(crate) fn parse(url: &str) -> Result<Self, String> {
        let uri: Uri = url.parse().map_err(|error| format!("{url:?} is no URL: {error}"))?;
        if uri.scheme_str() != Some("http") {
            return Err(format!("{url:?} must begin with http:// (this command does not speak TLS)"));
        }
        let host = uri.host().ok_or_else(|| format!("{url:?} names no host"))?;
        let port = uri.port_u16().unwrap_or(80);
        let authority = format!("{host}:{port}");
        let address = (host.trim_matches(['[', ']']).to_owned(), port);
        Ok(Self { authority, address, path: uri.path().trim_end_matches('/').to_owned() })
    }

    /// Sends a request to `/events?QUERY`.
    pub(crate) async fn send(
        &self,
        method: Method,
        query: &str,
        headers: &[(&'static str, String)],
        body: Bytes,
    ) -> Result<Response<Incoming>, String> {
        self.request(method, &format!("{}/events?{query}", self.path), headers, body).await
    }

    /// What stands at a path, whatever the status is.
    pub(crate) async fn get(&self, path: &str) -> Result<String, String> {
        text(self.request(Method::GET, path, &[], Bytes::new()).await?).await
    }

    async fn request(
        &self,
        method: Method,
        target: &str,
        headers: &[(&'static str, String)],
        body: Bytes,
    ) -> Result<Response<Incoming>, String> {
        let connected = timeout(TIMEOUT, TcpStream::connect(&self.address)).await;
        let stream = connected
            .map_err(|_| format!("{} does not answer", self.authority))?
            .map_err(|error| format!("{} cannot be reached: {error}", self.authority))?;
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(|error| error.to_string())?;
        // Its errors show up in the answer too.
        tokio::task::spawn_local(connection);
        let mut request = Request::builder()
            .method(method)
            .uri(target)
            .body(Full::new(body))
            .map_err(|error| error.to_string())?;
        request.headers_mut().insert(HOST, value(&self.authority)?);
        for (name, text) in headers {
            request.headers_mut().insert(*name, value(text)?);
        }
        let answer = timeout(TIMEOUT, sender.send_request(request)).await;
        answer
            .map_err(|_| format!("{} does not answer", self.authority))?
            .map_err(|error| format!("{}: {error}", self.authority))
    }
}

/// The whole body of an answer as text.
pub(crate) async fn text(answer: Response<Incoming>) -> Result<String, String> {
    let body = answer.into_body().collect().await.map_err(|error| error.to_string())?;
    Ok(String::from_utf8_lossy(&body.to_bytes()).into_owned())
}

/// The message of an error that a gateway gave.
pub(crate) fn error_message(body: &str) -> String {
    let parsed: Option<serde_json::Value> = serde_json::from_str(body).ok();
    let message = parsed.as_ref().and_then(|error| error["error"]["message"].as_str());
    message.unwrap_or(body.trim()).to_owned()
}

fn value(text: &str) -> Result<HeaderValue, String> {
    HeaderValue::from_str(text).map_err(|error| error.to_string())
}
