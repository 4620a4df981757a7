// The way from a browser to a gateway, which a test cuts, blocks and turns elsewhere.

import { once } from "node:events";
import { type AddressInfo, type Server, type Socket, connect, createServer } from "node:net";

export class Way {
  readonly #pairs = new Set<[Socket, Socket]>();
  readonly #server: Server;
  #isCut = false;

  private constructor(public target: { port: number }) {
    this.#server = createServer((browser) => this.#accept(browser));
  }

  static async to(target: { port: number }): Promise<Way> {
    const way = new Way(target);
    way.#server.listen(0, "127.0.0.1");
    await once(way.#server, "listening");
    return way;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/events`;
  }

  /** Breaks all connections; new ones break too, until it is mended. */
  cut(): void {
    this.#isCut = true;
    this.#break();
  }

  mend(): void {
    this.#isCut = false;
  }

  /** Lets nothing through any more, and tells nobody; new connections pass. */
  block(): void {
    for (const [browser, gateway] of this.#pairs) {
      browser.unpipe().pause();
      gateway.unpipe().pause();
    }
  }

  /** All connections end, and new ones go elsewhere. */
  turn(target: { port: number }): void {
    this.target = target;
    this.#break();
  }

  end(): void {
    this.#break();
    this.#server.close();
  }

  #break(): void {
    for (const [browser] of this.#pairs) browser.destroy();
  }

  #accept(browser: Socket): void {
    if (this.#isCut) {
      browser.destroy();
      return;
    }
    const gateway = connect(this.target.port, "127.0.0.1");
    const pair: [Socket, Socket] = [browser, gateway];
    this.#pairs.add(pair);
    for (const [one, other] of [pair, [gateway, browser]] as const) {
      one.pipe(other);
      one.on("error", () => {});
      one.on("close", () => {
        other.destroy();
        this.#pairs.delete(pair);
      });
    }
  }
}
