// A line over time with its band from lowest to highest: hover, zoom, keys. Charts of one group share crosshair and range.

import { bounds, timeTicks, valueRange, valueTicks } from "./axis.js";
import { attribute, el, svg, text } from "./dom.js";
import { clock, moment, quantity } from "./format.js";

const margin = { left: 46, right: 10, top: 8, bottom: 20 };

/**
 * Charts that show the same time. `onZoom(from, to)` is told when a part was chosen, `onReset()` when the whole is wanted again; without
 * them the part of what is there is shown.
 */
export class ChartGroup {
  constructor({ onZoom, onReset } = {}) {
    this.charts = new Set();
    this.zoomed = null;
    this.onZoom = onZoom ?? ((from, to) => this.#show({ from, to }));
    this.onReset = onReset ?? (() => this.#show(null));
  }

  #show(time) {
    this.zoomed = time;
    for (const chart of this.charts) chart.draw();
  }

  hover(time, source) {
    for (const chart of this.charts) chart.pointAt(time, chart === source);
  }
}

export class Chart {
  /**
   * `lines`: what is drawn, `[{ name, key, style }]`; a point is `{ time, [key]: value, low, high }` with times in milliseconds.
   */
  constructor(root, group, { name, field, lines = [{ key: "value", name: "" }], height = 150 }) {
    Object.assign(this, { root, group, name, field, lines, height, points: [], whole: { from: 0, to: 0 }, cursor: null, drag: null });
    this.width = 0;
    this.svg = svg("svg", { height, "aria-hidden": "true" });
    this.output = el("output", { class: "reading", hidden: true });
    this.empty = el("p", { class: "empty", hidden: true }, "No samples in this time");
    root.classList.add("plot");
    root.tabIndex = 0;
    root.setAttribute("role", "group");
    root.replaceChildren(this.svg, this.output, this.empty);
    this.marks = svg("g", { class: "crosshair" });
    this.brush = svg("rect", { class: "brush", y: margin.top, height: height - margin.top - margin.bottom, visibility: "hidden" });
    this.#listen();
    this.observer = new ResizeObserver(() => {
      if (root.clientWidth !== this.width) this.draw();
    });
    this.observer.observe(root);
    group.charts.add(this);
  }

  remove() {
    this.observer.disconnect();
    this.group.charts.delete(this);
  }

  /** Points in the order of time; a distance of more than `gap` milliseconds is left open. */
  set(points, { from, to, gap }) {
    Object.assign(this, { points, whole: { from, to }, gap });
    this.draw();
  }

  get from() { return (this.group.zoomed ?? this.whole).from; }
  get to() { return (this.group.zoomed ?? this.whole).to; }

