// The chat, as several people have it before them.

import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";

import { Example, Way, isAway, isLive, reads } from "./lab.js";

let example;
let way;
let rooms = 0;

before(async () => {
  example = await Example.start("chat");
});

after(() => example?.end());

afterEach(async () => {
  for (const context of example.browser.contexts()) await context.close();
  way?.end();
});

/** A room that no other test uses. */
const newRoom = () => `room-${++rooms}`;

async function enter(page, room) {
  await page.evaluate((room) => (location.hash = room), room);
  await reads(page, "#room", [room]);
  await isLive(page);
}

async function say(page, text) {
  await page.fill("#composer textarea", text);
  await page.keyboard.press("Enter");
}

const words = (page, texts) => reads(page, "#messages .words", texts);
const isSaid = (page, text) => page.locator(".message[data-status=arrived]", { hasText: text }).waitFor();

test("both see all messages in one order, a newcomer too, and who is there", async () => {
  const room = newRoom();
  const [a, b] = await Promise.all([example.open({ name: "Ada" }), example.open({ name: "Grace" })]);
  await enter(a, room);
  await enter(b, room);
  await a.waitForFunction(() => document.querySelectorAll(".somebody").length === 2);
  await say(a, "one");
  await isSaid(b, "one");
  await say(b, "two");
  await isSaid(a, "two");
  for (const text of ["three", "four", "five"]) await say(a, text);
  const all = ["one", "two", "three", "four", "five"];
  await words(a, all);
  await words(b, all);
  await reads(a, ".mine[data-status=arrived] .words", ["one", "three", "four", "five"]);
  await reads(b, ".mine .words", ["two"]);

  const late = await example.open({ name: "Late" });
  await enter(late, room);
  await words(late, all);
  await late.waitForFunction(() => document.querySelectorAll(".somebody").length === 3);
  await a.close();
  await late.waitForFunction(() => !document.getElementById("people").textContent.includes("Ada"));
});

test("other rooms count what is unread, and a new room is heard of", async () => {
  const [a, b] = await Promise.all([example.open({ name: "Ada" }), example.open({ name: "Grace" })]);
  await a.fill("#new-room input", "Model Railways!");
  await a.keyboard.press("Enter");
  await reads(a, "#room", ["model-railways"]);
  await say(a, "all aboard");
  await isSaid(a, "all aboard");
  const link = b.locator('#rooms a[href="#model-railways"]');
  await link.locator(".unread", { hasText: "2" }).waitFor();
  await link.click();
  await words(b, ["all aboard"]);
  await link.locator(".unread:empty").waitFor({ state: "attached" });
});

test("who types is seen to, until it is said", async () => {
  const room = newRoom();
  const [a, b] = await Promise.all([example.open({ name: "Ada" }), example.open({ name: "Grace" })]);
  await enter(a, room);
  await enter(b, room);
  await a.locator("#composer textarea").pressSequentially("hello");
  await reads(b, "#typing", ["Ada is typing"]);
  await a.keyboard.press("Enter");
  await reads(b, "#typing", [""]);
  await words(b, ["hello"]);
});

test("what is written while the connection is cut is said once it is back, in order", async () => {
  const room = newRoom();
  way = await Way.to(example.gateway);
  const [a, b] = await Promise.all([example.open({ name: "Ada", way }), example.open({ name: "Grace" })]);
  await enter(a, room);
  await enter(b, room);
  await say(a, "before");
  await isSaid(b, "before");
  way.cut();
  await isAway(a);
  await say(a, "alone");
  await a.locator(".message[data-status=waiting]", { hasText: "alone" }).waitFor();
  await say(a, "still alone");
  await say(b, "meanwhile");
  await isSaid(b, "meanwhile");
  way.mend();
  const all = ["before", "meanwhile", "alone", "still alone"];
  await words(a, all);
  await words(b, all);
});

test("a message whose answer was lost is sent again, and said once", async () => {
  const room = newRoom();
  const [a, b] = await Promise.all([example.open({ name: "Ada" }), example.open({ name: "Grace" })]);
  await enter(a, room);
  await enter(b, room);
  const keys = [];
  await a.route(/\/events\?channel=room/, async (route) => {
    if (route.request().method() !== "POST") return route.continue();
    keys.push(route.request().headers()["idempotency-key"]);
    if (keys.length > 1) return route.continue();
    await route.fetch();
    return route.abort();
  });
  await say(a, "once");
  await isSaid(a, "once");
  await say(a, "after");
  for (const page of [a, b]) await words(page, ["once", "after"]);
  assert.equal(keys.length, 3);
  assert.equal(keys[0], keys[1]);
  assert.notEqual(keys[1], keys[2]);
});
