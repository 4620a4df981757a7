// Waits for conditions, not for times.

/** How long anything may take, on a machine that is busy. */
const PATIENCE_MS = 30_000;
const LOOK_EVERY_MS = 10;

/** Waits until `look` returns what is true, and returns that. */
export async function until<R>(what: string, look: () => R | Promise<R>): Promise<NonNullable<R>> {
  const deadline = Date.now() + PATIENCE_MS;
  for (;;) {
    const found = await look();
    if (found) return found;
    if (Date.now() > deadline) throw new Error(`waited in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
  }
}