  draw() {
    this.width = this.root.clientWidth;
    if (!this.width) return;
    const { width, height, field, from, to } = this;
    const keys = this.lines.map((line) => line.key);
    this.visible = this.points.filter(({ time }) => time >= from && time <= to);
    let [low, high] = [Infinity, -Infinity];
    let [sum, count] = [0, 0];
    for (const point of this.visible) {
      for (const key of keys) if (point[key] != null) [low, high] = [Math.min(low, point[key]), Math.max(high, point[key])];
      if (point.low != null) [low, high] = [Math.min(low, point.low), Math.max(high, point.high)];
      if (point[keys[0]] != null) [sum, count] = [sum + point[keys[0]], count + 1];
    }
    const isEmpty = low === Infinity;
    // Before it is known, nothing is said of it.
    this.empty.hidden = !isEmpty || from === to;
    const range = isEmpty ? bounds(0, 1) : valueRange(field, low, high);
    const [right, bottom] = [width - margin.right, height - margin.bottom];
    this.x = (time) => margin.left + (time - from) / (to - from) * (right - margin.left);
    this.y = (value) => bottom - (value - range.low) / (range.high - range.low) * (bottom - margin.top);

    const grid = svg("g", { class: "grid" });
    const values = valueTicks(range, field.unit);
    for (const tick of values.ticks) {
      const y = this.y(tick.value);
      grid.append(svg("line", { x1: margin.left, x2: right, y1: y, y2: y }),
        svg("text", { x: margin.left - 6, y: y + 3.5, "text-anchor": "end" }, isEmpty ? "" : tick.text));
    }
    for (const tick of from === to ? [] : timeTicks(from, to, Math.max(2, Math.floor((right - margin.left) / 84)))) {
      const x = this.x(tick.time);
      grid.append(svg("line", { x1: x, x2: x, y1: bottom, y2: bottom + 4, class: "tick" }),
        svg("text", { x: Math.min(x, width - 18), y: height - 4, "text-anchor": "middle" }, tick.text));
    }
    const shapes = svg("g");
    for (const run of this.#runs()) {
      if (run[0].low != null) shapes.append(svg("path", { class: "band", d: this.#band(run) }));
      for (const { key, style } of this.lines) shapes.append(...this.#line(run, key, style ?? "main"));
    }
    attribute(this.svg, "width", width);
    attribute(this.svg, "viewBox", `0 0 ${width} ${height}`);
    this.svg.replaceChildren(grid, shapes, this.brush, this.marks);

    const last = this.visible.at(-1)?.[keys[0]];
    this.summary = isEmpty ? null : { low, high, mean: sum / count, last };
    Object.assign(this.root.dataset, { count: this.visible.length, unit: field.unit });
    for (const name of ["low", "high", "mean", "last"]) attribute(this.root, `data-${name}`, this.summary?.[name]);
    const said = (value) => quantity(value, field.unit);
    attribute(this.root, "aria-label", isEmpty ? `${this.name}: no samples in this time`
      : `${this.name}: now ${said(last)}, from ${said(low)} to ${said(high)}, ${moment(from)} to ${moment(to)}. Arrow keys read values.`);
    this.onDraw?.(this.summary);
    if (this.cursor != null) this.pointAt(this.cursor, this.isReading);
  }

  // Stretches without gaps.
  #runs() {
    const runs = [];
    let before = -Infinity;
    for (const point of this.visible) {
      if (!runs.length || point.time - before > this.gap) runs.push([]);
      runs.at(-1).push(point);
      before = point.time;
    }
    return runs;
  }

  #line(run, key, style) {
    const points = run.filter((point) => point[key] != null);
    if (!points.length) return [];
    if (points.length === 1) return [svg("circle", { class: `dot ${style}`, cx: this.x(points[0].time), cy: this.y(points[0][key]), r: 2 })];
    return [svg("path", { class: `line ${style}`, d: "M" + thinned(points, key, this.x, this.y).join("L") })];
  }

  #band(run) {
    const side = (key, points) => points.map((point) => `${round(this.x(point.time))},${round(this.y(point[key]))}`).join("L");
    return `M${side("high", run)}L${side("low", run.toReversed())}Z`;
  }

  /** Shows the values at a time, or none. `isReading`: this chart is the one that the person is on. */
  pointAt(time, isReading) {
    this.cursor = time;
    this.isReading = isReading;
    this.marks.replaceChildren();
    const point = time == null ? null : this.#nearest(time);
    this.output.hidden = !point;
    this.root.classList.toggle("reading-here", Boolean(point && isReading));
    if (!point) return;
    const x = this.x(point.time);
    this.marks.append(svg("line", { x1: x, x2: x, y1: margin.top, y2: this.height - margin.bottom }));
    const said = [];
    for (const { key, name, style } of this.lines) {
      if (point[key] == null) continue;
      this.marks.append(svg("circle", { class: `dot ${style ?? "main"}`, cx: x, cy: this.y(point[key]), r: 3 }));
      said.push((name ? name + " " : "") + quantity(point[key], this.field.unit));
    }
    if (point.low != null) said.push(`${quantity(point.low, this.field.unit)} to ${quantity(point.high, this.field.unit)}`);
    text(this.output, `${this.to - this.from > 20 * 3600e3 ? clock(point.time, "day") + " " : ""}${clock(point.time)}  ${said.join(" · ")}`);
    Object.assign(this.output.dataset, { time: point.time, value: point[this.lines[0].key] });
    // Beside the line, on the side where there is more room: it covers neither the axis nor what is pointed at.
    this.output.style.left = `${x < this.width / 2 ? x + 8 : x - 8 - this.output.offsetWidth}px`;
  }

  #nearest(time) {
    const points = this.visible ?? [];
    let [low, high] = [0, points.length - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (points[middle].time < time) low = middle + 1;
      else high = middle;
    }
    const [before, after] = [points[low - 1], points[low]];
    if (!after) return before ?? null;
    return before && time - before.time < after.time - time ? before : after;
  }

  #timeAt(event) {
    const x = event.clientX - this.root.getBoundingClientRect().left;
    const share = (x - margin.left) / (this.width - margin.left - margin.right);
    return this.from + Math.min(1, Math.max(0, share)) * (this.to - this.from);
  }

