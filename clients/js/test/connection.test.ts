// What a connection does, on a network and in a time that the test makes.

import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";

import { connect, type Connection, type ConnectOptions, type StateChange } from "../src/index.js";
import { Network, batch, json, pass, refusal, settle, stopTime } from "./lab/network.js";

let network: Network;
let connection: Connection<any> | undefined;
let told: any[];
let states: string[];

beforeEach(() => {
  stopTime();
  network = new Network();
  told = [];
  states = [];
});

afterEach(() => {
  connection?.close();
  connection = undefined;
  mock.timers.reset();
  mock.restoreAll();
});

function open(options: Partial<ConnectOptions<any>>): Connection<any> {
  const { fetch, WebSocket } = network;
  connection = connect<any>("http://gateway/events", { channels: ["a"], fetch, WebSocket, ...options });
  connection.on("publication", ({ data }) => told.push(data));
  connection.on("gap", ({ reason }) => told.push(`gap: ${reason}`));
  connection.on("error", ({ code }) => told.push(`error: ${code}`));
  connection.on("state", ({ state, transport, error }: StateChange) => {
    states.push(`${state} ${transport}${error ? `: ${error}` : ""}`);
  });
  return connection;
}

/** The newest event stream. */
const stream = () => network.streams.at(-1)!;
const socket = () => network.sockets.at(-1)!;

/** What a browser's page has of what the connection looks at. */
function openPage() {
  const page = Object.assign(new EventTarget(), { hidden: false });
  const addEventListener = page.addEventListener.bind(page);
  Object.assign(globalThis, { document: page, addEventListener });
  const close = () => ["document", "addEventListener"].forEach((name) => Reflect.deleteProperty(globalThis, name));
  return Object.assign(page, { close });
}

/** A gateway with nothing to say. */
function streams(url: URL, { signal }: RequestInit = {}): Response {
  if (url.pathname === "/advice") return refusal(404, "not_found", "no such page");
  return url.searchParams.get("transport") === "sse" ? network.stream(signal) : batch("c0");
}

test("a poll goes on from its cursor, with the tag of what it has", async () => {
  const answers = [
    batch("c1", [["p1", "one"]]),
    json(null, 304, { "fanfare-cursor": "c2", etag: '"p1"' }),
    batch("c3", [["p2", "two"]]),
  ];
  network.answer = () => answers.shift() ?? batch("c4");
  open({ transport: "poll", interval: 1_000, since: "last" });
  await settle();
  assert.deepEqual([told, connection!.cursor], [["one"], "c1"]);
  await pass(1_000);
  assert.deepEqual([told, connection!.cursor], [["one"], "c2"]);
  await pass(1_000);
  assert.deepEqual(told, ["one", "two"]);
  assert.deepEqual(network.take(), [
    "/events?channel=a&transport=poll&since=last",
    "/events?channel=a&transport=poll&since=c1",
    "/events?channel=a&transport=poll&since=c2",
  ]);
  assert.deepEqual(
    network.headers.map((headers) => headers["if-none-match"]),
    [undefined, '"p1"', '"p1"'],
  );
  assert.deepEqual(states, ["connecting poll", "open poll"]);
});

test("no cache answers in the gateway's place", async () => {
  const modes = new Set<RequestCache | undefined>();
  network.answer = (url, request) => {
    modes.add(request.cache);
    return streams(url, request);
  };
  open({ transport: "poll" });
  await settle();
  connection!.use("sse");
  await settle();
  assert.equal(network.requests.length, 2);
  assert.deepEqual([...modes], ["no-store"]);
});

test("what does not fit into one answer is asked for at once", async () => {
  const answers = [batch("c1", [["p1", 1]], { more: true }), batch("c2", [["p2", 2]])];
  network.answer = () => answers.shift() ?? batch("c3");
  open({ transport: "poll", interval: 60_000 });
  await pass(1);
  assert.deepEqual(told, [1, 2]);
  assert.equal(network.requests.length, 2);
});

