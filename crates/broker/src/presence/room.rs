//! A channel that somebody watches, as its watchers have been told it is.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use publication::{ChannelName, Member, Members, News, Presence, SessionName};

use super::elsewhere::Look;

/// Those who are present through another gateway.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Part {
    /// Another one each time that it has changed.
    pub(super) version: u64,
    /// How many they are.
    pub(super) count: usize,
    /// Who they are; `None` where nobody needs to know.
    pub(super) members: Option<Members>,
}

/// The parts of a channel, by gateway.
pub(super) type Parts = HashMap<u64, Part>;

/// The channel.
pub(super) struct Room {
    channel: ChannelName,
    here: Members,
    elsewhere: Parts,
    told: Told,
}

/// What those who watch were told last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    /// Each member: they know them all.
    Members,
    /// How many there are; `None` if not even that is true any more.
    Count(Option<usize>),
}

impl Room {
    /// One in which these are present through this gateway.
    pub(super) fn new(channel: ChannelName, here: Members) -> Self {
        Self { channel, here, elsewhere: Parts::new(), told: Told::Members }
    }

    /// What is known of the other gateways.
    pub(super) fn elsewhere(&self) -> &Parts {
        &self.elsewhere
    }

    /// Which channel it is.
    pub(super) fn channel(&self) -> &ChannelName {
        &self.channel
    }

    /// What is to be looked at in Redis.
    pub(super) fn look(&self) -> Look<'_> {
        Look { channel: &self.channel, here: &self.here, known: &self.elsewhere }
    }

    /// Who is there, unless they are more than `max`.
    pub(super) fn presence(&self, max: usize) -> Presence {
        presence(&self.here, &self.elsewhere, max)
    }

    /// Somebody came or went through this gateway.
    pub(super) fn change(
        &mut self,
        changes: &BTreeMap<SessionName, Option<Arc<str>>>,
        max: usize,
        news: &mut Vec<News>,
    ) {
        let mut differences = Vec::new();
        for (session, about) in changes {
            let (channel, session) = (self.channel.clone(), *session);
            let known = match about {
                Some(about) => self.here.insert(session, Arc::clone(about)),
                None => self.here.remove(&session),
            };
            match (known, about) {
                (None, Some(about)) => {
                    let member = Member { session, about: Arc::clone(about) };
                    differences.push(News::Joined { channel, member });
                }
                (Some(_), None) => differences.push(News::Left { channel, session }),
                // What it says of itself never changes.
                (Some(_), Some(_)) | (None, None) => {}
            }
        }
        self.tell(differences, max, news);
    }

    /// This is who is present through the other gateways now.
    pub(super) fn replace(&mut self, elsewhere: Parts, max: usize, news: &mut Vec<News>) {
        let (none, mut differences) = (Members::new(), Vec::new());
        let new = elsewhere.keys().filter(|gateway| !self.elsewhere.contains_key(gateway));
        for gateway in self.elsewhere.keys().chain(new) {
            let (before, after) = (members(&self.elsewhere, gateway), members(&elsewhere, gateway));
            compare(&self.channel, before.unwrap_or(&none), after.unwrap_or(&none), &mut differences);
        }
        self.elsewhere = elsewhere;
        self.tell(differences, max, news);
    }

    /// Tells all who watch how many there are, where they are too many to be told apart; or who they
    /// are, where they no longer are too many. To be called about once a second.
    pub(super) fn settle(&mut self, max: usize, news: &mut Vec<News>) {
        let Told::Count(told) = self.told else { return };
        let presence = self.presence(max);
        if presence.members.is_none() && told == Some(presence.count) {
            return;
        }
        self.note_told(&presence);
        news.push(News::Present { channel: self.channel.clone(), to: None, presence });
    }

    /// All who watch are told this.
    pub(super) fn note_told(&mut self, presence: &Presence) {
        self.told = match presence.members {
            Some(_) => Told::Members,
            None => Told::Count(Some(presence.count)),
        };
    }

    /// Tells who came and who has gone, if those who watch know the others.
    fn tell(&mut self, differences: Vec<News>, max: usize, news: &mut Vec<News>) {
        if self.told != Told::Members {
            return;
        }
        if is_listed(&self.here, &self.elsewhere, max) {
            news.extend(differences);
        } else {
            self.told = Told::Count(None);
        }
    }
}

/// Who is there, if they can be listed.
pub(super) fn presence(here: &Members, elsewhere: &Parts, max: usize) -> Presence {
    let listed = is_listed(here, elsewhere, max).then(|| {
        let mut members = here.clone();
        members.extend(elsewhere.values().filter_map(|part| part.members.clone()).flatten());
        members.into_iter().map(|(session, about)| Member { session, about }).collect()
    });
    Presence { count: count(here, elsewhere), members: listed }
}

/// Whether there are no more than `max`, and all of them are known.
fn is_listed(here: &Members, elsewhere: &Parts, max: usize) -> bool {
    count(here, elsewhere) <= max && elsewhere.values().all(|part| part.members.is_some())
}

