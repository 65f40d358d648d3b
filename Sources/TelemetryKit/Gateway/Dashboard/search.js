// Finds hosts and GPUs by any part of host, index, model, uuid or pod; what is found stands out in the heatmap.

import { $, attribute, el } from "./dom.js";
import * as fleet from "./fleet.js";

const most = 8;
let found = [];
let chosen = 0;
let onFound = () => {};
let onOpen = () => {};

export function start(handlers) {
  ({ onFound, onOpen } = handlers);
  const input = $("search");
  input.addEventListener("input", find);
  input.addEventListener("focus", find);
  input.addEventListener("blur", () => setTimeout(() => show([]), 150));
  input.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && found.length) choose((chosen + step + found.length) % found.length);
    else if (event.key === "Enter" && found[chosen]) open(found[chosen]);
    else return;
    event.preventDefault();
  });
}

/** Whether there was a search to close. */
export function closeSearch() {
  const input = $("search");
  if (!input.value && document.activeElement !== input) return false;
  input.value = "";
  onFound(null);
  show([]);
  input.blur();
  return true;
}

function open(gpu) {
  closeSearch();
  onOpen(gpu.uuid);
}

function find() {
  const words = $("search").value.toLowerCase().split(/[\s/]+/).filter(Boolean);
  if (!words.length) {
    onFound(null);
    show([]);
    return;
  }
  const matches = [];
  for (const gpu of fleet.gpus.values()) {
    const text = [gpu.hostname, `gpu${gpu.gpu_id}`, gpu.uuid, gpu.model_name, gpu.pod, gpu.namespace].join(" ").toLowerCase();
    // A short number behind a host is the GPU's.
    if (words.every((word, i) => (i > 0 && /^\d{1,2}$/.test(word) ? word === gpu.gpu_id : text.includes(word)))) matches.push(gpu);
  }
  onFound(new Set(matches.map((gpu) => gpu.uuid)));
  show(matches.slice(0, most), matches.length);
}

function show(gpus, total = 0) {
  found = gpus;
  const list = $("found");
  list.replaceChildren(...gpus.map((gpu, i) => el("li", {
    role: "option", id: `found-${i}`, pointerdown: (event) => event.preventDefault(), click: () => open(gpu),
  }, el("b", {}, fleet.gpuName(gpu)), el("span", {}, gpu.model_name), el("code", {}, gpu.uuid))));
  if (total > gpus.length) list.append(el("li", { class: "note", role: "presentation" }, `and ${total - gpus.length} more`));
  if (total === 0 && $("search").value.trim() && document.activeElement === $("search")) {
    list.append(el("li", { class: "note", role: "presentation" }, "Nothing of that name"));
  }
  list.hidden = !list.children.length;
  attribute($("search"), "aria-expanded", !list.hidden);
  choose(0);
}

function choose(i) {
  chosen = i;
  [...$("found").querySelectorAll("[role=option]")].forEach((item, at) => attribute(item, "aria-selected", at === i));
  attribute($("search"), "aria-activedescendant", found.length ? `found-${i}` : null);
}
