//! A network of addresses, as configurations write it: `10.0.0.0/8`, or one address alone.

use std::{fmt, net::IpAddr, str::FromStr};

/// All addresses that begin with the same bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    bits: u8,
}

/// Why a text is no network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NetworkError {
    /// It is not written like one.
    Form,
    /// Bits are set that the network does not fix; this is the network that they lie in.
    TooNarrow(Network),
}

impl Network {
    /// Whether an address lies in it. An IPv4 address in the clothes of IPv6, as a listener on both
    /// shows it, is to be undressed before (`IpAddr::to_canonical`).
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let (own, other) = (aligned(self.address), aligned(address));
        self.address.is_ipv4() == address.is_ipv4() && (own ^ other) & mask(self.bits) == 0
    }
}

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| NetworkError::Form)?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = match bits {
            Some(bits) if bits.bytes().all(|byte| byte.is_ascii_digit()) => {
                bits.parse().ok().filter(|bits| *bits <= most).ok_or(NetworkError::Form)?
            }
            Some(_) => return Err(NetworkError::Form),
            None => most,
        };
        let first = aligned(address) & mask(bits);
        if first == aligned(address) {
            return Ok(Self { address, bits });
        }
        let address = match address {
            // The upper 32 bits hold all of it.
            IpAddr::V4(_) => IpAddr::V4(((first >> 96) as u32).into()),
            IpAddr::V6(_) => IpAddr::V6(first.into()),
        };
        Err(NetworkError::TooNarrow(Self { address, bits }))
    }
}

impl fmt::Display for Network {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.address, self.bits) {
            (IpAddr::V4(address), 32) => address.fmt(out),
            (IpAddr::V6(address), 128) => address.fmt(out),
            (address, bits) => write!(out, "{address}/{bits}"),
        }
    }
}

impl fmt::Display for NetworkError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Form => out.write_str(
                "this is neither an address nor a network; write it like \"10.0.0.7\" or \"10.0.0.0/8\"",
            ),
            Self::TooNarrow(network) => write!(out, "this lies within a network; did you mean {network}?"),
        }
    }
}

/// The bits of an address from the top of 128, whatever its family.
fn aligned(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u128::from(address.to_bits()) << 96,
        IpAddr::V6(address) => address.to_bits(),
    }
}

/// So many bits from the top.
fn mask(bits: u8) -> u128 {
    u128::MAX.checked_shl(128 - u32::from(bits)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_address_lies_in_a_network_if_it_begins_like_it() {
        let check = |network: &str, address: &str, expected| {
            let contains = network.parse::<Network>().unwrap().contains(address.parse().unwrap());
            assert_eq!(contains, expected, "{address} in {network}");
        };
        check("10.0.0.0/8", "10.255.0.1", true);
        check("10.0.0.0/8", "11.0.0.1", false);
        check("10.0.0.7", "10.0.0.7", true);
        check("10.0.0.7", "10.0.0.6", false);
        check("0.0.0.0/0", "1.2.3.4", true);
        check("0.0.0.0/0", "::1", false);
        check("::/0", "1.2.3.4", false);
        check("::/0", "::1", true);
        check("fd00::/8", "fdff::1", true);
        check("fd00::/8", "fe80::1", false);
        check("::1", "::1", true);
    }

    #[test]
    fn what_is_no_network_is_refused_with_the_one_that_may_be_meant() {
        let error = |text: &str| text.parse::<Network>().unwrap_err();
        for text in ["", "10", "10.0.0.0/", "10.0.0.0/33", "::/129", "10.0.0.0/+8", "localhost", " 10.0.0.1"]
        {
            assert_eq!(error(text), NetworkError::Form, "{text}");
        }
        assert!(error("10.1.2.3/8").to_string().ends_with("did you mean 10.0.0.0/8?"));
        assert!(error("fd00::1/8").to_string().ends_with("did you mean fd00::/8?"));
    }

    proptest! {
        #[test]
        fn a_network_reads_as_it_is_written(address: IpAddr, bits in 0_u8..=128) {
            let bits = if address.is_ipv4() { bits.min(32) } else { bits };
            let network = match format!("{address}/{bits}").parse() {
                Ok(network) => network,
                Err(NetworkError::TooNarrow(network)) => network,
                Err(NetworkError::Form) => panic!("this has the form"),
            };
            prop_assert!(network.contains(address));
            prop_assert_eq!(network.to_string().parse(), Ok(network));
        }

        #[test]
        fn any_text_is_a_network_or_is_refused(text in ".*") {
            let _ = text.parse::<Network>();
        }
    }
}
