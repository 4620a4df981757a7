// Shows in words how a connection is.

const WORDS = { connecting: "connecting", open: "live", waiting: "away, trying again", closed: "refused" };

export function showState(connection, element) {
  const show = ({ state, error }) => {
    element.dataset.state = state;
    element.textContent = state === "closed" && error ? `${WORDS.closed}: ${error}` : WORDS[state];
    element.title = error ?? "";
  };
  show(connection);
  return connection.on("state", show);
}
