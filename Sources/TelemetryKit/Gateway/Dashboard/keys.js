// The keys of the page, and the list of them.

import { $, el } from "./dom.js";
import { current, go } from "./router.js";
import { closeSearch } from "./search.js";

const shown = [
  ["1 2 3", "Fleet, alerts, pipeline"], ["/", "Find a host or GPU"], ["m", "Choose the metric of the heatmap"], ["f", "Into the heatmap"],
  ["← ↑ → ↓", "From GPU to GPU; in a chart, from value to value"], ["Enter", "Open the GPU"], ["Esc", "Back"],
  ["[ ]", "The GPU before, the GPU after"], ["+ − 0", "In a chart: nearer, farther, the whole"], ["l", "Hold or follow the live samples"],
  ["t", "Theme"], ["?", "These keys"],
];

/** `heatmap()` moves the focus there; `sibling(step)` opens a GPU beside the one that is shown; `back()` leaves it. */
export function listen({ heatmap, sibling, back }) {
  $("keys").querySelector("dl").append(...shown.flatMap(([key, what]) => [
    el("dt", {}, ...key.split(" ").map((one) => el("kbd", {}, one))), el("dd", {}, what),
  ]));
  const help = () => $("keys").showModal();
  $("help").addEventListener("click", help);

  const deeds = {
    1: () => go("fleet"), 2: () => go("alerts"), 3: () => go("pipeline"),
    "/": () => $("search").focus(), "?": help, t: () => $("theme").click(), l: () => $("live").click(),
    m: () => current().view === "fleet" && $("metric").focus(), f: () => current().view === "fleet" && heatmap(),
    "[": () => current().view === "gpu" && sibling(-1), "]": () => current().view === "gpu" && sibling(1),
  };
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || document.querySelector("dialog[open]")) return;
    if (event.key === "Escape") {
      if (closeSearch()) return;
      if (event.target.matches("input, select")) event.target.blur();
      else if (current().view !== "fleet") back();
      return;
    }
    if (event.target.matches("input, select, textarea")) return;
    const deed = deeds[event.key];
    if (!deed) return;
    event.preventDefault();
    deed();
  });
}
