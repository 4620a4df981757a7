// A page whose components read channels, for react.test.ts to look at.

import { StrictMode, useState } from "react";
import { createRoot } from "react-dom/client";

import { FanfareContext, useChannel } from "@fanfare/client/react";

function Latest({ channel }: { channel: string }) {
  const { data, status, gap } = useChannel<{ n: number }>(channel, {
    since: "last",
    parse: (text) => JSON.parse(text),
  });
  return <p id={channel}>{`${status} ${data?.n ?? "nothing"} ${gap?.reason ?? "whole"}`}</p>;
}

function App() {
  const [count, setCount] = useState(2);
  Object.assign(window, { setCount });
  return Array.from({ length: count }, (_, number) => <Latest key={number} channel="a" />);
}

/** Shows as many components as `setCount` says, first two, all of one channel. */
export function show(url: string): void {
  createRoot(document.body).render(
    <StrictMode>
      <FanfareContext value={{ url, transport: "sse" }}>
        <App />
      </FanfareContext>
    </StrictMode>,
  );
}
