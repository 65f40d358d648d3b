// The fleet in six figures, those of metrics with their last hour.

import { counts } from "./alerts.js";
import { $, attribute, el, keyed, svg, text } from "./dom.js";
import * as fleet from "./fleet.js";
import { number, parts, quantity } from "./format.js";
import { address } from "./router.js";

/** Draws the figures anew. `trends`: points of the last hour by figure; `pick(metric)` where one is chosen. */
export function draw(trends, pick) {
  const of = (name) => [...(fleet.role(name) ? fleet.values(fleet.role(name)) : new Map())]
    .filter(([, { value }]) => fleet.isSound(fleet.field(fleet.role(name)), value));
  const sum = (entries) => entries.reduce((sum, [, { value }]) => sum + value, 0);
  const [utilisation, temperature, power, used, free] = fleet.roles.map(of);
  const hottest = temperature.reduce((a, b) => (a && a[1].value >= b[1].value ? a : b), null);
  const hosts = new Set([...fleet.gpus.values()].map((gpu) => gpu.hostname)).size;
  const { critical, warning } = counts();
  const whole = sum(used) + sum(free);
  const all = [
    { key: "gpus", name: "GPUs", figure: [number(fleet.gpus.size), ""], note: `on ${number(hosts)} hosts` },
    {
      key: "alerts", name: "Alerts", figure: [number(critical + warning), ""], href: address("alerts"),
      note: [critical && `${critical} critical`, warning && `${warning} warning`].filter(Boolean).join(", ") || "nothing is the matter",
      state: critical ? "critical" : warning ? "warning" : "ok",
    },
    utilisation.length && {
      key: "utilisation", name: "Mean utilisation", figure: parts(sum(utilisation) / utilisation.length, "%"),
      note: `${utilisation.filter(([, { value }]) => value === 0).length} idle`,
    },
    hottest && {
      key: "temperature", name: "Hottest GPU", figure: parts(hottest[1].value, fleet.field(fleet.role("temperature")).unit),
      note: fleet.gpus.has(hottest[0]) ? fleet.shortName(fleet.gpus.get(hottest[0])) : "",
    },
    power.length && {
      key: "power", name: "Power", figure: parts(sum(power), "W"), note: `${quantity(sum(power) / power.length, "W")} a GPU`,
    },
    whole > 0 && {
      key: "used", name: "Memory used", figure: parts(sum(used) / whole * 100, "%"),
      note: `${quantity(sum(used), fleet.field(fleet.role("used")).unit)} of ${quantity(whole, fleet.field(fleet.role("used")).unit)}`,
    },
  ].filter(Boolean);
  keyed($("tiles"), all, (tile) => tile.key, (tile) => make(tile, pick), (item, tile) => {
    const [figure, unit] = tile.figure;
    const strong = item.querySelector("strong");
    text(strong.firstElementChild, figure);
    text(strong.lastElementChild, unit);
    text(item.querySelector(".note"), tile.note);
    attribute(item, "data-state", tile.state);
    spark(item.querySelector("svg"), trends[tile.key] ?? []);
  });
}

function make({ key, name, href }, pick) {
  const isMetric = fleet.roles.includes(key);
  const inside = [
    el("span", { class: "name" }, name), el("strong", {}, el("b"), el("small")), el("span", { class: "note" }),
    svg("svg", { class: "spark", "aria-hidden": "true", viewBox: "0 0 100 24", preserveAspectRatio: "none" }),
  ];
  const box = isMetric ? el("button", { type: "button", title: "Show in the heatmap", click: () => pick(fleet.role(key)) }, ...inside)
    : href ? el("a", { href }, ...inside) : el("div", {}, ...inside);
  return el("div", { role: "listitem", class: "tile" }, box);
}

function spark(node, points) {
  const key = points.length ? `${points.length} ${points.at(-1).time}` : "";
  if (node.dataset.of === key) return;
  node.dataset.of = key;
  node.replaceChildren();
  if (points.length < 2) return;
  const values = points.map((point) => point.value);
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const [from, to] = [points[0].time, points.at(-1).time];
  const x = (time) => (time - from) / (to - from) * 100;
  const y = (value) => 22 - (high > low ? (value - low) / (high - low) : 0.5) * 20;
  const path = points.map(({ time, value }) => `${x(time).toFixed(1)},${y(value).toFixed(1)}`);
  node.append(svg("path", { d: "M" + path.join("L"), "vector-effect": "non-scaling-stroke" }));
}
