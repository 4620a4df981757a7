// The uptime dashboard, as `fanfare demo` runs it: alive, by keyboard, in light and dark, on a phone, over breaks.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import {
  PATIENCE_MS,
  VIEWPORTS,
  checkThatNobodyIsKeptOut,
  launch,
  open as openPage,
  picture,
  start,
  stop,
} from "./demo.js";
import { Way } from "./lab.js";

let demo, browser, way;

async function open(options) {
  const page = await openPage(browser, `http://127.0.0.1:${way.port}/`, options);
  await page.waitForFunction(() => document.querySelectorAll(".tile").length === 12);
  return page;
}

before(async () => {
  demo = await start();
  way = await Way.to({ port: demo.port });
  browser = await launch();
});

after(async () => {
  await browser?.close();
  way?.end();
  if (demo) await stop(demo);
});

test("tiles live, what falls is an incident, and it is seen in the head line", async () => {
  const page = await open();
  const looks = () => page.textContent(".tile .latency");
  const first = await looks();
  await page.waitForFunction((first) => document.querySelector(".tile .latency").textContent !== first, first);
  await page.waitForSelector("#incidents li");
  await page.waitForSelector(".tile[data-status=down]");
  assert.match(await page.textContent("#overall"), /down/);
  assert.equal(await page.textContent("#state"), "live by event stream");
  await page.context().close();
});

test("with a keyboard: the filter, a tile, and out again", async () => {
  const page = await open();
  await page.focus("#filter input");
  await page.keyboard.press("ArrowRight");
  await page.waitForFunction(() =>
    [...document.querySelectorAll("#board li")].every(
      ({ hidden, firstChild }) => hidden === (firstChild.dataset.status !== "up"),
    ),
  );
  await page.keyboard.press("Tab");
  const chosen = await page.evaluate(() => document.activeElement.querySelector(".name").textContent);
  await page.keyboard.press("Enter");
  await page.waitForSelector("dialog[open]");
  assert.equal(await page.textContent("#detail-name"), chosen);
  assert.match(await page.textContent("#detail-facts"), /URLhttp:\/\/127\.0\.0\.1/);
  await picture(page, "uptime-detail");
  await checkThatNobodyIsKeptOut(page);
  await page.keyboard.press("Escape");
  await page.waitForSelector("dialog", { state: "hidden" });
  assert.equal(await page.evaluate(() => document.activeElement.querySelector(".name")?.textContent), chosen);
  await page.context().close();
});

for (const colorScheme of ["light", "dark"]) {
  for (const [name, viewport] of VIEWPORTS) {
    test(`nobody is kept out, and nothing is cut off: ${colorScheme}, ${name}`, async () => {
      const page = await open({ colorScheme, viewport, hasTouch: name === "phone" });
      await checkThatNobodyIsKeptOut(page);
      await picture(page, `uptime-${colorScheme}-${name}`);
      await page.context().close();
    });
  }
}

test("a break of the connection costs nothing, and the page says so", async () => {
  const page = await open();
  way.cut();
  await page.waitForSelector("#connection[data-state=lost]");
  way.mend();
  await page.waitForSelector("#connection[data-state=live]");
  await page.waitForSelector("#notice:not([hidden])");
  assert.match(await page.textContent("#notice"), /^Back after .*: \d+ changes? caught up, nothing was missed\.$/);
  await page.context().close();
});

test("where event streams do not get through it polls", async () => {
  const page = await browser.newPage();
  await page.route(/\/events\?.*format=json/, (route) => route.abort());
  await page.goto(`http://127.0.0.1:${way.port}/`);
  await page.waitForSelector("#connection[data-state=polling]", { timeout: PATIENCE_MS });
  assert.equal(await page.locator(".tile").count(), 12);
  await page.close();
});

test("a restart of the gateway is survived, and what it means is said", async () => {
  const page = await open();
  await page.waitForSelector("#incidents li");
  await stop(demo);
  await page.waitForSelector("#connection[data-state=lost]");
  demo = await start(demo.port);
  await page.waitForSelector("#connection[data-state=live]");
  await page.waitForSelector("#notice[data-kind=gap]:not([hidden])");
  assert.match(await page.textContent("#notice"), /^Back after .*may have been missed/);
  await picture(page, "uptime-back");
  // What it showed of the old one is no longer true, and nothing has fallen yet.
  await page.waitForFunction(() => document.querySelectorAll("#incidents li").length === 0);
  await page.waitForFunction(() => document.querySelectorAll(".tile").length === 12);
  const first = await page.textContent(".tile .latency");
  await page.waitForFunction((first) => document.querySelector(".tile .latency").textContent !== first, first);
  await page.context().close();
});
