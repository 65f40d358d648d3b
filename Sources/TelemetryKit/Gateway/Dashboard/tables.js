// Tables: rankings with a bar for each value, and plain ones.

import { attribute, el, keyed, text } from "./dom.js";

// Those of the same value stand in the order of their names.
const { compare } = new Intl.Collator("en", { numeric: true });
const orders = {
  highest: (a, b) => b.value - a.value || compare(a.name, b.name), lowest: (a, b) => a.value - b.value || compare(a.name, b.name),
};
const length = 8;

/** A panel with the first of `rows`: `{ key, name, href, value, text, note }`. */
export class Ranking {
  constructor({ id, both = true }) {
    this.order = "highest";
    this.rows = [];
    this.heading = el("h2");
    this.body = el("tbody");
    this.buttons = both && el("div", { class: "segments", role: "group", "aria-label": "Order" }, ...Object.keys(orders).map((name) => el("button", {
      type: "button", "data-order": name, "aria-pressed": name === this.order, click: () => {
        this.order = name;
        for (const button of this.buttons.children) attribute(button, "aria-pressed", button.dataset.order === name);
        this.draw();
      },
      title: `The ${name} first`,
    }, name.replace("est", ""))));
    this.none = el("p", { class: "note none", hidden: true });
    this.panel = el("section", { class: "panel ranking", id },
      el("header", {}, this.heading, this.buttons), el("table", {}, this.body), this.none);
  }

  set(title, rows, { none = "No samples yet", note } = {}) {
    this.rows = rows;
    text(this.heading, title);
    attribute(this.heading, "title", note);
    text(this.none, none);
    this.draw();
  }

  draw() {
    const shown = this.rows.toSorted(orders[this.order]).slice(0, length);
    const most = Math.max(...this.rows.map((row) => Math.abs(row.value)), 1e-9);
    this.none.hidden = shown.length > 0;
    keyed(this.body, shown, (row) => row.key,
      () => el("tr", {}, el("th", { scope: "row" }, el("a")), el("td", { class: "share" }, el("i")), el("td", { class: "figure" })),
      (line, row) => {
        const link = line.querySelector("a");
        text(link, row.name);
        attribute(link, "href", row.href);
        attribute(link, "title", row.note);
        line.querySelector("i").style.setProperty("--share", Math.abs(row.value) / most);
        const figure = line.querySelector(".figure");
        text(figure, row.text);
        attribute(line, "data-value", row.value);
      });
  }
}

/** A panel with a table: `columns` are names, those that end in `#` hold figures; rows are lists of text. */
export class Table {
  constructor({ id, title, columns, none }) {
    this.columns = columns.map((name) => ({ name: name.replace(/#$/, ""), isFigure: name.endsWith("#") }));
    this.body = el("tbody");
    this.none = el("p", { class: "note none", hidden: true }, none);
    this.panel = el("section", { class: "panel", id }, el("header", {}, el("h2", {}, title)),
      el("p", { class: "problem", role: "alert", hidden: true }),
      el("div", { class: "scroll" }, el("table", {},
        el("thead", {}, el("tr", {}, ...this.columns.map(({ name, isFigure }) => el("th", { scope: "col", class: isFigure && "figure" }, name)))),
        this.body)), this.none);
  }

  /** `rows`: `{ key, cells, state }`. */
  set(rows) {
    this.none.hidden = rows.length > 0;
    keyed(this.body, rows, (row) => row.key,
      () => el("tr", {}, ...this.columns.map(({ isFigure }, i) => i ? el("td", { class: isFigure && "figure" }) : el("th", { scope: "row" }))),
      (line, row) => {
        row.cells.forEach((cell, i) => text(line.children[i], cell));
        attribute(line, "data-state", row.state);
      });
  }
}
