// The view of the fleet: figures, heatmap, what is the matter, the last hour, and who leads.

import { counts, fill } from "./alerts.js";
import { list } from "./api.js";
import { windowOf } from "./axis.js";
import { Chart, ChartGroup } from "./chart.js";
import { $, attribute, el, guarded, keyed, svg, text, throttled } from "./dom.js";
import * as fleet from "./fleet.js";
import { ago, number, parts, quantity, title } from "./format.js";
import { Heatmap } from "./heatmap.js";
import * as live from "./live.js";
import { address, amend, go } from "./router.js";
import { Ranking } from "./tables.js";

// DCGM's numbers of what the figures are made of.
const roles = { utilisation: 203, temperature: 150, power: 155, used: 252, free: 251 };
const role = (name) => fleet.metricOf(roles[name]);

const hour = 3600e3;
// What is asked for, and what is shown: that, or the first that there is.
let asked = null;
let chosen = null;
let isShown = false;
let map, chart, rankings, timer;
let trends = {};
let last = null;
let followed = "";

export const view = {
  show(_, parameters) {
    isShown = true;
    asked = parameters.get("metric") ?? asked;
    choose();
    refreshPast();
    timer = setInterval(refreshPast, 30_000);
    // Back from a GPU: on with the keys where they were.
    if (last) map.focus(last);
    last = null;
  },
  hide() {
    isShown = false;
    followed = "";
    clearInterval(timer);
  },
};

export const focusHeatmap = () => map.focus();
export const mark = (uuids) => map.only(uuids);

function open(uuid) {
  last = uuid;
  go("gpu", uuid);
}

export function start() {
  map = new Heatmap($("heatmap"), $("legend"), { onOpen: open, describe });
  chart = new Chart($("fleet-chart").querySelector(".chart"), new ChartGroup({ onZoom() {}, onReset() {} }), {
    name: "Fleet", field: fleet.field(""), height: 190,
    lines: [{ key: "mean", name: "mean" }, { key: "p95", name: "95 %", style: "second" }],
  });
  rankings = {
    gpus: new Ranking({ id: "top-gpus" }), hosts: new Ranking({ id: "top-hosts" }),
    extreme: new Ranking({ id: "top-extreme", both: false }), idle: new Ranking({ id: "top-idle", both: false }),
  };
  $("tables").append(...Object.values(rankings).map((ranking) => ranking.panel));
  $("metric").addEventListener("change", () => pick($("metric").value));
  tips();
  fleet.on("metrics", () => {
    options();
    // Beside other views samples are followed too, so that they tell how old the newest is.
    if (isShown || !live.isFollowing()) choose();
  });
  for (const event of ["gpus", "hosts"]) fleet.on(event, layout);
  fleet.on("alerts", () => {
    fill($("fleet-alerts").querySelector("ul"), fleet.alerts);
    draw();
  });
  fleet.on("samples", draw);
}

export function pick(metric) {
  asked = metric;
  amend({ metric });
  choose();
}

function options() {
  const groups = Map.groupBy(fleet.metrics, (name) => fleet.field(name).kind || "other");
  $("metric").replaceChildren(...[...groups].sort().map(([kind, names]) => el("optgroup", { label: kind },
    ...names.map((name) => new Option([title(name), fleet.field(name).unit].filter(Boolean).join(", "), name)))));
}

function choose() {
  if (!fleet.metrics.length) return;
  const before = chosen;
  chosen = fleet.metrics.includes(asked) ? asked : role("utilisation") ?? fleet.metrics[0];
  $("metric").value = chosen;
  const field = fleet.field(chosen);
  const { minimum, maximum } = field;
  const sound = maximum != null && minimum != null && maximum < 1e15 ? `sound from ${number(minimum)} to ${quantity(maximum, field.unit)}` : "";
  text($("meaning"), [field.meaning, sound, chosen].filter(Boolean).join(" · "));
  text($("fleet-chart-title"), `${title(chosen)}: the fleet over the last hour`);
  draw();
  if (chosen !== before) refreshPast();
  const wanted = [...new Set([chosen, ...Object.keys(roles).map(role)])].filter(Boolean);
  if (wanted.join() === followed) return;
  followed = wanted.join();
  live.follow({ metric_name: wanted }, () => guarded($("heat-panel"), () => Promise.all(wanted.map(fleet.loadLatest))));
}

const layout = throttled(200, () => {
  map.layout(fleet.gpus.values(), fleet.hosts);
  attribute($("heatmap"), "data-prefix", map.prefix);
  text($("heat-title"), map.prefix ? `GPUs by host (${map.prefix}…)` : "GPUs by host");
  draw();
});

const draw = throttled(500, () => {
  if (!isShown || !chosen) return;
  map.paint(fleet.values(chosen), fleet.field(chosen), fleet.states);
  tiles();
  rank();
});

