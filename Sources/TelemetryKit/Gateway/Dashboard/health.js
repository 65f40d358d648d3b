// The view of the pipeline itself: whether its parts are ready, how fast it goes, who is behind, and what went wrong.

import { get, request } from "./api.js";
import { ChartGroup, chartPanel } from "./chart.js";
import { $, attribute, el, guarded, keyed, text } from "./dom.js";
import { ago, moment, number, quantity, span } from "./format.js";
import { Table } from "./tables.js";

const interval = 5000;
const kept = 3600e3;

const count = { name: "", unit: "", minimum: 0, maximum: null, meaning: "", fromZero: true };
const rate = (what) => ({ ...count, unit: "/s", meaning: `${what} a second, from one look to the next` });

let isShown = false;
let before = null;
const history = { samples: [], messages: [], lag: [] };
let panels, positions, subscribers, requests, facts;

export const view = {
  show() {
    isShown = true;
    look();
    draw();
  },
  hide() { isShown = false; },
};

export function start() {
  const group = new ChartGroup();
  panels = {
    samples: chartPanel({ name: "Samples read", field: rate("Samples"), metric: "samples" }, group),
    messages: chartPanel({ name: "Messages read", field: rate("Messages"), metric: "messages" }, group),
    lag: chartPanel({ name: "Lag behind the queue", field: { ...count, unit: "messages", meaning: "Messages not yet read" }, metric: "lag" }, group),
  };
  $("health-charts").append(...Object.values(panels).map(({ panel }) => panel));
  positions = new Table({
    id: "positions", title: "Positions in the queue",
    columns: ["subscriber", "state", "committed offset#", "lag#", "behind for#", "last commit#", "lost to retention#"],
    none: "No consumer has committed a position",
  });
  subscribers = new Table({
    id: "subscribers", title: "Subscribers of the queue", columns: ["subscriber", "offset#", "lag#"], none: "The queue told of none",
  });
  facts = new Table({ id: "facts", title: "State", columns: ["what", "value#"], none: "" });
  requests = new Table({
    id: "requests", title: "Requests", columns: ["route", "status#", "requests#", "mean time#"], none: "No requests yet",
  });
  $("health-tables").append(positions.panel, subscribers.panel, facts.panel, requests.panel);
  look();
  setInterval(() => { if (!document.hidden) look(); }, interval);
}

async function look() {
  await guarded(document.querySelector("[data-view=pipeline]"), async () => {
    const stats = await get("api/v1/stats");
    take(stats);
    if (isShown) show(stats);
  });
  if (!isShown) return;
  await guarded(requests.panel, async () => tally(await (await request("metrics", { accept: "text/plain" })).text()));
}

// That of this gateway, or with a database, which it only asks, that of the slowest: by what consumers have committed, since what was only
// delivered may not be stored, and one that is gone has no subscription.
function lagOf({ queue, queue_server }) {
  if (queue?.lag != null) return queue.lag;
  const stored = queue_server?.positions;
  if (stored?.length) return Math.max(...stored.map((position) => position.lag));
  return (queue_server?.subscribers?.length ? Math.max(...queue_server.subscribers.map((subscriber) => subscriber.lag)) : null);
}

function take(stats) {
  const now = { time: Date.now(), samples: stats.queue?.samples ?? stats.store.sample_count, messages: stats.queue?.messages, lag: lagOf(stats) };
  const seconds = before ? (now.time - before.time) / 1000 : 0;
  for (const name of ["samples", "messages"]) {
    // A program that was started again counts from zero.
    if (seconds > 0.5 && now[name] >= before[name]) history[name].push({ time: now.time, value: (now[name] - before[name]) / seconds });
  }
  if (now.lag != null) history.lag.push({ time: now.time, value: now.lag });
  for (const points of Object.values(history)) while (points.length && now.time - points[0].time > kept) points.shift();
  if (!before || seconds > 0.5) before = now;
}

function draw() {
  const to = Date.now();
  for (const [name, { panel, chart }] of Object.entries(panels)) {
    const points = history[name];
    panel.hidden = name !== "samples" && !points.length;
    chart.set(points, { from: Math.min(points[0]?.time ?? to, to - 60e3), to, gap: 4 * interval });
  }
}

// A consumer is dead when it has messages to read and nobody reads them: those first, then those that are furthest behind.
const isDead = (position) => !position.connected && position.lag > 0;

