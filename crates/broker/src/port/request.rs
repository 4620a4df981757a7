//! A command as clients send it: an array of strings (RESP, "client handshake and requests").

use memchr::memchr;

/// Strings of one command.
const MAX_WORDS: usize = 1_024;
/// Digits of a length or a count.
const MAX_DIGITS: usize = 10;

/// The words of a command, in the bytes that were read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request<'a> {
    /// All of them; none in an empty array.
    pub words: Vec<&'a [u8]>,
    /// How many bytes it is.
    pub length: usize,
}

/// The bytes are no command; nothing behind them can be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed(pub &'static str);

/// The first command of `bytes`, or `None` if more bytes are needed. It is refused as soon as it is known to be longer
/// than `max_bytes`.
///
/// # Errors
/// It is none, or too long.
pub fn parse(bytes: &[u8], max_bytes: usize) -> Result<Option<Request<'_>>, Malformed> {
    let mut at = 0;
    let Some(count) = number(bytes, &mut at, b'*')? else { return Ok(None) };
    if count > MAX_WORDS {
        return Err(Malformed("too many words in one command"));
    }
    let mut words = Vec::with_capacity(count.min(16));
    for _ in 0..count {
        let Some(length) = number(bytes, &mut at, b'$')? else { return Ok(None) };
        if at + length > max_bytes {
            return Err(Malformed("the command is too long"));
        }
        let Some(word) = bytes.get(at..at + length) else { return Ok(None) };
        at += length;
        match bytes.get(at..at + 2) {
            None => return Ok(None),
            Some(b"\r\n") => at += 2,
            Some(_) => return Err(Malformed("a string is longer than it says")),
        }
        words.push(word);
    }
    Ok(Some(Request { words, length: at }))
}

/// A count or a length behind its sign, up to the end of its line.
fn number(bytes: &[u8], at: &mut usize, sign: u8) -> Result<Option<usize>, Malformed> {
    let rest = &bytes[*at..];
    match rest.first() {
        None => return Ok(None),
        Some(first) if *first == sign => {}
        Some(_) => return Err(Malformed("this is no command of RESP")),
    }
    let Some(end) = memchr(b'\n', &rest[..rest.len().min(MAX_DIGITS + 3)]) else {
        let is_number = rest[1..].iter().all(|byte| byte.is_ascii_digit() || b"-\r".contains(byte));
        return match rest.len() < MAX_DIGITS + 3 {
            true if is_number => Ok(None),
            true => Err(Malformed("a length is no number")),
            false => Err(Malformed("a length is too long")),
        };
    };
    let digits = rest[1..end].strip_suffix(b"\r").ok_or(Malformed("a line ends without its return"))?;
    // An empty array is a command that asks for nothing.
    let digits = if sign == b'*' && digits == b"-1" { b"0" } else { digits };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(Malformed("a length is no number"));
    }
    *at += end + 1;
    Ok(Some(digits.iter().fold(0, |number, digit| number * 10 + usize::from(digit - b'0'))))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn write(words: &[Vec<u8>]) -> Vec<u8> {
        let mut out = format!("*{}\r\n", words.len()).into_bytes();
        for word in words {
            out.extend(format!("${}\r\n", word.len()).bytes());
            out.extend(word);
            out.extend(b"\r\n");
        }
        out
    }

    #[test]
    fn what_is_no_command_is_refused_at_its_first_byte() {
        for text in [
            "GET / HTTP/1.1",
            "PING\r\n",
            "\r\n",
            "$4\r\nPING\r\n",
            "+OK\r\n",
            "*a",
            "*1\n",
            "*1\r\nP",
            "*1\r\n$1\r\nabc",
        ] {
            let refused = (1..=text.len()).any(|length| parse(&text.as_bytes()[..length], 100).is_err());
            assert!(refused, "{text:?}");
        }
        assert_eq!(parse(b"G", 100), Err(Malformed("this is no command of RESP")));
        assert_eq!(parse(b"*99999999999999999999", 100), Err(Malformed("a length is too long")));
        assert_eq!(parse(b"*1\r\n$101\r\n", 100), Err(Malformed("the command is too long")));
        assert_eq!(parse(b"*5000\r\n", 100), Err(Malformed("too many words in one command")));
        assert_eq!(parse(b"*-1\r\n", 100).unwrap().unwrap().words.len(), 0);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_however_it_is_cut(
            words in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..20), 0..6),
            behind: Vec<u8>,
        ) {
            let mut bytes = write(&words);
            let length = bytes.len();
            for cut in 0..length {
                prop_assert_eq!(parse(&bytes[..cut], 10_000), Ok(None));
            }
            bytes.extend(behind);
            let request = parse(&bytes, 10_000).unwrap().unwrap();
            prop_assert_eq!(request.length, length);
            prop_assert_eq!(request.words, words);
        }

        #[test]
        fn whatever_comes_is_read_without_harm(bytes in proptest::collection::vec(prop_oneof![
            Just(b'*'), Just(b'$'), Just(b'\r'), Just(b'\n'), b'0'..=b'9', any::<u8>()], 0..40)) {
            if let Ok(Some(request)) = parse(&bytes, 1_000) {
                prop_assert!(request.length <= bytes.len());
            }
        }
    }
}
