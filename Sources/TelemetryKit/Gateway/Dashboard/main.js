// Puts the page together.

import * as alerts from "./alerts.js";
import { onTokenWanted } from "./api.js";
import { $, guarded, problem, text } from "./dom.js";
import * as fleet from "./fleet.js";
import * as gpu from "./gpu.js";
import * as health from "./health.js";
import * as keys from "./keys.js";
import * as live from "./live.js";
import * as overview from "./overview.js";
import * as router from "./router.js";
import * as search from "./search.js";

onTokenWanted((wasRefused) => new Promise((done) => {
  const dialog = $("token");
  text($("token-text"), wasRefused ? "The gateway does not accept this token."
    : "This gateway asks for a token. It is kept until this tab is closed.");
  $("token-value").value = "";
  dialog.addEventListener("close", () => done(dialog.returnValue === "ok" ? $("token-value").value : null), { once: true });
  dialog.returnValue = "";
  dialog.showModal();
}));

for (const module of [alerts, gpu, overview, health, live]) module.start();
search.start({ onFound: overview.mark, onOpen: (uuid) => router.go("gpu", uuid) });
keys.listen({ heatmap: overview.focusHeatmap, sibling: gpu.sibling, back: () => router.go("fleet") });

const views = { fleet: overview.view, gpu: gpu.view, alerts: alerts.view, pipeline: health.view };
router.start(views);

const alertPanels = [$("fleet-alerts"), $("alerts-panel")];

async function loadAlerts() {
  try {
    await fleet.loadAlerts();
    for (const panel of alertPanels) problem(panel, null);
  } catch (error) {
    for (const panel of alertPanels) problem(panel, error);
  }
}

/** Now, and again and again while somebody looks. */
function every(interval, load) {
  load();
  setInterval(() => { if (!document.hidden) load(); }, interval);
}

const heat = $("heat-panel");
every(60_000, () => guarded(heat, fleet.loadGPUs));
every(60_000, () => guarded(heat, fleet.loadMetrics));
every(5_000, loadAlerts);
// Without the health of hosts the heatmap still shows values.
every(15_000, () => fleet.loadHosts().catch(() => {}));
// Without the catalogue numbers have no units; it is asked for until it is there.
(async function units() {
  await fleet.loadCatalogue().catch(() => setTimeout(units, 10_000));
})();
