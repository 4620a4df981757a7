// What is counted of numbers that come, do not come, come late or twice.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Ledger } from "../page/ledger.js";

/** Takes numbers, and `!` where something is told. */
function check(steps, [received, missing, told, doubled]) {
  const ledger = new Ledger();
  for (const step of steps) {
    if (step === "!") ledger.tell();
    else ledger.receive(step);
  }
  const counts = [ledger.received, ledger.missing, ledger.told, ledger.doubled];
  assert.deepEqual(counts, [received, missing, told, doubled], String(steps));
}

test("what is missing, told, late or doubled is counted as that", () => {
  check([], [0, 0, 0, 0]);
  check([7, 8, 9], [3, 0, 0, 0]);
  check([1, 2, 5], [3, 2, 0, 0]);
  check([1, 2, "!", 5], [3, 0, 2, 0]);
  // Told is what lies between two numbers, and nothing after that.
  check([1, "!", 2, 5], [3, 2, 0, 0]);
  check(["!", 4, 6], [2, 1, 0, 0]);
  check([1, 5, 3], [3, 2, 0, 0]);
  check([1, "!", 5, 3, 2, 4], [5, 0, 0, 0]);
  check([1, 2, 2, 1], [2, 0, 0, 2]);
  check([5, 4], [1, 0, 0, 1]);
});
