// A component on a fake connection, for react.test.ts.

import { StrictMode } from "react";
import { createRoot } from "react-dom/client";

import { fake } from "@fanfare/client/fake";
import { useChannel } from "@fanfare/client/react";

export const connection = fake();

function Latest() {
  const { data, status, gap } = useChannel("a", { connection });
  return `${status} ${data} ${gap?.reason ?? null}`;
}

export function show(): void {
  createRoot(document.body).render(
    <StrictMode>
      <Latest />
    </StrictMode>,
  );
}
