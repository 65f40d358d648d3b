// What is known of the fleet, and who wants to hear when it changes.

import { get, list } from "./api.js";
import { prefix as common, title } from "./format.js";

const listeners = new EventTarget();

/** Calls `heard` after a change of: gpus, metrics, alerts, hosts; of samples with those that are new. */
export const on = (event, heard) => listeners.addEventListener(event, ({ detail }) => heard(detail));
const tell = (event, detail) => listeners.dispatchEvent(new CustomEvent(event, { detail }));

/** By uuid, in the order of host and index. */
export let gpus = new Map();
/** What the names of all hosts begin with. */
export let prefix = "";
/** Names of metrics that have samples. */
export let metrics = [];
export let alerts = [];
/** Health by hostname. */
export let hosts = new Map();
/** Milliseconds of the newest sample that was seen. */
export let newest = 0;

// By any of their names.
let fields = new Map();
// By metric, then by uuid: { value, time }.
const latest = new Map();

const unknown = { kind: "", unit: "", minimum: null, maximum: null, meaning: "" };

/** What the catalogue says of a metric; the empty field of one that it does not know. */
export const field = (metric) => fields.get(metric) ?? { ...unknown, name: metric };

// DCGM's numbers of what a fleet is judged by at a glance.
const numbers = { utilisation: 203, temperature: 150, power: 155, used: 252, free: 251 };
export const roles = Object.keys(numbers);

/** Whether a sound device can report this value, as far as the catalogue knows. */
export const isSound = ({ minimum, maximum }, value) => (minimum == null || value >= minimum) && (maximum == null || value <= maximum);

/** The metric with samples that has one of these roles, whatever it is called here. */
export const role = (name) => metrics.find((metric) => field(metric).id === numbers[name]);

export const values = (metric) => latest.get(metric) ?? new Map();

/** `dgx-031 / GPU 3` */
export const gpuName = (gpu) => `${gpu.hostname} / GPU ${gpu.gpu_id}`;

/** The same without what the names of all hosts begin with. */
export const shortName = (gpu) => gpuName(gpu).slice(prefix.length);

/** Now, or the newest sample where a recording from another time is shown. */
export function present() {
  const now = Date.now();
  // A sample from the future means that this clock is behind.
  return newest > now || (newest && now - newest > 5 * 60_000) ? newest : now;
}

const byPlace = (a, b) =>
  a.hostname.localeCompare(b.hostname, "en", { numeric: true }) || a.gpu_id.localeCompare(b.gpu_id, "en", { numeric: true });

export async function loadCatalogue() {
  const { data } = await list("api/v1/catalogue");
  fields = new Map();
  for (const field of data) for (const name of [field.name, ...(field.aliases ?? [])]) fields.set(name, field);
  tell("metrics");
}

export async function loadMetrics() {
  const { data } = await get("api/v1/metrics");
  metrics = data.map((metric) => metric.name).sort((a, b) => title(a).localeCompare(title(b)));
  tell("metrics");
}

export async function loadGPUs() {
  const { data } = await list("api/v1/gpus");
  for (const gpu of data) newest = Math.max(newest, Date.parse(gpu.last_seen) || 0);
  gpus = new Map(data.sort(byPlace).map((gpu) => [gpu.uuid, gpu]));
  prefix = common([...new Set(data.map((gpu) => gpu.hostname))]);
  tell("gpus");
}

export async function loadHosts() {
  const { data } = await list("api/v1/hosts");
  hosts = new Map(data.map((host) => [host.hostname, host]));
  tell("hosts");
}

const ranks = { critical: 0, warning: 1 };

/** The worst that is the matter with a GPU, by uuid: `critical`, `warning`, or `stale` where only its samples are old. */
export let states = new Map();

export async function loadAlerts() {
  const { data } = await list("api/v1/alerts");
  alerts = data.sort((a, b) => ranks[a.severity] - ranks[b.severity] || (Date.parse(b.timestamp) || 0) - (Date.parse(a.timestamp) || 0));
  states = new Map();
  for (const alert of alerts) {
    const state = alert.kind === "stale" ? "stale" : alert.severity;
    const before = states.get(alert.uuid);
    if (!before || (before === "stale" && state !== "stale")) states.set(alert.uuid, state);
  }
  tell("alerts");
}

/** The newest samples of all GPUs of one metric. */
export async function loadLatest(metric) {
  const { data } = await list("api/v1/telemetry/latest", { metric_name: metric });
  take(data);
}

let asked = 0;

/** Takes samples in, in any order: the newest of a series stays. */
export function take(samples) {
  let isNew = false;
  for (const sample of samples) {
    const time = Date.parse(sample.timestamp);
    let series = latest.get(sample.metric_name);
    if (!series) latest.set(sample.metric_name, (series = new Map()));
    const before = series.get(sample.uuid);
    if (!before || before.time <= time) series.set(sample.uuid, { value: sample.value, time });
    if (time > newest) newest = time;
    isNew ||= !gpus.has(sample.uuid);
  }
  // A GPU that has not been heard of: ask for the list, but not for every sample.
  if (isNew && Date.now() - asked > 5000) {
    asked = Date.now();
    loadGPUs().catch(() => {});
  }
  tell("samples", samples);
}
