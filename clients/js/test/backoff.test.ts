// Pauses after failures grow, differ, and end nowhere.

import assert from "node:assert/strict";
import { test } from "node:test";

import { backoff } from "../src/backoff.js";

test("pauses grow up to half a minute, with full jitter, for ever", (context) => {
  const random = context.mock.method(Math, "random", () => 1);
  const pauses = backoff();
  const next = () => Array.from({ length: 7 }, pauses.next);
  assert.deepEqual(next(), [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
  for (let failure = 0; failure < 2_000; failure++) assert.equal(pauses.next(), 30_000);
  random.mock.mockImplementation(() => 0.5);
  assert.equal(pauses.next(), 15_000);
  pauses.reset();
  assert.equal(pauses.next(), 500);
});
