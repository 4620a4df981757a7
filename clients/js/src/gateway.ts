// The gateway as it is asked over HTTP.

import { Failure } from "./failure.js";
import type { ConnectOptions } from "./options.js";

export type Parameters = Record<string, string | number | boolean | undefined | null>;

export class Gateway {
  constructor(
    readonly url: string | URL,
    readonly options: Pick<ConnectOptions<any>, "token" | "fetch">,
  ) {}

  /** The URL of a resource beside `events`, or of that itself, with those parameters that say something. */
  address(resource: string, channels: Iterable<string>, parameters: Parameters = {}): URL {
    const url = new URL(this.url, globalThis.location?.href);
    if (resource) url.pathname = url.pathname.replace(/[^/]*$/, resource);
    for (const channel of channels) url.searchParams.append("channel", channel);
    for (const [name, value] of Object.entries(parameters)) {
      if (value) url.searchParams.set(name, `${value}`);
    }
    return url;
  }

  async token(): Promise<string | undefined> {
    const { token } = this.options;
    return typeof token === "function" ? token() : token;
  }

  /** Asks, and throws a `Failure` where the answer is one. */
  async ask(url: URL, init: RequestInit = {}, headers: Record<string, string> = {}): Promise<Response> {
    const token = await this.token();
    if (token) headers.authorization = `Bearer ${token}`;
    // The browser's cache may hold a poll's answer for a second, which is longer than some want to wait.
    const response = await (this.options.fetch ?? fetch)(url, { ...init, headers, cache: "no-store" });
    if (!response.ok && response.status !== 304) throw await Failure.of(response);
    return response;
  }
}
