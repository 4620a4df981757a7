//! The beacon: what a gateway says through Redis once a second so that all gateways can count from
//! the same point of the order.

use publication::BeaconId;

/// What a beacon says. Written `1 GATEWAY COUNTER OF ARRIVALS`, the gateway in hexadecimal; a text
/// that starts with another number than 1 is a format of the future and ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Beacon {
    /// Its name.
    pub id: BeaconId,
    /// What its sender counted, if it has seen two of its own beacons in a row.
    pub claim: Option<Claim>,
}

/// "Between my beacons `of - 1` and `of` I saw `arrivals` arrivals." A gateway that counted fewer
/// has missed something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The later of the two beacons.
    pub of: u32,
    /// Everything between them but beacons, valid or not.
    pub arrivals: u64,
}

impl Beacon {
    /// The text that is published.
    #[must_use]
    pub fn encode(&self) -> String {
        let BeaconId { gateway, counter } = self.id;
        match self.claim {
            Some(Claim { of, arrivals }) => format!("1 {gateway:016x} {counter} {of} {arrivals}"),
            None => format!("1 {gateway:016x} {counter}"),
        }
    }

    /// Reads a beacon; `None` if it is none of this format.
    #[must_use]
    pub fn decode(text: &[u8]) -> Option<Self> {
        let mut words = str::from_utf8(text).ok()?.split(' ');
        if words.next()? != "1" {
            return None;
        }
        let gateway = u64::from_str_radix(words.next()?, 16).ok()?;
        let counter = words.next()?.parse().ok()?;
        let claim = match words.next() {
            Some(of) => Some(Claim { of: of.parse().ok()?, arrivals: words.next()?.parse().ok()? }),
            None => None,
        };
        Some(Self { id: BeaconId { gateway, counter }, claim })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_beacon_is_read_back_as_it_was_written(gateway: u64, counter: u32, claim: Option<(u32, u64)>) {
            let claim = claim.map(|(of, arrivals)| Claim { of, arrivals });
            let beacon = Beacon { id: BeaconId { gateway, counter }, claim };
            prop_assert_eq!(Beacon::decode(beacon.encode().as_bytes()), Some(beacon));
        }

        #[test]
        fn whatever_is_on_the_beacon_channel_is_read_without_harm(bytes: Vec<u8>) {
            let _ = Beacon::decode(&bytes);
        }
    }

    #[test]
    fn a_format_of_the_future_is_ignored() {
        assert_eq!(Beacon::decode(b"2 00 1 1 1"), None);
        assert_eq!(Beacon::decode(b""), None);
    }
}
