// The hook shows what was published last, by one connection for all, also where React mounts twice.

import assert from "node:assert/strict";
import { test } from "node:test";

import { createElement } from "react";
import { renderToString } from "react-dom/server";

import { fake } from "@fanfare/client/fake";
import { type Source, useChannel } from "@fanfare/client/react";

import { Chromium, bundle } from "./lab/chromium.js";
import { Gateway } from "./lab/gateway.js";
import { until } from "./lab/until.js";
import { areAlike, keyOf } from "../src/watched.js";

test("components of a channel share one stream, as long as there are any", async (context) => {
  const gateway = await Gateway.start();
  context.after(() => gateway.end());
  await gateway.publish("a", '{"n":1}');
  const chromium = await Chromium.start(await bundle("test/pages/react.tsx"));
  context.after(() => chromium.end());
  const page = await chromium.open();
  const requests: string[] = [];
  page.on("request", (request) => request.url().includes("/events") && requests.push(request.url()));
  await page.evaluate(`bundled.show(${JSON.stringify(gateway.url)})`);
  const shows = (...texts: string[]) =>
    until(`the page to show ${texts}`, async () => `${await page.locator("p").allInnerTexts()}` === `${texts}`);
  await shows("open 1 whole", "open 1 whole");
  await gateway.publish("a", '{"n":2}');
  await shows("open 2 whole", "open 2 whole");
  await page.evaluate("setCount(3)");
  await shows("open 2 whole", "open 2 whole", "open 2 whole");
  assert.equal(requests.length, 1);
  // Longer than a connection outlives its last component: these were put back.
  await page.waitForFunction("performance.now() > 2_500");
  await gateway.publish("a", '{"n":3}');
  await shows("open 3 whole", "open 3 whole", "open 3 whole");
  assert.deepEqual([requests.length, await gateway.sessions()], [1, 1]);
  // Without components there is no connection, after a while.
  await page.evaluate("setCount(0)");
  await until("the stream to end", async () => (await gateway.sessions()) === 0);
  await page.evaluate("setCount(1)");
  await shows("open 3 whole");
  assert.equal(requests.length, 2);
});

test("on a server it shows the state before, and connects to nothing", () => {
  const source: Partial<Source> = {
    url: "http://nowhere.invalid/events",
    fetch: () => assert.fail("it connects"),
  };
  const Component = () => {
    const { data, status, gap, connection } = useChannel("a", source);
    return createElement("p", null, JSON.stringify({ data, status, gap, connection }));
  };
  assert.match(renderToString(createElement(Component)), /connecting/);
});

test("two users' functions that read alike are two sources", () => {
  const of = (token: string): Source => ({ url: "/events", token: () => token });
  const [ann, bob] = [of("ann"), of("bob")];
  assert.notEqual(keyOf("a", ann), keyOf("a", bob));
  assert.equal(keyOf("a", ann), keyOf("a", { ...ann }));
  // One component writes its function anew each time that it is drawn.
  assert.ok(areAlike(ann, bob));
  assert.ok(!areAlike(ann, { ...ann, url: "/other" }));
});

test("a connection that is not there yet is waited for", () => {
  const Component = () => createElement("p", null, useChannel("a", { connection: undefined }).status);
  assert.match(renderToString(createElement(Component)), /connecting/);
});

test("it reads by a connection that is given, such as a fake", async (context) => {
  const chromium = await Chromium.start(await bundle("test/pages/fake.tsx"));
  context.after(() => chromium.end());
  const page = await chromium.open();
  await page.evaluate("bundled.show()");
  const shows = (text: string) =>
    until(`the page to show ${text}`, async () => (await page.innerText("body")) === text);
  await shows("open undefined null");
  await page.evaluate('bundled.connection.publish("a", "one")');
  await shows("open one null");
  await page.evaluate('bundled.connection.publish("b", "of another channel")');
  await page.evaluate('bundled.connection.gap("trimmed")');
  await shows("open one trimmed");
  await page.evaluate('bundled.connection.show({ channel: "a", data: "", retract: true })');
  await page.evaluate('bundled.connection.become("waiting")');
  await shows("waiting undefined trimmed");
  assert.equal(fake().state, "open");
});
