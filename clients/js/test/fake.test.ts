// The fake stands in for a connection where a network would only disturb.

import assert from "node:assert/strict";
import { test } from "node:test";

import type { Connection } from "@fanfare/client";
import { fake } from "@fanfare/client/fake";

test("what the application or the test publishes is shown where it is read", async () => {
  const connection = fake<unknown>(["a", "room/*"]);
  const shown: unknown[] = [];
  connection.on("publication", ({ channel, event, data }) => shown.push([channel, event, data]));
  const real: Connection<unknown> = connection;
  assert.deepEqual(await real.publish("a", "one", { event: "x" }), { id: "fake-1" });
  await real.publish("room/1", { n: 2 });
  await real.publish("b", "unread");
  await real.publish("a", "mine", { echo: false });
  real.unsubscribe(["a"]);
  await real.publish("a", "unread");
  assert.deepEqual(shown, [
    ["a", "x", "one"],
    ["room/1", undefined, { n: 2 }],
  ]);
  assert.equal(real.cursor, "fake-2");
  assert.deepEqual(connection.published[0], { channel: "a", data: "one", event: "x" });
  assert.equal(connection.published.length, 5);
});

test("everything else happens when the test says so", async () => {
  const connection = fake();
  const told: unknown[] = [];
  connection.on("gap", (gap) => told.push(gap));
  connection.on("state", (change) => told.push(change));
  connection.on("join", (join) => told.push(join));
  connection.on("leave", (leave) => told.push(leave));
  connection.on("error", (error) => told.push(error));
  connection.gap("trimmed");
  connection.become("waiting", "the cable");
  connection.join("a", "you", { name: "Ann" });
  assert.deepEqual(await connection.presence("a"), {
    channel: "a",
    count: 1,
    members: [{ session: "you", member: { name: "Ann" } }],
  });
  connection.leave("a", "you");
  connection.fail({ status: 403, code: "forbidden", message: "no" });
  assert.deepEqual(told, [
    { reason: "trimmed", after: null },
    { state: "waiting", transport: "websocket", error: "the cable" },
    { channel: "a", session: "you", member: { name: "Ann" } },
    { channel: "a", session: "you" },
    { state: "closed", transport: "websocket", error: "no" },
    { status: 403, code: "forbidden", message: "no" },
  ]);
  assert.equal(connection.state, "closed");
});
