//! What Redis says of who is present through the other gateways.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use publication::{ChannelName, Members};

use super::{CHUNK, Elsewhere, hex};
use crate::{
    presence::room::{Part, Parts, count},
    publish_error::PublishError,
};

/// A channel to be looked at.
pub(in crate::presence) struct Look<'a> {
    pub(in crate::presence) channel: &'a ChannelName,
    /// Who is present through this gateway.
    pub(in crate::presence) here: &'a Members,
    /// What is known already.
    pub(in crate::presence) known: &'a Parts,
}

impl Elsewhere {
    /// Who is present in these channels through other gateways. Who they are is asked only where they
    /// are no more than `max`, and where that has changed.
    ///
    /// # Errors
    /// It cannot be told.
    pub(in crate::presence) async fn look(
        &self,
        looks: &[Look<'_>],
        max: usize,
    ) -> Result<Vec<Parts>, PublishError> {
        let mut found = Vec::with_capacity(looks.len());
        for looks in looks.chunks(CHUNK) {
            found.extend(self.look_at_some(looks, max).await?);
        }
        Ok(found)
    }

    async fn look_at_some(&self, looks: &[Look<'_>], max: usize) -> Result<Vec<Parts>, PublishError> {
        let mut commands = redis::pipe();
        for look in looks {
            commands.smembers(self.at(look.channel));
        }
        let gateways: Vec<HashSet<String>> = self.ask(&commands).await?;
        let others = |gateways: &HashSet<String>| -> Vec<u64> {
            let read = gateways.iter().filter_map(|text| u64::from_str_radix(text, 16).ok());
            read.filter(|gateway| *gateway != self.gateway).collect()
        };
        let gateways: Vec<_> = gateways.iter().map(others).collect();
        let mut found = self.count_parts(looks, &gateways).await?;
        self.read_members(looks, &mut found, max).await?;
        Ok(found)
    }

    /// The parts, with the members that are known to be in them still.
    async fn count_parts(
        &self,
        looks: &[Look<'_>],
        gateways: &[Vec<u64>],
    ) -> Result<Vec<Parts>, PublishError> {
        let asked: Vec<_> = gateways
            .iter()
            .enumerate()
            .flat_map(|(index, gateways)| gateways.iter().map(move |gateway| (index, *gateway)))
            .collect();
        let mut commands = redis::pipe();
        for (index, gateway) in &asked {
            let of = self.of(*gateway, looks[*index].channel);
            commands.hget(&of, "").hlen(&of);
        }
        let mut found = vec![Parts::new(); looks.len()];
        if commands.is_empty() {
            return Ok(found);
        }
        let numbers: Vec<Option<u64>> = self.ask(&commands).await?;
        let mut clear_up = redis::pipe();
        for ((index, gateway), numbers) in asked.into_iter().zip(numbers.chunks_exact(2)) {
            let look = &looks[index];
            let [Some(version), Some(fields)] = *numbers else {
                // Nothing is left of it. One that comes back to the channel at this very moment is missed
                // until it renews.
                clear_up.srem(self.at(look.channel), hex(gateway)).ignore();
                continue;
            };
            let count = usize::try_from(fields).unwrap_or(usize::MAX).saturating_sub(1);
            let known = look.known.get(&gateway).filter(|part| part.version == version);
            let members = known.and_then(|part| part.members.clone());
            found[index].insert(gateway, Part { version, count, members });
        }
        if !clear_up.is_empty() {
            self.ask::<redis::Value>(&clear_up).await?;
        }
        Ok(found)
    }

    /// Adds the members that are not known to parts of channels that can be listed.
    async fn read_members(
        &self,
        looks: &[Look<'_>],
        found: &mut [Parts],
        max: usize,
    ) -> Result<(), PublishError> {
        let mut commands = redis::pipe();
        let mut unknown: Vec<(&str, u64, &mut Part)> = Vec::new();
        for (look, parts) in looks.iter().zip(found) {
            if count(look.here, parts) > max {
                continue;
            }
            let missing = parts.iter_mut().filter(|(_, part)| part.members.is_none());
            unknown.extend(missing.map(|(gateway, part)| (look.channel.as_str(), *gateway, part)));
        }
        for (channel, gateway, _) in &unknown {
            commands.hgetall(self.of(*gateway, channel));
        }
        if commands.is_empty() {
            return Ok(());
        }
        let hashes: Vec<HashMap<String, String>> = self.ask(&commands).await?;
        for ((.., part), hash) in unknown.into_iter().zip(hashes) {
            *part = read(hash);
        }
        Ok(())
    }
}

/// A part as its hash says.
fn read(mut hash: HashMap<String, String>) -> Part {
    let version = hash.remove("").and_then(|version| version.parse().ok()).unwrap_or_default();
    let member = |(session, about): (String, String)| Some((session.parse().ok()?, Arc::from(about)));
    let members: Members = hash.into_iter().filter_map(member).collect();
    Part { version, count: members.len(), members: Some(members) }
}
