//! The ids that XADD answers with, as Redis makes them: the time in milliseconds, and a number.

use publication::EntryId;

/// The last id there was.
#[derive(Default)]
pub(super) struct Ids {
    last: Option<EntryId>,
}

impl Ids {
    /// The id that is asked for, `now` being in milliseconds since 1970; `None` if it is not greater than all before.
    pub(super) fn next(&mut self, asked: &Asked, now: u64) -> Option<EntryId> {
        let after = self.last.map(|last| match last.seq.checked_add(1) {
            Some(seq) => EntryId { seq, ..last },
            None => EntryId { ms: last.ms + 1, seq: 0 },
        });
        let id = match *asked {
            Asked::Any => {
                let now = EntryId { ms: now, seq: 0 };
                after.map_or(now, |after| after.max(now))
            }
            Asked::At(millis) => {
                let same = after.filter(|after| after.ms == millis);
                same.unwrap_or(EntryId { ms: millis, seq: 0 })
            }
            Asked::This(id) => id,
        };
        if self.last.is_some_and(|last| id <= last) {
            return None;
        }
        self.last = Some(id);
        Some(id)
    }
}

/// What a client asks for: `*`, `MILLIS-*`, or an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    Any,
    At(u64),
    This(EntryId),
}

impl Asked {
    pub(super) fn parse(word: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(word).ok()?;
        if text == "*" {
            return Some(Self::Any);
        }
        match text.split_once('-') {
            Some((millis, "*")) => millis.parse().ok().map(Self::At),
            Some(_) => text.parse().ok().map(Self::This),
            None => text.parse().ok().map(|ms| Self::This(EntryId { ms, seq: 0 })),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_grow_whatever_the_clock_does() {
        let mut ids = Ids::default();
        let mut check = |word: &str, now, expected: Option<&str>| {
            let id = ids.next(&Asked::parse(word.as_bytes()).unwrap(), now);
            assert_eq!(id.map(|id| id.to_string()).as_deref(), expected, "{word} at {now}");
        };
        check("*", 5, Some("5-0"));
        check("*", 5, Some("5-1"));
        check("*", 4, Some("5-2"));
        check("7-3", 5, Some("7-3"));
        check("7-3", 5, None);
        check("7-*", 5, Some("7-4"));
        check("6-*", 5, None);
        check("*", 8, Some("8-0"));
        check("9", 8, Some("9-0"));
        for bad in ["", "a", "-", "1-", "1-b", "**"] {
            assert_eq!(Asked::parse(bad.as_bytes()), None, "{bad}");
        }
    }
}
