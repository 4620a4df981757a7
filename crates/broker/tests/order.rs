//! The invariants of one order on every gateway, with simulated gateways that start, lose links,
//! doubt, join, miss something, and follow a primary that forgot.

use std::{collections::HashMap, sync::Arc};

use broker::{Beacon, Item, Order};
use proptest::prelude::*;
use publication::{Arrival, BeaconId, Cursor, Draft, Publication};

const GATEWAYS: usize = 3;

/// What may happen.
#[derive(Clone, Debug)]
enum Step {
    /// Somebody publishes, something valid or not.
    Publish(bool),
    /// A gateway sends its beacon.
    Beacon(usize),
    /// A gateway's link delivers some of what is on its way.
    Deliver(usize, usize),
    /// A gateway's link breaks; what was on its way is lost, and a new link begins.
    Break(usize),
    /// A gateway's link loses one thing, and nobody says so.
    Miss(usize),
    /// A gateway opens a second link.
    Doubt(usize),
    /// Its second link delivers.
    DeliverSecond(usize, usize),
    /// It decides between its links; whether a common beacon proves anything is the other half.
    Settle(usize, bool),
    /// The primary is replaced by one that has not heard the last few things; all links break.
    Fork(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let gateway = 0..GATEWAYS;
    let step = prop_oneof![
        8 => any::<bool>().prop_map(Step::Publish),
        5 => gateway.clone().prop_map(Step::Beacon),
        8 => (gateway.clone(), 1usize..8).prop_map(|(gateway, count)| Step::Deliver(gateway, count)),
        1 => gateway.clone().prop_map(Step::Break),
        1 => gateway.clone().prop_map(Step::Miss),
        2 => gateway.clone().prop_map(Step::Doubt),
        4 => (gateway.clone(), 1usize..8).prop_map(|(gateway, count)| Step::DeliverSecond(gateway, count)),
        3 => (gateway, prop::bool::weighted(0.8)).prop_map(|(gateway, same)| Step::Settle(gateway, same)),
        1 => (0usize..4).prop_map(Step::Fork),
    ];
    prop::collection::vec(step, 0..120)
}

/// The one order, as the primary has it. A publication is its number.
#[derive(Clone, Debug)]
enum Sent {
    Publication(u64, bool),
    Beacon(Beacon),
}

/// A link: what it has still to deliver.
#[derive(Default)]
struct Link(Vec<Sent>);

struct Gateway {
    id: u64,
    counter: u32,
    order: Order,
    first: Link,
    second: Option<Link>,
    /// The second link has shown an own beacon.
    proven: bool,
    out: Vec<Arrival>,
}

/// Everything that happened, and what each gateway made of it.
struct World {
    gateways: Vec<Gateway>,
    published: u64,
}

impl World {
    fn new() -> Self {
        let gateway = |id| Gateway {
            id,
            counter: 0,
            order: Order::default(),
            first: Link::default(),
            second: None,
            proven: false,
            out: Vec::new(),
        };
        Self { gateways: (1..=GATEWAYS as u64).map(gateway).collect(), published: 0 }
    }

    fn send(&mut self, sent: &Sent) {
        for gateway in &mut self.gateways {
            gateway.first.0.push(sent.clone());
            if let Some(second) = &mut gateway.second {
                second.0.push(sent.clone());
            }
        }
    }

    fn take(&mut self, step: &Step) {
        match *step {
            Step::Publish(valid) => {
                self.published += 1;
                self.send(&Sent::Publication(self.published, valid));
            }
            Step::Beacon(index) => {
                let gateway = &mut self.gateways[index];
                let id = BeaconId { gateway: gateway.id, counter: gateway.counter };
                gateway.counter += 1;
                let claim = gateway.order.claim(gateway.id);
                self.send(&Sent::Beacon(Beacon { id, claim }));
            }
            Step::Deliver(index, count) => self.gateways[index].deliver(count),
            Step::Break(index) => self.gateways[index].lose_links(),
            Step::Miss(index) => {
                let first = &mut self.gateways[index].first.0;
                if matches!(first.first(), Some(Sent::Publication(..))) {
                    first.remove(0);
                }
            }
            Step::Doubt(index) => self.gateways[index].doubt(),
            Step::DeliverSecond(index, count) => self.gateways[index].deliver_second(count),
            Step::Settle(index, same) => self.gateways[index].settle(same),
            Step::Fork(kept_back) => {
                // Who has already heard the tail has it; who has not, never will.
                for gateway in &mut self.gateways {
                    let kept = gateway.first.0.len().saturating_sub(kept_back);
                    gateway.deliver(kept);
                    gateway.lose_links();
                }
            }
        }
    }
}

impl Gateway {
    fn deliver(&mut self, count: usize) {
        let count = count.min(self.first.0.len());
        for sent in self.first.0.drain(..count) {
            self.order.receive(item(&sent), &mut self.out);
        }
    }

    fn deliver_second(&mut self, count: usize) {
        let Some(second) = &mut self.second else { return };
        let count = count.min(second.0.len());
        for sent in second.0.drain(..count) {
            self.proven |= matches!(&sent, Sent::Beacon(beacon) if beacon.id.gateway == self.id);
            self.order.hold(item(&sent));
        }
    }

    fn lose_links(&mut self) {
        self.first = Link::default();
        self.second = None;
        self.order.restart();
    }

    fn doubt(&mut self) {
        if self.second.is_none() {
            self.proven = false;
            self.second = Some(Link::default());
            self.order.open_second();
        }
    }

