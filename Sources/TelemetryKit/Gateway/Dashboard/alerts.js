// Alerts: the list of all, the few beside the heatmap, and those of one GPU.

import { $, attribute, el, keyed, text } from "./dom.js";
import * as fleet from "./fleet.js";
import { ago, moment, title } from "./format.js";
import { address, amend } from "./router.js";

const kinds = {
  xid: "Xid", ecc: "ECC", thermal: "Thermal", stale: "Stale GPU", vanished: "Vanished field", out_of_range: "Out of range",
};
const most = 500;

const key = (alert) => [alert.kind, alert.uuid, alert.metric_name].join(" ");

function make(alert) {
  const place = alert.uuid
    ? el("a", { href: address("gpu", alert.uuid), class: "place" }, alert.gpu_id ? fleet.gpuName(alert) : alert.hostname)
    : el("span", { class: "place" }, alert.hostname ?? "");
  return el("li", {}, el("span", { class: "severity", role: "img" }), el("div", {},
    el("p", { class: "message" }), el("p", { class: "note" }, place, " ", el("span", { class: "kind" }, kinds[alert.kind] ?? alert.kind), " ",
      el("time"))));
}

function update(item, alert) {
  attribute(item, "data-severity", alert.severity);
  attribute(item, "data-kind", alert.kind);
  attribute(item, "data-uuid", alert.uuid);
  const severity = item.querySelector(".severity");
  attribute(severity, "aria-label", alert.severity);
  attribute(severity, "title", alert.severity);
  text(item.querySelector(".message"), alert.message);
  attribute(item.querySelector(".kind"), "title", alert.metric_name ? `${title(alert.metric_name)} (${alert.metric_name})` : null);
  const time = Date.parse(alert.timestamp);
  text(item.querySelector("time"), Number.isFinite(time) ? ago(time) : "");
  attribute(item.querySelector("time"), "title", Number.isFinite(time) ? moment(time) : null);
}

const fine = "Nothing is the matter";

/** Shows alerts in a list, and what it says when there are none. */
export function fill(list, alerts, none = fine) {
  if (alerts.length || none == null) {
    keyed(list, alerts.slice(0, most), key, make, update);
    if (alerts.length > most) list.append(el("li", { class: "none" }, `and ${alerts.length - most} more: filter them`));
  } else {
    list.replaceChildren(el("li", { class: none === fine ? "none fine" : "none" }, none));
  }
}

/** How many are critical, and how many are not. */
export function counts() {
  const critical = fleet.alerts.filter((alert) => alert.severity === "critical").length;
  return { critical, warning: fleet.alerts.length - critical };
}

let severity = "all";
// Of the critical ones that were there before; null until the first are known.
let known = null;

// Says aloud what has become critical while the page was open.
function speak() {
  const critical = fleet.alerts.filter((alert) => alert.severity === "critical");
  const fresh = known && critical.filter((alert) => !known.has(key(alert)));
  known = new Set(critical.map(key));
  if (fresh?.length) text($("spoken"), `Critical: ${fresh.slice(0, 3).map((alert) => `${fleet.gpuName(alert)}, ${alert.message}`).join("; ")}`);
}

/** The view of all alerts. */
export const view = {
  show(_, parameters) {
    severity = parameters.get("severity") ?? "all";
    $("kind").value = parameters.get("kind") ?? "all";
    draw();
  },
};

export function start() {
  const names = ["all", "critical", "warning"];
  $("severities").append(...names.map((name) => el("button", {
    type: "button", "data-severity": name, click: () => {
      severity = name;
      amend({ severity: name === "all" ? null : name });
      draw();
    },
  }, name)));
  $("kind").append(new Option("All kinds", "all"), ...Object.entries(kinds).map(([value, name]) => new Option(name, value)));
  $("kind").addEventListener("change", () => {
    amend({ kind: $("kind").value === "all" ? null : $("kind").value });
    draw();
  });
  $("alert-filter").addEventListener("input", draw);
  fleet.on("alerts", () => {
    speak();
    draw();
  });
}

function draw() {
  const { critical, warning } = counts();
  const badge = $("alert-count");
  badge.hidden = !fleet.alerts.length;
  text(badge, String(fleet.alerts.length));
  attribute(badge, "data-severity", critical ? "critical" : "warning");
  attribute(badge, "aria-label", `${critical} critical, ${warning} warnings`);
  for (const button of $("severities").children) {
    const name = button.dataset.severity;
    attribute(button, "aria-pressed", name === severity);
    text(button, { all: `All ${critical + warning}`, critical: `Critical ${critical}`, warning: `Warning ${warning}` }[name]);
  }
  const words = $("alert-filter").value.toLowerCase().split(/\s+/).filter(Boolean);
  const shown = fleet.alerts.filter((alert) => {
    if (severity !== "all" && alert.severity !== severity) return false;
    if ($("kind").value !== "all" && alert.kind !== $("kind").value) return false;
    const said = [alert.hostname, alert.uuid, alert.message, alert.metric_name, kinds[alert.kind]].join(" ").toLowerCase();
    return words.every((word) => said.includes(word));
  });
  fill($("alert-list"), shown, fleet.alerts.length ? "None of this choice" : fine);
}
