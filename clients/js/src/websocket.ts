// Reads over a WebSocket, and asks by it.

import type { Attempt } from "./attempt.js";
import { Failure } from "./failure.js";
import type { Answer, Message } from "./wire.js";

/** Reads until it ends, which it does by a failure. */
export function readWebSocket(
  attempt: Attempt,
  socket: WebSocket,
  receive: (message: Message) => void,
): Promise<never> {
  let last = 0;
  const waiting = new Map<number, (answer: Answer) => void>();
  const end = () => {
    attempt.ask = undefined;
    for (const heard of waiting.values()) heard({ error: { code: "unanswered", message: "the WebSocket ended" } });
    socket.close();
  };
  const ask = (request: object, heard: (answer: Answer) => void) => {
    socket.send(JSON.stringify({ ...request, ref: ++last }));
    waiting.set(last, heard);
  };
  attempt.signal.addEventListener("abort", end);
  socket.onmessage = ({ data }) => {
    const message: Message & Answer = JSON.parse(data);
    const { ref, event } = message;
    if (ref) {
      waiting.get(ref)?.(message);
      waiting.delete(ref);
    } else {
      if (event === "fanfare.open" && !attempt.signal.aborted) attempt.ask = ask;
      receive(message);
    }
  };
  return new Promise((_, reject) => {
    socket.onclose = ({ code, reason }) => {
      end();
      reject(new Failure(reason || `the WebSocket ended: ${code}`));
    };
  });
}