    fn settle(&mut self, same: bool) {
        let meeting = self.order.meeting().filter(|_| same);
        if self.second.is_none() || (meeting.is_none() && !self.proven) {
            return;
        }
        match meeting {
            Some(meeting) => self.order.join(meeting, &mut self.out),
            None => self.order.cut(&mut self.out),
        }
        self.first = self.second.take().unwrap_or_default();
    }
}

fn item(sent: &Sent) -> Item {
    match sent {
        Sent::Beacon(beacon) => Item::Beacon(*beacon),
        Sent::Publication(_, false) => Item::Skipped,
        Sent::Publication(number, true) => {
            let data = number.to_string();
            let draft = Draft { channel: "a", data: &data, ..Draft::default() };
            Item::Publication(Arc::new(Publication::new(&draft, 100).expect("it is valid")))
        }
    }
}

/// Every publication with its cursor, and the runs between breaks.
fn read(out: &[Arrival]) -> (Vec<(Cursor, u64)>, Vec<Vec<u64>>) {
    let (mut cursors, mut runs) = (Vec::new(), vec![Vec::new()]);
    let mut at: Option<(BeaconId, u32)> = None;
    for arrival in out {
        match arrival {
            Arrival::Beacon(beacon) => at = Some((*beacon, 0)),
            Arrival::Break(beacon) => {
                at = Some((*beacon, 0));
                runs.push(Vec::new());
            }
            Arrival::Skipped | Arrival::Publication(_) => {
                let (beacon, count) = at.as_mut().expect("nothing is delivered before the first beacon");
                *count += 1;
                if let Arrival::Publication(publication) = arrival {
                    let number = publication.data().parse().expect("data are numbers");
                    cursors.push((Cursor::Counted { beacon: *beacon, number: *count }, number));
                    runs.last_mut().expect("there is one").push(number);
                }
            }
            Arrival::Known(_)
            | Arrival::Entry(..)
            | Arrival::Loss(_)
            | Arrival::Anew { .. }
            | Arrival::Warm => {
                panic!("an order makes none of these")
            }
        }
    }
    (cursors, runs)
}

/// The valid publications by number, to see which are missing in a run.
fn valid(steps: &[Step]) -> Vec<u64> {
    let published = steps.iter().filter_map(|step| match step {
        Step::Publish(valid) => Some(*valid),
        _ => None,
    });
    (1..).zip(published).filter(|(_, valid)| *valid).map(|(number, _)| number).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1_000) })]

    /// All gateways that gave out a cursor mean the same place by it.
    #[test]
    fn one_cursor_is_one_place_on_every_gateway(steps in steps()) {
        // A link that loses something without a word is told apart only later; see below.
        let mut world = World::new();
        for step in steps.iter().filter(|step| !matches!(step, Step::Miss(_))) {
            world.take(step);
        }
        let mut meaning: HashMap<Cursor, u64> = HashMap::new();
        for gateway in &world.gateways {
            for (cursor, number) in read(&gateway.out).0 {
                prop_assert_eq!(*meaning.entry(cursor).or_insert(number), number, "{:?}", cursor);
            }
        }
    }

    /// Between two breaks nothing is missing, doubled or out of order.
    #[test]
    fn what_is_not_told_as_a_break_is_whole(steps in steps()) {
        let mut world = World::new();
        for step in steps.iter().filter(|step| !matches!(step, Step::Miss(_))) {
            world.take(step);
        }
        let valid = valid(&steps);
        for gateway in &world.gateways {
            let mut before = 0;
            for run in read(&gateway.out).1 {
                let Some((first, last)) = run.first().zip(run.last()) else { continue };
                prop_assert!(*first > before, "never backwards, never twice");
                before = *last;
                let whole: Vec<u64> =
                    valid.iter().copied().filter(|number| (first..=last).contains(&number)).collect();
                prop_assert_eq!(&run, &whole);
            }
        }
    }

    /// What one gateway missed without a word is told once another's beacons have counted it.
    #[test]
    fn a_silent_loss_is_told_by_the_count_of_the_others(steps in steps()) {
        let mut world = World::new();
        for step in &steps {
            world.take(step);
        }
        // Everybody hears everything, with three more beacons of each.
        for _ in 0..3 {
            for index in 0..GATEWAYS {
                world.take(&Step::Beacon(index));
                for gateway in &mut world.gateways {
                    gateway.deliver(usize::MAX);
                }
            }
        }
        for gateway in &mut world.gateways {
            gateway.order.close_second();
            gateway.second = None;
        }
        let before: Vec<usize> = world.gateways.iter().map(|gateway| read(&gateway.out).1.len()).collect();
        // One of them misses a publication between two beacons of another.
        world.take(&Step::Beacon(1));
        world.take(&Step::Publish(true));
        world.take(&Step::Deliver(0, 1));
        world.take(&Step::Miss(0));
        for _ in 0..2 {
            world.take(&Step::Beacon(1));
            for gateway in &mut world.gateways {
                gateway.deliver(usize::MAX);
            }
        }
        for (index, (gateway, before)) in world.gateways.iter().zip(before).enumerate() {
            let breaks = read(&gateway.out).1.len() - before;
            prop_assert_eq!(breaks, usize::from(index == 0), "gateway {}", index);
        }
    }
}

#[test]
fn a_second_link_that_shows_another_order_is_a_break() {
    let mut order = Order::default();
    let mut out = Vec::new();
    let beacon = |counter| Item::Beacon(Beacon { id: BeaconId { gateway: 1, counter }, claim: None });
    order.receive(beacon(0), &mut out);
    order.open_second();
    for item in [beacon(1), Item::Skipped, Item::Skipped] {
        order.receive(item, &mut out);
    }
    // After the common beacon the second link has a beacon where the first had two arrivals.
    order.hold(beacon(1));
    order.hold(beacon(2));
    let meeting = order.meeting().expect("both have seen it");
    order.join(meeting, &mut out);
    assert!(matches!(out.last(), Some(Arrival::Break(_))), "{out:?}");
}
