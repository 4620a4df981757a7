//! Numbers in an order in which any of them can become the newest at any time.

/// A doubly linked list through a table: moving an id to the back costs a few writes, whatever the
/// length. Channels are ranked twice: by their newest publication, and by what they lost.
#[derive(Default)]
pub(crate) struct Ranking {
    links: Vec<Links>,
    /// The oldest and the newest.
    ends: Option<(u32, u32)>,
    len: usize,
}

#[derive(Clone, Copy)]
struct Links {
    older: u32,
    newer: u32,
    ranked: bool,
}

const UNRANKED: Links = Links { older: NONE, newer: NONE, ranked: false };
const NONE: u32 = u32::MAX;

impl Ranking {
    /// Makes `id` the newest.
    pub(crate) fn raise(&mut self, id: u32) {
        if self.ends.is_some_and(|(_, newest)| newest == id) {
            return;
        }
        self.remove(id);
        let index = id as usize;
        if index >= self.links.len() {
            self.links.resize(index + 1, UNRANKED);
        }
        self.links[index] = Links { older: NONE, newer: NONE, ranked: true };
        self.ends = Some(match self.ends {
            None => (id, id),
            Some((oldest, newest)) => {
                self.links[newest as usize].newer = id;
                self.links[index].older = newest;
                (oldest, id)
            }
        });
        self.len += 1;
    }

    /// Takes `id` out, if it is in.
    pub(crate) fn remove(&mut self, id: u32) {
        let Some(links) = self.links.get_mut(id as usize) else { return };
        let Links { older, newer, ranked } = std::mem::replace(links, UNRANKED);
        if !ranked {
            return;
        }
        self.len -= 1;
        if older != NONE {
            self.links[older as usize].newer = newer;
        }
        if newer != NONE {
            self.links[newer as usize].older = older;
        }
        self.ends = self.ends.and_then(|(oldest, newest)| match (oldest == id, newest == id) {
            (true, true) => None,
            (true, false) => Some((newer, newest)),
            (false, true) => Some((oldest, older)),
            (false, false) => Some((oldest, newest)),
        });
    }

    pub(crate) fn oldest(&self) -> Option<u32> {
        self.ends.map(|(oldest, _)| oldest)
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// From the newest to the oldest.
    pub(crate) fn newest_first(&self) -> impl Iterator<Item = u32> {
        let newest = self.ends.map(|(_, newest)| newest);
        std::iter::successors(newest, |id| {
            let older = self.links[*id as usize].older;
            (older != NONE).then_some(older)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_ranking_is_a_list_in_which_ids_move_to_the_back(steps in prop::collection::vec((any::<bool>(), 0u32..8), 0..60)) {
            let mut ranking = Ranking::default();
            let mut model: Vec<u32> = Vec::new();
            for (raise, id) in steps {
                model.retain(|other| *other != id);
                if raise {
                    model.push(id);
                    ranking.raise(id);
                } else {
                    ranking.remove(id);
                }
                prop_assert_eq!(ranking.newest_first().collect::<Vec<_>>(), model.iter().rev().copied().collect::<Vec<_>>());
                prop_assert_eq!(ranking.oldest(), model.first().copied());
                prop_assert_eq!(ranking.len(), model.len());
            }
        }
    }
}
