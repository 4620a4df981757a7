//! What a token says.

use std::{
    fmt,
    time::{Duration, SystemTime},
};

use publication::{Pattern, compact_json};
use serde::{
    Deserialize, Deserializer,
    de::{self, MapAccess, Visitor},
};
use serde_json::{Value, value::RawValue};

use crate::{
    error::TokenError,
    identity::{Grants, Identity, Texts},
};

/// The longest name of a subject, and of a token.
const MAX_TEXT_BYTES: usize = 255;

/// The claims that the gateway looks at. None may stand there twice: readers would differ in which counts.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Claims {
    pub(crate) iss: Option<String>,
    sub: Option<String>,
    #[serde(default, deserialize_with = "one_or_many")]
    pub(crate) aud: Vec<String>,
    #[serde(default, deserialize_with = "date")]
    exp: Option<SystemTime>,
    #[serde(default, deserialize_with = "date")]
    nbf: Option<SystemTime>,
    #[serde(default, deserialize_with = "date")]
    iat: Option<SystemTime>,
    jti: Option<String>,
    fanfare: Option<Ours>,
}

/// What is for the gateway alone. What it does not know there is a mistake that would go unnoticed.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Ours {
    #[serde(default, deserialize_with = "patterns")]
    subscribe: Vec<Pattern>,
    #[serde(default, deserialize_with = "patterns")]
    publish: Vec<Pattern>,
    info: Option<Box<RawValue>>,
    #[serde(default)]
    console: bool,
}

impl Claims {
    /// Reads the payload of a token.
    ///
    /// # Errors
    /// It is no object of claims as they must be.
    pub(crate) fn read(payload: &str) -> Result<Self, TokenError> {
        serde_json::from_str(payload).map_err(|error| TokenError::Malformed(error.to_string()))
    }

    /// Sees to it that its time has begun and is not over.
    pub(crate) fn check_time(&self, now: SystemTime, leeway: Duration) -> Result<(), TokenError> {
        if self.exp.is_some_and(|exp| after(exp, leeway) <= now) {
            return Err(TokenError::Expired);
        }
        if self.nbf.is_some_and(|nbf| nbf > now + leeway) {
            return Err(TokenError::NotYet);
        }
        Ok(())
    }

    /// Whom they describe. `others` are claims that are to be kept too.
    pub(crate) fn identity(
        self,
        payload: &str,
        others: &[String],
        leeway: Duration,
    ) -> Result<Identity, TokenError> {
        let Self { sub, exp, iat, jti, fanfare, .. } = self;
        for (name, text) in [("sub", &sub), ("jti", &jti)] {
            if text
                .as_ref()
                .is_some_and(|text| text.len() > MAX_TEXT_BYTES || text.chars().any(char::is_control))
            {
                let reason = format!("`{name}` has at most {MAX_TEXT_BYTES} bytes and no control characters");
                return Err(TokenError::Malformed(reason));
            }
        }
        let Ours { subscribe, publish, info, console } = fanfare.unwrap_or_default();
        Ok(Identity {
            subject: sub.map(Box::from),
            id: jti.map(Box::from),
            issued: iat.and_then(|iat| Some(iat.duration_since(SystemTime::UNIX_EPOCH).ok()?.as_secs())),
            expires: exp.map(|exp| after(exp, leeway)),
            grants: Grants { subscribe: subscribe.into(), publish: publish.into(), console },
            info: info.map(|info| compact_json(info.get()).into()),
            claims: if others.is_empty() { Box::default() } else { texts(payload, others)? },
        })
    }
}

/// A time so much later; what no clock can show is never.
fn after(time: SystemTime, leeway: Duration) -> SystemTime {
    time.checked_add(leeway).unwrap_or(time)
}

/// Those of the claims that are text, or numbers without a fraction.
fn texts(payload: &str, names: &[String]) -> Result<Texts, TokenError> {
    let Members(all) =
        serde_json::from_str(payload).map_err(|error| TokenError::Malformed(error.to_string()))?;
    let mut found = Vec::new();
    for name in names {
        let mut values = all.iter().filter(|(other, _)| other == name).map(|(_, value)| value);
        let value = values.next();
        if values.next().is_some() {
            return Err(TokenError::Malformed(format!("the claim `{name}` stands there twice")));
        }
        let text = match value {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Number(number)) if number.is_u64() => number.to_string(),
            _ => continue,
        };
        found.push((name.as_str().into(), text.into()));
    }
    Ok(found.into())
}

/// An object's members as they stand there, also those that stand there twice.
struct Members(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct All;

        impl<'de> Visitor<'de> for All {
            type Value = Members;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("an object of claims")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(All)
    }
}

/// A `NumericDate`: seconds since 1970, perhaps with a fraction.
fn date<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SystemTime>, D::Error> {
    let Some(seconds) = Option::<f64>::deserialize(deserializer)? else { return Ok(None) };
    let time =
        Duration::try_from_secs_f64(seconds).ok().and_then(|since| SystemTime::UNIX_EPOCH.checked_add(since));
    time.map(Some).ok_or_else(|| de::Error::custom("a time is a number of seconds since 1970"))
}

fn one_or_many<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum OneOrMany {
        One(String),
        Many(Vec<String>),
    }
    match OneOrMany::deserialize(deserializer) {
        Ok(OneOrMany::One(one)) => Ok(vec![one]),
        Ok(OneOrMany::Many(many)) => Ok(many),
        Err(_) => Err(de::Error::custom("`aud` is a text or an array of texts")),
    }
}

fn patterns<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Pattern>, D::Error> {
    let texts: Vec<String> = Vec::deserialize(deserializer)?;
    let read = |text: &String| {
        Pattern::parse(text)
            .map_err(|error| de::Error::custom(format!("the grant {text:?} is no channel: {error}")))
    };
    texts.iter().map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_claim_that_counts_may_stand_there_twice() {
        let read = |payload: &str| {
            let names = ["tenant".to_owned()];
            Claims::read(payload)?
                .identity(payload, &names, Duration::ZERO)
                .map(|identity| identity.claims.len())
        };
        assert_eq!(read(r#"{"tenant":"a","x":1,"x":2}"#), Ok(1));
        for twice in [r#"{"tenant":"a","tenant":"b"}"#, r#"{"sub":"a","sub":"b"}"#, r#"{"exp":1,"exp":2}"#] {
            assert!(matches!(read(twice), Err(TokenError::Malformed(_))), "{twice}");
        }
    }
}
