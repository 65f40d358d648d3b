// The view of one GPU: what it is, what is the matter, and each of its metrics over time.

import { fill } from "./alerts.js";
import { get, hasToken, list, query, request } from "./api.js";
import { windowOf } from "./axis.js";
import { ChartGroup, chartPanel, gapOf } from "./chart.js";
import { $, attribute, el, guarded, keyed, problem, text, throttled } from "./dom.js";
import * as fleet from "./fleet.js";
import { ago, moment, span, title } from "./format.js";
import * as live from "./live.js";
import { address, amend, go } from "./router.js";

const minute = 60e3;
const hour = 60 * minute;
const ranges = {
  "5m": 5 * minute, "15m": 15 * minute, "1h": hour, "6h": 6 * hour, "24h": 24 * hour, "7d": 168 * hour, all: Infinity,
};
// More samples than these are asked for as lowest, mean and highest of windows.
const mostSamples = 4000;
const windowsOfRange = 240;

// Utilisation, temperature, power and memory before all others.
const order = [203, 150, 155, 252, 204, 100];

let gpu = null;
let range = "15m";
// What was zoomed to, [from, to]; without it the range ends now and moves on.
let zoom = null;
let charts = new Map();
// By metric: points in the order of time.
let points = new Map();
let drawn = { from: 0, to: 1 };
// Of the windows that were asked for, in milliseconds; null where samples are drawn themselves.
let windowLength = null;
let loading = null;
let timer;

const group = new ChartGroup({
  onZoom: (from, to) => {
    zoom = [from, Math.min(to, fleet.present())];
    load();
  },
  onReset: () => {
    if (!zoom) return;
    zoom = null;
    load();
  },
});

export const view = {
  async show(uuid, parameters) {
    range = Object.hasOwn(ranges, parameters.get("range") ?? "") ? parameters.get("range") : "15m";
    zoom = null;
    gpu = fleet.gpus.get(uuid) ?? { uuid, hostname: "", gpu_id: "", model_name: "" };
    for (const { panel, chart } of charts.values()) {
      chart.remove();
      panel.remove();
    }
    [charts, points] = [new Map(), new Map()];
    problem($("gpu-problem"), null);
    head();
    // What windows say of the time up to now is asked for again.
    timer = setInterval(() => { if (windowLength && !zoom && !document.hidden) load(); }, 30_000);
    await guarded($("gpu-problem"), async () => {
      const found = await get(`api/v1/gpus/${encodeURIComponent(uuid.toWellFormed())}`);
      if (gpu?.uuid !== uuid) return;
      gpu = found;
      head();
      live.follow({ uuid }, load);
      if (!document.activeElement || document.activeElement === document.body) $("main").focus({ preventScroll: true });
    });
  },
  hide() {
    clearInterval(timer);
    loading?.abort();
    gpu = null;
  },
};

export function start() {
  $("ranges").append(...Object.keys(ranges).map((name) => el("button", {
    type: "button", "data-range": name, click: () => {
      [range, zoom] = [name, null];
      amend({ range: name });
      load();
    },
  }, name)));
  $("export").addEventListener("click", () => guarded($("gpu-problem"), save));
  fleet.on("samples", append);
  // Units may become known after the charts were made.
  fleet.on("metrics", () => {
    for (const [name, { chart }] of charts) chart.field = fleet.field(name);
    panels([...charts.keys()]);
    draw();
  });
  fleet.on("alerts", () => gpu && head());
  fleet.on("gpus", () => gpu && head());
}

/** Opens the GPU before or after this one, of the whole fleet. */
export function sibling(step) {
  const all = [...fleet.gpus.keys()];
  const next = all[all.indexOf(gpu?.uuid) + step];
  if (next) go("gpu", next, { range });
}

function head() {
  const state = fleet.states.get(gpu.uuid);
  text($("gpu-title"), gpu.hostname ? fleet.gpuName(gpu) : gpu.uuid);
  attribute($("gpu-title"), "data-state", state);
  document.title = `${gpu.hostname ? fleet.gpuName(gpu) : gpu.uuid} · GPU telemetry`;
  const pod = gpu.pod && `${gpu.namespace}/${gpu.pod}${gpu.container ? `/${gpu.container}` : ""}`;
  const seen = gpu.first_seen && `since ${moment(Date.parse(gpu.first_seen))}`;
  text($("gpu-facts"), [gpu.model_name, gpu.device, gpu.uuid, pod, seen].filter(Boolean).join(" · "));
  const alerts = fleet.alerts.filter((alert) => alert.uuid === gpu.uuid);
  fill($("gpu-alerts"), alerts, null);
  const siblings = [...fleet.gpus.values()].filter((other) => other.hostname === gpu.hostname);
  keyed($("siblings"), siblings, (other) => other.uuid, (other) => el("a", { href: address("gpu", other.uuid, { range }) }, other.gpu_id),
    (link, other) => {
      attribute(link, "href", address("gpu", other.uuid, { range }));
      attribute(link, "aria-current", other.uuid === gpu.uuid ? "page" : null);
      attribute(link, "data-state", fleet.states.get(other.uuid));
      attribute(link, "aria-label", `GPU ${other.gpu_id}`);
    });
}

