/// The page at `/`: the fleet at a glance, from the gateway's own API, with no script from elsewhere.
enum StatusPage {
    static let html = """
        <!doctype html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <title>GPU telemetry</title>
        <link rel="icon" href="data:,">
        <style>
        :root { color-scheme: light dark; --bg: #f6f7f9; --card: #fff; --text: #16191d; --muted: #5c6670; --line: #dfe3e8; --accent: #2a7f4f; --bad: #b3261e; }
        @media (prefers-color-scheme: dark) { :root { --bg: #101316; --card: #191d22; --text: #e8eaed; --muted: #9aa4af; --line: #2b3138; --accent: #6fcf97; --bad: #f2867e; } }
        * { box-sizing: border-box; }
        body { margin: 0; background: var(--bg); color: var(--text); font: 15px/1.5 system-ui, sans-serif; }
        header { display: flex; flex-wrap: wrap; gap: .25rem 1.5rem; align-items: baseline; padding: 1rem 1.25rem; border-bottom: 1px solid var(--line); background: var(--card); }
        header h1 { font-size: 1.15rem; margin: 0; } header nav { margin-left: auto; display: flex; gap: 1rem; }
        a { color: var(--accent); } main { max-width: 72rem; margin: 0 auto; padding: 1.25rem; }
        .cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); gap: .75rem; }
        .card { background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: .75rem 1rem; }
        .card b { display: block; font-size: 1.6rem; font-variant-numeric: tabular-nums; line-height: 1.2; } .card span { color: var(--muted); font-size: .85rem; }
        #state { font-weight: 600; } #state.bad { color: var(--bad); } #state.good { color: var(--accent); }
        form { margin: 1.25rem 0 .75rem; } label { color: var(--muted); } input { font: inherit; width: min(22rem, 100%); padding: .35rem .6rem; border: 1px solid var(--line); border-radius: 6px; background: var(--card); color: inherit; }
        .table { overflow-x: auto; background: var(--card); border: 1px solid var(--line); border-radius: 8px; }
        table { border-collapse: collapse; width: 100%; } th, td { text-align: left; padding: .4rem .75rem; border-bottom: 1px solid var(--line); white-space: nowrap; }
        th { color: var(--muted); font-weight: 500; font-size: .85rem; } tr:last-child td { border: 0; } td.id { font-family: ui-monospace, monospace; font-size: .85rem; }
        .note { color: var(--muted); padding: .5rem 0; }
        </style>
        </head>
        <body>
        <header><h1>GPU telemetry</h1><span id="state" role="status">loading…</span>
        <nav><a href="/swagger/index.html">API</a><a href="/metrics">metrics</a></nav></header>
        <main>
        <div class="cards" id="cards"></div>
        <form onsubmit="return false"><label for="filter">Filter by host, model or uuid</label><br><input id="filter" type="search" autocomplete="off"></form>
        <div class="table"><table><thead><tr><th>Host</th><th>GPU</th><th>Model</th><th>UUID</th><th>Last sample</th><th></th></tr></thead><tbody id="gpus"></tbody></table></div>
        <p class="note" id="note"></p>
        </main>
        <script>
        "use strict";
        const $ = (id) => document.getElementById(id);
        const number = new Intl.NumberFormat("en");
        let gpus = [];
        async function get(path) {
          const answer = await fetch(path);
          const body = await answer.json();
          if (!answer.ok) throw new Error(body.message || answer.status);
          return body;
        }
        function card(value, name) {
          const box = document.createElement("div");
          box.className = "card";
          box.append(Object.assign(document.createElement("b"), { textContent: value }), Object.assign(document.createElement("span"), { textContent: name }));
          return box;
        }
        function time(text) { return text ? text.replace("T", " ").replace(/\\.\\d+Z?$|Z$/, "") + " UTC" : "none"; }
        function draw() {
          const wanted = $("filter").value.toLowerCase();
          const shown = gpus.filter((gpu) => [gpu.hostname, gpu.model_name, gpu.uuid].join(" ").toLowerCase().includes(wanted));
          $("gpus").replaceChildren(...shown.map((gpu) => {
            const row = document.createElement("tr");
            for (const [text, kind] of [[gpu.hostname], [gpu.gpu_id], [gpu.model_name], [gpu.uuid, "id"], [time(gpu.last_seen)]]) {
              const cell = document.createElement("td");
              cell.textContent = text;
              if (kind) cell.className = kind;
              row.append(cell);
            }
            const cell = document.createElement("td");
            const link = document.createElement("a");
            link.href = "/api/v1/gpus/" + encodeURIComponent(gpu.uuid) + "/telemetry/export?format=csv";
            link.textContent = "CSV";
            cell.append(link);
            row.append(cell);
            return row;
          }));
          $("note").textContent = gpus.length === 0 ? "No samples yet." : number.format(shown.length) + " of " + number.format(gpus.length) + " GPUs";
        }
        async function refresh() {
          try {
            const stats = (await get("/api/v1/stats")).store;
            $("cards").replaceChildren(
              card(number.format(stats.gpu_count), "GPUs"), card(number.format(stats.host_count), "hosts"),
              card(number.format(stats.metric_count), "metrics"), card(number.format(stats.sample_count), "samples held"));
            if (stats.gpu_count !== gpus.length || stats.newest !== refresh.newest) {
              const all = [];
              while (true) {
                const page = await get("/api/v1/gpus?limit=100&offset=" + all.length);
                all.push(...page.data);
                if (page.count === 0 || all.length >= page.total) break;
              }
              gpus = all;
              refresh.newest = stats.newest;
              draw();
            }
            $("state").className = "good";
            $("state").textContent = stats.newest ? "newest sample " + time(stats.newest) : "no samples yet";
          } catch (error) {
            $("state").className = "bad";
            $("state").textContent = error.message;
          }
          setTimeout(refresh, 2000);
        }
        $("filter").addEventListener("input", draw);
        refresh();
        </script>
        </body>
        </html>
        """
}
