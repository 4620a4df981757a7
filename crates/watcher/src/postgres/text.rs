//! What Postgres's texts mean, by their type.

use std::borrow::Cow;

use data_encoding::HEXLOWER_PERMISSIVE;

use super::array;
use crate::value::Value;

/// A value of a type, as driver and database call it. What is not known here is shown as the text that it is.
pub(super) fn value<'a>(kind: &str, text: &'a str) -> Value<'a> {
    if let Some(element) = kind.strip_suffix("[]") {
        return array::value(element, text).unwrap_or(Value::Text(text.into()));
    }
    match kind {
        "BOOL" => Value::Bool(text == "t"),
        "INT2" | "INT4" | "INT8" | "OID" => Value::integer(text),
        "FLOAT4" | "FLOAT8" => Value::float(text),
        // Their digits are kept as they are: JSON's numbers are taken for floating-point ones by those who read them.
        "NUMERIC" | "MONEY" => Value::Text(text.into()),
        "JSON" | "JSONB" => Value::Json(text.into()),
        "BYTEA" => bytes(text),
        "TIMESTAMP" | "TIMESTAMPTZ" => Value::Text(instant(text)),
        _ => Value::Text(text.into()),
    }
}

fn bytes(text: &str) -> Value<'_> {
    let hex = text.strip_prefix("\\x").and_then(|hex| HEXLOWER_PERMISSIVE.decode(hex.as_bytes()).ok());
    hex.map_or(Value::Text(text.into()), |bytes| Value::Bytes(bytes.into()))
}

/// `2026-11-26 10:53:41.5+00` as ISO 8601: `2026-11-26T10:53:41.5Z`; infinity and years before Christ as they are.
fn instant(text: &str) -> Cow<'_, str> {
    match text.split_once(' ') {
        Some((date, time)) if time.bytes().all(|byte| byte.is_ascii_digit() || b":.+-".contains(&byte)) => {
            match time.strip_suffix("+00") {
                Some(time) => format!("{date}T{time}Z").into(),
                None => format!("{date}T{time}").into(),
            }
        }
        _ => text.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_become_what_they_mean() {
        let check = |kind: &str, text: &str, json: &str| {
            let mut out = String::new();
            value(kind, text).write(&mut out);
            assert_eq!(out, json, "{kind} {text}");
        };
        check("BOOL", "t", "true");
        check("INT8", "-9007199254740991", "-9007199254740991");
        check("INT8", "9007199254740993", r#""9007199254740993""#);
        check("FLOAT8", "1e-07", "1e-07");
        check("FLOAT8", "-Infinity", r#""-Infinity""#);
        check("NUMERIC", "1.10", r#""1.10""#);
        check("JSONB", r#"{"a": [1, "b c"]}"#, r#"{"a":[1,"b c"]}"#);
        check("BYTEA", r"\x00ff10", r#""AP8Q""#);
        check("TIMESTAMPTZ", "2026-11-26 10:53:41.5+00", r#""2026-11-26T10:53:41.5Z""#);
        check("TIMESTAMP", "2026-11-26 10:53:41", r#""2026-11-26T10:53:41""#);
        check("TIMESTAMPTZ", "infinity", r#""infinity""#);
        check("TIMESTAMP", "0044-03-15 10:00:00 BC", r#""0044-03-15 10:00:00 BC""#);
        check("TEXT", "it's \"so\"\n", r#""it's \"so\"\n""#);
        check("INT4[]", "{1,NULL,3}", "[1,null,3]");
        check("TEXT[]", r#"{a,"b c","",NULL,"NULL","q\"\\"}"#, r#"["a","b c","",null,"NULL","q\"\\"]"#);
        check("INT4[]", "{{1,2},{3,4}}", "[[1,2],[3,4]]");
        check("INT4[]", "[0:1]={7,8}", "[7,8]");
        check("TEXT[]", "{}", "[]");
        check("JSONB[]", r#"{"{\"a\": 1}"}"#, r#"[{"a":1}]"#);
        check("BOX[]", "{(1,1),(0,0);(3,3),(2,2)}", r#"["(1,1),(0,0)","(3,3),(2,2)"]"#);
        check("TEXT[]", "{a", r#""{a""#);
        check("?", "anything", r#""anything""#);
    }
}
