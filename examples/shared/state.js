// Shows in words how connections are: the one that is worst off counts.

const WORDS = { closed: "refused", waiting: "away, trying again", connecting: "connecting", open: "live" };
const WORST_FIRST = Object.keys(WORDS);

/** Returns what ends it. */
export function showState(element, ...connections) {
  const errors = new Map();
  const show = () => {
    const state = WORST_FIRST.find((state) => connections.some((connection) => connection.state === state));
    const error = [...errors.values()].find(Boolean);
    element.dataset.state = state;
    element.textContent = state === "closed" && error ? `${WORDS.closed}: ${error}` : WORDS[state];
    element.title = error ?? "";
  };
  const ends = connections.map((connection) =>
    connection.on("state", ({ error }) => {
      errors.set(connection, error);
      show();
    }),
  );
  show();
  return () => ends.forEach((end) => end());
}
