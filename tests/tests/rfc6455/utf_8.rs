//! The texts of the cases 6.5 to 6.23, which go back to Markus Kuhn's UTF-8 decoder stress test.

use std::str;

/// A word of multi-byte characters alone.
pub(crate) const WORD: &str = "κόσμε";

/// By the two first numbers of their cases; the third one counts from 1.
const LISTED: &[(&str, &[&[u8]])] = &[
    (
        "6.5",
        &[b"hello$world", b"hello\xc2\xa2world", b"hello\xe2\x82\xacworld", b"hello\xf0\xa4\xad\xa2world"],
    ),
    // The first and the last of each length, also of lengths that no longer exist.
    ("6.7", &[b"\0", b"\xc2\x80", b"\xe0\xa0\x80", b"\xf0\x90\x80\x80"]),
    ("6.8", &[b"\xf8\x88\x80\x80\x80", b"\xfc\x84\x80\x80\x80\x80"]),
    ("6.9", &[b"\x7f", b"\xdf\xbf", b"\xef\xbf\xbf", b"\xf4\x8f\xbf\xbf"]),
    ("6.10", &[b"\xf7\xbf\xbf\xbf", b"\xfb\xbf\xbf\xbf\xbf", b"\xfd\xbf\xbf\xbf\xbf\xbf"]),
    ("6.11", &[b"\xed\x9f\xbf", b"\xee\x80\x80", b"\xef\xbf\xbd", b"\xf4\x8f\xbf\xbf", b"\xf4\x90\x80\x80"]),
    // Continuations of nothing; 6.12.8 and 6.13 are counted out below.
    (
        "6.12",
        &[
            b"\x80",
            b"\xbf",
            b"\x80\xbf",
            b"\x80\xbf\x80",
            b"\x80\xbf\x80\xbf",
            b"\x80\xbf\x80\xbf\x80",
            b"\x80\xbf\x80\xbf\x80\xbf",
        ],
    ),
    ("6.14", UNFINISHED),
    ("6.16", &[b"\xfe", b"\xff", b"\xfe\xfe\xff\xff"]),
    // Longer than they need to be: a slash, the last of each length, and NUL.
    (
        "6.17",
        &[
            b"\xc0\xaf",
            b"\xe0\x80\xaf",
            b"\xf0\x80\x80\xaf",
            b"\xf8\x80\x80\x80\xaf",
            b"\xfc\x80\x80\x80\x80\xaf",
        ],
    ),
    (
        "6.18",
        &[
            b"\xc1\xbf",
            b"\xe0\x9f\xbf",
            b"\xf0\x8f\xbf\xbf",
            b"\xf8\x87\xbf\xbf\xbf",
            b"\xfc\x83\xbf\xbf\xbf\xbf",
        ],
    ),
    (
        "6.19",
        &[
            b"\xc0\x80",
            b"\xe0\x80\x80",
            b"\xf0\x80\x80\x80",
            b"\xf8\x80\x80\x80\x80",
            b"\xfc\x80\x80\x80\x80\x80",
        ],
    ),
    // Surrogates of UTF-16, alone and in pairs.
    (
        "6.20",
        &[
            b"\xed\xa0\x80",
            b"\xed\xad\xbf",
            b"\xed\xae\x80",
            b"\xed\xaf\xbf",
            b"\xed\xb0\x80",
            b"\xed\xbe\x80",
            b"\xed\xbf\xbf",
        ],
    ),
    (
        "6.21",
        &[
            b"\xed\xa0\x80\xed\xb0\x80",
            b"\xed\xa0\x80\xed\xbf\xbf",
            b"\xed\xad\xbf\xed\xb0\x80",
            b"\xed\xad\xbf\xed\xbf\xbf",
            b"\xed\xae\x80\xed\xb0\x80",
            b"\xed\xae\x80\xed\xbf\xbf",
            b"\xed\xaf\xbf\xed\xb0\x80",
            b"\xed\xaf\xbf\xed\xbf\xbf",
        ],
    ),
    (
        "6.23",
        &[
            b"\xef\xbf\xb9",
            b"\xef\xbf\xba",
            b"\xef\xbf\xbb",
            b"\xef\xbf\xbc",
            b"\xef\xbf\xbd",
            b"\xef\xbf\xbe",
            b"\xef\xbf\xbf",
        ],
    ),
];

/// Each lacks its last byte.
const UNFINISHED: &[&[u8]] = &[
    b"\xc0",
    b"\xe0\x80",
    b"\xf0\x80\x80",
    b"\xf8\x80\x80\x80",
    b"\xfc\x80\x80\x80\x80",
    b"\xdf",
    b"\xef\xbf",
    b"\xf7\xbf\xbf",
    b"\xfb\xbf\xbf\xbf",
    b"\xfd\xbf\xbf\xbf\xbf",
];

/// Every case from 6.5.1 to 6.23.7: its number and its text.
pub(crate) fn cases() -> Vec<(String, Vec<u8>)> {
    let mut cases: Vec<(String, Vec<u8>)> = Vec::new();
    for (group, texts) in LISTED {
        cases.extend((1..).zip(*texts).map(|(index, text)| (format!("{group}.{index}"), text.to_vec())));
    }
    cases.push(("6.5.5".to_owned(), WORD.into()));
    let prefixes = 1..=WORD.len();
    cases.extend(prefixes.map(|end| (format!("6.6.{end}"), WORD.as_bytes()[..end].to_vec())));
    cases.push(("6.12.8".to_owned(), (0x80..0xbf).collect()));
    // Lonely beginnings: each before a space.
    for (index, starts) in (1..).zip([0xc0..0xdf, 0xe0..0xef, 0xf0..0xf7, 0xf8..0xfb, 0xfc..0xfd_u8]) {
        cases.push((format!("6.13.{index}"), starts.flat_map(|start| [start, b' ']).collect()));
    }
    cases.push(("6.15.1".to_owned(), UNFINISHED.concat()));
    // The two last code points of each plane are no characters, and valid.
    let no_characters = (0..=16_u32).flat_map(|plane| [plane << 16 | 0xfffe, plane << 16 | 0xffff]);
    cases.extend((1..).zip(no_characters).map(|(index, point)| {
        let character = char::from_u32(point).expect("a code point");
        (format!("6.22.{index}"), character.to_string().into_bytes())
    }));
    cases
}

/// How many bytes it takes until nothing that follows can make a text valid; `None` if something can.
pub(crate) fn bytes_until_broken(text: &[u8]) -> Option<usize> {
    let broken = |end: &usize| str::from_utf8(&text[..*end]).is_err_and(|error| error.error_len().is_some());
    (1..=text.len()).find(broken)
}
