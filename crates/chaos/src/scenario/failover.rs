//! A replica takes the place of a primary that died, or stood still.

use std::{
    thread,
    time::{Duration, Instant},
};

use rustix::process::Signal;

use crate::{
    Result,
    lab::{Guard, Which, info},
    trial::Trial,
};

/// Sentinels must have promoted the replica by then.
const PROMOTION_LIMIT: Duration = Duration::from_secs(30);
/// The replica must have caught up by then.
const STEP_LIMIT: Duration = Duration::from_secs(5);
const LOOK: Duration = Duration::from_millis(20);

/// The primary dies while nothing is under way and its replica has everything.
pub(super) fn in_step(trial: &mut Trial) -> Result<()> {
    trial.publisher.pause();
    let written = offset(&mut trial.lab.redis()?);
    wait_until_in_step(trial, written)?;
    trial.lab.store.redis.kill();
    trial.publisher.resume();
    conclude(trial)
}

/// The primary stands still until its replica has taken over, and then goes on as if it still were
/// one, until Sentinel makes a replica of it. Nobody publishes meanwhile: what it would acknowledge then
/// is lost with it, and a gateway that is still linked to it would deliver it.
pub(super) fn frozen(trial: &mut Trial) -> Result<()> {
    trial.publisher.pause();
    let written = offset(&mut trial.lab.redis()?);
    wait_until_in_step(trial, written)?;
    trial.lab.store.redis.freeze();
    wait_until_promoted(trial)?;
    trial.lab.store.redis.thaw();
    wait_until_demoted(trial)?;
    trial.publisher.resume();
    trial.pause_restless(6.0);
    Ok(())
}

/// The primary takes publications that its replica never gets, and dies with them. Gateway A has
/// delivered them; gateway B, which stands still meanwhile, has not; and clients change between them.
pub(super) fn lost_tail(trial: &mut Trial) -> Result<()> {
    lose_tail(trial)?;
    trial.publisher.resume();
    conclude(trial)
}

/// As [`lost_tail`], but nothing is published until the gateways have linked to the new primary: what
/// was lost must be seen in what is there.
pub(super) fn quiet(trial: &mut Trial) -> Result<()> {
    lose_tail(trial)?;
    conclude(trial)?;
    trial.publisher.resume();
    trial.pause_restless(1.0);
    Ok(())
}

fn lose_tail(trial: &mut Trial) -> Result<()> {
    let mut primary = trial.lab.redis()?;
    // For a shorter time than after which Sentinels would think it down.
    guard(trial)?.replica.freeze();
    redis::cmd("CLIENT").arg("KILL").arg("TYPE").arg("replica").query::<u64>(&mut primary)?;
    trial.lab.signal(Which::B, Signal::STOP);
    trial.pause(0.5);
    trial.publisher.pause();
    trial.lab.store.redis.kill();
    guard(trial)?.replica.thaw();
    trial.lab.signal(Which::B, Signal::CONT);
    Ok(())
}

/// Waits for the promotion; the old primary comes back and becomes a replica.
fn conclude(trial: &mut Trial) -> Result<()> {
    wait_until_promoted(trial)?;
    trial.pause_restless(2.0);
    trial.lab.store.redis.revive();
    trial.pause_restless(4.0);
    Ok(())
}

fn wait_until_in_step(trial: &Trial, written: u64) -> Result<()> {
    wait_until(STEP_LIMIT, "the replica to be in step", || {
        guard(trial).is_ok_and(|guard| offset(&mut guard.replica.connection()) >= written)
    })
}

fn wait_until_promoted(trial: &Trial) -> Result<()> {
    wait_until(PROMOTION_LIMIT, "the promotion", || guard(trial).is_ok_and(Guard::has_promoted))
}

/// Clients are restless meanwhile. Sentinel looks for eight seconds at who says that it is a primary.
fn wait_until_demoted(trial: &Trial) -> Result<()> {
    let is_replica = || info(&mut trial.lab.store.redis.connection(), "replication").contains("role:slave");
    let began = Instant::now();
    while !is_replica() {
        if began.elapsed() > PROMOTION_LIMIT {
            return Err("Sentinel never made a replica of the old primary".into());
        }
        trial.pause_restless(0.5);
    }
    Ok(())
}

fn guard(trial: &Trial) -> Result<&Guard> {
    trial.lab.store.guard.as_ref().ok_or_else(|| "this lab has no Sentinels".into())
}

/// How far a server's replication has come.
fn offset(connection: &mut redis::Connection) -> u64 {
    let text = info(connection, "replication");
    let key = if text.contains("role:master") { "master_repl_offset:" } else { "slave_repl_offset:" };
    let value = text.lines().find_map(|line| line.strip_prefix(key)?.trim().parse().ok());
    value.unwrap_or_default()
}

fn wait_until(limit: Duration, what: &str, mut done: impl FnMut() -> bool) -> Result<()> {
    let began = Instant::now();
    while !done() {
        if began.elapsed() > limit {
            return Err(format!("waited in vain for {what}").into());
        }
        thread::sleep(LOOK);
    }
    Ok(())
}
