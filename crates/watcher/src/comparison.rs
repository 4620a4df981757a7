//! What a result says that is not shown yet: read row by row, so that rows that are as they were cost their hash alone.

use std::{fmt, time::SystemTime};

use publication::{ChannelName, Draft, Publication};

use crate::{
    change::{Change, Kind},
    query::Query,
    shown::{Fingerprint, Seen, Shown},
    table::{Column, Hash, Row},
    template::Part,
    value::{Value, write_text},
};

/// Another one when values are written in another way, so that all are published anew.
const FORMAT: u8 = 2;

/// A result, compared with what is shown.
pub(crate) struct Comparison<'a> {
    query: &'a Query,
    shown: &'a mut Shown,
    layout: Option<Layout>,
    changes: Vec<Change>,
    /// The whole result, where it is one publication.
    whole: String,
    rows: usize,
    skipped: usize,
    why_skipped: Option<String>,
    /// In seconds since 1970.
    now: u32,
    /// The channel of the row that is looked at.
    channel: String,
}

/// Where what is in a result, the same for all of its rows.
struct Layout {
    /// The names as JSON, each with its colon.
    names: Vec<String>,
    /// Which columns hold JSON as text.
    json: Vec<bool>,
    channel: Vec<Place>,
    /// What the names and the event type add to each row's hash.
    seed: u64,
}

enum Place {
    Text(String),
    Column(usize),
}

/// A result that can be published.
pub(crate) struct Compared {
    pub(crate) changes: Vec<Change>,
    pub(crate) rows: usize,
    /// Rows that cannot be published, and why the first of them.
    pub(crate) skipped: usize,
    pub(crate) why_skipped: Option<String>,
}

/// Why a result cannot.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Unusable {
    NoColumn(String),
    SameColumn(String),
    SameChannel(String),
    TooManyRows(usize),
    TooLong(usize),
    Unreadable(String),
}

impl<'a> Comparison<'a> {
    pub(crate) fn new(query: &'a Query, shown: &'a mut Shown, now: SystemTime) -> Self {
        shown.begin();
        let since = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Self {
            query,
            shown,
            layout: None,
            changes: Vec::new(),
            whole: "[".to_owned(),
            rows: 0,
            skipped: 0,
            why_skipped: None,
            now: u32::try_from(since.as_secs()).unwrap_or(u32::MAX),
            channel: String::new(),
        }
    }

    /// Looks at a row.
    pub(crate) fn row(&mut self, row: &dyn Row) -> Result<(), Unusable> {
        self.rows += 1;
        if self.rows > self.query.max_rows {
            return Err(Unusable::TooManyRows(self.query.max_rows));
        }
        let layout = match self.layout.take() {
            Some(layout) => layout,
            None => Layout::new(self.query, &row.columns())?,
        };
        let looked_at = match self.query.channel.has_columns() {
            true => self.own_channel(&layout, row),
            false => self.part_of_whole(&layout, row),
        };
        self.layout = Some(layout);
        looked_at
    }

    fn part_of_whole(&mut self, layout: &Layout, row: &dyn Row) -> Result<(), Unusable> {
        if self.rows > 1 {
            self.whole.push(',');
        }
        layout.write(row, &mut self.whole).map_err(Unusable::Unreadable)?;
        if self.whole.len() > self.query.max_data_bytes {
            return Err(Unusable::TooLong(self.query.max_data_bytes));
        }
        Ok(())
    }

    fn own_channel(&mut self, layout: &Layout, row: &dyn Row) -> Result<(), Unusable> {
        if let Err(reason) = layout.name(row, &mut self.channel) {
            self.skip(reason);
            return Ok(());
        }
        let mut hash = Hash::default();
        hash.add(Some(&layout.seed.to_le_bytes()));
        row.hash(&mut hash);
        let fingerprint = Fingerprint { hash: hash.finish(), at: self.now };
        let kind = match self.shown.see(&self.channel, fingerprint, self.query.refresh) {
            Seen::Same => return Ok(()),
            Seen::Twice => return Err(Unusable::SameChannel(self.channel.clone())),
            Seen::New => Kind::Changed,
            Seen::Old => Kind::Refreshed,
        };
        let mut data = String::new();
        let (written, limit) = (layout.write(row, &mut data), self.query.max_data_bytes);
        let written = written.and_then(|()| match data.len() {
            length if length > limit => Err(format!("{length} bytes, and broker.max_data_bytes is {limit}")),
            _ => Ok(()),
        });
        match written {
            Ok(()) => self.change(kind, &data, fingerprint),
            Err(reason) => {
                // What is shown is no longer true, so it is retracted like one that is gone.
                self.shown.overlook(&self.channel);
                self.skip(format!("{} has {reason}", self.channel));
            }
        }
        Ok(())
    }

    fn change(&mut self, kind: Kind, data: &str, fingerprint: Fingerprint) {
        let (channel, event) = (&*self.channel, self.query.event.as_deref());
        let draft = Draft { channel, event, data, json: true, ..Draft::default() };
        // Its parts have been checked.
        if let Ok(publication) = Publication::new(&draft, usize::MAX) {
            self.changes.push(Change { kind, publication, fingerprint: Some(fingerprint) });
        }
    }

