// Reads over a WebSocket.

import type { Attempt } from "./attempt.js";
import { dialogue as begin } from "./dialogue.js";
import { Failure } from "./failure.js";
import type { Answer, Message } from "./wire.js";

/** Reads until it ends, which it does by a failure. */
export function readWebSocket(
  attempt: Attempt,
  socket: WebSocket,
  receive: (message: Message) => void,
): Promise<never> {
  const dialogue = begin((text) => socket.send(text));
  const end = () => {
    attempt.dialogue = undefined;
    dialogue.end();
    socket.close();
  };
  attempt.signal.addEventListener("abort", end);
  socket.onmessage = ({ data }) => {
    const message: Message | Answer = JSON.parse(data);
    if ("ref" in message) return dialogue.hear(message);
    receive(message);
    if (message.event === "fanfare.open" && !attempt.signal.aborted) attempt.dialogue = dialogue;
  };
  return new Promise((_, reject) => {
    socket.onclose = ({ code, reason }) => {
      end();
      reject(new Failure(reason || `the WebSocket ended with ${code}`));
    };
  });
}
