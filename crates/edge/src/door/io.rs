//! The socket as hyper sees it.

use std::{
    cell::Cell,
    io,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::{Instant, sleep_until},
};

use crate::proxy_header;

/// When the head that is being read has begun.
#[derive(Default)]
pub(super) struct HeadClock {
    began: Cell<Option<Instant>>,
    /// A request is being answered: what comes in belongs to its body.
    busy: Cell<bool>,
    /// The connection began with a header of the PROXY protocol, where none was to be.
    introduced: Cell<bool>,
}

impl HeadClock {
    /// Of a new connection: who opens one has something to ask.
    pub(super) fn running() -> Self {
        Self { began: Cell::new(Some(Instant::now())), ..Self::default() }
    }

    fn note_bytes(&self) {
        if !self.busy.get() && self.began.get().is_none() {
            self.began.set(Some(Instant::now()));
        }
    }

    /// It began with a header of the PROXY protocol.
    pub(super) fn is_introduced(&self) -> bool {
        self.introduced.get()
    }

    pub(super) fn set_busy(&self, busy: bool) {
        self.began.set(None);
        self.busy.set(busy);
    }

    /// Resolves when a head has been read for longer than `limit`.
    pub(super) async fn late(&self, limit: Duration) {
        loop {
            let now = Instant::now();
            let due = self.began.get().unwrap_or(now) + limit;
            if due <= now {
                return;
            }
            sleep_until(due).await;
        }
    }
}

/// The socket as hyper sees it; notes when bytes of a head come in.
pub(super) struct Io {
    stream: TcpStream,
    /// What was read already and comes first.
    unread: Bytes,
    head: Rc<HeadClock>,
    /// Nothing has come in yet.
    is_new: bool,
}

impl Io {
    pub(super) fn new(stream: TcpStream, unread: Bytes, head: Rc<HeadClock>) -> Self {
        Self { stream, unread, head, is_new: true }
    }

    /// The socket, and what was read from it: what hyper has `left`, and what it never got. Copied, so
    /// that nobody holds hyper's buffer for a few bytes of it, or for none.
    pub(super) fn into_parts(self, left: &[u8]) -> (TcpStream, Bytes) {
        (self.stream, [left, &self.unread].concat().into())
    }
}

impl AsyncRead for Io {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = if self.unread.is_empty() {
            Pin::new(&mut self.stream).poll_read(context, buffer)
        } else {
            let count = self.unread.len().min(buffer.remaining());
            buffer.put_slice(&self.unread.split_to(count));
            Poll::Ready(Ok(()))
        };
        if buffer.filled().len() > before {
            self.head.note_bytes();
            if std::mem::take(&mut self.is_new) {
                self.head.introduced.set(proxy_header::begins(&buffer.filled()[before..]));
            }
        }
        polled
    }
}

impl AsyncWrite for Io {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, parts)
    }
}
