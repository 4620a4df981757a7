// What the client asks a real gateway for, it is given.

import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";

import { type Connection, type ConnectOptions, type Member, connect } from "@fanfare/client";

import { Gateway } from "./lab/gateway.js";
import { until } from "./lab/until.js";

const TRANSPORTS = ["poll", "sse", "websocket"] as const;

let gateway: Gateway;
const connections: Connection<any>[] = [];

before(async () => {
  gateway = await Gateway.start();
});
afterEach(() => connections.splice(0).forEach((connection) => connection.close()));
after(() => gateway?.end());

function open<T>(options: ConnectOptions<T>): Connection<T> {
  const connection = connect<T>(gateway.url, { interval: 20, ...options });
  connections.push(connection);
  return connection;
}

async function opened<T>(options: ConnectOptions<T>): Promise<Connection<T>> {
  const connection = open(options);
  await until("the connection to open", () => connection.state === "open");
  return connection;
}

test("what is published comes back by every transport, as text or as the rule of the channel says", async () => {
  for (const transport of TRANSPORTS) {
    const channels = [`news/${transport}`, `json/${transport}`];
    const connection = await opened<unknown>({ channels, transport });
    const got: unknown[] = [];
    connection.on("publication", ({ channel, event, data, ttl, retract }) =>
      got.push([channel, event, data, ttl, retract]),
    );
    const { id } = await connection.publish(channels[0]!, "hi ä\n", { event: "greeting" });
    await connection.publish(channels[0]!, { n: 1 });
    assert.ok(id);
    await connection.publish(channels[1]!, { n: 2 });
    await connection.publish(channels[1]!, "hi");
    await connection.publish(channels[0]!, "for a minute", { ttl: 60 });
    await connection.publish(channels[0]!, "", { retract: true });
    await until("all of it", () => got.length === 6);
    assert.deepEqual(got, [
      [channels[0], "greeting", "hi ä\n", undefined, undefined],
      [channels[0], undefined, '{"n":1}', undefined, undefined],
      [channels[1], undefined, { n: 2 }, undefined, undefined],
      [channels[1], undefined, "hi", undefined, undefined],
      [channels[0], undefined, "for a minute", 60, undefined],
      [channels[0], undefined, "", undefined, true],
    ]);
  }
});

test("what may not be published is refused in the gateway's words", async () => {
  for (const transport of TRANSPORTS) {
    const connection = await opened({ channels: ["a"], transport });
    await assert.rejects(connection.publish("secret/a", "hi"), {
      code: "forbidden",
      message: /no rule lets anyone publish/,
    });
    await assert.rejects(connection.publish("@json", "hi"), { code: "bad_channel" });
    assert.equal(connection.state, "open");
  }
});

test("a page that does not want to hear itself is not shown what it publishes", async () => {
  const connection = await opened({ channels: ["echo"], transport: "websocket" });
  const got: unknown[] = [];
  connection.on("publication", ({ data }) => got.push(data));
  await connection.publish("echo", "mine", { echo: false });
  await connection.publish("echo", "shown");
  await until("what is shown", () => got.length);
  assert.deepEqual(got, ["shown"]);
});

test("the latest values come first, and once, by every transport", async () => {
  await gateway.publish("latest/a", "old");
  await gateway.publish("latest/a", "new");
  await gateway.publish("latest/b", "other");
  for (const transport of [...TRANSPORTS, "auto"] as const) {
    const connection = open<string>({ channels: ["latest/*"], transport, since: "last", freshness: 2_000 });
    const got: string[] = [];
    connection.on("publication", ({ data }) => got.push(data));
    await until("a cursor", () => connection.state === "open" && connection.cursor);
    await connection.publish("latest/c", transport);
    await until("what is published", () => got.includes(transport));
    assert.deepEqual(got.slice(0, 2), ["new", "other"]);
    assert.equal(got.filter((data) => data === transport).length, 1);
  }
});

test("a cursor that nobody knows is a told gap, and what follows comes", async () => {
  for (const transport of TRANSPORTS) {
    const connection = open<string>({ channels: ["a"], transport, since: "00000000000000aa-1-2" });
    const told: string[] = [];
    connection.on("gap", ({ reason }) => told.push(reason));
    connection.on("publication", ({ data }) => told.push(data));
    await until("the gap", () => told.length);
    await connection.publish("a", "after it");
    await until("what follows", () => told.length > 1);
    assert.deepEqual(told, ["unknown-cursor", "after it"]);
  }
});

test("channels come and go while it is open, by every transport", async () => {
  for (const transport of TRANSPORTS) {
    const [one, two] = [`changing/${transport}/1`, `changing/${transport}/2`];
    const connection = await opened<string>({ channels: [one], transport });
    const got: string[] = [];
    connection.on("publication", ({ data }) => got.push(data));
    connection.subscribe([two]);
    await gateway.publish(two, "of the second");
    await until("the second channel", () => got.length === 1);
    connection.unsubscribe([one]);
    await until("it to be open", () => connection.state === "open");
    // What is asked over a WebSocket is answered in order.
    await connection.publish(two, "between");
    await gateway.publish(one, "of the first");
    await gateway.publish(two, "of the second again");
    await until("the second channel again", () => got.includes("of the second again"));
    assert.deepEqual(got, ["of the second", "between", "of the second again"]);
  }
});

test("who is there, comes and goes is told, and polls see it too", async () => {
  for (const transport of ["sse", "websocket"] as const) {
    const channels = [`room/${transport}`];
    const watcher = open({ channels, transport, presence: true });
    const told: unknown[] = [];
    const name = ({ member }: Member) => (member as { name: string }).name;
    watcher.on("presence", ({ count }) => told.push(count));
    watcher.on("join", (join) => told.push(`+${name(join)}`));
    watcher.on("leave", ({ session }) => told.push(`-${session}`));
    await until("the first word", () => told.length);
    const ann = await opened({ channels, transport, member: { name: "Ann" } });
    await until("Ann to be seen", () => told.length > 1);
    for (const asking of [watcher, ann, await opened({ channels, transport: "poll" })]) {
      const { count, members } = await asking.presence(channels[0]!);
      assert.deepEqual([count, members], [1, [{ session: ann.session, member: { name: "Ann" } }]]);
    }
    ann.close();
    await until("Ann to be gone", () => told.length > 2);
    assert.deepEqual(told, [0, "+Ann", `-${ann.session}`]);
  }
});

test("auto takes a stream for who wants to be seen, and a WebSocket if that is better", async () => {
  const connection = await opened({ channels: ["seen"], member: {} });
  assert.equal(connection.transport, "sse");
  connection.close();
  // What is published every few milliseconds, for a page that shows it at once.
  for (let count = 0; count < 10; count++) await gateway.publish("fast", `${count}`);
  const fast = await opened({ channels: ["fast"], freshness: 100 });
  await until("the WebSocket", () => fast.transport === "websocket" && fast.state === "open");
});

test("a gateway that drains says goodbye, and the client comes back", async () => {
  const old = await Gateway.start();
  const connection = connect(old.url, { channels: ["a"], transport: "sse" });
  connections.push(connection);
  const errors: (string | undefined)[] = [];
  connection.on("state", ({ error }) => errors.push(error));
  await until("it to be open", () => connection.state === "open");
  old.process.signal("SIGTERM");
  await until("the goodbye", () => errors.includes("the gateway ended the session: drain"));
  await old.end();
});
