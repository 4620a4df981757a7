// Event streams are read as the standard says, however they are cut.

import assert from "node:assert/strict";
import { test } from "node:test";

import { eventReader, type StreamEvent } from "../src/event-stream.js";

/** The events of these pieces that say something. */
function read(...pieces: string[]): StreamEvent[] {
  const events: StreamEvent[] = [];
  const feed = eventReader((event) => Object.keys(event).length && events.push(event));
  pieces.forEach(feed);
  return events;
}

test("fields are read as the standard says", () => {
  assert.deepEqual(read("data: a\n\n"), [{ data: "a" }]);
  assert.deepEqual(read("data:a\n\n"), [{ data: "a" }]);
  assert.deepEqual(read("data:  a: b \n\n"), [{ data: " a: b " }]);
  assert.deepEqual(read("data\n\n"), [{ data: "" }]);
  assert.deepEqual(read("data\ndata\n\n"), [{ data: "\n" }]);
  assert.deepEqual(read("data: 1\ndata: 2\n\n"), [{ data: "1\n2" }]);
  assert.deepEqual(read("event: x\nid: 7\nretry: 10\ndata: a\n\n"), [{ event: "x", id: "7", retry: 10, data: "a" }]);
  assert.deepEqual(read(": comment\nData: a\nwhat: b\n\n"), []);
  assert.deepEqual(read("id: a\0b\nretry: soon\nretry: -1\n\n"), []);
  assert.deepEqual(read("retry: 5\n\n"), [{ retry: 5 }]);
});

test("what is not ended by a blank line is no event yet", () => {
  assert.deepEqual(read("data: a\n"), []);
  assert.deepEqual(read("data: a\n\ndata: b"), [{ data: "a" }]);
});

test("any of the three line ends will do, cut anywhere", () => {
  const events = [{ event: "e", data: "a\nb", id: "1" }, { data: "ä" }];
  for (const end of ["\n", "\r", "\r\n"]) {
    const text = ["event: e", "data: a", "data: b", "id: 1", "", ": x", "data: ä", "", ":"].join(end);
    assert.deepEqual(read(text), events);
    assert.deepEqual(read(...text), events, "one character at a time");
    for (let cut = 0; cut <= text.length; cut++) {
      assert.deepEqual(read(text.slice(0, cut), "", text.slice(cut)), events, `cut at ${cut}`);
    }
  }
});

test("a carriage return at the end of what has come waits for what follows: it may be half a line end", () => {
  assert.deepEqual(read("data: a\r\r"), []);
  assert.deepEqual(read("data: a\r\r", ":"), [{ data: "a" }]);
  assert.deepEqual(read("data: a\r\n\r", "\n"), [{ data: "a" }]);
});