/// Who is present through a gateway, as far as that is known.
fn members<'a>(parts: &'a Parts, gateway: &u64) -> Option<&'a Members> {
    parts.get(gateway)?.members.as_ref()
}

/// How many there are.
pub(super) fn count(here: &Members, elsewhere: &Parts) -> usize {
    here.len() + elsewhere.values().map(|part| part.count).sum::<usize>()
}

/// Adds what is to be told to those who know `before`. What a session says of itself never changes.
fn compare(channel: &ChannelName, before: &Members, after: &Members, news: &mut Vec<News>) {
    for session in before.keys().filter(|session| !after.contains_key(session)) {
        news.push(News::Left { channel: channel.clone(), session: *session });
    }
    for (session, about) in after.iter().filter(|(session, _)| !before.contains_key(session)) {
        let member = Member { session: *session, about: Arc::clone(about) };
        news.push(News::Joined { channel: channel.clone(), member });
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MAX: usize = 4;

    /// Something that happens: a session comes or goes here, gateways elsewhere have these, a second
    /// passes.
    #[derive(Clone, Debug)]
    enum Event {
        Here(u64, bool),
        Elsewhere(Vec<(u64, u64)>),
        Second,
    }

    fn event() -> impl Strategy<Value = Event> {
        prop_oneof![
            3 => (0u64..5, any::<bool>()).prop_map(|(session, comes)| Event::Here(session, comes)),
            2 => prop::collection::vec((0u64..3, 10u64..16), 0..5).prop_map(Event::Elsewhere),
            1 => Just(Event::Second),
        ]
    }

    fn about(session: u64) -> Arc<str> {
        format!("{{\"n\":{session}}}").into()
    }

    /// The parts as Redis would give them: members only of channels that can be listed.
    fn parts(pairs: &[(u64, u64)], here: usize) -> Parts {
        let mut parts = Parts::new();
        for (gateway, session) in pairs {
            // Names are drawn: no two gateways have the same.
            let session = SessionName(session + 100 * gateway);
            let part = parts.entry(*gateway).or_default();
            part.members.get_or_insert_default().insert(session, about(session.0));
        }
        for part in parts.values_mut() {
            part.count = part.members.as_ref().map_or(0, Members::len);
        }
        if here + parts.values().map(|part| part.count).sum::<usize>() > MAX {
            parts.values_mut().for_each(|part| part.members = None);
        }
        parts
    }

    /// One who watches, and believes what it is told.
    #[derive(Debug, Default, PartialEq)]
    struct Watcher {
        members: Option<Members>,
        count: usize,
    }

    impl Watcher {
        fn hear(&mut self, news: &News) {
            match news {
                News::Present { presence, .. } => {
                    let listed = presence.members.as_ref();
                    self.members = listed.map(|members| {
                        members.iter().map(|member| (member.session, Arc::clone(&member.about))).collect()
                    });
                    self.count = presence.count;
                }
                News::Joined { member, .. } => {
                    let members = self.members.as_mut().expect("one who was told of the others");
                    assert!(members.insert(member.session, Arc::clone(&member.about)).is_none());
                    self.count += 1;
                }
                News::Left { session, .. } => {
                    let members = self.members.as_mut().expect("one who was told of the others");
                    assert!(members.remove(session).is_some());
                    self.count -= 1;
                }
            }
        }
    }

    proptest! {
        /// Who was told at the start and hears all that follows knows who is there, or how many.
        #[test]
        fn who_hears_the_news_knows_who_is_there(events in prop::collection::vec(event(), 0..40)) {
            let channel = ChannelName::new("a").unwrap();
            let mut room = Room::new(channel.clone(), Members::new());
            let mut watcher = Watcher::default();
            let presence = room.presence(MAX);
            watcher.hear(&News::Present { channel, to: None, presence });
            for event in events {
                let mut news = Vec::new();
                match event {
                    Event::Here(session, comes) => {
                        let change = (SessionName(session), comes.then(|| about(session)));
                        room.change(&BTreeMap::from([change]), MAX, &mut news);
                    }
                    Event::Elsewhere(pairs) => {
                        let parts = parts(&pairs, room.here.len());
                        room.replace(parts, MAX, &mut news);
                    }
                    Event::Second => room.settle(MAX, &mut news),
                }
                news.iter().for_each(|news| watcher.hear(news));
                let true_now = room.presence(MAX);
                if room.told == Told::Members {
                    prop_assert!(true_now.members.is_some());
                    prop_assert_eq!(watcher.members.as_ref().map(Members::len), Some(true_now.count));
                }
            }
            let mut news = Vec::new();
            room.settle(MAX, &mut news);
            news.iter().for_each(|news| watcher.hear(news));
            let Presence { count, members } = room.presence(MAX);
            let members = members.map(|members| {
                members.into_iter().map(|Member { session, about }| (session, about)).collect()
            });
            prop_assert_eq!(watcher, Watcher { members, count });
        }
    }
}
