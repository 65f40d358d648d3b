// The fleet by host and GPU: colour is the value, a mark is what is the matter.

import { valueRange } from "./axis.js";
import { attribute, el, keyed, text } from "./dom.js";
import { isSound } from "./fleet.js";
import { brief, quantity } from "./format.js";

const shades = 10;

export class Heatmap {
  /** `onOpen(uuid)`; `describe(uuid)` is what a cell says of itself. */
  constructor(root, legend, { onOpen, describe }) {
    Object.assign(this, { root, legend, describe });
    // By host and number, and those of GPUs by uuid with what they show.
    this.cells = new Map();
    this.shown = new Map();
    this.rows = [];
    this.at = null;
    root.addEventListener("click", (event) => {
      const cell = event.target.closest("[data-uuid]");
      if (cell) onOpen(cell.dataset.uuid);
    });
    root.addEventListener("keydown", (event) => this.#key(event, onOpen));
    this.bars = Array.from({ length: shades }, (_, i) => el("i", { "data-heat": i, role: "presentation" }));
    this.low = el("span");
    this.high = el("span");
    legend.append(this.low, el("span", { class: "shades", "aria-hidden": "true" }, ...this.bars), this.high);
  }

  /** Rows of the hosts, named without their `prefix`, columns of the GPUs' numbers; a number that a host lacks is an empty place. */
  layout(gpus, hosts, prefix) {
    const byHost = new Map();
    const indices = new Set();
    for (const gpu of gpus) {
      if (!byHost.has(gpu.hostname)) byHost.set(gpu.hostname, new Map());
      byHost.get(gpu.hostname).set(gpu.gpu_id, gpu);
      indices.add(gpu.gpu_id);
    }
    const columns = [...indices].sort((a, b) => a.localeCompare(b, "en", { numeric: true }));
    this.root.style.setProperty("--columns", columns.length);
    this.root.classList.toggle("dense", byHost.size > 64);
    keyed(this.root, byHost, ([name]) => name, ([name]) => el("div", { role: "row" }, this.#head(name)), (row, [name, own]) => {
      const health = hosts.get(name)?.health;
      const head = row.firstElementChild;
      text(head.firstElementChild, name.slice(prefix.length));
      attribute(head, "data-health", health);
      attribute(head, "title", health ? `${name}: ${health}` : name);
      for (const column of columns) {
        const gpu = own.get(column);
        const key = `${name} ${column}`;
        let cell = this.cells.get(key);
        if (!cell) {
          cell = el("div", { role: "gridcell", tabindex: -1 });
          this.cells.set(key, cell);
        }
        attribute(cell, "data-uuid", gpu?.uuid);
        cell.classList.toggle("absent", !gpu);
        if (gpu) continue;
        attribute(cell, "aria-label", `${name} has no GPU ${column}`);
        text(cell, "");
        for (const shown of ["heat", "value", "state"]) delete cell.dataset[shown];
      }
      const wanted = columns.map((column) => this.cells.get(`${name} ${column}`));
      if (wanted.some((cell, i) => row.children[i + 1] !== cell)) row.replaceChildren(head, ...wanted);
    });
    this.rows = [...this.root.children];
    this.shown = new Map([...this.root.querySelectorAll("[data-uuid]")].map((cell) => [cell.dataset.uuid, { cell, said: null }]));
    if (!this.at?.isConnected) this.#rove(this.root.querySelector("[data-uuid]"));
  }

  #head(name) {
    return el("div", { role: "rowheader", class: "host" }, el("span", {}, name));
  }

  /** `values`: uuid to `{ value }`; `states`: uuid to `critical`, `warning` or `stale`. */
  paint(values, field, states) {
    let [least, most] = [Infinity, -Infinity];
    // What cannot be true must not make all others look alike.
    for (const { value } of values.values()) {
      if (!isSound(field, value)) continue;
      if (value < least) least = value;
      if (value > most) most = value;
    }
    const range = valueRange(field, least === Infinity ? 0 : least, most === -Infinity ? 1 : most);
    const counts = new Array(shades).fill(0);
    for (const [uuid, shown] of this.shown) {
      const value = values.get(uuid)?.value;
      let shade = null;
      if (value != null) {
        shade = Math.min(shades - 1, Math.max(0, Math.floor((value - range.low) / (range.high - range.low) * shades)));
        counts[shade]++;
      }
      const state = states.get(uuid) ?? (value == null || isSound(field, value) ? null : "warning");
      // Most of thousands of cells say the same as before.
      const said = `${value} ${shade} ${state} ${field.name}`;
      if (shown.said === said) continue;
      shown.said = said;
      const { cell } = shown;
      attribute(cell, "data-heat", shade);
      attribute(cell, "data-value", value);
      attribute(cell, "data-state", state);
      attribute(cell, "aria-label", this.describe(uuid));
      text(cell, brief(value, field.unit));
    }
    text(this.low, quantity(range.low, field.unit));
    text(this.high, quantity(range.high, field.unit));
    const peak = Math.max(1, ...counts);
    this.bars.forEach((bar, i) => {
      bar.style.setProperty("--share", counts[i] / peak);
      const [from, to] = [i, i + 1].map((n) => quantity(range.low + (range.high - range.low) * n / shades, field.unit));
      attribute(bar, "title", `${counts[i]} GPUs from ${from} to ${to}`);
    });
  }

  /** Fades what is not among these uuids; nothing fades without them. */
  only(uuids) {
    this.root.classList.toggle("searching", uuids != null);
    for (const [uuid, { cell }] of this.shown) cell.classList.toggle("found", uuids?.has(uuid) ?? false);
  }

  focus(uuid) {
    const cell = this.shown.get(uuid)?.cell ?? this.at;
    if (!cell) return;
    this.#rove(cell);
    cell.focus();
  }

  // One cell is in the order of the tab key: the one that was last on.
  #rove(cell) {
    if (this.at) this.at.tabIndex = -1;
    this.at = cell;
    if (cell) cell.tabIndex = 0;
  }

  #key(event, onOpen) {
    const cell = event.target.closest("[role=gridcell]");
    if (!cell || event.ctrlKey || event.metaKey || event.altKey) return;
    const row = this.rows.indexOf(cell.parentElement);
    const column = [...cell.parentElement.children].indexOf(cell);
    const across = this.#across();
    const step = {
      ArrowLeft: () => this.#cell(row, column - 1) ?? this.#cell(row - 1, -1),
      ArrowRight: () => this.#cell(row, column + 1) ?? this.#cell(row + 1, 1),
      ArrowUp: () => this.#cell(row - across, column), ArrowDown: () => this.#cell(row + across, column),
      Home: () => this.#cell(row, 1), End: () => this.#cell(row, -1),
      PageUp: () => this.#cell(0, column), PageDown: () => this.#cell(this.rows.length - 1, column),
    }[event.key];
    if (step) {
      const next = step();
      if (next) {
        this.#rove(next);
        next.focus();
      }
    } else if (event.key === "Enter" || event.key === " ") {
      if (cell.dataset.uuid) onOpen(cell.dataset.uuid);
    } else {
      return;
    }
    event.preventDefault();
  }

  // How many hosts stand beside each other.
  #across() {
    const top = this.rows[0].offsetTop;
    const first = this.rows.findIndex((row) => row.offsetTop !== top);
    return first < 0 ? this.rows.length : first;
  }

  // Counted from the end where the column is negative; the first is the host's name.
  #cell(row, column) {
    const cells = this.rows[row]?.children;
    if (!cells || column === 0) return null;
    return column < 0 ? cells[cells.length + column] : cells[column];
  }
}