test("an interval of nothing has polls wait at the gateway", async () => {
  network.answer = () => new Promise(() => {});
  open({ transport: "poll", interval: 0 });
  await settle();
  assert.deepEqual(network.take(), ["/events?channel=a&transport=poll&wait=25"]);
});

test("a gap is told before what comes after it", async () => {
  network.answer = () => batch("c1", [["p1", "one"]], { gap: { reason: "trimmed", after: "c0" } });
  open({ transport: "poll", since: "c0" });
  await settle();
  assert.deepEqual(told, ["gap: trimmed", "one"]);
});

test("who began with the latest values is shown them after a gap", async () => {
  const answers = [
    batch("c1", [["p1", "one"]]),
    batch("c3", [["p3", "three"]], { gap: { reason: "unknown-cursor", after: "c1" } }),
    batch("c3", [["p3", "three"]]),
  ];
  network.answer = () => answers.shift() ?? batch("c4");
  open({ transport: "poll", interval: 1_000, since: "last" });
  await pass(1_001);
  assert.deepEqual(told, ["one", "gap: unknown-cursor", "three"]);
  assert.equal(network.requests.at(-1), "/events?channel=a&transport=poll&since=last");
});

test("a refusal is told in the gateway's words, and ends it until something changes", async () => {
  network.answer = (url) =>
    url.searchParams.has("channel", "secret") ? refusal(403, "forbidden", "no rule lets you") : batch("c1");
  for (const transport of ["poll", "sse"] as const) {
    open({ channels: ["secret", "a"], transport });
    await pass(100_000);
    assert.deepEqual(states.splice(0), [`connecting ${transport}`, `closed ${transport}: no rule lets you`]);
    assert.deepEqual(told.splice(0), ["error: forbidden"]);
    assert.equal(network.take().length, 1);
    connection!.close();
  }
  open({ channels: ["secret", "a"], transport: "poll" });
  await settle();
  connection!.unsubscribe(["secret"]);
  await settle();
  assert.equal(states.at(-1), "open poll");
});

test("a refused WebSocket is explained by a poll", async () => {
  network.answer = () => refusal(403, "forbidden", "no rule lets you");
  open({ transport: "websocket" });
  await settle();
  socket().shut(1006);
  await settle();
  assert.deepEqual(told, ["error: forbidden"]);
  assert.equal(states.at(-1), "closed websocket: no rule lets you");
});

test("what is temporary is tried again: when the gateway says, else later each time", async () => {
  network.answer = () => refusal(503, "starting", "starting", { "retry-after": "7" });
  open({ transport: "poll" });
  await pass(6_999);
  assert.equal(network.take().length, 1);
  await pass(1);
  assert.equal(network.take().length, 1);
  network.answer = () => Promise.reject(new TypeError("fetch failed"));
  await pass(7_000);
  assert.equal(network.take().length, 1);
  assert.equal(states.at(-1), "waiting poll: fetch failed");
  for (const seconds of [1, 2, 4, 8, 16, 30, 30]) {
    await pass(seconds * 1_000 - 1);
    assert.equal(network.take().length, 0);
    await pass(1);
    assert.equal(network.take().length, 1, `after ${seconds} s`);
  }
  network.answer = () => batch("c1");
  await pass(30_000);
  assert.equal(states.at(-1), "open poll");
  // Once it has worked, failures are counted anew.
  network.answer = () => Promise.reject(new TypeError("fetch failed"));
  await pass(15_000);
  network.take();
  await pass(1_000);
  assert.equal(network.take().length, 1);
});

