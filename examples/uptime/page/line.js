// A line through latencies, with a bar where there was no answer.

const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 120;
const HEIGHT = 40;

/** Draws values (the newest last, `null` for none) into an svg, `length` of them across its width. */
export function drawLine(svg, values, length) {
  svg.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
  svg.setAttribute("preserveAspectRatio", "none");
  const most = Math.max(1, ...values) * 1.15;
  const step = WIDTH / Math.max(1, length - 1);
  const begin = length - values.length;
  const x = (index) => (begin + index) * step;
  const runs = [[]];
  const bars = [];
  values.forEach((value, index) => {
    if (value === null) {
      runs.push([]);
      bars.push(shape("rect", { x: x(index) - step / 2, y: 0, width: step, height: HEIGHT }));
    } else {
      runs.at(-1).push([x(index), HEIGHT - (HEIGHT * value) / most]);
    }
  });
  const lines = runs.filter((run) => run.length > 1);
  svg.replaceChildren(
    ...bars,
    ...lines.map((run) => shape("polygon", { points: points([[run[0][0], HEIGHT], ...run, [run.at(-1)[0], HEIGHT]]) })),
    ...lines.map((run) => shape("polyline", { points: points(run) })),
  );
}

function points(pairs) {
  return pairs.map(([x, y]) => `${x.toFixed(1)},${y.toFixed(1)}`).join(" ");
}

function shape(tag, attributes) {
  const shape = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) shape.setAttribute(name, value);
  return shape;
}
