// The document, as two people have it before them.

import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";

import { Example, Way, isAway, isLive, reads } from "./lab.js";

let example;
let way;

before(async () => {
  example = await Example.start("annotate");
});

after(() => example?.end());

afterEach(async () => {
  for (const context of example.browser.contexts()) await context.close();
  way?.end();
});

async function ada() {
  const page = await example.open({ name: "Ada" });
  // What an earlier test left.
  for (const note of await page.locator(".note").all()) assert.fail(`a note is left: ${await note.textContent()}`);
  return page;
}

async function write(page, paragraph, text) {
  await page.locator(".add").nth(paragraph).click();
  await page.fill(".notes > form textarea", text);
  await page.keyboard.press("Enter");
  await page.locator(".note:not(.unsaved)", { hasText: text }).waitFor();
}

async function change(page, from, to) {
  const note = page.locator(".note", { hasText: from });
  await note.hover();
  await note.getByRole("button", { name: "Edit" }).click();
  await page.fill(".note textarea", to);
  await page.keyboard.press("Enter");
}

async function remove(page, text) {
  const note = page.locator(".note", { hasText: text });
  await note.hover();
  await note.getByRole("button", { name: "Delete" }).click();
}

const notes = (page, paragraph, texts) => reads(page, `.passage:nth-of-type(${paragraph + 1}) .note p`, texts);

test("each sees the other's notes, pointer, coming and leaving", async () => {
  const a = await ada();
  const b = await example.open({ name: "Grace" });
  await reads(a, ".somebody .name", ["Ada (you)", "Grace"]);
  await b.waitForFunction(() => document.querySelectorAll(".somebody").length === 2);

  await write(a, 1, "a beam and two arms");
  await notes(b, 1, ["a beam and two arms"]);
  await change(b, "a beam", "one beam and two arms");
  await notes(a, 1, ["one beam and two arms"]);
  await remove(b, "one beam");
  await notes(a, 1, []);

  await a.locator(".text").nth(2).hover();
  const cursor = b.locator(".passage:nth-of-type(3) .cursor");
  await cursor.filter({ hasText: "Ada" }).waitFor();
  assert.equal(await a.locator(".cursor", { hasText: "Ada" }).count(), 0, "nobody sees a pointer of their own");

  await a.close();
  await reads(b, ".somebody .name", ["Grace (you)"]);
  await b.waitForFunction(() => !document.querySelector(".cursor"));
});

test("a note that the gateway refuses is not kept, and its words are shown", async () => {
  const page = await ada();
  await page.locator(".add").nth(2).click();
  const text = page.locator(".notes > form textarea");
  await text.evaluate((area) => area.removeAttribute("maxlength"));
  await text.fill("x".repeat(70_000));
  await page.keyboard.press("Enter");
  await page.locator("#error", { hasText: /^A note was not taken: .*65536/ }).waitFor();
  await notes(page, 2, []);
});

test("what was written, changed and deleted while one was away is there afterwards, once", async () => {
  const a = await ada();
  way = await Way.to(example.gateway);
  const b = await example.open({ name: "Grace", way });
  await write(a, 0, "stays");
  await write(a, 0, "goes");
  await write(a, 0, "is to change");
  await notes(b, 0, ["stays", "goes", "is to change"]);

  way.cut();
  await isAway(b);
  await write(a, 0, "is new");
  await change(a, "is to change", "has changed");
  await remove(a, "goes");
  await notes(a, 0, ["stays", "has changed", "is new"]);
  // Meanwhile, the other writes too.
  await b.locator(".add").nth(3).click();
  await b.fill(".notes > form textarea", "written alone");
  await b.keyboard.press("Enter");
  await b.locator(".note.unsaved", { hasText: "written alone" }).waitFor();
  way.mend();
  await isLive(b);

  for (const page of [a, b]) {
    await notes(page, 3, ["written alone"]);
    await notes(page, 0, ["stays", "has changed", "is new"]);
  }
  const late = await example.open({ name: "Late" });
  await notes(late, 0, ["stays", "has changed", "is new"]);
  await notes(late, 3, ["written alone"]);
});

test("a gateway that does not know what was before says so, and its notes are shown", async () => {
  const a = await example.open({ name: "Ada" });
  way = await Way.to(example.gateway);
  const b = await example.open({ name: "Grace", way });
  await write(a, 4, "of the first gateway");
  await notes(b, 4, ["of the first gateway"]);
  const other = await Example.start("annotate");
  try {
    await write(await other.open({ name: "Somebody" }), 4, "of the other");
    way.cut();
    way.target = Number(other.gateway.port);
    way.mend();
    await b.waitForSelector("#gap:not([hidden])");
    await notes(b, 4, ["of the other"]);
  } finally {
    await other.end();
  }
});
