// Elements without markup: text from data only ever becomes text.

export const $ = (id) => document.getElementById(id);

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value == null || value === false) continue;
    if (typeof value === "function") node.addEventListener(name, value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child != null && child !== false));
  return node;
}

/** An element with attributes (functions become listeners) and children (strings become text). */
export const el = (tag, attributes = {}, ...children) => fill(document.createElement(tag), attributes, children);

export const svg = (tag, attributes = {}, ...children) =>
  fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);

/** Sets text only where it differs: what does not change is not laid out again. */
export function text(node, value) {
  if (node.textContent !== value) node.textContent = value;
}

export function attribute(node, name, value) {
  if (value == null) node.removeAttribute(name);
  else if (node.getAttribute(name) !== String(value)) node.setAttribute(name, value);
}

/** Makes the children of `parent` those of `items`, in their order; a child stays with its key, and so does the focus on it. */
export function keyed(parent, items, key, make, update) {
  const old = new Map([...parent.children].map((child) => [child.dataset.key, child]));
  let next = parent.firstElementChild;
  for (const item of items) {
    const name = String(key(item));
    let child = old.get(name);
    old.delete(name);
    if (!child) {
      child = make(item);
      child.dataset.key = name;
    }
    if (child === next) next = next.nextElementSibling;
    else parent.insertBefore(child, next);
    update?.(child, item);
  }
  for (const child of old.values()) child.remove();
}

/** Shows in a panel what failed there, or that nothing does. */
export function problem(panel, error) {
  const line = panel.matches(".problem") ? panel : panel.querySelector(":scope > .problem");
  line.hidden = !error;
  text(line, error ? error.message : "");
}

/** Runs what loads a panel; a failure is shown there and leaves what is on it. */
export async function guarded(panel, load) {
  try {
    await load();
    problem(panel, null);
  } catch (error) {
    if (error.name !== "AbortError") problem(panel, error);
  }
}

/** Calls `draw` at most once in `interval` milliseconds, and not while the page is hidden. */
export function throttled(interval, draw) {
  let timer = null;
  let last = 0;
  const run = () => {
    timer = null;
    last = performance.now();
    draw();
  };
  return () => {
    timer ??= setTimeout(() => requestAnimationFrame(run), Math.max(0, last + interval - performance.now()));
  };
}
