// How long to wait after failures: exponentially, with full jitter, for ever.

const FIRST_MS = 1_000;
const MOST_MS = 30_000;

export function backoff() {
  let failures = 0;
  return {
    next: (): number => Math.random() * Math.min(MOST_MS, FIRST_MS * 2 ** failures++),
    reset: (): void => {
      failures = 0;
    },
  };
}
