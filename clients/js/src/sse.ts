// Reads Server-Sent Events by fetch, which shows what EventSource hides: statuses, errors, silence.

import type { Attempt } from "./attempt.js";
import { eventReader } from "./event-stream.js";
import { Failure } from "./failure.js";
import type { Message } from "./wire.js";

/** Reads until it ends, which it does by a failure. */
export async function readEvents(
  attempt: Attempt,
  response: Response,
  receive: (message: Message) => void,
): Promise<never> {
  const read = eventReader(({ data, ...event }) => {
    const json = data && JSON.parse(data);
    // Publications are envelopes without a name.
    receive(event.event ? { ...event, data: json } : { ...event, ...json });
  });
  const decoder = new TextDecoder();
  const body = response.body!.getReader();
  for (let part; !(part = await body.read()).done;) {
    attempt.watchdog.heard();
    read(decoder.decode(part.value, { stream: true }));
  }
  throw new Failure("the stream ended");
}