test("a stream that ends is taken up at its cursor, when the gateway said", async () => {
  network.answer = streams;
  open({ transport: "sse", since: "last" });
  await settle();
  stream().open("c1", 2_000);
  stream().publish("p1", "one");
  await settle();
  assert.deepEqual([told, connection!.cursor, connection!.session, connection!.state], [["one"], "p1", "me", "open"]);
  stream().control("cursor", { cursor: "c2" }, "c2");
  await settle();
  assert.equal(connection!.cursor, "c2");
  stream().end();
  await settle();
  assert.equal(connection!.state, "waiting");
  await pass(1_999);
  assert.equal(network.streams.length, 1);
  await pass(1);
  stream().open("c2", 2_000);
  stream().control("bye", { reason: "drain", reconnect: true }, "c3", 500);
  stream().end();
  await settle();
  assert.equal(states.at(-1), "waiting sse: the gateway ended the session: drain");
  await pass(500);
  assert.deepEqual(network.take(), [
    "/events?channel=a&transport=sse&since=last&format=json",
    "/events?channel=a&transport=sse&since=c2&format=json",
    "/events?channel=a&transport=sse&since=c3&format=json",
  ]);
});

test("a balancer that says when to come back is believed", async () => {
  network.answer = streams;
  open({ transport: "sse" });
  await settle();
  stream().text("retry: 4000\n\n");
  stream().end();
  await pass(3_999);
  assert.equal(network.requests.length, 1);
  await pass(1);
  assert.equal(network.requests.length, 2);
});

test("a stream in which nothing is heard for two and a half heartbeats is dead", async () => {
  network.answer = streams;
  open({ transport: "sse" });
  await settle();
  stream().open("c1", 1_000);
  await pass(30_000);
  stream().control("cursor", { cursor: "c2" }, "c2");
  await pass(37_000);
  assert.equal(network.streams.length, 1);
  await pass(2_000);
  assert.equal(network.streams.length, 2);
  assert.equal(network.requests.at(-1), "/events?channel=a&transport=sse&since=c2&format=json");
});

test("a switch loses nothing and doubles nothing", async () => {
  network.answer = streams;
  open({ transport: "sse" });
  await settle();
  stream().open();
  stream().publish("p1", 1);
  await settle();
  connection!.use("websocket");
  // What the old one would still deliver.
  stream().publish("p2", 2);
  await settle();
  assert.ok(stream().isAborted);
  assert.equal(network.requests.at(-1), "ws /events?channel=a&transport=websocket&since=p1&format=json");
  socket().open("p1");
  socket().hear({ id: "p2", channel: "a", data: 2 });
  connection!.use("poll");
  socket().hear({ id: "p3", channel: "a", data: 3 });
  network.answer = () => batch("c9", [["p3", 3]]);
  await settle();
  assert.ok(socket().isClosed);
  assert.equal(network.requests.at(-1), "/events?channel=a&transport=poll&since=p2");
  assert.deepEqual(told, [1, 2, 3]);
});

test("what a listener decides holds at once, and what it throws disturbs nobody", async () => {
  const reported = mock.method(console, "error", () => {});
  network.answer = streams;
  open({ transport: "sse" });
  connection!.on("publication", ({ data }) => {
    if (data === 2) connection!.use("poll");
    throw new Error("the application's own");
  });
  connection!.on("publication", ({ data }) => told.push(`and ${data}`));
  await settle();
  stream().open();
  stream().publish("p1", 1);
  stream().publish("p2", 2);
  stream().publish("p3", 3);
  await settle();
  assert.deepEqual(told, [1, "and 1", 2, "and 2"]);
  assert.equal(network.requests.at(-1), "/events?channel=a&transport=poll&since=p2");
  assert.equal(reported.mock.callCount(), 2);
});

