// Notices that nothing has been heard for too long.

/** Timers may be late or stand still while a machine sleeps: so it looks at the clock this often. */
const LOOK_EVERY_MS = 5_000;

export interface Watchdog {
  /** Something was heard. The next is due within as many milliseconds as before, unless said otherwise. */
  heard(allowed?: number): void;
  /** Looks whether it is time to bark. */
  look(): void;
  stop(): void;
}

/** Calls `bark` if nothing is heard within `allowed` milliseconds. */
export function watchdog(allowed: number, bark: () => void): Watchdog {
  let isOver = false;
  let heardAt = Date.now();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const look = () => {
    clearTimeout(timer);
    const left = heardAt + allowed - Date.now();
    if (isOver) return;
    if (left <= 0) bark();
    else timer = setTimeout(look, Math.min(left, LOOK_EVERY_MS));
  };
  look();
  return {
    heard(within = allowed) {
      allowed = within;
      heardAt = Date.now();
    },
    look,
    stop() {
      isOver = true;
      look();
    },
  };
}
