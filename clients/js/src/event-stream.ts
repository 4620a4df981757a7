// Reads a text/event-stream as the WHATWG HTML standard, section 9.2.6, says.

/** One event: what its fields said. */
export interface StreamEvent {
  event?: string;
  data?: string;
  id?: string;
  /** In milliseconds. */
  retry?: number;
}

/** Returns what is to be fed the stream's text, in pieces cut anywhere; `dispatch` gets each event, also one that says little or nothing. */
export function eventReader(dispatch: (event: StreamEvent) => void): (text: string) => void {
  let rest = "";
  let event: StreamEvent = {};

  const readLine = (line: string) => {
    if (!line) {
      dispatch(event);
      event = {};
      return;
    }
    const [, name, value] = /^([^:]*):? ?(.*)$/s.exec(line)!;
    if (name === "data") event.data = "data" in event ? `${event.data}\n${value}` : value;
    else if (name === "event") event.event = value;
    else if (name === "id" && !value!.includes("\0")) event.id = value;
    else if (name === "retry" && /^\d+$/.test(value!)) event.retry = +value!;
  };

  return (text) => {
    // A CRLF may be cut in two: what ends with its first half waits for what follows.
    const lines = (rest + text).split(/\r\n|\r(?!$)|\n/);
    rest = lines.pop()!;
    lines.forEach(readLine);
  };
}