test("over a WebSocket it is asked and answered", async () => {
  open({ transport: "websocket", channels: [] });
  await settle();
  socket().open("c0");
  const published = connection!.publish("a", { n: 1 }, { event: "x", echo: false });
  const refused = connection!.publish("b", "hi");
  const present = connection!.presence("a");
  assert.deepEqual(socket().sent, [
    { publish: { channel: "a", event: "x", data: { n: 1 } }, echo: false, ref: 1 },
    { publish: { channel: "b", data: "hi" }, ref: 2 },
    { presence: "a", ref: 3 },
  ]);
  socket().hear({ ref: 1, ok: true, cursor: "p1" });
  socket().hear({ ref: 2, error: { code: "forbidden", message: "no rule" } });
  socket().hear({ ref: 3, ok: true, presence: { channel: "a", count: 0, members: [] } });
  assert.deepEqual(await published, { id: "p1", subscribers: undefined });
  await assert.rejects(refused, { code: "forbidden", message: "no rule" });
  assert.deepEqual(await present, { channel: "a", count: 0, members: [] });
  const unanswered = connection!.publish("a", "lost?");
  socket().shut(1006);
  await assert.rejects(unanswered, { code: "unanswered" });
  // While there is none, it is posted.
  let posted: unknown;
  let result: object = { id: "p2" };
  network.answer = (_, { method, headers, body }) => {
    posted = [method, headers["content-type"], JSON.parse(`${body as string}`)];
    return json([result]);
  };
  const publish = () => connection!.publish("a", { n: 2 }, { event: "x", ttl: 3, echo: false });
  assert.deepEqual(await publish(), { id: "p2" });
  assert.equal(network.requests.at(-1), "/events");
  const publication = { channel: "a", data: { n: 2 }, event: "x", ttl: 3 };
  assert.deepEqual(posted, ["POST", "application/x-ndjson", publication]);
  result = { error: { code: "forbidden", message: "no rule" } };
  await assert.rejects(publish(), { code: "forbidden", message: "no rule" });
});

test("channels are added to an open WebSocket with what was missed", async () => {
  open({ transport: "websocket" });
  await settle();
  socket().open("c0");
  connection!.subscribe(["a", "b"]);
  assert.deepEqual(socket().sent, [{ subscribe: ["b"], since: "c0", ref: 1 }]);
  socket().hear({
    ref: 1,
    ok: true,
    cursor: "c1",
    more: false,
    gap: null,
    publications: [{ id: "p1", channel: "b", data: 1 }],
  });
  await settle();
  assert.deepEqual([told, connection!.cursor], [[1], "c1"]);
  connection!.unsubscribe(["a"]);
  socket().hear({ ref: 2, ok: true, cursor: "c2" });
  await settle();
  socket().shut(1006);
  await pass(3_000);
  assert.equal(network.requests.at(-1), "ws /events?channel=b&transport=websocket&since=c2&format=json");
  // What is too much for one answer comes from the cursor on.
  socket().open("c2");
  connection!.subscribe(["c"]);
  socket().hear({ ref: 1, ok: true, cursor: "c1", more: true, publications: [{ id: "p1", channel: "c", data: 1 }] });
  await settle();
  assert.equal(network.requests.at(-1), "ws /events?channel=b&channel=c&transport=websocket&since=c2&format=json");
  assert.deepEqual(told, [1]);
});

test("channels are added to an event stream by a new one from the cursor on", async () => {
  network.answer = streams;
  open({ transport: "sse", channels: [] });
  await settle();
  assert.deepEqual([network.take(), states], [[], ["waiting poll"]]);
  connection!.subscribe(["a"]);
  await settle();
  stream().open("c1");
  await settle();
  connection!.subscribe(["b"]);
  connection!.subscribe(["c"]);
  connection!.unsubscribe(["a"]);
  await settle();
  assert.deepEqual(network.take(), [
    "/events?channel=a&transport=sse&format=json",
    "/events?channel=b&channel=c&transport=sse&since=c1&format=json",
  ]);
});

test("auto begins with a poll and follows the gateway's advice", async () => {
  network.answer = (url) =>
    url.pathname === "/advice"
      ? json({ transport: "websocket", interval: null, observed: {} })
      : batch("c1", [["p1", 1]]);
  open({ channels: ["a", "b"], freshness: 500 });
  await settle();
  assert.deepEqual(network.take(), [
    "/events?channel=a&channel=b&transport=poll",
    "/advice?channel=a&channel=b&freshness=0.5",
    "ws /events?channel=a&channel=b&transport=websocket&since=c1&format=json",
  ]);
  socket().open("c1");
  assert.deepEqual(states, ["connecting poll", "open poll", "connecting websocket", "open websocket"]);
});

