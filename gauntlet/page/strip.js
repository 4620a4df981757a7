// The last minute as a strip: how much came in each quarter of a second, and where something is missing.

const BIN_MS = 250;
const BINS = 240;
/** Where the style says them: what came, what was told, what is missing. */
const COLOURS = ["color", "caretColor", "outlineColor"];

export class Strip {
  #bins = Array.from({ length: BINS }, () => [0, 0, 0]);
  #last = [0, 0, 0];

  constructor(canvas, rate) {
    this.canvas = canvas;
    this.full = (rate * BIN_MS) / 1000;
  }

  /** Takes what came since the last time. */
  add({ received, told, missing }) {
    const now = [received, told, missing];
    this.#bins.shift();
    this.#bins.push(now.map((count, index) => Math.max(0, count - this.#last[index])));
    this.#last = now;
    this.#draw();
  }

  #draw() {
    const { canvas } = this;
    const ratio = window.devicePixelRatio;
    const [width, height] = [canvas.clientWidth * ratio, canvas.clientHeight * ratio];
    if (canvas.width !== width) [canvas.width, canvas.height] = [width, height];
    const context = canvas.getContext("2d");
    context.clearRect(0, 0, width, height);
    const style = getComputedStyle(canvas);
    const step = width / BINS;
    this.#bins.forEach((counts, index) => {
      counts.forEach((count, kind) => {
        if (!count) return;
        context.fillStyle = style[COLOURS[kind]];
        // What came stands on the ground; what is missing hangs from above, where it was noticed.
        const length = Math.max(2 * ratio, Math.min(1, count / this.full / 2) * height);
        context.fillRect(index * step, kind === 0 ? height - length : 0, Math.ceil(step), length);
      });
    });
  }
}

export const TICK_MS = BIN_MS;
