// One process queries, however many look: each second it publishes what has changed, all in one request.

import { Source } from "./source.js";

const EVERY_MS = 1_000;
const [gateway] = process.argv.slice(2);
const source = new Source();
/** Each row as the gateway has it. */
const published = new Map();
/** How often each was published, so that pages can count whether anything is missing. */
const counts = new Map();

async function publishChanges() {
  const rows = source
    .query()
    .map((row, index) => ({ channel: `monitors/${index + 1}`, row, text: JSON.stringify(row) }));
  const changed = rows.filter(({ channel, text }) => published.get(channel) !== text);
  if (!changed.length) return;
  const lines = changed.map(({ channel, row }) => {
    const count = (counts.get(channel) ?? 0) + 1;
    counts.set(channel, count);
    return JSON.stringify({ channel, data: { ...row, count, at: Date.now() } });
  });
  const headers = { "content-type": "application/x-ndjson" };
  const answer = await fetch(new URL("events", gateway), { method: "POST", headers, body: lines.join("\n") });
  if (!answer.ok) throw new Error(await answer.text());
  const results = await answer.json();
  // What was not taken is still a change next time.
  changed.forEach(({ channel, text }, index) => {
    if (!results[index].error) published.set(channel, text);
  });
}

async function run() {
  await publishChanges().catch((error) => console.error(error.message));
  setTimeout(run, EVERY_MS);
}

process.on("disconnect", () => process.exit());
run();
