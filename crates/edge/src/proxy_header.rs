//! The PROXY protocol, versions 1 and 2: the few bytes with which a proxy says whose connection
//! follows (the specification is HAProxy's `proxy-protocol.txt`).

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};

use tokio::net::TcpStream;

/// With this a header of version 1 begins, and with this one of version 2: no request does.
const TEXT: &[u8] = b"PROXY ";
const BINARY: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
/// The longest line of version 1, as the specification has it.
const MAX_TEXT_BYTES: usize = 107;
/// The longest header of version 2. Addresses take 36 bytes; the rest are extensions, of which
/// there are few, and none is read here.
const MAX_BINARY_BYTES: usize = 4096;
/// Bytes of a binary header up to and with its length.
const FIXED_BYTES: usize = 16;

/// What a proxy says of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ProxyHeader {
    /// It is this client's.
    For(SocketAddr),
    /// It is the proxy's own, or from where there are no addresses.
    Unknown,
}

/// What the bytes of a connection so far amount to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Parsed {
    /// A header that took so many bytes.
    Whole(ProxyHeader, usize),
    /// The beginning of one.
    Partial,
    /// No header.
    Invalid,
}

/// Why no header was read.
#[derive(Debug)]
pub(crate) enum ReadError {
    /// The other side closed before it said anything, as checks of a port do.
    Silent,
    /// Something else came.
    Invalid,
    /// The connection broke.
    Broken(io::Error),
}

/// Reads the header from a connection, and not a byte beyond it.
///
/// # Errors
/// There is none.
pub(crate) async fn read(stream: &TcpStream) -> Result<ProxyHeader, ReadError> {
    let mut header = Vec::with_capacity(FIXED_BYTES);
    loop {
        let taken = header.len();
        // Looked at without being taken: what belongs to the request stays in the socket.
        header.resize(taken + 512, 0);
        let peeked = stream.peek(&mut header[taken..]).await.map_err(ReadError::Broken)?;
        header.truncate(taken + peeked);
        if peeked == 0 {
            return Err(if taken == 0 { ReadError::Silent } else { ReadError::Invalid });
        }
        let (parsed, whole) = match parse(&header) {
            Parsed::Whole(parsed, length) => (Some(parsed), length),
            // All of it belongs to the header, since that goes on.
            Parsed::Partial => (None, header.len()),
            Parsed::Invalid => return Err(ReadError::Invalid),
        };
        take(stream, &mut header[taken..whole]).map_err(ReadError::Broken)?;
        if let Some(parsed) = parsed {
            return Ok(parsed);
        }
    }
}

/// Takes bytes that were seen in the socket a moment ago.
fn take(stream: &TcpStream, mut bytes: &mut [u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match stream.try_read(bytes)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            count => bytes = &mut bytes[count..],
        }
    }
    Ok(())
}

/// Whether the first bytes of a connection are those of a header.
pub(crate) fn begins(bytes: &[u8]) -> bool {
    bytes.starts_with(TEXT) || bytes.starts_with(BINARY)
}

/// Reads a header at the beginning of `bytes`.
pub(crate) fn parse(bytes: &[u8]) -> Parsed {
    let begins = |signature: &[u8]| bytes.iter().zip(signature).all(|(one, two)| one == two);
    if begins(TEXT) {
        parse_text(bytes)
    } else if begins(BINARY) {
        parse_binary(bytes)
    } else {
        Parsed::Invalid
    }
}

fn parse_text(bytes: &[u8]) -> Parsed {
    let line = &bytes[..bytes.len().min(MAX_TEXT_BYTES)];
    let Some(end) = line.iter().position(|byte| *byte == b'\n') else {
        return if bytes.len() < MAX_TEXT_BYTES { Parsed::Partial } else { Parsed::Invalid };
    };
    let header = line[..end].strip_suffix(b"\r").and_then(|line| parse_line(std::str::from_utf8(line).ok()?));
    header.map_or(Parsed::Invalid, |header| Parsed::Whole(header, end + 1))
}

