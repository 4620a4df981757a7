// The console on the admin port of `fanfare demo`: figures that live, the way of a publication, by keyboard, in light and dark, on
// a phone, over a restart.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { VIEWPORTS, checkThatNobodyIsKeptOut, launch, open as openPage, picture, print, start, stop } from "./demo.js";

let demo, browser, viewer;

async function open(options, hash = "") {
  const page = await openPage(browser, `http://127.0.0.1:${demo.adminPort}/console${hash}`, options);
  await page.waitForSelector("#state[data-state=open]");
  await page.waitForFunction(() => document.querySelector("#gateway b")?.textContent === "ready");
  return page;
}

const waitForText = (page, selector, pattern) =>
  page.waitForFunction(
    ([selector, source]) => new RegExp(source).test(document.querySelector(selector)?.textContent ?? ""),
    [selector, pattern.source],
  );

before(async () => {
  demo = await start();
  browser = await launch();
  viewer = await openPage(browser, `http://127.0.0.1:${demo.port}/`);
});

after(async () => {
  await browser?.close();
  if (demo) await stop(demo);
});

test("figures live: sessions, publications, deliveries, and what they cost", async () => {
  const page = await open();
  const tile = (title) => `.tile:has(h2:text-is("${title}"))`;
  for (const title of ["Sessions", "Publications a second", "Deliveries a second", "Memory"]) {
    await page.waitForFunction((now) => /[1-9]/.test(now.textContent), await page.$(`${tile(title)} .now`));
    const line = page.locator(`${tile(title)} path`).first();
    assert.match(await line.getAttribute("d"), /^M/);
  }
  assert.match(await page.getAttribute(`${tile("Sessions")} svg`, "aria-label"), /at most .* in two minutes/);
  await page.waitForSelector("#sessions tbody tr");
  await page.context().close();
});

test("with a keyboard: to the channels, to one of them, and what becomes of a publication on it", async () => {
  const page = await open();
  await page.focus("#tab-sessions");
  await page.keyboard.press("ArrowRight");
  await page.waitForSelector("#channels tbody tr");
  assert.equal(await page.evaluate(() => document.activeElement.id), "tab-channels");
  const channel = await page.textContent("#channels tbody tr td");
  await page.focus("#channels tbody tr button");
  await page.keyboard.press("Enter");
  await page.waitForSelector("#trace tbody tr");
  await page.waitForSelector("#received li");
  assert.equal(await page.inputValue("#followed"), channel);
  await waitForText(page, "#trace tbody", /taken by (every socket|\d+ sockets)/);
  await checkThatNobodyIsKeptOut(page);
  await picture(page, "console-follow");
  await page.context().close();
});

test("what nobody reads is said so, and what is published by hand is seen", async () => {
  const page = await open({}, "#follow");
  await page.fill("#followed", "nobody");
  await page.click("#follow-form button");
  await waitForText(page, "#follow-words", /Nothing has been published on nobody/);
  await page.fill("#data", "<b>hello</b>");
  await page.fill("#event", "greeting");
  await page.click("#publish button");
  await waitForText(page, "#received", /greeting.*<b>hello<\/b>/);
  // The console's own tail is no reader.
  await waitForText(page, "#trace tbody", /nobody \(greeting\).*no session here had subscribed/);
  const followed = await page.textContent("#follow-words");
  await page.fill("#followed", "*");
  await page.click("#follow-form button");
  await waitForText(page, "#error", /one channel is followed/);
  assert.equal(await page.textContent("#follow-words"), followed);
  await page.fill("#event", "open");
  await page.click("#publish button");
  await waitForText(page, "#error", /event type/);
  await page.context().close();
});

test("a session is followed and ended, and its page comes back", async () => {
  const page = await open();
  await page.fill("#text", "monitors");
  await page.click("#search button");
  await waitForText(page, "#sessions-words", /holds? “monitors”/);
  await page.locator("#sessions tbody tr button").first().click();
  await waitForText(page, "#session-words", /subscribed to .*monitors/);
  await page.click("#end");
  await waitForText(page, "#follow-words", /has ended: disconnected|no such session/);
  await viewer.waitForSelector("#connection[data-state=live]");
  await page.context().close();
});

for (const colorScheme of ["light", "dark"]) {
  for (const [name, viewport] of VIEWPORTS) {
    test(`nobody is kept out, and nothing is cut off: ${colorScheme}, ${name}`, async () => {
      const page = await open({ colorScheme, viewport, hasTouch: name === "phone" });
      await page.waitForSelector("#sessions tbody tr");
      await checkThatNobodyIsKeptOut(page);
      await picture(page, `console-${colorScheme}-${name}`);
      await page.click("#tab-counts");
      await checkThatNobodyIsKeptOut(page);
      await page.context().close();
    });
  }
}

test("who comes by a proxy shows a token, and signs out", async () => {
  const variables = { FANFARE__AUTH__SECRET: "0123456789abcdef0123456789abcdef" };
  const other = await start(0, 0, variables);
  try {
    const extraHTTPHeaders = { "X-Forwarded-For": "192.0.2.1" };
    const page = await openPage(browser, `http://127.0.0.1:${other.adminPort}/console`, { extraHTTPHeaders });
    const show = async (token) => {
      await page.fill("#token", token);
      await page.keyboard.press("Enter");
    };
    await show(await print(["token", "--subject", "somebody"], variables));
    await waitForText(page, "#error", /this token does not open the console/);
    await show(await print(["token", "--console"], variables));
    await page.waitForSelector("#state[data-state=open]");
    await checkThatNobodyIsKeptOut(page);
    await page.click("text=Sign out");
    await page.waitForSelector("#token");
    await page.reload();
    await page.waitForSelector("#token");
  } finally {
    await stop(other);
  }
});

test("it comes back by itself when the gateway was restarted", async () => {
  const page = await open();
  const { port, adminPort } = demo;
  await stop(demo);
  await page.waitForSelector("#state[data-state=connecting]");
  demo = await start(port, adminPort);
  await page.waitForSelector("#state[data-state=open]");
  await waitForText(page, "#gateway", /ready/);
  await page.context().close();
});
