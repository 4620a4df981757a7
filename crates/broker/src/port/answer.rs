//! What a client is answered with, in its version of the protocol.

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// A word, such as `OK`.
    Simple(&'static str),
    /// An error; its first word says which.
    Error(String),
    Number(i64),
    Bulk(Vec<u8>),
    List(Vec<Answer>),
    /// Names with their values; a list of both in turn before version 3.
    Map(Vec<(&'static str, Answer)>),
    Null,
}

impl Answer {
    pub(super) const OK: Self = Self::Simple("OK");

    pub(super) fn error(text: impl Into<String>) -> Self {
        Self::Error(text.into())
    }

    /// Appends it; `resp3` is what HELLO has asked for.
    pub(super) fn write(&self, resp3: bool, out: &mut Vec<u8>) {
        let line = |out: &mut Vec<u8>, sign: char, text: &str| {
            out.extend(format!("{sign}{text}\r\n").into_bytes());
        };
        match self {
            Self::Simple(text) => line(out, '+', text),
            // A line is one: whatever stands in names and values of theirs must not end it.
            Self::Error(text) => line(out, '-', &text.replace(['\r', '\n'], " ")),
            Self::Number(number) => line(out, ':', &number.to_string()),
            Self::Bulk(bytes) => {
                line(out, '$', &bytes.len().to_string());
                out.extend(bytes);
                out.extend(b"\r\n");
            }
            Self::List(answers) => {
                line(out, '*', &answers.len().to_string());
                answers.iter().for_each(|answer| answer.write(resp3, out));
            }
            Self::Map(pairs) => {
                match resp3 {
                    true => line(out, '%', &pairs.len().to_string()),
                    false => line(out, '*', &(2 * pairs.len()).to_string()),
                }
                for (name, value) in pairs {
                    Self::Bulk(name.as_bytes().to_vec()).write(resp3, out);
                    value.write(resp3, out);
                }
            }
            Self::Null if resp3 => line(out, '_', ""),
            Self::Null => line(out, '$', "-1"),
        }
    }
}