test("auto polls as often as is advised, and asks again", async () => {
  let transport = "poll";
  network.answer = (url) =>
    url.pathname === "/advice" ? json({ transport, interval: transport === "poll" ? 20 : null }) : streams(url);
  open({});
  await settle();
  assert.deepEqual(network.take(), ["/events?channel=a&transport=poll", "/advice?channel=a"]);
  await pass(15_000);
  network.take();
  await pass(19_999);
  assert.equal(network.take().length, 0);
  await pass(1);
  assert.equal(network.take().length, 1);
  transport = "sse";
  await pass(50_000);
  assert.ok(network.take().includes("/events?channel=a&transport=sse&since=c0&format=json"));
});

test("auto without advice keeps polling, no rarer than the page wants", async () => {
  network.answer = streams;
  open({ freshness: 5_000 });
  await settle();
  network.take();
  await pass(5_000);
  assert.deepEqual(network.take(), ["/events?channel=a&transport=poll&since=c0"]);
});

test("who wants to be seen begins with a stream", async () => {
  network.answer = streams;
  open({ member: { name: "Ann" }, presence: true });
  await settle();
  assert.deepEqual(network.take(), ['/events?channel=a&transport=sse&format=json&presence=true&member={"name":"Ann"}']);
  connection!.on("join", ({ session, member }) => told.push([session, member]));
  connection!.on("leave", ({ session }) => told.push(session));
  connection!.on("presence", ({ count }) => told.push(count));
  stream().open();
  stream().control("join", { channel: "a", session: "you", member: { name: "Bob" } });
  stream().control("leave", { channel: "a", session: "you" });
  stream().control("presence", { channel: "a", count: 5_000 });
  await settle();
  assert.deepEqual(told, [["you", { name: "Bob" }], "you", 5_000]);
  // Whatever is advised.
  network.answer = () => json({ transport: "poll", interval: 15 });
  await pass(36_000);
  stream().control("cursor", { cursor: "c1" }, "c1");
  await pass(36_000);
  stream().control("cursor", { cursor: "c2" }, "c2");
  await settle();
  assert.match(network.take().at(-1)!, /^\/advice/);
  assert.equal(connection!.state, "open");
});

test("auto falls from rung to rung where the way lets nothing else through", async () => {
  network.answer = (url) => {
    if (url.pathname === "/advice") return json({ transport: "websocket", interval: null });
    if (url.searchParams.get("transport") === "sse") return new Promise(() => {});
    return url.searchParams.has("wait") ? refusal(504, "http", "proxy") : batch("c1");
  };
  open({});
  await settle();
  assert.equal(network.take().at(-1), "ws /events?channel=a&transport=websocket&since=c1&format=json");
  socket().shut(1006);
  await settle();
  // It sees that the gateway can be reached, and takes the next.
  assert.deepEqual(network.take(), [
    "/events?channel=a&transport=poll&since=c1",
    "/events?channel=a&transport=sse&since=c1&format=json",
  ]);
  await pass(5_000);
  assert.deepEqual(network.take(), [
    "/events?channel=a&transport=poll&since=c1",
    "/events?channel=a&transport=poll&since=c1&wait=25",
    "/events?channel=a&transport=poll&since=c1",
    "/events?channel=a&transport=poll&since=c1",
  ]);
  assert.equal(states.at(-1), "open poll");
  // After a while it tries again.
  await pass(400_000);
  assert.ok(network.take().includes("ws /events?channel=a&transport=websocket&since=c1&format=json"));
});

test("what is no fault of the way is not blamed on it", async () => {
  let isUp = false;
  network.answer = (url) => {
    if (!isUp) throw new TypeError("fetch failed");
    return url.pathname === "/advice" ? json({ transport: "sse", interval: null }) : streams(url);
  };
  open({ presence: true });
  await pass(10_000);
  // Nothing but the stream itself was asked for, later each time.
  assert.deepEqual(network.take(), Array(4).fill("/events?channel=a&transport=sse&format=json&presence=true"));
  isUp = true;
  while (!network.streams.length) await pass(1_000);
  stream().open();
  await settle();
  assert.deepEqual(states.slice(-2), ["connecting sse: fetch failed", "open sse"]);
});

