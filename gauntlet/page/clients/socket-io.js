import { io } from "../socket.io.js";

export function listen(url, { receive, tell, note }) {
  const socket = io(url, { withCredentials: true });
  socket.on("number", (data) => receive(Number(data)));
  // "The recovery was unsuccessful": something may be missing.
  socket.on("connect", () => socket.recovered || tell("not recovered"));
  socket.on("connect", () => note("connected"));
  socket.on("disconnect", () => note("coming back"));
}