// The time that is shown: what was zoomed to, or the range up to now as far as there can be samples.
function shownTime() {
  if (zoom) return { from: zoom[0], to: zoom[1] };
  const to = fleet.present();
  const first = Date.parse(gpu.first_seen) || to - ranges["15m"];
  return { from: Math.min(Math.max(to - ranges[range], first), to - minute), to };
}

const iso = (time) => new Date(time).toISOString();

async function load() {
  if (!gpu) return;
  loading?.abort();
  const own = (loading = new AbortController());
  const { signal } = own;
  const { uuid } = gpu;
  drawn = shownTime();
  controls();
  await guarded($("gpu-problem"), async () => {
    const path = `api/v1/gpus/${encodeURIComponent(uuid.toWellFormed())}`;
    const [{ data: metrics }, samples] = await Promise.all([
      list(`${path}/metrics`, {}, { signal }),
      list(`${path}/telemetry`, { start_time: iso(drawn.from), end_time: iso(drawn.to) }, { signal, most: mostSamples }),
    ]);
    panels(metrics.map((metric) => metric.name));
    if (samples.isWhole) {
      windowLength = null;
      points = new Map([...charts.keys()].map((name) => [name, []]));
      for (const sample of samples.data) points.get(sample.metric_name)?.push({ time: Date.parse(sample.timestamp), value: sample.value });
      draw();
    } else {
      const seconds = windowOf(drawn.to - drawn.from, windowsOfRange);
      for (const name of charts.keys()) {
        await guarded(charts.get(name).panel, async () => {
          const found = await windows(name, seconds, signal);
          windowLength = seconds * 1000;
          points.set(name, found);
        });
        draw();
      }
    }
    controls();
  });
  if (loading === own) loading = null;
}

async function windows(metric, seconds, signal) {
  const [mean, low, high] = await Promise.all(["avg", "min", "max"].map(async (name) => {
    const { data } = await list("api/v1/query/aggregate", {
      metric_name: metric, function: name, window: `${seconds}s`, group_by: "gpu", uuid: gpu.uuid,
      start_time: iso(drawn.from), end_time: iso(drawn.to),
    }, { signal });
    return data[0]?.points ?? [];
  }));
  const at = (points) => new Map(points.map((point) => [point.time, point.value]));
  const [lows, highs] = [at(low), at(high)];
  // A window is named by its beginning, and drawn at its middle.
  const middle = (time) => Math.min(Date.parse(time) + seconds * 500, drawn.to);
  return mean.map(({ time, value }) => ({ time: middle(time), value, low: lows.get(time) ?? value, high: highs.get(time) ?? value }));
}

function panels(names) {
  const rank = (name) => {
    const i = order.indexOf(fleet.field(name).id);
    return i < 0 ? order.length : i;
  };
  const sorted = names.toSorted((a, b) => rank(a) - rank(b) || title(a).localeCompare(title(b)));
  for (const name of sorted) {
    if (!charts.has(name)) charts.set(name, chartPanel({ name: title(name), field: fleet.field(name), metric: name }, group));
  }
  keyed($("charts"), sorted, (name) => name, (name) => charts.get(name).panel);
}

const draw = throttled(250, () => {
  if (!gpu) return;
  if (!zoom) drawn = shownTime();
  for (const [name, { chart }] of charts) {
    const own = points.get(name) ?? [];
    chart.set(own, { ...drawn, gap: windowLength ? 2.5 * windowLength : gapOf(own) });
  }
});

// Samples of this GPU that come in are drawn at once, whether or not windows will say more of them later.
function append(samples) {
  if (!gpu) return;
  let isMine = false;
  for (const { uuid, metric_name, timestamp, value } of samples) {
    const own = uuid === gpu.uuid && points.get(metric_name);
    // A field that appears, such as an Xid, gets its chart.
    if (uuid === gpu.uuid && !own && charts.size && !loading) load();
    if (!own) continue;
    const time = Date.parse(timestamp);
    if (own.length && time <= own.at(-1).time) continue;
    own.push(windowLength ? { time, value, low: value, high: value } : { time, value });
    // A page that stays open for days holds no more than it shows.
    while (own.length > 2 * mostSamples) own.shift();
    isMine = true;
  }
  if (isMine) draw();
}

function controls() {
  for (const button of $("ranges").children) attribute(button, "aria-pressed", !zoom && button.dataset.range === range);
  const length = span((drawn.to - drawn.from) / 1000);
  const detail = windowLength ? `mean of ${span(windowLength / 1000)}, band from lowest to highest` : "every sample";
  const line = $("range-text");
  line.replaceChildren(`${moment(drawn.from)} to ${zoom ? moment(drawn.to) : "now"} (${length}) · ${detail} `);
  if (zoom) line.append(el("button", { type: "button", id: "unzoom", click: () => group.onReset() }, "Back to live"));
  else if (Date.now() - drawn.to > 5 * minute) line.append(`· data ends ${ago(drawn.to)}`);
}

async function save() {
  const path = query(`api/v1/gpus/${encodeURIComponent(gpu.uuid)}/telemetry/export`, {
    format: "csv", start_time: iso(drawn.from), end_time: iso(drawn.to),
  });
  const name = `${gpu.hostname}-gpu${gpu.gpu_id}.csv`;
  // A link cannot send the token.
  const href = hasToken() ? URL.createObjectURL(await (await request(path, { accept: "text/csv" })).blob()) : path;
  el("a", { href, download: name }).click();
  if (hasToken()) setTimeout(() => URL.revokeObjectURL(href), 60_000);
}
