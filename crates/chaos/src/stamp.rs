//! What a publication says: its channel and its number, then padding.

/// The name of a channel, from its number.
pub(crate) fn channel_name(channel: usize) -> String {
    format!("chaos-{channel:02}")
}

/// The data of a publication, of this length unless the numbers need more.
pub(crate) fn encode(channel: usize, number: u32, bytes: usize) -> String {
    let mut data = format!("{channel} {number} ");
    let padding = bytes.saturating_sub(data.len() + 1);
    data.extend(std::iter::repeat_n('x', padding));
    // The last byte differs from the padding, so that data cut short is noticed.
    data.push('.');
    data
}

/// Channel and number, if the data is whole.
pub(crate) fn decode(data: &str) -> Option<(usize, u32)> {
    let mut words = data.strip_suffix('.')?.split(' ');
    Some((words.next()?.parse().ok()?, words.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_is_read_back() {
        let data = encode(7, 123_456, 200);
        assert_eq!(data.len(), 200);
        assert_eq!(decode(&data), Some((7, 123_456)));
        assert_eq!(decode(&data[..150]), None);
        assert_eq!(decode("hello."), None);
    }
}