function describe(uuid) {
  const gpu = fleet.gpus.get(uuid);
  const sample = fleet.values(chosen).get(uuid);
  const state = fleet.states.get(uuid);
  return [fleet.gpuName(gpu), sample ? quantity(sample.value, fleet.field(chosen).unit) : "no value", state].filter(Boolean).join(", ");
}

// MARK: Figures

function tiles() {
  const of = (name) => [...(role(name) ? fleet.values(role(name)) : new Map())];
  const sum = (entries) => entries.reduce((sum, [, { value }]) => sum + value, 0);
  const [utilisation, temperature, power, used, free] = Object.keys(roles).map(of);
  const hottest = temperature.reduce((a, b) => (a && a[1].value >= b[1].value ? a : b), null);
  const hosts = new Set([...fleet.gpus.values()].map((gpu) => gpu.hostname)).size;
  const { critical, warning } = counts();
  const whole = sum(used) + sum(free);
  const all = [
    { key: "gpus", name: "GPUs", figure: [number(fleet.gpus.size), ""], note: `on ${number(hosts)} hosts` },
    {
      key: "alerts", name: "Alerts", figure: [number(critical + warning), ""], href: address("alerts"),
      note: critical + warning ? `${critical} critical, ${warning} warning` : "nothing is the matter", state: critical ? "critical" : warning ? "warning" : "ok",
    },
    utilisation.length && {
      key: "utilisation", name: "Mean utilisation", figure: parts(sum(utilisation) / utilisation.length, "%"),
      note: `${utilisation.filter(([, { value }]) => value === 0).length} idle`,
    },
    hottest && {
      key: "temperature", name: "Hottest GPU", figure: parts(hottest[1].value, fleet.field(role("temperature")).unit),
      note: fleet.gpus.has(hottest[0]) ? shortName(fleet.gpus.get(hottest[0])) : "",
    },
    power.length && {
      key: "power", name: "Power", figure: parts(sum(power), "W"), note: `${quantity(sum(power) / power.length, "W")} a GPU`,
    },
    whole > 0 && {
      key: "used", name: "Memory used", figure: parts(sum(used) / whole * 100, "%"),
      note: `${quantity(sum(used), fleet.field(role("used")).unit)} of ${quantity(whole, fleet.field(role("used")).unit)}`,
    },
  ].filter(Boolean);
  keyed($("tiles"), all, (tile) => tile.key, make, (item, tile) => {
    const [figure, unit] = tile.figure;
    const strong = item.querySelector("strong");
    text(strong.firstElementChild, figure);
    text(strong.lastElementChild, unit);
    text(item.querySelector(".note"), tile.note);
    attribute(item, "data-state", tile.state);
    spark(item.querySelector("svg"), trends[tile.key] ?? []);
  });
}

function make({ key, name, href }) {
  const isMetric = key in roles;
  const inside = [
    el("span", { class: "name" }, name), el("strong", {}, el("b"), el("small")), el("span", { class: "note" }),
    svg("svg", { class: "spark", "aria-hidden": true, viewBox: "0 0 100 24", preserveAspectRatio: "none" }),
  ];
  const box = isMetric ? el("button", { type: "button", title: "Show in the heatmap", click: () => pick(role(key)) }, ...inside)
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
  const path = points.map(({ time, value }) => `${((time - from) / (to - from) * 100).toFixed(1)},${(22 - (high > low ? (value - low) / (high - low) : 0.5) * 20).toFixed(1)}`);
  node.append(svg("path", { d: "M" + path.join("L"), "vector-effect": "non-scaling-stroke" }));
}

// MARK: The last hour

async function aggregate(metric, function_, { from, to, window }) {
  const { data } = await list("api/v1/query/aggregate", {
    metric_name: metric, function: function_, window: `${window}s`, group_by: "cluster",
    start_time: new Date(from).toISOString(), end_time: new Date(to).toISOString(),
  });
  return (data[0]?.points ?? []).map((point) => ({ time: Date.parse(point.time), value: point.value }));
}

let attempt = 0;

async function refreshPast() {
  if (!chosen || !isShown || document.hidden) return;
  const own = ++attempt;
  const to = fleet.present();
  const span = { from: to - hour, to, window: windowOf(hour, 120) };
  const metric = chosen;
  await guarded($("fleet-chart"), async () => {
    const [mean, p95, low, high] = await Promise.all(["avg", "p95", "min", "max"].map((name) => aggregate(metric, name, span)));
    if (own !== attempt) return;
    const at = (points) => new Map(points.map((point) => [point.time, point.value]));
    const [highs, lows, tops] = [high, low, p95].map(at);
    const points = mean.map(({ time, value }) => ({ time, mean: value, p95: tops.get(time), low: lows.get(time), high: highs.get(time) }));
    // A fleet that is watched for some minutes only is drawn over these.
    const from = Math.max(span.from, Math.min(points[0]?.time ?? span.from, to - 2 * span.window * 1000));
    Object.assign(chart, { field: fleet.field(metric), name: `${title(metric)} of the fleet` });
    chart.set(points, { from, to, gap: 2.5 * span.window * 1000 });
  });
  for (const [name, function_] of [["utilisation", "avg"], ["temperature", "max"], ["power", "avg"], ["used", "avg"]]) {
    if (own !== attempt || !role(name)) return;
    // A trend is an ornament: without it the figure stands alone.
    trends[name] = await aggregate(role(name), function_, span).catch(() => []);
  }
  draw();
}

