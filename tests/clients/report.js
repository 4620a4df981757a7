// How these clients tell the test what they hear: one line of JSON each.

/** The events that a client of the gateway can listen to beside plain messages. */
export const CONTROL_MESSAGES = ["fanfare.open", "fanfare.cursor", "fanfare.gap", "fanfare.bye"];

/** Tells the test one thing: `{ state }` or `{ name, id, data }`. */
export function report(what) {
  console.log(JSON.stringify(what));
}
