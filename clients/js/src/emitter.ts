// Listeners by the name of what they listen for.

export class Emitter<Events> {
  readonly #listeners = new Map<keyof Events, Set<(detail: any) => void>>();

  on<E extends keyof Events>(event: E, listener: (detail: Events[E]) => void): () => void {
    const listeners = this.#listeners.get(event) ?? new Set();
    this.#listeners.set(event, listeners.add(listener));
    return () => listeners.delete(listener);
  }

  emit<E extends keyof Events>(event: E, detail: Events[E]): void {
    for (const listener of [...(this.#listeners.get(event) ?? [])]) safely(() => listener(detail));
  }
}

/** What the application throws is reported, and disturbs neither the connection nor other listeners. */
export function safely(action: () => void): void {
  try {
    action();
  } catch (error) {
    (globalThis.reportError ?? console.error)(error);
  }
}