fn parse_line(line: &str) -> Option<ProxyHeader> {
    let mut words = line.split(' ').skip(1);
    let family = words.next()?;
    if family == "UNKNOWN" {
        // What follows is to be ignored.
        return Some(ProxyHeader::Unknown);
    }
    let mut address = || words.next()?.parse::<IpAddr>().ok();
    let (source, destination) = (address()?, address()?);
    let mut port =
        || words.next().filter(|port| port.bytes().all(|byte| byte.is_ascii_digit()))?.parse().ok();
    let (source_port, _) = (port()?, port()?);
    let as_said = match family {
        "TCP4" => source.is_ipv4() && destination.is_ipv4(),
        "TCP6" => source.is_ipv6() && destination.is_ipv6(),
        _ => false,
    };
    (as_said && words.next().is_none()).then(|| ProxyHeader::For(SocketAddr::new(source, source_port)))
}

fn parse_binary(bytes: &[u8]) -> Parsed {
    let Some((fixed, rest)) = bytes.split_first_chunk::<FIXED_BYTES>() else { return Parsed::Partial };
    let [.., version_and_command, family, high, low] = *fixed;
    let length = usize::from(u16::from_be_bytes([high, low]));
    let local = match version_and_command {
        0x20 => true,
        0x21 => false,
        _ => return Parsed::Invalid,
    };
    if FIXED_BYTES + length > MAX_BINARY_BYTES {
        return Parsed::Invalid;
    }
    let Some(addresses) = rest.get(..length) else { return Parsed::Partial };
    // Family and transport; only streams over IPv4 and IPv6 have an address that means something here.
    let header = match family {
        _ if local => Some(ProxyHeader::Unknown),
        0x11 => source(addresses, |octets: [u8; 4]| Ipv4Addr::from(octets).into()),
        0x21 => source(addresses, |octets: [u8; 16]| Ipv6Addr::from(octets).into()),
        _ => Some(ProxyHeader::Unknown),
    };
    header.map_or(Parsed::Invalid, |header| Parsed::Whole(header, FIXED_BYTES + length))
}