// MARK: Rankings

// Without what the names of all hosts begin with.
const shortName = (gpu) => fleet.gpuName(gpu).slice(map.prefix.length);

function gpuRows(metric, value = (sample) => sample.value, say = quantity) {
  const rows = [];
  const unit = fleet.field(metric).unit;
  for (const [uuid, sample] of fleet.values(metric)) {
    const gpu = fleet.gpus.get(uuid);
    const figure = value(sample, uuid);
    if (!gpu || figure == null) continue;
    rows.push({
      key: uuid, name: shortName(gpu), href: address("gpu", uuid), value: figure, text: say(figure, unit),
      note: [fleet.gpuName(gpu), gpu.model_name, gpu.pod && `${gpu.namespace}/${gpu.pod}`, uuid].filter(Boolean).join(" · "),
    });
  }
  return rows;
}

function rank() {
  const field = fleet.field(chosen);
  rankings.gpus.set(`${title(chosen)} by GPU`, gpuRows(chosen));

  const hosts = new Map();
  for (const [uuid, { value }] of fleet.values(chosen)) {
    const name = fleet.gpus.get(uuid)?.hostname;
    if (!name) continue;
    const host = hosts.get(name) ?? { sum: 0, count: 0, uuid };
    hosts.set(name, { sum: host.sum + value, count: host.count + 1, uuid: host.uuid });
  }
  rankings.hosts.set(`${title(chosen)} by host`, [...hosts].map(([name, { sum, count, uuid }]) => ({
    key: name, name: name.slice(map.prefix.length), href: address("gpu", uuid), value: sum / count, text: quantity(sum / count, field.unit), note: `Mean of ${count} GPUs`,
  })));

  const isHeat = chosen !== role("temperature");
  const extreme = role(isHeat ? "temperature" : "power");
  rankings.extreme.panel.hidden = !extreme;
  if (extreme) rankings.extreme.set(isHeat ? "Hottest GPUs" : "Most power", gpuRows(extreme));

  const [used, free, busy] = ["used", "free", "utilisation"].map(role);
  rankings.idle.panel.hidden = !(used && free && busy);
  if (rankings.idle.panel.hidden) return;
  const held = gpuRows(used, ({ value }, uuid) => {
    const share = value / (value + fleet.values(free).get(uuid)?.value);
    return share >= 0.1 && fleet.values(busy).get(uuid)?.value === 0 ? value : null;
  });
  rankings.idle.set(`Idle, but holding memory (${held.length})`, held, {
    none: "No idle GPU holds memory", note: "Utilisation of 0 % and a tenth of the memory or more in use",
  });
}

// MARK: What a cell says

function tips() {
  const tip = $("tip");
  const show = (cell) => {
    const gpu = fleet.gpus.get(cell?.dataset.uuid);
    tip.hidden = !gpu;
    if (!gpu) return;
    const sample = fleet.values(chosen).get(gpu.uuid);
    const own = fleet.alerts.filter((alert) => alert.uuid === gpu.uuid);
    tip.replaceChildren(
      el("b", {}, fleet.gpuName(gpu)),
      el("span", {}, `${title(chosen)}: `, el("strong", {}, sample ? quantity(sample.value, fleet.field(chosen).unit) : "no value")),
      el("span", { class: "note" }, [sample && ago(sample.time), gpu.model_name].filter(Boolean).join(" · ")),
      gpu.pod && el("span", { class: "note" }, `${gpu.namespace}/${gpu.pod}`),
      ...own.slice(0, 3).map((alert) => el("span", { class: "said", "data-severity": alert.severity }, alert.message)));
    const box = cell.getBoundingClientRect();
    const left = Math.min(Math.max(4, box.left + box.width / 2 - tip.offsetWidth / 2), innerWidth - tip.offsetWidth - 4);
    const above = box.top - tip.offsetHeight - 6;
    tip.style.left = `${left}px`;
    tip.style.top = `${above > 52 ? above : box.bottom + 6}px`;
  };
  const root = $("heatmap");
  const cellOf = (event) => event.target.closest("[data-uuid]");
  root.addEventListener("pointerover", (event) => { if (event.pointerType !== "touch") show(cellOf(event)); });
  root.addEventListener("pointerleave", () => show(null));
  root.addEventListener("focusin", (event) => { if (event.target.matches(":focus-visible")) show(cellOf(event)); });
  root.addEventListener("focusout", () => show(null));
  root.addEventListener("click", () => show(null));
  addEventListener("hashchange", () => show(null));
}