test("a transport that was asked for is kept, and what it holds back is polled meanwhile", async () => {
  network.answer = (url) =>
    url.searchParams.get("transport") === "sse" ? new Promise(() => {}) : batch("c1", [["p1", 1]]);
  open({ transport: "sse", since: "last" });
  await pass(5_000);
  assert.deepEqual(told, [1]);
  assert.equal(states.at(-1), "waiting sse: nothing came; a proxy may hold it back");
  await pass(1_000);
  assert.equal(network.requests.at(-1), "/events?channel=a&transport=sse&since=c1&format=json");
});

test("polls rest while the page is hidden", async () => {
  const page = openPage();
  try {
    network.answer = streams;
    open({ transport: "poll", interval: 10_000 });
    await settle();
    page.hidden = true;
    await pass(60_000);
    assert.equal(network.take().length, 1);
    page.hidden = false;
    page.dispatchEvent(new Event("visibilitychange"));
    await settle();
    assert.equal(network.take().length, 1);
  } finally {
    page.close();
  }
});

test("a page that wakes looks at the clock", async () => {
  const page = openPage();
  try {
    network.answer = streams;
    open({ transport: "sse" });
    await settle();
    stream().open("c1", 0);
    await settle();
    // An hour in which no timer ran.
    const now = Date.now() + 3_600_000;
    const clock = mock.method(Date, "now", () => now);
    page.dispatchEvent(new Event("resume"));
    clock.mock.restore();
    await pass(1);
    assert.equal(network.requests.at(-1), "/events?channel=a&transport=sse&since=c1&format=json");
  } finally {
    page.close();
  }
});

test("a token goes along, and is asked for anew each time", async () => {
  network.answer = streams;
  let count = 0;
  open({ transport: "poll", interval: 1_000, token: async () => `t${++count}` });
  await pass(1_000);
  assert.deepEqual(
    network.headers.map(({ authorization }) => authorization),
    ["Bearer t1", "Bearer t2"],
  );
  connection!.use("websocket");
  await settle();
  assert.equal(network.requests.at(-1), "ws /events?channel=a&transport=websocket&since=c0&format=json&token=t3");
});

test("text becomes what the application makes of it", async () => {
  const reported = mock.method(console, "error", () => {});
  network.answer = () =>
    json({
      cursor: "c1",
      publications: [
        { channel: "a", data: '{"n":1}' },
        { channel: "a", data: "{" },
        { channel: "a", data: "", retract: true },
        { channel: "a", data: { n: 2 } },
      ],
    });
  open({ transport: "poll", parse: JSON.parse });
  await settle();
  assert.deepEqual(told, [{ n: 1 }, "", { n: 2 }]);
  assert.equal(reported.mock.callCount(), 1);
});

test("once closed, nothing is asked or told any more", async () => {
  network.answer = streams;
  open({ transport: "sse" });
  await settle();
  stream().open();
  await settle();
  connection!.close();
  stream().publish("p1", 1);
  await pass(100_000);
  connection!.use("poll");
  connection!.subscribe(["b"]);
  await pass(100_000);
  assert.deepEqual([network.requests.length, told, states.at(-1)], [1, [], "closed sse"]);
});

test("who closes it in the middle is told no more, and left with the cursor of what was told", async () => {
  network.answer = () =>
    batch("c9", [
      ["p1", 1],
      ["p2", 2],
    ]);
  open({ transport: "poll" }).on("publication", () => connection!.close());
  await settle();
  assert.deepEqual([told, connection!.cursor], [[1], "p1"]);
});

test("what is decided when it begins to wait holds at once", async () => {
  network.answer = streams;
  open({ transport: "sse" });
  connection!.on("state", ({ state }) => state === "waiting" && connection!.use("poll"));
  await settle();
  stream().open();
  stream().end();
  await settle();
  assert.equal(states.at(-1), "open poll");
});