/// The source among the addresses: source, destination, the port of each.
fn source<const N: usize>(addresses: &[u8], address: fn([u8; N]) -> IpAddr) -> Option<ProxyHeader> {
    let (source, rest) = addresses.split_first_chunk::<N>()?;
    let (_destination, ports) = rest.split_first_chunk::<N>()?;
    let [high, low, ..] = ports.first_chunk::<4>()?;
    Some(ProxyHeader::For(SocketAddr::new(address(*source), u16::from_be_bytes([*high, *low]))))
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    fn binary(command: u8, family: u8, addresses: &[u8]) -> Vec<u8> {
        let length = u16::try_from(addresses.len()).unwrap().to_be_bytes();
        [&BINARY[..], &[command, family], &length, addresses].concat()
    }

    /// The header as a proxy writes it.
    fn written(version: u8, source: SocketAddr, destination: SocketAddr, extensions: &[u8]) -> Vec<u8> {
        let ports = [source.port().to_be_bytes(), destination.port().to_be_bytes()].concat();
        let both = match (source.ip(), destination.ip()) {
            (IpAddr::V4(one), IpAddr::V4(two)) => [one.octets(), two.octets()].concat(),
            (IpAddr::V6(one), IpAddr::V6(two)) => [one.octets(), two.octets()].concat(),
            _ => panic!("both are of one family"),
        };
        let (word, byte) = if source.is_ipv4() { ("TCP4", 0x11) } else { ("TCP6", 0x21) };
        match version {
            1 => {
                let (one, two) = (source.ip(), destination.ip());
                format!("PROXY {word} {one} {two} {} {}\r\n", source.port(), destination.port()).into()
            }
            _ => binary(0x21, byte, &[both, ports, extensions.to_vec()].concat()),
        }
    }

    fn check(bytes: &[u8], expected: Parsed) {
        assert_eq!(parse(bytes), expected, "{:?}", String::from_utf8_lossy(bytes));
    }

    #[test]
    fn what_has_no_address_is_the_proxys_own() {
        for line in ["PROXY UNKNOWN\r\n", "PROXY UNKNOWN ::1 what ever\r\n"] {
            check(line.as_bytes(), Parsed::Whole(ProxyHeader::Unknown, line.len()));
        }
        // The proxy's own check, a Unix socket, a datagram, a family that is not known.
        for (command, family) in [(0x20, 0x11), (0x21, 0x31), (0x21, 0x12), (0x21, 0x00), (0x21, 0x51)] {
            let bytes = binary(command, family, b"whatever stands here");
            check(&bytes, Parsed::Whole(ProxyHeader::Unknown, bytes.len()));
        }
    }

    #[test]
    fn what_does_not_follow_the_specification_is_no_header() {
        for line in [
            "GET / HTTP/1.1\r\n",
            "PROXYTCP4 1.2.3.4 1.2.3.4 1 1\r\n",
            "PROXY TCP4 1.2.3.4 1.2.3.4 1 1\n",
            "PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n",
            "PROXY TCP4 1.2.3.4 1.2.3.4 1 1 \r\n",
            "PROXY TCP4 1.2.3.4  1.2.3.4 1 1\r\n",
            "PROXY TCP4 01.2.3.4 1.2.3.4 1 1\r\n",
            "PROXY TCP4 1.2.3.4 1.2.3.4 +1 1\r\n",
            "PROXY TCP4 1.2.3.4 1.2.3.4 65536 1\r\n",
            "PROXY TCP4 ::1 ::1 1 1\r\n",
            "PROXY TCP6 1.2.3.4 1.2.3.4 1 1\r\n",
            "PROXY UDP4 1.2.3.4 1.2.3.4 1 1\r\n",
            "PROXY \r\n",
        ] {
            check(line.as_bytes(), Parsed::Invalid);
        }
        check(format!("PROXY UNKNOWN {}\r\n", "x".repeat(100)).as_bytes(), Parsed::Invalid);
        check(&binary(0x11, 0x11, &[0; 12]), Parsed::Invalid);
        check(&binary(0x22, 0x11, &[0; 12]), Parsed::Invalid);
        check(&binary(0x21, 0x11, &[0; 11]), Parsed::Invalid);
        check(&binary(0x21, 0x21, &[0; 35]), Parsed::Invalid);
        check(&binary(0x21, 0x11, &[0; MAX_BINARY_BYTES]), Parsed::Invalid);
    }

    fn pair() -> impl Strategy<Value = (SocketAddr, SocketAddr)> {
        let four = any::<(std::net::SocketAddrV4, std::net::SocketAddrV4)>();
        let six = any::<([u8; 16], u16, [u8; 16], u16)>().prop_map(|(one, port, two, other)| {
            (SocketAddr::new(one.into(), port), SocketAddr::new(two.into(), other))
        });
        prop_oneof![four.prop_map(|(one, two)| (one.into(), two.into())), six]
    }

    proptest! {
        #[test]
        fn a_header_reads_as_it_is_written_however_much_of_it_has_come(
            version in 1_u8..=2,
            (source, destination) in pair(),
            extensions in vec(any::<u8>(), 0..300),
            request in vec(any::<u8>(), 0..50),
        ) {
            let header = written(version, source, destination, &extensions);
            for length in 0..header.len() {
                prop_assert_eq!(parse(&header[..length]), Parsed::Partial);
            }
            let whole = Parsed::Whole(ProxyHeader::For(source), header.len());
            prop_assert_eq!(parse(&[header, request].concat()), whole);
        }

        #[test]
        fn any_bytes_are_a_header_or_none(version in 0_u8..3, bytes in vec(any::<u8>(), 0..5000)) {
            let signature = [&b""[..], TEXT, BINARY][usize::from(version)];
            let bytes = [signature, &bytes].concat();
            match parse(&bytes) {
                Parsed::Whole(_, length) => prop_assert!(length <= bytes.len()),
                // No header is waited for without end.
                Parsed::Partial => prop_assert!(bytes.len() < MAX_BINARY_BYTES),
                Parsed::Invalid => {}
            }
        }
    }
}
