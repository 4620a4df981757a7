//! What a process has used, as /proc tells it.

use std::fs;
use std::ops::Sub;
use std::time::Duration;

use crate::Result;

/// CPU time of all threads of a process.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct CpuTime {
    /// To the nanosecond, from the scheduler.
    pub(crate) total: Duration,
    /// Counted in ticks: only good for how the total divides.
    user: Duration,
    system: Duration,
}

impl CpuTime {
    /// What the process has used until now.
    pub(crate) fn of(pid: u32) -> Result<CpuTime> {
        let mut nanos = 0;
        for task in fs::read_dir(format!("/proc/{pid}/task"))? {
            // A thread may end while we look.
            let Ok(text) = fs::read_to_string(task?.path().join("schedstat")) else {
                continue;
            };
            nanos += number(text.split(' ').next())?;
        }
        let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
        // The name, in parentheses, may hold anything; state is the first field after it.
        let mut fields = stat.rsplit(") ").next().unwrap_or_default().split(' ').skip(11);
        let tick = 1_000_000_000 / rustix::param::clock_ticks_per_second();
        let mut ticks = || number(fields.next()).map(|ticks| Duration::from_nanos(ticks * tick));
        Ok(CpuTime { total: Duration::from_nanos(nanos), user: ticks()?, system: ticks()? })
    }

    /// How much of it was spent in the kernel, from 0 to 1.
    pub(crate) fn system_share(self) -> f64 {
        let ticks = (self.user + self.system).as_secs_f64();
        if ticks > 0.0 { self.system.as_secs_f64() / ticks } else { 0.0 }
    }
}

impl Sub for CpuTime {
    type Output = CpuTime;

    fn sub(self, earlier: CpuTime) -> CpuTime {
        CpuTime {
            total: self.total.saturating_sub(earlier.total),
            user: self.user.saturating_sub(earlier.user),
            system: self.system.saturating_sub(earlier.system),
        }
    }
}

/// Memory of the process that is backed by no file: its heap and stacks.
pub(crate) fn anonymous_bytes(pid: u32) -> Result<u64> {
    let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
    let line = rollup.lines().find_map(|line| line.strip_prefix("Anonymous:"));
    let kilobytes = number(line.and_then(|line| line.split_whitespace().next()))?;
    Ok(kilobytes * 1024)
}

/// The most memory that a process has held since it was last forgotten.
pub(crate) fn peak_bytes(pid: u32) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    Ok(number(line.and_then(|line| line.split_whitespace().next()))? * 1024)
}

/// Forgets the most until now: what counts is from here on.
pub(crate) fn forget_peak(pid: u32) -> Result<()> {
    Ok(fs::write(format!("/proc/{pid}/clear_refs"), "5")?)
}

/// The first child of a process, where a master leaves the work to a worker.
pub(crate) fn first_child(pid: u32) -> Result<Option<u32>> {
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"))?;
    Ok(children.split_whitespace().next().map(str::parse).transpose()?)
}

fn number(text: Option<&str>) -> Result<u64> {
    Ok(text.ok_or("/proc has an unknown format")?.trim().parse()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_uses_cpu_and_memory() {
        let pid = std::process::id();
        let before = CpuTime::of(pid).expect("readable");
        let mut sum = 0_u64;
        while (CpuTime::of(pid).expect("readable") - before).total < Duration::from_millis(5) {
            sum = std::hint::black_box(sum + 1);
        }
        assert!(anonymous_bytes(pid).expect("readable") > 64 * 1024);
    }
}
