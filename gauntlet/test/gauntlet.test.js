// The gauntlet in a real Chromium: whatever is broken, what Fanfare's lane misses is told, and nothing comes twice.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { VIEWPORTS, checkThatNobodyIsKeptOut, launch, open, picture } from "../../examples/test/demo.js";
import { GATEWAY } from "../../examples/test/lab.js";
import { FAULTS } from "../faults.js";

const PATIENCE_MS = 120_000;

let gauntlet, browser, url;

before(async () => {
  const env = { ...process.env, PORT: "0", FANFARE_BIN: GATEWAY };
  gauntlet = spawn(process.execPath, [join(import.meta.dirname, "../run.js")], {
    env,
    stdio: ["ignore", "pipe", "inherit"],
  });
  let said = "";
  gauntlet.stdout.setEncoding("utf8").on("data", (text) => (said += text));
  while (!/open (\S+)/.test(said)) {
    assert.equal(gauntlet.exitCode, null, said);
    await once(gauntlet.stdout, "data");
  }
  [, url] = /open (\S+)/.exec(said);
  browser = await launch();
});

after(async () => {
  await browser?.close();
  if (gauntlet?.exitCode !== null) return;
  gauntlet.kill("SIGTERM");
  await once(gauntlet, "exit");
});

/** A page whose lanes have all begun. */
async function enter(options) {
  const page = await open(browser, url, options);
  page.setDefaultTimeout(PATIENCE_MS);
  await page.waitForFunction(() =>
    [...document.querySelectorAll(".received")].every(
      ({ textContent }) => Number(textContent.replace(/\D/g, "")) > 100,
    ),
  );
  return page;
}

const counts = (page) =>
  page.evaluate(() =>
    Object.fromEntries(
      [...document.querySelectorAll(".lane")].map((lane) => [
        lane.id,
        Object.fromEntries(
          [...lane.querySelectorAll("dd")].map((count) => [
            count.className,
            Number(count.textContent.replace(/\D/g, "")),
          ]),
        ),
      ]),
    ),
  );

test("what is asked for and is not there ends nothing", async () => {
  for (const name of ["__proto__", "toString", "nothing"])
    assert.equal((await fetch(`${url}/strike/${name}`, { method: "POST" })).status, 409, name);
  for (const path of ["//", "/nothing.js", "/../run.js"]) assert.ok((await fetch(url + path)).status >= 400, path);
  assert.equal((await fetch(url)).status, 200);
  // By another name its buttons and Socket.IO's lane would be refused.
  assert.equal((await fetch(url.replace("localhost", "127.0.0.1"))).url, `${url}/`);
});

test("as long as nothing breaks nobody misses anything", async () => {
  const page = await enter();
  for (const [lane, { missing, told, doubled }] of Object.entries(await counts(page)))
    assert.deepEqual({ missing, told, doubled }, { missing: 0, told: 0, doubled: 0 }, lane);
  await page.context().close();
});

test("whatever breaks, what is missing is told, and nothing comes twice", async (context) => {
  const page = await enter();
  for (const { title } of Object.values(FAULTS)) {
    await page.click(`#faults button:text-is("${title}")`);
    await page.waitForSelector("#faults button[aria-disabled=true]");
    await page.waitForSelector("#faults button[aria-disabled=false]");
    // It goes on: what is missing is noticed with the next that comes.
    const { received } = (await counts(page)).fanfare;
    await page.waitForFunction(
      (before) => Number(document.querySelector("#fanfare .received").textContent.replace(/\D/g, "")) > before + 200,
      received,
    );
    const { missing, doubled } = (await counts(page)).fanfare;
    assert.deepEqual({ missing, doubled }, { missing: 0, doubled: 0 }, title);
    const row = await page.evaluate(() =>
      [...document.querySelector("#costs tbody tr").cells].map(({ textContent }) => textContent).join(" | "),
    );
    // Its recovery is set up as it should be: where its server is still there, it misses nothing.
    if (title === "Cut the browsers") assert.match(row, /nothing$/);
    context.diagnostic(row);
  }
  await checkThatNobodyIsKeptOut(page);
  await picture(page, "gauntlet");
  await page.context().close();
});

for (const colorScheme of ["light", "dark"]) {
  for (const [name, viewport] of VIEWPORTS) {
    test(`nobody is kept out, and nothing is cut off: ${colorScheme}, ${name}`, async () => {
      const page = await enter({
        colorScheme,
        viewport,
        hasTouch: name === "phone",
      });
      await checkThatNobodyIsKeptOut(page);
      await picture(page, `gauntlet-${colorScheme}-${name}`);
      await page.context().close();
    });
  }
}
