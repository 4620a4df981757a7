// Numbers in words.

/** A length of time, from milliseconds: `4 s`, `12 min`, `3 h`, `5 d`. */
export function span(ms) {
  const seconds = Math.max(0, Math.round(ms / 1_000));
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3_600)} h`;
  return `${Math.floor(seconds / 86_400)} d`;
}

/** How long an answer took. */
export function latency(ms) {
  if (ms === null) return "no answer";
  return ms < 10 ? `${ms.toFixed(1)} ms` : `${Math.round(ms).toLocaleString()} ms`;
}

/** The share of looks that found it well; never more than was found. */
export function availability({ checks, failures }) {
  if (checks === 0) return "";
  return `${(Math.floor((1 - failures / checks) * 10_000) / 100).toLocaleString()} % up`;
}

/** A time of day. */
export function clock(ms) {
  return new Date(ms).toLocaleTimeString();
}