test("an answer that comes after a switch counts no more", async () => {
  let answer!: (body: unknown) => void;
  const late = new Promise((resolve) => (answer = resolve));
  network.answer = () => Object.assign(batch("c1"), { json: () => late });
  open({ transport: "poll" });
  await settle();
  network.answer = streams;
  connection!.use("sse");
  answer({ cursor: "c1", publications: [{ id: "p1", channel: "a", data: "late" }] });
  await settle();
  assert.deepEqual([told, connection!.cursor], [[], undefined]);
  assert.equal(states.at(-1), "connecting sse");
});

test("a tag goes along only with the cursor that it came with", async () => {
  network.answer = () => batch("c1", [["p1", 1]]);
  open({ transport: "poll" });
  await settle();
  network.answer = streams;
  connection!.use("sse");
  await settle();
  stream().open("c1");
  stream().publish("p2", 2);
  await settle();
  connection!.use("poll");
  await settle();
  assert.equal(network.requests.at(-1), "/events?channel=a&transport=poll&since=p2");
  assert.deepEqual(network.headers.at(-1), {});
});

test("where a browser would first ask for leave, no tag is sent", async () => {
  Object.assign(globalThis, { location: new URL("http://elsewhere/") });
  try {
    network.answer = () => batch("c1", [["p1", 1]]);
    open({ transport: "poll", interval: 1_000 });
    await pass(1_000);
    assert.deepEqual(network.headers, [{}, {}]);
  } finally {
    Reflect.deleteProperty(globalThis, "location");
  }
});

test("a page that has loaded is no reason to ask again", async () => {
  const page = openPage();
  try {
    network.answer = streams;
    open({ transport: "poll" });
    await settle();
    page.dispatchEvent(new Event("pageshow"));
    await settle();
    assert.equal(network.requests.length, 1);
  } finally {
    page.close();
  }
});

test("another network is a reason to connect anew", async () => {
  const page = openPage();
  try {
    network.answer = streams;
    open({ transport: "sse" });
    await settle();
    stream().open("c1");
    await settle();
    page.dispatchEvent(new Event("online"));
    await settle();
    assert.equal(network.streams.length, 2);
  } finally {
    page.close();
  }
});

test("auto does without a WebSocket where there is none", async () => {
  network.answer = (url, init) =>
    url.pathname === "/advice" ? json({ transport: "websocket", interval: null }) : streams(url, init);
  const WebSocket = class {
    constructor() {
      throw new TypeError("there is none");
    }
  };
  open({ WebSocket: WebSocket as any });
  await settle();
  assert.equal(network.requests.at(-1), "/events?channel=a&transport=sse&since=c0&format=json");
});

test("polls of many pages do not come in step", async () => {
  mock.method(Math, "random", () => 0);
  network.answer = () => batch("c1");
  open({ transport: "poll", interval: 1_000 });
  await pass(800);
  assert.equal(network.requests.length, 2);
});

test("a poll whose body never arrived is asked for again without its tag", async () => {
  let isCut = true;
  network.answer = () =>
    isCut ? Object.assign(batch("c1", [["p1", 1]]), { json: () => Promise.reject(new TypeError("cut")) }) : batch("c1");
  open({ transport: "poll", since: "c0" });
  await settle();
  isCut = false;
  await pass(1_000);
  assert.deepEqual(network.headers, [{}, {}]);
});

test("the latest values are asked for again without a tag after a gap", async () => {
  const gap = { reason: "unknown-cursor", after: "c1" };
  const answers = [batch("c1", [["p1", "one"]]), batch("c3", [["p3", "three"]], { gap })];
  network.answer = () => answers.shift() ?? batch("c3", [["p3", "three"]]);
  open({ transport: "poll", interval: 1_000, since: "last" });
  await pass(1_001);
  assert.equal(network.requests.at(-1), "/events?channel=a&transport=poll&since=last");
  assert.deepEqual(network.headers.at(-1), {});
});

