//! A publication as JSON: polls, SSE with `format=json`, and retractions everywhere.

use hub::Shown;

use crate::json::write_string;

/// Adds `{"id":...,"channel":...,"event":...,"data":...}`, with `retract`, `ttl` and `from` where they
/// are said. Without `with_id`, as for latest values in a session, the id is left out: it would be no
/// place to go on from.
pub(crate) fn write(out: &mut Vec<u8>, shown: &Shown<'_>, with_id: bool) {
    let publication = &shown.entry.publication;
    out.push(b'{');
    if with_id {
        out.extend_from_slice(format!("\"id\":\"{}\",", shown.entry.cursor).as_bytes());
    }
    out.extend_from_slice(b"\"channel\":");
    write_string(out, shown.channel);
    if let Some(event) = publication.event() {
        out.extend_from_slice(b",\"event\":");
        write_string(out, event);
    }
    if publication.is_retraction() {
        out.extend_from_slice(b",\"retract\":true");
    }
    if let Some(ttl) = shown.ttl {
        out.extend_from_slice(format!(",\"ttl\":{ttl}").as_bytes());
    }
    if let Some(from) = publication.from() {
        out.extend_from_slice(b",\"from\":");
        write_string(out, from);
    }
    out.extend_from_slice(b",\"data\":");
    if publication.is_json() {
        out.extend_from_slice(publication.data().as_bytes());
    } else {
        write_string(out, publication.data());
    }
    out.push(b'}');
}
