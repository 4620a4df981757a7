//! Redis dies, stands still, forgets, and hangs up.

use std::time::{Duration, Instant};

use crate::{
    Result,
    lab::{OURS, Which},
    trial::Trial,
};

/// Everything beyond it is too much for a subscriber of [`overrun`].
const OUTPUT_LIMIT: &str = "pubsub 1mb 0 0";
/// What Redis allows unless it is told otherwise.
const USUAL_OUTPUT_LIMIT: &str = "pubsub 32mb 8mb 60";
/// How a subscriber of one pattern shows in CLIENT LIST.
const SUBSCRIBES: &str = " sub=0 psub=1 ";
/// Redis must have dropped the link by then: loopback buffers take some megabytes first.
const OVERRUN_LIMIT: Duration = Duration::from_secs(20);
const BALLAST_BYTES: usize = 60_000;
/// Ballast in one go.
const BALLAST_COUNT: usize = 20;

pub(super) fn killed(trial: &mut Trial) -> Result<()> {
    trial.lab.store.redis.kill();
    trial.pause_restless(2.0);
    trial.lab.store.redis.revive();
    trial.pause_restless(1.0);
    Ok(())
}

pub(super) fn frozen(trial: &mut Trial) -> Result<()> {
    trial.lab.store.redis.freeze();
    trial.pause_restless(10.0);
    trial.lab.store.redis.thaw();
    trial.pause_restless(3.0);
    Ok(())
}

pub(super) fn emptied(trial: &mut Trial) -> Result<()> {
    let mut connection = trial.lab.redis()?;
    redis::cmd("FLUSHALL").query::<()>(&mut connection)?;
    trial.pause_restless(3.0);
    redis::cmd("FLUSHALL").query::<()>(&mut connection)?;
    trial.pause_restless(3.0);
    Ok(())
}

/// Clients that gateway A has served come to gateway B, which has seen what is gone, and go back to
/// an A that has never seen it.
pub(super) fn emptied_at_restart(trial: &mut Trial) -> Result<()> {
    let mut connection = trial.lab.redis()?;
    trial.lab.kill(Which::A);
    trial.pause_restless(1.0);
    redis::cmd("FLUSHALL").query::<()>(&mut connection)?;
    trial.lab.launch(Which::A);
    trial.lab.wait_until_ready();
    trial.pause_restless(3.0);
    Ok(())
}

pub(super) fn links_killed(trial: &mut Trial) -> Result<()> {
    let mut connection = trial.lab.redis()?;
    for _ in 0..3 {
        let mut killed = 0;
        for id in foreign_clients(&mut connection, "")? {
            // Some end by themselves before we come to them.
            let kill = redis::cmd("CLIENT").arg("KILL").arg("ID").arg(id).to_owned();
            killed += kill.query::<u64>(&mut connection)?;
        }
        if killed == 0 {
            return Err("there was nobody to kill".into());
        }
        trial.pause_restless(2.0);
    }
    Ok(())
}

/// On pubsub Redis drops the link. On streams a reader asks for what it can take: without a subscriber
/// nothing overruns, and the link that was dead for a moment is all of the fault.
pub(super) fn overrun(trial: &mut Trial) -> Result<()> {
    let mut connection = trial.lab.redis()?;
    limit_output(&mut connection, OUTPUT_LIMIT)?;
    let subscribers = foreign_clients(&mut connection, SUBSCRIBES)?.len();
    trial.lab.link(Which::A).freeze();
    let began = Instant::now();
    let ballast = "x".repeat(BALLAST_BYTES);
    while subscribers > 0 && foreign_clients(&mut connection, SUBSCRIBES)?.len() >= subscribers {
        if began.elapsed() > OVERRUN_LIMIT {
            return Err("Redis did not drop the link".into());
        }
        let mut pipeline = redis::pipe();
        for _ in 0..BALLAST_COUNT {
            pipeline.cmd("PUBLISH").arg("fanfare:ballast").arg(&ballast).ignore();
        }
        pipeline.query::<()>(&mut connection)?;
    }
    trial.lab.link(Which::A).thaw();
    limit_output(&mut connection, USUAL_OUTPUT_LIMIT)?;
    trial.pause_restless(3.0);
    Ok(())
}

fn limit_output(connection: &mut redis::Connection, limit: &str) -> Result<()> {
    let command = redis::cmd("CONFIG").arg("SET").arg("client-output-buffer-limit").arg(limit).to_owned();
    Ok(command.query(connection)?)
}

/// Ids of connections that are not ours and whose line in CLIENT LIST holds `part`.
fn foreign_clients(connection: &mut redis::Connection, part: &str) -> Result<Vec<String>> {
    let list: String = redis::cmd("CLIENT").arg("LIST").query(connection)?;
    let ours = format!(" name={OURS} ");
    let foreign = list.lines().filter(|line| !line.contains(&ours) && line.contains(part));
    let id = |line: &str| Some(line.strip_prefix("id=")?.split(' ').next()?.to_owned());
    Ok(foreign.filter_map(id).collect())
}
