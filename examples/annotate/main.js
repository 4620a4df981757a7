// Several people annotate one document: who is here and where they point on one connection, the notes on another.

import { connect } from "/client/index.js";
import { gateway } from "/gateway.js";
import { People } from "/shared/people.js";
import { whoAmI } from "/shared/person.js";
import { showState } from "/shared/state.js";

import { Cursors } from "./cursors.js";
import { Margin } from "./margin.js";
import { Notes } from "./notes.js";

const $ = (id) => document.getElementById(id);
const events = new URL("events", gateway);
const me = await whoAmI();

// One is present in single channels, not in patterns; so the notes have a connection of their own.
const presence = connect(events, { channels: ["doc/1/cursors"], transport: "websocket", member: me, presence: true });
const people = new People(presence, me, { list: $("people"), news: $("news") });
new Cursors(presence, people, $("document"));

const notes = new Notes(events, "doc/1/notes/");
new Margin(notes, me, $("document"));

showState($("state"), presence, notes.connection);
notes.connection.on("gap", ({ reason }) => {
  $("gap").hidden = false;
  $("gap").textContent = `The gateway says that something may be missing (${reason}). The notes that it has come anew.`;
});
notes.onRefused = (message) => {
  $("error").hidden = false;
  $("error").textContent = `A note was not taken: ${message}`;
};
