export function listen(url, { receive, note }) {
  const stream = new EventSource(`${url}/events`);
  stream.onmessage = ({ data }) => receive(Number(data));
  stream.onopen = () => note("connected");
  stream.onerror = () => note(stream.readyState === EventSource.CLOSED ? "closed for good" : "coming back");
}
