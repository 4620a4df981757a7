// Why something failed, in the gateway's own words where it said some.

import type { ConnectionError } from "./connection.js";

export class Failure extends Error implements ConnectionError {
  constructor(
    message: string,
    readonly code = "",
    readonly status = 0,
    /** When the gateway wants to be asked again, in milliseconds. */
    readonly retry?: number,
  ) {
    super(message);
  }

  static async of(response: Response): Promise<Failure> {
    const { status, headers } = response;
    const body = await response.json().catch(() => null);
    const { code, message = `HTTP ${status}` } = body?.error ?? {};
    return new Failure(message, code, status, +headers.get("retry-after")! * 1_000 || undefined);
  }
}
