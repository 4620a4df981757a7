//! What a publication of the benchmark says: its run, channel, number and time of sending.

/// Every publication's data has this length, whatever it says.
pub(crate) const DATA_BYTES: usize = 200;

/// Three numbers of 8 hex digits and one of 16; padding fills the rest.
const DIGITS: usize = 40;
const HEX: &[u8; 16] = b"0123456789abcdef";
/// The last byte differs from the padding, so that data cut short is noticed.
const END: u8 = b'.';

/// The text that a publication carries, as numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    /// Drawn anew for each measurement, so that strays from another one are noticed.
    pub(crate) run: u32,
    /// The number of the channel; see [`channel_name`].
    pub(crate) channel: u32,
    /// Counted from 0 on each channel.
    pub(crate) number: u32,
    /// When the publisher wrote it, on [`crate::clock`].
    pub(crate) sent_nanos: u64,
}

impl Stamp {
    /// The data to publish.
    pub(crate) fn encode(self) -> [u8; DATA_BYTES] {
        let mut data = [b'x'; DATA_BYTES];
        write_hex(&mut data[0..8], u64::from(self.run));
        write_hex(&mut data[8..16], u64::from(self.channel));
        write_hex(&mut data[16..24], u64::from(self.number));
        write_hex(&mut data[24..DIGITS], self.sent_nanos);
        data[DATA_BYTES - 1] = END;
        data
    }

    /// What received data says, or nothing if it is not whole.
    pub(crate) fn decode(data: &[u8]) -> Option<Stamp> {
        if data.len() != DATA_BYTES || data[DATA_BYTES - 1] != END {
            return None;
        }
        let (words, _) = data[..DIGITS].as_chunks::<8>();
        let high = read_hex(words[3]);
        let low = read_hex(words[4]);
        Some(Stamp {
            run: read_hex(words[0]),
            channel: read_hex(words[1]),
            number: read_hex(words[2]),
            sent_nanos: u64::from(high) << 32 | u64::from(low),
        })
    }
}

/// The public name of a channel of the benchmark.
pub(crate) fn channel_name(channel: u32) -> String {
    format!("c{channel}")
}

fn write_hex(into: &mut [u8], mut value: u64) {
    for digit in into.iter_mut().rev() {
        *digit = HEX[(value & 15) as usize];
        value >>= 4;
    }
}

/// Eight hex digits at once: the generator does this five times for every delivery.
/// Other bytes give some number too; it then fails the check of run or order.
fn read_hex(digits: [u8; 8]) -> u32 {
    let text = u64::from_be_bytes(digits);
    let letters = (text >> 6) & 0x0101_0101_0101_0101;
    let mut value = (text & 0x0f0f_0f0f_0f0f_0f0f) + 9 * letters;
    value = (value | value >> 4) & 0x00ff_00ff_00ff_00ff;
    value = (value | value >> 8) & 0x0000_ffff_0000_ffff;
    (value | value >> 16) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp() -> Stamp {
        Stamp { run: 0xdead_beef, channel: 4_999, number: 0x0123_4567, sent_nanos: 0x0fed_cba9_8765_4321 }
    }

    #[test]
    fn what_is_encoded_is_decoded() {
        assert_eq!(Stamp::decode(&stamp().encode()), Some(stamp()));
    }

    #[test]
    fn data_that_is_not_whole_is_refused() {
        let data = stamp().encode();
        assert_eq!(Stamp::decode(&data[..DATA_BYTES - 1]), None);
        assert_eq!(Stamp::decode(&data[1..]), None);
        let mut cut = data;
        cut[DATA_BYTES - 1] = b'x';
        assert_eq!(Stamp::decode(&cut), None);
    }
}