function positionRows(list) {
  const sorted = list.toSorted((a, b) => isDead(b) - isDead(a) || b.lag_seconds - a.lag_seconds || b.lag - a.lag);
  return sorted.map((position) => ({
    key: position.subscriber_id,
    cells: [
      position.subscriber_id, isDead(position) ? "not connected" : position.connected ? "connected" : "idle",
      number(position.committed_offset), number(position.lag), position.lag ? span(position.lag_seconds) : "–",
      position.committed_at ? ago(position.committed_at / 1000) : "–", number(position.skipped ?? 0),
    ],
    state: isDead(position) ? "critical" : position.lag_seconds > 60 || position.skipped > 0 ? "warning" : null,
  }));
}

async function ready() {
  // Not ready is an answer too, with status 503.
  const answer = await fetch("ready", { cache: "no-store" });
  return (await answer.json()).checks ?? [];
}

async function show(stats) {
  draw();
  const { store, queue, queue_server: server, memory } = stats;
  // A queue of an older version reports none.
  positions.panel.hidden = !server?.positions;
  if (server?.positions) positions.set(positionRows(server.positions));
  subscribers.panel.hidden = !queue && !server;
  const behindFirst = (server?.subscribers ?? []).toSorted((a, b) => b.lag - a.lag);
  subscribers.set(behindFirst.map(({ id, current_offset, lag }) => ({
    key: id, cells: [id, number(current_offset), number(lag)], state: lag > 1000 ? "warning" : null,
  })));
  const time = (text) => (text ? moment(Date.parse(text)) : "–");
  const rows = [
    ["Samples held", number(store.sample_count)],
    ["GPUs, hosts, metrics", [store.gpu_count, store.host_count, store.metric_count].map((n) => number(n)).join(", ")],
    ["Oldest sample", time(store.oldest)], ["Newest sample", store.newest ? `${time(store.newest)} (${ago(Date.parse(store.newest))})` : "–"],
    ["Gateway running for", span(stats.uptime_seconds)],
  ];
  if (server) {
    rows.push(["Messages in the queue", `${number(server.total_messages)}, ${quantity(server.log_bytes, "B")}`],
      ["Connections of the queue", number(server.connection_count)]);
  }
  if (queue) {
    rows.push(["Queue", queue.connected ? "connected" : "not connected"], ["Messages read", number(queue.messages)],
      ["Messages that are no batches", number(queue.undecodable_messages)],
      ["Samples read", number(queue.samples)], ["Digest", queue.digest ?? "–"]);
  }
  if (memory) {
    rows.push(["Memory of the store", `${quantity(memory.bytes, "B")} of ${quantity(memory.limit, "B")}`],
      ["Samples evicted by the limit", number(memory.evicted_samples)], ["Samples that came too late", number(memory.late_samples)]);
  }
  if (server?.log_id) rows.push(["Log of the queue", server.log_id.slice(0, 8)]);
  const wrong = { "Queue": queue && !queue.connected, "Messages that are no batches": queue?.undecodable_messages > 0 };
  facts.set(rows.map((cells) => ({ key: cells[0], cells, state: wrong[cells[0]] ? "critical" : null })));
  const checks = await ready().catch(() => [{ name: "gateway", ready: false, detail: "does not answer" }]);
  keyed($("checks"), checks, (check) => check.name,
    () => el("div", { role: "listitem", class: "tile check" },
      el("div", {}, el("span", { class: "name" }), el("strong"), el("span", { class: "note" }))),
    (tile, check) => {
      attribute(tile, "data-state", check.ready ? "ok" : "critical");
      text(tile.querySelector(".name"), check.name);
      text(tile.querySelector("strong"), check.ready ? "ready" : "not ready");
      text(tile.querySelector(".note"), check.detail);
    });
}

// The lines of /metrics that count requests: `name_count{route="/",status="200"} 7`.
function tally(lines) {
  const found = new Map();
  const pattern = /^gateway_request_duration_seconds_(count|sum)\{route="([^"]*)",status="(\d+)"\} (\S+)$/gm;
  for (const [, part, route, status, value] of lines.matchAll(pattern)) {
    const key = `${route} ${status}`;
    found.set(key, { route, status, ...found.get(key), [part]: Number(value) });
  }
  const isError = ({ status }) => status >= 400;
  const rows = [...found].sort(([, a], [, b]) => isError(b) - isError(a) || b.count - a.count);
  requests.set(rows.map(([key, { route, status, count, sum }]) => ({
    key, cells: [route, status, number(count), quantity(sum / count * 1e9, "ns")],
    state: status >= 500 ? "critical" : status >= 400 ? "warning" : null,
  })));
}
