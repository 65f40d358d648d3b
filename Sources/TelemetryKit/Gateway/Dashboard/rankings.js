// Who leads: GPUs and hosts by the chosen metric, the hottest, and those that hold memory and do nothing.

import { $ } from "./dom.js";
import * as fleet from "./fleet.js";
import { quantity, title } from "./format.js";
import { address } from "./router.js";
import { Ranking } from "./tables.js";

let rankings;

export function start() {
  rankings = {
    gpus: new Ranking({ id: "top-gpus" }), hosts: new Ranking({ id: "top-hosts" }),
    extreme: new Ranking({ id: "top-extreme", both: false }), idle: new Ranking({ id: "top-idle", both: false }),
  };
  $("tables").append(...Object.values(rankings).map((ranking) => ranking.panel));
}

function gpuRows(metric, value = (sample) => sample.value) {
  const rows = [];
  const unit = fleet.field(metric).unit;
  for (const [uuid, sample] of fleet.values(metric)) {
    const gpu = fleet.gpus.get(uuid);
    const figure = value(sample, uuid);
    if (!gpu || figure == null) continue;
    rows.push({
      key: uuid, name: fleet.shortName(gpu), href: address("gpu", uuid), value: figure, text: quantity(figure, unit),
      note: [fleet.gpuName(gpu), gpu.model_name, gpu.pod && `${gpu.namespace}/${gpu.pod}`, uuid].filter(Boolean).join(" · "),
    });
  }
  return rows;
}

/** Ranks GPUs and hosts by a metric, and by what matters always. */
export function draw(chosen) {
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
    key: name, name: name.slice(fleet.prefix.length), href: address("gpu", uuid), value: sum / count,
    text: quantity(sum / count, field.unit), note: `Mean of ${count} GPUs`,
  })));

  const isHeat = chosen !== fleet.role("temperature");
  const extreme = fleet.role(isHeat ? "temperature" : "power");
  rankings.extreme.panel.hidden = !extreme;
  if (extreme) rankings.extreme.set(isHeat ? "Hottest GPUs" : "Most power", gpuRows(extreme));

  const [used, free, busy] = ["used", "free", "utilisation"].map(fleet.role);
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