  #listen() {
    const { root, group } = this;
    root.addEventListener("pointermove", (event) => {
      const time = this.#timeAt(event);
      group.hover(time, this);
      if (this.drag == null) return;
      const [a, b] = [this.x(this.drag), this.x(time)];
      attribute(this.brush, "x", Math.min(a, b));
      attribute(this.brush, "width", Math.abs(a - b));
      attribute(this.brush, "visibility", "visible");
    });
    root.addEventListener("pointerleave", () => { if (this.drag == null) group.hover(null, this); });
    root.addEventListener("pointerdown", (event) => {
      // A finger scrolls the page and reads values; the buttons choose the range.
      if (event.button !== 0 || event.pointerType === "touch") return;
      this.drag = this.#timeAt(event);
      root.setPointerCapture(event.pointerId);
    });
    const end = (event) => {
      if (this.drag == null) return;
      const [from, to] = [this.drag, this.#timeAt(event)].sort((a, b) => a - b);
      const isChosen = event.type === "pointerup" && this.x(to) - this.x(from) > 6;
      this.drag = null;
      attribute(this.brush, "visibility", "hidden");
      if (isChosen) group.onZoom(from, to);
    };
    root.addEventListener("pointerup", end);
    root.addEventListener("pointercancel", end);
    root.addEventListener("dblclick", () => group.onReset());
    root.addEventListener("blur", () => group.hover(null, this));
    root.addEventListener("keydown", (event) => this.#key(event));
  }

  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const points = this.visible ?? [];
    if (!points.length) return;
    const at = this.cursor == null ? points.length - 1 : points.indexOf(this.#nearest(this.cursor));
    const isFirst = this.cursor == null;
    const span = this.to - this.from;
    const middle = this.cursor ?? (this.from + this.to) / 2;
    const read = (i) => this.group.hover(points[Math.min(points.length - 1, Math.max(0, i))].time, this);
    const deed = {
      ArrowLeft: () => read(isFirst ? at : at - 1), ArrowRight: () => read(isFirst ? at : at + 1),
      Home: () => read(0), End: () => read(points.length - 1),
      "+": () => this.group.onZoom(middle - span / 4, middle + span / 4), "-": () => this.group.onZoom(middle - span, middle + span),
      0: () => this.group.onReset(),
    }[event.key];
    if (!deed) return;
    deed();
    event.preventDefault();
  }
}

const round = (value) => Math.round(value * 10) / 10;

// Of many points in one column of pixels the first, the lowest, the highest and the last are what can be seen.
function thinned(points, key, x, y) {
  const path = [];
  let column = [];
  let at = null;
  const flush = () => {
    if (column.length > 4) {
      const sorted = column.toSorted((a, b) => a[key] - b[key]);
      const kept = new Set([column[0], sorted[0], sorted.at(-1), column.at(-1)]);
      column = column.filter((point) => kept.has(point));
    }
    for (const point of column) path.push(`${round(x(point.time))},${round(y(point[key]))}`);
    column = [];
  };
  for (const point of points) {
    const pixel = Math.floor(x(point.time));
    if (pixel !== at) flush();
    at = pixel;
    column.push(point);
  }
  flush();
  return path;
}

/** The shortest usual distance of points, tripled: what is more is a gap. */
export function gapOf(points) {
  const distances = points.slice(1).map((point, i) => point.time - points[i].time).sort((a, b) => a - b);
  return distances.length ? Math.max(3 * distances[distances.length >> 1], 3000) : Infinity;
}

const said = { low: "min", mean: "avg", high: "max" };

/** A panel with a chart: its name, what it says at the end and over its time. */
export function chartPanel({ name, field, metric, ...options }, group) {
  const heading = el("h2", {}, name);
  const now = el("strong");
  const range = el("span", { class: "note" });
  const plot = el("div", { class: "chart" });
  const panel = el("section", { class: "panel", "data-metric": metric },
    el("header", {}, heading, now, range),
    el("p", { class: "problem", role: "alert", hidden: true }), plot);
  const chart = new Chart(plot, group, { name, field, ...options });
  chart.onDraw = (summary) => {
    const { unit, meaning } = chart.field;
    attribute(heading, "title", [metric, meaning].filter(Boolean).join(": "));
    text(now, summary ? quantity(summary.last, unit) : "–");
    text(range, summary ? ["low", "mean", "high"].map((key) => `${said[key]} ${quantity(summary[key], unit)}`).join(" · ") : "");
  };
  return { panel, chart };
}
