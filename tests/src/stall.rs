//! Stops one thread of a process and none of the others, as only a debugger can.

use std::process::Command;

use rustix::process::Pid;

use crate::process::Process;

/// Lets any process be the debugger of what it becomes.
const CONSENT: &str = "
import ctypes, os, sys
SET_PTRACER, ANY = 0x59616d61, ctypes.c_ulong(-1)
ctypes.CDLL(None).prctl(SET_PTRACER, ANY)
os.execv(sys.argv[1], [sys.argv[1], 'serve', '--config', sys.argv[2]])
";

/// Stops the thread of this name, and holds it for as long as it runs.
const HOLD: &str = "
import ctypes, os, signal, sys
SEIZE, INTERRUPT = 0x4206, 0x4207
pid, name = sys.argv[1:]
tasks = f'/proc/{pid}/task'
thread = next(int(task) for task in os.listdir(tasks) if open(f'{tasks}/{task}/comm').read().strip() == name)
ptrace = ctypes.CDLL(None, use_errno=True).ptrace
ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
for request in SEIZE, INTERRUPT:
    if ptrace(request, thread, None, None) != 0:
        sys.exit(os.strerror(ctypes.get_errno()))
print('it is held', flush=True)
signal.pause()
";

/// A thread that is held until this is dropped.
pub struct Stall(#[expect(dead_code, reason = "it is there to be dropped")] Process);

impl Stall {
    /// Starts a gateway of which a thread can be held, for [`crate::gateway::Plan::launch_by`].
    #[must_use]
    pub fn consenting() -> Command {
        let mut command = Command::new("python3");
        command.args(["-c", CONSENT]);
        command
    }

    /// Holds a thread of a process by its name, such as `shard-0`.
    #[must_use]
    pub fn of(pid: Pid, thread: &str) -> Self {
        let pid = pid.as_raw_nonzero().to_string();
        let debugger = Process::start(Command::new("python3").args(["-c", HOLD, &pid, thread]));
        let _ = debugger.wait_for_line("it is held");
        Self(debugger)
    }
}