test("a channel that is added by a listener is read from what the listener was told on, by polls", async () => {
  const answers = [
    batch("c0"),
    batch("c3", [
      ["p1", 1],
      ["p3", 3],
    ]),
  ];
  network.answer = () => answers.shift() ?? batch("c4");
  open({ transport: "poll", interval: 1_000 });
  connection!.on("publication", () => connection!.subscribe(["b"]));
  await pass(1_000);
  assert.deepEqual(told, [1]);
  assert.equal(network.requests.at(-1), "/events?channel=a&channel=b&transport=poll&since=p1");
});

test("a channel that is added by a listener is read from what the listener was told on, by an event stream", async () => {
  network.answer = streams;
  open({ transport: "sse" });
  connection!.on("publication", () => connection!.subscribe(["b"]));
  await settle();
  stream().open();
  await settle();
  stream().text(["p1", "p3"].map((id) => `id: ${id}\ndata: {"id":"${id}","channel":"a","data":1}\n\n`).join(""));
  await settle();
  assert.deepEqual(told, [1]);
  assert.equal(network.requests.at(-1), "/events?channel=a&channel=b&transport=sse&since=p1&format=json");
});

test("what is missed by a new channel is told before what comes after it, however soon that is", async () => {
  open({ transport: "websocket" });
  await settle();
  socket().open("c0");
  connection!.subscribe(["b"]);
  // As they come in one piece from the network.
  socket().hear({ ref: 1, ok: true, cursor: "c1", more: false, publications: [{ id: "p1", channel: "b", data: 1 }] });
  socket().hear({ id: "p2", channel: "b", data: 2 });
  await settle();
  assert.deepEqual([told, connection!.cursor], [[1, 2], "p2"]);
});

test("a pattern that covers a channel shows nothing twice", async () => {
  open({ transport: "websocket" });
  await settle();
  socket().open("c0");
  connection!.subscribe(["*"]);
  // On its way already when the gateway was asked.
  socket().hear({ id: "p1", channel: "a", data: 1 });
  const publications = [
    { id: "p1", channel: "a", data: 1 },
    { id: "p2", channel: "b", data: 2 },
  ];
  socket().hear({ ref: 1, ok: true, cursor: "c2", more: false, publications });
  await settle();
  assert.deepEqual(told, [1, 2]);
});

test("a page that wants everything at once does not storm the gateway with polls", async () => {
  network.answer = streams;
  open({ freshness: 0 });
  await pass(1_000);
  assert.ok(network.take().length < 15);
});

test("a WebSocket is not left open, whenever it is closed", async () => {
  for (let turns = 0; turns < 20; turns++) {
    open({ transport: "websocket" });
    for (let turn = 0; turn < turns; turn++) await null;
    connection!.close();
    await settle();
    assert.ok(
      network.sockets.every(({ isClosed }) => isClosed),
      `closed after ${turns} turns`,
    );
  }
});

test("a token that cannot be had, for whatever reason, is asked for again", async () => {
  network.answer = streams;
  let count = 0;
  open({ transport: "poll", token: () => (++count > 1 ? "t" : Promise.reject()) });
  await pass(1_000);
  assert.equal(connection!.state, "open");
});

test("who closes it when it opens is the last to be heard", async () => {
  network.answer = streams;
  open({});
  connection!.on("state", ({ state }) => state === "open" && connection!.close());
  await settle();
  assert.equal(network.requests.length, 1);
});

test("who listens for its opening is in time for the WebSocket", async () => {
  open({ transport: "websocket" });
  connection!.on("state", ({ state }) => state === "open" && connection!.subscribe(["b"]));
  await settle();
  socket().open("c0");
  await settle();
  assert.equal(network.sockets.length, 1);
  assert.deepEqual(socket().sent, [{ subscribe: ["b"], since: "c0", ref: 1 }]);
});

test("a poll that comes slowly is waited for", async () => {
  let arrive!: (body: unknown) => void;
  const body = new Promise((resolve) => (arrive = resolve));
  network.answer = () => Object.assign(batch("c1"), { json: () => body });
  open({ transport: "poll" });
  await pass(25_000);
  arrive({ cursor: "c1", publications: [{ id: "p1", channel: "a", data: 1 }] });
  await settle();
  assert.deepEqual([told, network.requests.length], [[1], 1]);
});
