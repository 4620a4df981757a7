//! What gateways say to each other through Redis, beside beacons: it counts as little as they do.

/// A control message. Written `1 WORD ...`, numbers in hexadecimal; what starts with another number
/// than 1 is a format of the future and ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Control {
    /// The gateway `to` is asked for a picture of what it knows, to be stored under `token`.
    Ask {
        /// Who is asked.
        to: u64,
        /// Names the picture; drawn at random.
        token: u64,
    },
    /// The picture is stored.
    Stored {
        /// Its name.
        token: u64,
    },
    /// There will be no picture: who was asked knows nothing yet.
    Nothing {
        /// Its name.
        token: u64,
    },
}

impl Control {
    /// The text that is published.
    #[must_use]
    pub fn encode(&self) -> String {
        match self {
            Self::Ask { to, token } => format!("1 ask {to:016x} {token:016x}"),
            Self::Stored { token } => format!("1 stored {token:016x}"),
            Self::Nothing { token } => format!("1 nothing {token:016x}"),
        }
    }

    /// Reads a message; `None` if it is none of this format.
    #[must_use]
    pub fn decode(text: &[u8]) -> Option<Self> {
        let mut words = str::from_utf8(text).ok()?.split(' ');
        if words.next()? != "1" {
            return None;
        }
        let kind = words.next()?;
        let mut number = || u64::from_str_radix(words.next()?, 16).ok();
        match kind {
            "ask" => Some(Self::Ask { to: number()?, token: number()? }),
            "stored" => Some(Self::Stored { token: number()? }),
            "nothing" => Some(Self::Nothing { token: number()? }),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_message_is_read_back_as_it_was_written(to: u64, token: u64) {
            for control in [Control::Ask { to, token }, Control::Stored { token }, Control::Nothing { token }] {
                prop_assert_eq!(Control::decode(control.encode().as_bytes()), Some(control));
            }
        }

        #[test]
        fn whatever_is_on_the_control_channel_is_read_without_harm(bytes: Vec<u8>) {
            let _ = Control::decode(&bytes);
        }
    }
}
