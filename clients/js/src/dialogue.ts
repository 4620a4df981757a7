// Requests over a WebSocket, and their answers.

import { Failure } from "./failure.js";
import type { Answer } from "./wire.js";

export interface Dialogue {
  ask(request: object): Promise<Answer>;
  /** An answer came. */
  hear(answer: Answer): void;
  /** None comes any more. */
  end(): void;
}

export function dialogue(send: (text: string) => void): Dialogue {
  let last = 0;
  const waiting = new Map<number, (answer: Answer) => void>();
  const hear = (answer: Answer) => {
    waiting.get(answer.ref)?.(answer);
    waiting.delete(answer.ref);
  };
  return {
    hear,
    async ask(request) {
      const ref = ++last;
      const answer = new Promise<Answer>((resolve) => waiting.set(ref, resolve));
      send(JSON.stringify({ ...request, ref }));
      const { error } = await answer;
      if (error) throw new Failure(error.message, error.code);
      return answer;
    },
    end() {
      const error = { code: "unanswered", message: "the connection ended unanswered" };
      for (const ref of waiting.keys()) hear({ ref, error });
    },
  };
}
