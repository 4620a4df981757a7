export function listen(url, { receive, tell, note }) {
  const stream = new EventSource(`${url}/events?channel=numbers`);
  stream.onmessage = ({ data }) => receive(Number(data));
  stream.addEventListener("fanfare.gap", ({ data }) => tell(JSON.parse(data).reason));
  stream.onopen = () => note("connected");
  stream.onerror = () => note(stream.readyState === EventSource.CLOSED ? "closed for good" : "coming back");
}