    fn skip(&mut self, reason: String) {
        self.skipped += 1;
        self.why_skipped.get_or_insert(reason);
    }

    /// The result has been read to its end: whatever is shown and was not in it is gone.
    pub(crate) fn finish(mut self) -> Compared {
        if !self.query.channel.has_columns() {
            let mut whole = std::mem::take(&mut self.whole);
            whole.push(']');
            self.channel = self.query.channel.to_string();
            let mut hash = Hash::default();
            hash.add(Some(&seed(self.query, &[]).to_le_bytes()));
            hash.add(Some(whole.as_bytes()));
            let fingerprint = Fingerprint { hash: hash.finish(), at: self.now };
            match self.shown.see(&self.channel, fingerprint, self.query.refresh) {
                Seen::New => self.change(Kind::Changed, &whole, fingerprint),
                Seen::Old => self.change(Kind::Refreshed, &whole, fingerprint),
                Seen::Same | Seen::Twice => {}
            }
        }
        let mut gone: Vec<_> = self.shown.gone().collect();
        gone.sort_unstable();
        for channel in gone {
            let draft = Draft { channel, retraction: true, ..Draft::default() };
            match Publication::new(&draft, usize::MAX) {
                Ok(publication) => {
                    self.changes.push(Change { kind: Kind::Retracted, publication, fingerprint: None });
                }
                // Somebody else wrote it where it is remembered; there is no such channel.
                Err(_) => continue,
            }
        }
        Compared {
            changes: self.changes,
            rows: self.rows,
            skipped: self.skipped,
            why_skipped: self.why_skipped,
        }
    }
}

impl Layout {
    fn new(query: &Query, columns: &[Column]) -> Result<Self, Unusable> {
        for (index, column) in columns.iter().enumerate() {
            if columns[..index].iter().any(|other| other.name == column.name) {
                return Err(Unusable::SameColumn(column.name.clone()));
            }
        }
        let find = |name: &str| {
            let found = columns.iter().position(|column| column.name == name);
            found.ok_or_else(|| Unusable::NoColumn(name.to_owned()))
        };
        for name in &query.json {
            find(name)?;
        }
        let place = |part: &Part| match part {
            Part::Text(text) => Ok(Place::Text(text.clone())),
            Part::Column(name) => find(name).map(Place::Column),
        };
        let names = columns.iter().map(|column| {
            let mut name = String::new();
            write_text(&column.name, &mut name);
            name + ":"
        });
        Ok(Self {
            names: names.collect(),
            json: columns.iter().map(|column| query.json.contains(&column.name)).collect(),
            channel: query.channel.parts().iter().map(place).collect::<Result<_, _>>()?,
            seed: seed(query, columns),
        })
    }

    /// The channel of a row, or why it has none.
    fn name(&self, row: &dyn Row, out: &mut String) -> Result<(), String> {
        out.clear();
        for place in &self.channel {
            match place {
                Place::Text(text) => out.push_str(text),
                Place::Column(column) => match row.value(*column)?.as_name() {
                    Some(name) => out.push_str(name),
                    None => {
                        let name = self.names[*column].trim_end_matches(':');
                        return Err(format!("{name} makes no part of a channel's name in one of them"));
                    }
                },
            }
        }
        ChannelName::check(out).map_err(|error| format!("{out:?} is no channel: {error}"))
    }

    /// Appends a row as a JSON object; or says what of it cannot be read.
    fn write(&self, row: &dyn Row, out: &mut String) -> Result<(), String> {
        out.push('{');
        for (column, name) in self.names.iter().enumerate() {
            if column > 0 {
                out.push(',');
            }
            out.push_str(name);
            match row.value(column)? {
                Value::Text(text) if self.json[column] => Value::Json(text).write(out),
                value => value.write(out),
            }
        }
        out.push('}');
        Ok(())
    }
}

/// What else than its values a row's data hang on.
fn seed(query: &Query, columns: &[Column]) -> u64 {
    let mut hash = Hash::default();
    hash.add(Some(&[FORMAT]));
    hash.add(query.event.as_deref().map(str::as_bytes));
    let words = columns.iter().flat_map(|column| [&column.name, &column.kind]);
    query.json.iter().chain(words).for_each(|word| hash.add(Some(word.as_bytes())));
    hash.finish()
}

impl fmt::Display for Unusable {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoColumn(name) => {
                write!(out, "the result has no column {name:?}, which `channel` or `json` names")
            }
            Self::SameColumn(name) => {
                write!(out, "two columns of the result are called {name:?}; give them names with AS")
            }
            Self::SameChannel(channel) => {
                write!(
                    out,
                    "two rows have the channel {channel:?}; `channel` must name what tells rows apart"
                )
            }
            Self::TooManyRows(limit) => write!(out, "the result has more rows than max_rows = {limit}"),
            Self::TooLong(limit) => write!(
                out,
                "the result as a whole is longer than broker.max_data_bytes = {limit}; give each row a channel of its own \
                 with a column in `channel`, or raise the limit here and at the gateways"
            ),
            Self::Unreadable(what) => write!(out, "the result has {what}"),
        }
    }
}

#[cfg(test)]
mod tests;
