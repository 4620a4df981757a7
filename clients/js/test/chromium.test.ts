// In a real browser, before real gateways, each transport shows everything once, whatever happens on the way.

import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";

import type { ConnectOptions } from "@fanfare/client";

import { Chromium, Reader } from "./lab/chromium.js";
import { Gateway, Redis } from "./lab/gateway.js";
import { Nginx } from "./lab/nginx.js";
import { Publisher } from "./lab/publisher.js";
import { until } from "./lab/until.js";
import { Way } from "./lab/way.js";

let chromium: Chromium;
let redis: Redis;
/** A gateway that stays. */
let gateway: Gateway;
/** What ends with the test. */
const ending: { end(): unknown }[] = [];

before(async () => {
  [chromium, redis] = await Promise.all([Chromium.start(), Redis.start()]);
  gateway = await Gateway.start(redis);
});

afterEach(async () => {
  for (const page of chromium.browser.contexts().flatMap((context) => context.pages())) await page.close();
  for (const one of ending.splice(0).reverse()) await one.end();
});

after(async () => {
  await Promise.all([chromium, gateway, redis].map((one) => one?.end()));
});

function ends<E extends { end(): unknown }>(one: E): E {
  ending.push(one);
  return one;
}

let channels = 0;

/** A page that reads a channel of its own over a way of its own, and who publishes there. */
async function setUp(options: Partial<ConnectOptions<any>>) {
  const channel = `test/${++channels}`;
  const way = ends(await Way.to(gateway));
  const publisher = ends(await Publisher.start(gateway, channel));
  const reader = await Reader.open(chromium, way.url, {
    channels: [channel],
    since: "earliest",
    interval: 50,
    ...options,
  });
  return { way, publisher, reader, channel };
}

/** Waits until the page has shown what is published after now. */
async function goesOn(publisher: Publisher, reader: Reader, news = 20): Promise<void> {
  const { count } = publisher;
  await until("news", async () => (await reader.see(({ got }) => got.length)) > count + news);
}

async function showsAllOnce(publisher: Publisher, reader: Reader): Promise<void> {
  const published = await publisher.end();
  assert.deepEqual(await reader.got(published), published);
  assert.deepEqual(await reader.see(({ gaps }) => gaps), []);
}

const TRANSPORTS = ["poll", "sse", "websocket"] as const;

for (const transport of TRANSPORTS) {
  test(`by ${transport}, a cut costs nothing`, async () => {
    const { way, publisher, reader } = await setUp({ transport });
    await goesOn(publisher, reader);
    way.cut();
    await reader.until(({ connection }) => connection.state !== "open");
    const { count } = publisher;
    await until("what is published meanwhile", () => publisher.count > count + 50);
    way.mend();
    await goesOn(publisher, reader);
    await showsAllOnce(publisher, reader);
  });

  test(`by ${transport}, a change of the gateway costs nothing`, async () => {
    const { way, publisher, reader } = await setUp({ transport });
    const others = [ends(await Gateway.start(redis)), ends(await Gateway.start(redis))] as const;
    way.turn(others[0]);
    await goesOn(publisher, reader);
    // One is killed, one drains.
    way.target = others[1];
    others[0].process.signal("SIGKILL");
    await goesOn(publisher, reader);
    way.target = gateway;
    others[1].process.signal("SIGTERM");
    await goesOn(publisher, reader);
    await showsAllOnce(publisher, reader);
  });

  test(`by ${transport}, a page that slept shows what it missed`, async () => {
    const { way, publisher, reader } = await setUp({ transport });
    await goesOn(publisher, reader);
    chromium.freeze();
    // Nobody is told that these connections are dead.
    way.block();
    const { count } = publisher;
    await until("what is published meanwhile", () => publisher.count > count + 100);
    chromium.thaw();
    await goesOn(publisher, reader);
    await showsAllOnce(publisher, reader);
  });
}

test("switches under way lose and double nothing", async () => {
  const { publisher, reader } = await setUp({ transport: "poll" });
  for (const transport of ["sse", "websocket", "poll", "websocket", "sse", "poll", "auto", "sse"]) {
    await goesOn(publisher, reader);
    await reader.use(transport);
  }
  await goesOn(publisher, reader);
  await showsAllOnce(publisher, reader);
});

test("auto moves up to what is advised", async () => {
  const { publisher, reader } = await setUp({ freshness: 200 });
  await reader.until(({ connection }) => connection.state === "open" && connection.transport === "websocket");
  await goesOn(publisher, reader);
  const transports = await reader.see(({ states }) =>
    states.filter(({ state }) => state === "open").map(({ transport }) => transport),
  );
  assert.deepEqual(transports, ["poll", "websocket"]);
  await showsAllOnce(publisher, reader);
});

/** Behind an nginx that buffers and does not upgrade, a page with few publications, as few as fit into a buffer. */
async function setUpBehindNginx(options: Partial<ConnectOptions<any>>) {
  const nginx = ends(await Nginx.before(gateway, "proxy_buffering on; proxy_ignore_headers X-Accel-Buffering;"));
  const channel = `test/${++channels}`;
  const publisher = ends(await Publisher.start(gateway, channel, 300));
  const reader = await Reader.open(chromium, nginx.url, { channels: [channel], since: "earliest", ...options });
  return { publisher, reader };
}

test("behind a proxy that buffers and does not upgrade, auto falls back and shows everything once", async () => {
  const { publisher, reader } = await setUpBehindNginx({ freshness: 200 });
  for (const tried of ["websocket", "sse"]) {
    await until(`a failure of ${tried}`, async () =>
      (await reader.see(({ states }) => states)).some(({ transport, error }) => transport === tried && error),
    );
  }
  await reader.until(({ connection }) => connection.state === "open" && connection.transport === "poll");
  await goesOn(publisher, reader, 5);
  await showsAllOnce(publisher, reader);
});

test("behind a proxy that buffers, polls stand in for an event stream that was asked for", async () => {
  const { publisher, reader } = await setUpBehindNginx({ transport: "sse" });
  await goesOn(publisher, reader, 5);
  assert.match((await reader.see(({ states }) => states.at(-1)!.error)) ?? "", /a proxy may hold it back/);
  await showsAllOnce(publisher, reader);
});

test("a refusal is shown in the gateway's words by every transport", async () => {
  for (const transport of TRANSPORTS) {
    const reader = await Reader.open(chromium, gateway.url, { channels: ["secret/a"], transport });
    await reader.until(({ connection }) => connection.state === "closed");
    assert.match(
      (await reader.see(({ states }) => states.at(-1)!.error)) ?? "",
      /no rule lets anyone subscribe/,
      transport,
    );
  }
});
