// The command that runs an example.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";

import { Example, GATEWAY } from "./lab.js";

const script = join(import.meta.dirname, "../run.js");

test("Ctrl-C ends the gateway and the pages too", async () => {
  const example = await Example.start("dashboard");
  assert.ok((await fetch(new URL("events?channel=monitors/1", example.gateway))).ok);
  assert.equal(await example.end(), 0);
  for (const url of [example.gateway, example.url]) await assert.rejects(fetch(url), TypeError, `${url}`);
});

test("a gateway that does not start is told, with what it said", () => {
  const env = { ...process.env, FANFARE_BIN: GATEWAY, FANFARE__LISTEN__NONSENSE: "1" };
  const { status, stderr } = spawnSync(process.execPath, [script, "chat", "--port", "0", "--gateway-port", "0"], {
    env,
    encoding: "utf8",
  });
  assert.equal(status, 1);
  assert.match(stderr, /ended with 78[^]*NONSENSE/);
});

test("what is no example is refused, with those that are", () => {
  const { status, stderr } = spawnSync(process.execPath, [script, "toString"], { encoding: "utf8" });
  assert.equal(status, 2);
  assert.match(stderr, /dashboard\|annotate\|chat/);
});

test("nothing but pages is served, with the colours of the gateway's own", async () => {
  const example = await Example.start("chat");
  try {
    for (const path of [
      "..%2fpackage.json",
      "%2e%2e/package.json",
      "client/..%2f..%2fpackage.json",
      "nothing.js",
      "shared/",
    ]) {
      assert.equal((await fetch(`${example.url}${path}`)).status, 404, path);
    }
    const colours = await fetch(`${example.url}gateway/palette.css`);
    assert.match(await colours.text(), /--brass: light-dark/);
  } finally {
    await example.end();
  }
});
