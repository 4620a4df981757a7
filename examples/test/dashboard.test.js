// The dashboard, by every transport.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { Example, Way, isAway, isLive } from "./lab.js";

let example;

before(async () => {
  example = await Example.start("dashboard");
});

after(() => example?.end());

const number = (page, selector) => page.textContent(selector).then((text) => Number(text.replace(/\D/g, "")));

/** Waits until the row of a transport in use has more received than that. */
function receives(page, transport, more) {
  const look = ([transport, more]) => {
    const row = document.querySelector(`tr[data-transport="${transport}"][aria-current]`);
    return row && Number(row.cells[2].textContent.replace(/\D/g, "")) > more;
  };
  return page.waitForFunction(look, [transport, more]);
}

async function missesNothing(page) {
  for (const kind of ["missed", "doubled", "gaps"]) assert.equal(await page.textContent(`#${kind}`), "0", kind);
}

test("both pages show all hosts, and values arrive by each transport, none missed and none twice", async () => {
  const pages = await Promise.all([example.open(), example.open()]);
  for (const page of pages) await page.waitForFunction(() => document.querySelectorAll(".monitor").length === 24);
  const [page, other] = pages;
  for (const transport of ["poll", "sse", "websocket", "poll", "websocket", "sse"]) {
    const cell = (column) => page.locator(`tr[data-transport=${transport}] td`).nth(column);
    const before = Number((await cell(1).textContent()).replace(/\D/g, ""));
    await page.selectOption("#transport", transport);
    await receives(page, transport, before + 5);
    assert.match(await page.textContent("#in-use"), new RegExp(`^${transport},`));
    assert.match(await cell(2).textContent(), /\d [KM]?B/, "bytes");
    // Values that were there before tell nothing of how long they took: it is shown from the first new one on.
    const tells = (row) => /\d ms/.test(document.querySelector(row).cells[5].textContent);
    await page.waitForFunction(tells, `tr[data-transport="${transport}"]`);
  }
  const received = await number(other, "#received");
  await other.waitForFunction(
    (received) => Number(document.getElementById("received").textContent) > received + 5,
    received,
  );
  await Promise.all(pages.map(missesNothing));
});

test("auto begins with a poll and moves up by itself", async () => {
  const page = await example.open();
  await page.waitForFunction(() => document.querySelector("tr[data-transport=poll]").cells[1].textContent !== "–");
  await receives(page, "websocket", 5);
  assert.match(await page.textContent("#in-use"), /chosen by auto/);
  await missesNothing(page);
});

test("a cut costs nothing", async () => {
  const way = await Way.to(example.gateway);
  try {
    const page = await example.open({ way });
    await page.selectOption("#transport", "sse");
    await receives(page, "sse", 5);
    way.cut();
    await isAway(page);
    way.mend();
    await isLive(page);
    await receives(page, "sse", await number(page, "tr[data-transport=sse] td:nth-child(3)"));
    await missesNothing(page);
  } finally {
    way.end();
  }
});
