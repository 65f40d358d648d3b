// The view and its parameters are in the address behind `#`: they can be shared, reloaded and gone back from.

// An address that somebody cut or mistyped may hold a broken escape: it stands for itself then, and names nothing that is there.
function decoded(text) {
  try { return decodeURIComponent(text); } catch { return text; }
}

/** `#/gpu/GPU-5fd4?range=1h` is `{ view: "gpu", subject: "GPU-5fd4", parameters }`. */
export function current() {
  const [path, search = ""] = location.hash.replace(/^#\/?/, "").split("?");
  const [view, subject = ""] = path.split("/").map(decoded);
  return { view: view || "fleet", subject, parameters: new URLSearchParams(search) };
}

export function address(view, subject = "", parameters = {}) {
  const path = view === "fleet" ? "" : view + (subject ? "/" + encodeURIComponent(subject.toWellFormed()) : "");
  const search = new URLSearchParams(Object.entries(parameters).filter(([, value]) => value != null));
  return `#/${path}${search.size ? "?" + search : ""}`;
}

export function go(view, subject, parameters) { location.hash = address(view, subject, parameters); }

/** Changes the parameters of the view that is shown, without a step in the history. */
export function amend(changes) {
  const { view, subject, parameters } = current();
  history.replaceState(null, "", address(view, subject, { ...Object.fromEntries(parameters), ...changes }));
}

const names = { fleet: "Fleet", alerts: "Alerts", pipeline: "Pipeline" };

/** Shows one of the views, `{ name: { show(subject, parameters), hide() } }`, now and whenever the address changes. */
export function start(views) {
  let shown = null;
  const route = () => {
    let { view, subject, parameters } = current();
    if (!Object.hasOwn(views, view)) view = "fleet";
    if (shown) views[shown].hide?.();
    shown = view;
    for (const section of document.querySelectorAll("[data-view]")) section.hidden = section.dataset.view !== view;
    for (const link of document.querySelectorAll("[data-nav]")) {
      const isCurrent = link.dataset.nav === (view === "gpu" ? "fleet" : view);
      if (isCurrent) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
    document.title = `${names[view] ?? "GPU"} · GPU telemetry`;
    scrollTo(0, 0);
    views[view].show(subject, parameters);
  };
  addEventListener("hashchange", route);
  route();
}
