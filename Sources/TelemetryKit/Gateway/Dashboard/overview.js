// The view of the fleet: figures, heatmap, what is the matter, the last hour, and who leads.

import { fill } from "./alerts.js";
import { list } from "./api.js";
import { windowOf } from "./axis.js";
import { Chart, ChartGroup } from "./chart.js";
import { $, el, guarded, text, throttled } from "./dom.js";
import * as fleet from "./fleet.js";
import { ago, number, quantity, title } from "./format.js";
import { Heatmap } from "./heatmap.js";
import * as live from "./live.js";
import * as rankings from "./rankings.js";
import { amend, go } from "./router.js";
import * as tiles from "./tiles.js";

const hour = 3600e3;
// What is asked for, and what is shown: that, or the first that there is.
let asked = null;
let chosen = null;
let isShown = false;
let map, chart, timer;
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
  chart = new Chart($("fleet-chart").querySelector(".chart"), new ChartGroup(), {
    name: "Fleet", field: fleet.field(""), height: 190,
    lines: [{ key: "mean", name: "mean" }, { key: "p95", name: "95 %", style: "second" }],
  });
  rankings.start();
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

function pick(metric) {
  asked = metric;
  amend({ metric });
  choose();
}

// Made anew only where it changes: it may be open.
function options() {
  const offered = fleet.metrics.map((name) => `${name} ${fleet.field(name).unit}`).join();
  if ($("metric").dataset.offered === offered) return;
  $("metric").dataset.offered = offered;
  const groups = Map.groupBy(fleet.metrics, (name) => fleet.field(name).kind || "other");
  $("metric").replaceChildren(...[...groups].sort().map(([kind, names]) => el("optgroup", { label: kind },
    ...names.map((name) => new Option([title(name), fleet.field(name).unit].filter(Boolean).join(", "), name)))));
  if (chosen) $("metric").value = chosen;
}

function choose() {
  if (!fleet.metrics.length) return;
  const before = chosen;
  chosen = fleet.metrics.includes(asked) ? asked : fleet.role("utilisation") ?? fleet.metrics[0];
  $("metric").value = chosen;
  const field = fleet.field(chosen);
  const { minimum, maximum } = field;
  const sound = maximum != null && minimum != null && maximum < 1e15 ? `sound from ${number(minimum)} to ${quantity(maximum, field.unit)}` : "";
  text($("meaning"), [field.meaning, sound, chosen].filter(Boolean).join(" · "));
  text($("fleet-chart-title"), `${title(chosen)}: the fleet over the last hour`);
  draw();
  if (chosen !== before) refreshPast();
  const wanted = [...new Set([chosen, ...fleet.roles.map(fleet.role)])].filter(Boolean);
  if (wanted.join() === followed) return;
  followed = wanted.join();
  live.follow({ metric_name: wanted }, () => guarded($("heat-panel"), () => Promise.all(wanted.map(fleet.loadLatest))));
}

const layout = throttled(200, () => {
  map.layout(fleet.gpus.values(), fleet.hosts, fleet.prefix);
  text($("heat-title"), fleet.prefix ? `GPUs by host (${fleet.prefix}…)` : "GPUs by host");
  draw();
});

const draw = throttled(500, () => {
  if (!isShown || !chosen) return;
  map.paint(fleet.values(chosen), fleet.field(chosen), fleet.states);
  tiles.draw(trends, pick);
  rankings.draw(chosen);
});

function describe(uuid) {
  const gpu = fleet.gpus.get(uuid);
  const sample = fleet.values(chosen).get(uuid);
  const state = fleet.states.get(uuid);
  return [fleet.gpuName(gpu), sample ? quantity(sample.value, fleet.field(chosen).unit) : "no value", state].filter(Boolean).join(", ");
}

async function aggregate(metric, function_, { from, to, window }) {
  const { data } = await list("api/v1/query/aggregate", {
    metric_name: metric, function: function_, window: `${window}s`, group_by: "cluster",
    start_time: new Date(from).toISOString(), end_time: new Date(to).toISOString(),
  });
  // A window is named by its beginning, and drawn at its middle.
  return (data[0]?.points ?? []).map((point) => ({ time: Math.min(Date.parse(point.time) + window * 500, to), value: point.value }));
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
    if (own !== attempt) return;
    if (!fleet.role(name)) continue;
    // A trend is an ornament: without it the figure stands alone.
    trends[name] = await aggregate(fleet.role(name), function_, span).catch(() => []);
  }
  draw();
}

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
