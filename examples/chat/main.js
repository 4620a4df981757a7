// A chat: one connection hears of all rooms, another is in the one that is open.

import { connect } from "/client/index.js";
import { gateway } from "/gateway.js";
import { People } from "/shared/people.js";
import { whoAmI } from "/shared/person.js";
import { showState } from "/shared/state.js";

import { Conversation } from "./conversation.js";
import { Outbox } from "./outbox.js";
import { Rooms } from "./rooms.js";
import { Typing } from "./typing.js";

const $ = (id) => document.getElementById(id);
const events = new URL("events", gateway);
const me = await whoAmI();

const lobby = connect(events, { channels: ["room/*"], since: "last", transport: "websocket" });
const rooms = new Rooms(lobby, me, $("rooms"));
const typing = new Typing(lobby, me, $("typing"));
const outbox = new Outbox(events);
let leave = () => {};

/** Shows all that was said there, who is there, and what is said from now on. */
function enter(room) {
  leave();
  $("room").textContent = room;
  $("people").replaceChildren();
  const connection = connect(events, {
    channels: [`room/${room}`],
    since: "earliest",
    transport: "websocket",
    member: me,
    presence: true,
  });
  const conversation = new Conversation($("messages"), me);
  for (const message of outbox.waiting(room)) conversation.show(message, "sending");
  outbox.onChange = (where, message, status) => where === room && conversation.show(message, status);
  connection.on("publication", ({ data }) => {
    conversation.show(data, "arrived");
    typing.stopped(data.author);
  });
  connection.on("gap", ({ reason }) => conversation.tell(`Something may be missing here (${reason}).`));
  new People(connection, me, { list: $("people"), news: $("news") });
  rooms.open(room);
  typing.enter(room);
  const hide = showState($("state"), lobby, connection);
  leave = () => {
    hide();
    connection.close();
  };
}

function say(kind, text) {
  const { id: author, name, colour } = me;
  outbox.send(rooms.current, { id: crypto.randomUUID(), kind, text, author, name, colour, at: Date.now() });
}

const composer = $("composer");
composer.addEventListener("submit", (submit) => {
  submit.preventDefault();
  const text = composer.elements.text.value.trim();
  composer.reset();
  typing.said();
  if (text) say("said", text);
});
composer.elements.text.addEventListener("input", () => typing.tell());
composer.elements.text.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  composer.requestSubmit();
});

$("new-room").addEventListener("submit", (submit) => {
  submit.preventDefault();
  const room = roomName(submit.target.elements.name.value);
  submit.target.reset();
  const isNew = !rooms.has(room);
  location.hash = encodeURIComponent(room);
  enterNamed();
  // So that others hear of it.
  if (isNew) say("opened", "");
});

/** Letters and digits, so that it can stand in a channel's name and in an address. */
function roomName(text) {
  return text
    .toLowerCase()
    .match(/[\p{L}\p{N}]+/gu)
    .join("-");
}

function enterNamed() {
  const room = decodeURIComponent(location.hash.slice(1)) || "lobby";
  if (room !== rooms.current) enter(room);
}

addEventListener("hashchange", enterNamed);
enterNamed();
// On a phone that would bring up the keyboard.
if (matchMedia("(hover: hover)").matches) composer.elements.text.focus();
