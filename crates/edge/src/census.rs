//! How many sessions all shards hold together, and take in a second, against the limits: of all, of each
//! address and of each subject.

use std::{
    net::{IpAddr, Ipv6Addr},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use identity::Identity;

use crate::{
    config::Config,
    crowd::{Crowd, Share},
    pace::Pace,
};

/// Counts sessions; cloning shares the count.
#[derive(Clone)]
pub struct Census(Arc<Counts>);

struct Counts {
    sessions: AtomicUsize,
    max: AtomicUsize,
    pace: Pace,
    addresses: Crowd<IpAddr>,
    subjects: Crowd<Box<str>>,
    /// Connections that are no sessions.
    visitors: Crowd<IpAddr>,
}

/// Who wants to come in.
#[derive(Clone, Copy)]
pub(crate) struct Claim<'a> {
    pub(crate) address: IpAddr,
    pub(crate) identity: Option<&'a Arc<Identity>>,
}

/// The right of one session to be here, given back when dropped.
pub(crate) struct Permit {
    counts: Arc<Counts>,
    /// Those under whom it is counted too, where there is a bound for them.
    under: Option<Box<Under>>,
}

#[derive(Default)]
struct Under {
    address: Option<IpAddr>,
    subject: Option<Arc<Identity>>,
}

/// The place of a connection that is no session, or none yet, given back when dropped.
pub(crate) struct Visit {
    counts: Arc<Counts>,
    address: IpAddr,
}

/// Why there is no permit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Crowded {
    /// As many are here as may be.
    Full,
    /// Too many come at once; this one's turn is so far away.
    Rush(Duration),
    /// Too many come from this address, or come at once from there; there is room for the next after this.
    Address(Option<Duration>),
    /// This subject has as many as it may.
    Subject,
}

/// The network of an IPv6 address that one household or machine has for itself (RFC 6177).
const IPV6_PREFIX: u32 = 64;

impl Census {
    pub(crate) fn new(config: &Config) -> Self {
        let pace = Pace::new(config.max_new_per_second, Instant::now());
        let (addresses, subjects) = shares(config);
        Self(Arc::new(Counts {
            sessions: AtomicUsize::default(),
            max: config.max_sessions.into(),
            pace,
            addresses: Crowd::new(addresses),
            subjects: Crowd::new(subjects),
            visitors: Crowd::new(Share { per_second: 0, ..addresses }),
        }))
    }

    /// From now on other limits; who is here stays.
    pub(crate) fn set_limits(&self, config: &Config) {
        self.0.max.store(config.max_sessions, Ordering::Relaxed);
        self.0.pace.set(config.max_new_per_second);
        let (addresses, subjects) = shares(config);
        self.0.addresses.set_share(addresses);
        self.0.subjects.set_share(subjects);
        self.0.visitors.set_share(Share { per_second: 0, ..addresses });
    }

    /// A place for a connection from this address until it is a session: of those, an address may have as
    /// many as of sessions. `None` where there is no bound.
    ///
    /// # Errors
    /// It has as many.
    pub(crate) fn visit(&self, address: IpAddr) -> Result<Option<Visit>, Crowded> {
        let address = network(address);
        let counted = self.0.visitors.admit(address, Instant::now()).map_err(Crowded::Address)?;
        Ok(counted.then(|| Visit { counts: Arc::clone(&self.0), address }))
    }

    /// A permit, if there is one now.
    ///
    /// # Errors
    /// Why there is none.
    pub(crate) fn admit(&self, claim: Claim<'_>) -> Result<Permit, Crowded> {
        // What one may not have is not taken from what all have.
        let permit = self.admit_at_once(claim)?;
        self.0.pace.admit(Instant::now()).map_err(Crowded::Rush)?;
        Ok(permit)
    }

    /// A permit for one that looks what is wrong, however many are here.
    pub(crate) fn admit_operator(&self) -> Permit {
        self.0.sessions.fetch_add(1, Ordering::Relaxed);
        Permit { counts: Arc::clone(&self.0), under: None }
    }

    /// A permit for one that comes back all the time and is no part of any crowd: a poll that waits.
    ///
    /// # Errors
    /// Why there is none.
    pub(crate) fn admit_at_once(&self, claim: Claim<'_>) -> Result<Permit, Crowded> {
        let max = self.0.max.load(Ordering::Relaxed);
        let within = |count| (count < max).then_some(count + 1);
        let counted = self.0.sessions.fetch_update(Ordering::Relaxed, Ordering::Relaxed, within);
        counted.map_err(|_| Crowded::Full)?;
        // From here on it is counted out when it is dropped.
        let mut permit = Permit { counts: Arc::clone(&self.0), under: None };
        let (address, now) = (network(claim.address), Instant::now());
        if self.0.addresses.admit(address, now).map_err(Crowded::Address)? {
            permit.under.get_or_insert_default().address = Some(address);
        }
        if let Some(identity) = claim.identity {
            permit.count_under(identity)?;
        }
        Ok(permit)
    }

    /// Sessions now.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.sessions.load(Ordering::Relaxed)
    }
}

impl Permit {
    /// Counts it under this subject, unless it counts under one already: a session's does not change.
    ///
    /// # Errors
    /// The subject has as many as it may.
    pub(crate) fn count_under(&mut self, identity: &Arc<Identity>) -> Result<(), Crowded> {
        let has_one = self.under.as_ref().is_some_and(|under| under.subject.is_some());
        let Some(subject) = identity.subject.as_ref().filter(|_| !has_one) else { return Ok(()) };
        if self.counts.subjects.admit(subject.clone(), Instant::now()).map_err(|_| Crowded::Subject)? {
            self.under.get_or_insert_default().subject = Some(Arc::clone(identity));
        }
        Ok(())
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.counts.sessions.fetch_sub(1, Ordering::Relaxed);
        let Some(Under { address, subject }) = self.under.as_deref() else { return };
        if let Some(address) = address {
            self.counts.addresses.leave(address);
        }
        if let Some(subject) = subject.as_ref().and_then(|identity| identity.subject.as_deref()) {
            self.counts.subjects.leave(subject);
        }
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        self.counts.visitors.leave(&self.address);
    }
}

fn shares(config: &Config) -> (Share, Share) {
    let addresses = Share { max: config.max_per_address, per_second: config.max_new_per_second_per_address };
    (addresses, Share { max: config.max_per_subject, per_second: 0 })
}

/// What is counted as one: of IPv6 a network, of which whoever has one address has all.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let mask = u128::MAX << (u128::BITS - IPV6_PREFIX);
            Ipv6Addr::from_bits(address.to_bits() & mask).into()
        }
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ipv6_address_counts_as_its_network_and_an_ipv4_address_as_itself() {
        let check = |address: &str, expected: &str| {
            assert_eq!(network(address.parse().unwrap()), expected.parse::<IpAddr>().unwrap());
        };
        check("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::");
        check("2001:db8:1:2::1", "2001:db8:1:2::");
        check("2001:db8:1:3::1", "2001:db8:1:3::");
        check("192.0.2.1", "192.0.2.1");
        check("::ffff:192.0.2.1", "192.0.2.1");
    }
}
