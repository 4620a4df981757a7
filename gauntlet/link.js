// The line to Redis, on which it can become dead silent: nothing passes, nothing is closed, nobody is told.

import { connect, createServer } from "node:net";
import { once } from "node:events";

export class Link {
  #pairs = new Set();

  static async to(port) {
    const link = new Link();
    link.server = createServer((near) => link.#join(near, port)).listen(0, "127.0.0.1");
    await once(link.server, "listening");
    link.port = link.server.address().port;
    return link;
  }

  #join(near, port) {
    const far = connect(port, "127.0.0.1");
    const pair = [near, far];
    this.#pairs.add(pair);
    for (const [one, other] of [pair, pair.toReversed()]) {
      one
        .on("error", () => {})
        .on("close", () => {
          this.#pairs.delete(pair);
          if (!pair.isFrozen) other.destroy();
        });
      one.on("data", (data) => pair.isFrozen || other.write(data));
    }
  }

  /** From now on nothing passes on the connections that there are; new ones are not touched. Returns what cuts them. */
  freeze() {
    const frozen = [...this.#pairs];
    frozen.forEach((pair) => (pair.isFrozen = true));
    return () => frozen.flat().forEach((socket) => socket.destroy());
  }

  close() {
    this.server.close();
    [...this.#pairs].flat().forEach((socket) => socket.destroy());
  }
}
