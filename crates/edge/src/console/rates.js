// Metrics over the last two minutes: what counts up becomes a rate, histograms become quantiles.

/** Samples that are kept; one a second. */
export const KEPT = 120;
/** Over how many of them rates and quantiles are taken, unless something else is said. */
const SPAN = 5;

const SECOND_MS = 1000;
const samples = [];

/** Takes in an overview; says whether it is another process's, which counts from 0: what was before means nothing then. */
export function add({ at_ms, metrics }) {
  const started = metrics.process_start_time_seconds;
  const isAnother = samples.length > 0 && samples.at(-1).metrics.process_start_time_seconds !== started;
  if (isAnother) samples.length = 0;
  // Newcomers are shown one at once: that is no second of its own.
  if (samples.length > 0 && at_ms - samples.at(-1).at < SECOND_MS / 2) samples.pop();
  samples.push({ at: at_ms, metrics });
  if (samples.length > KEPT) samples.shift();
  return isAnother;
}

/** A metric's value in one sample; of a family the sum over all labels. */
function value(metrics, name) {
  if (name in metrics) return metrics[name];
  return members(metrics, name).reduce((sum, { value }) => sum + value, 0);
}

/** The members of a family: their labels, and their values. */
export function members(metrics, family) {
  return Object.keys(metrics)
    .filter((name) => name.startsWith(`${family}{`))
    .map((name) => ({ name, labels: labels(name), value: metrics[name] }));
}

function labels(name) {
  return Object.fromEntries([...name.matchAll(/(\w+)="([^"]*)"/g)].map(([, key, text]) => [key, text]));
}

/** A gauge, sample by sample. */
export function gauge(name) {
  return samples.map(({ metrics }) => value(metrics, name));
}

/** By how much a counter went up a second, over so many samples. */
export function rate(name, span = SPAN) {
  return samples.map((now, index) => {
    const before = samples[Math.max(0, index - span)];
    const seconds = (now.at - before.at) / 1000;
    return seconds > 0 ? Math.max(0, value(now.metrics, name) - value(before.metrics, name)) / seconds : null;
  });
}

/** A quantile of what a histogram saw, in its unit; null where it saw nothing. */
export function quantile(name, share) {
  return samples.map((now, index) => {
    const [after, before] = [now.metrics[name], samples[Math.max(0, index - SPAN)].metrics[name]];
    const total = after && before ? after.count - before.count : 0;
    if (total <= 0) return null;
    let [low, below] = [0, 0];
    for (const [bound, [upper, count]] of after.bounds.entries()) {
      const upto = count - before.bounds[bound][1];
      if (upto >= share * total) return low + (upper - low) * ((share * total - below) / (upto - below || 1));
      [low, below] = [upper, upto];
    }
    return low;
  });
}

/** How many seconds of the last minute are known. */
export function known() {
  const [now, before] = [samples.at(-1), samples.at(-61) ?? samples[0]];
  return now ? Math.round((now.at - before.at) / SECOND_MS) : 0;
}

/** By how much a counter went up in the last minute, as far as it is known. */
export function lastMinute(name) {
  const [now, before] = [samples.at(-1), samples.at(-61) ?? samples[0]];
  return now ? (now.metrics[name] ?? 0) - (before.metrics[name] ?? 0) : 0;
}
