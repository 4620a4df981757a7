//! Content behind a header that says how long it is.

/// The longest header: as much room is left for it.
pub(crate) const MAX_HEADER: usize = 10;

/// Adds what `content` writes, and before it what `header` writes for its length: it returns how many
/// bytes that were.
pub(crate) fn write(
    out: &mut Vec<u8>,
    content: impl FnOnce(&mut Vec<u8>),
    header: impl FnOnce(usize, &mut [u8; MAX_HEADER]) -> usize,
) {
    // The length is known only behind the content, so the header is written into room left before it.
    let start = out.len();
    out.extend_from_slice(&[0; MAX_HEADER]);
    content(out);
    let mut room = [0; MAX_HEADER];
    let used = header(out.len() - start - MAX_HEADER, &mut room);
    out.copy_within(start + MAX_HEADER.., start + used);
    out.truncate(out.len() - (MAX_HEADER - used));
    out[start..start + used].copy_from_slice(&room[..used]);
}
