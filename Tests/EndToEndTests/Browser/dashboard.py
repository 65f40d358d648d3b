#!/usr/bin/env python3
"""Opens the dashboard of a running gateway in Debian's Chromium and compares what it shows with what the API answers.

dashboard.py URL SECURED_URL SCREENSHOTS EXPORT STREAMER

EXPORT is what both gateways hold; that of SECURED_URL asks for the token in API_TOKEN. STREAMER publishes what its variable SOURCE
names to their queue: the script lets it bring changed values while the page is open. Ends with 0 where everything is right, else
it says what is not.
"""

import csv
import json
import os
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

URL, SECURED_URL, SCREENSHOTS, EXPORT, STREAMER = sys.argv[1], sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4]), sys.argv[5]
UTIL, TEMP, XID = "DCGM_FI_DEV_GPU_UTIL", "DCGM_FI_DEV_GPU_TEMP", "DCGM_FI_DEV_XID_ERRORS"

complaints: list[str] = []


def api(path: str, **parameters) -> list | dict:
    query = urllib.parse.urlencode(parameters, doseq=True)
    with urllib.request.urlopen(f"{URL}/{path}{'?' + query if query else ''}") as answer:
        return json.load(answer)


def latest(metric: str) -> dict[str, float]:
    page = api("api/v1/telemetry/latest", metric_name=metric, limit=1000)
    return {sample["uuid"]: sample["value"] for sample in page["data"]}


def check(is_right: bool, what: str) -> None:
    if not is_right:
        raise AssertionError(what)


def equal(found, wanted, what: str) -> None:
    check(found == wanted, f"{what}: {found!r} instead of {wanted!r}")


def until(what: str, probe, limit: float = 120):
    """The first true answer of a probe. (Playwright's own wait evaluates text, which the page's policy forbids.)"""
    end = time.monotonic() + limit
    while True:
        asked = time.monotonic()
        if answer := probe():
            return answer
        check(asked < end, f"no {what} after {limit} s")
        time.sleep(0.05)


def cells(page: Page) -> dict[str, float]:
    return page.evaluate("""() => Object.fromEntries([...document.querySelectorAll("#heatmap [data-value]")]
        .map((cell) => [cell.dataset.uuid, Number(cell.dataset.value)]))""")


def watched(context) -> Page:
    page = context.new_page()
    page.set_default_timeout(60_000)
    page.on("console", lambda message: message.type in ("error", "warning") and complaints.append(f"console: {message.text}"))
    page.on("pageerror", lambda error: complaints.append(f"page: {error.stack or error}"))
    page.on("request", lambda request: None if request.url.startswith((URL, "data:", "blob:")) else complaints.append(f"asked {request.url}"))
    return page


def shoot(page: Page, name: str) -> None:
    page.evaluate("() => scrollTo(0, 0)")
    page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=True)


def modules(page: Page) -> None:
    """Numbers, times and events, in the browser that runs them."""
    said = page.evaluate("""async () => {
        const { quantity, brief, title, prefix, span } = await import("/dashboard/format.js");
        return [quantity(77413, "MiB"), quantity(689.457, "W"), quantity(64600, "W"), quantity(0, "%"), quantity(41.526, "°C"),
          quantity(2147483648, "B"), quantity(NaN, "W"), brief(1980, "MHz"), brief(77413, "MiB"), title("DCGM_FI_DEV_GPU_TEMP"),
          title("DCGM_FI_DEV_FB_USED"), prefix(["dgx-031", "dgx-007", "dgx-03"]), span(90), span(7200)];
    }""")
    equal(said, ["75.6\u00a0GiB", "689.5\u00a0W", "64.6\u00a0kW", "0%", "41.5\u00a0°C", "2\u00a0GiB", "–", "1980", "75.6", "GPU temperature",
                 "Framebuffer used", "dgx-", "90 s", "2 h"], "what numbers are written as")
    ticks = page.evaluate("""async () => {
        const { timeTicks, valueRange, windowOf } = await import("/dashboard/axis.js");
        const noon = new Date(2025, 6, 18, 12, 0).getTime();
        return [timeTicks(noon, noon + 900e3, 8).map((tick) => tick.text), timeTicks(noon, noon + 86400e3, 6).map((tick) => tick.text),
          valueRange({ unit: "°C" }, 26, 80), valueRange({ unit: "%" }, 3, 9), valueRange({ unit: "MiB" }, 81003, 81003).step % 1024,
          windowOf(3600e3, 120)];
    }""")
    equal(ticks[0], ["12:00", "12:02", "12:04", "12:06", "12:08", "12:10", "12:12", "12:14"], "ticks of 15 minutes")
    equal(ticks[1], ["12:00", "18:00", "Jul 19", "06:00", "12:00"], "ticks of a day")
    equal(ticks[2:], [{"low": 20, "high": 80, "step": 20}, {"low": 0, "high": 100, "step": 25}, 0, 30], "ranges and windows")
    events = page.evaluate("""async () => {
        const { eventParser } = await import("/dashboard/stream.js");
        const events = [];
        const parse = eventParser((event) => events.push(event));
        for (const piece of ["retry: 2000\\n\\n: he", "artbeat\\n\\nevent: samples\\r", "\\ndata: [1,\\ndata: 2]\\n", "\\nevent:dropped\\ndata:x\\n\\n"]) parse(piece);
        return events;
    }""")
    equal(events, [{"type": "", "data": "heartbeat"}, {"type": "samples", "data": "[1,\n2]"}, {"type": "dropped", "data": "x"}], "events")


def heatmap(page: Page) -> None:
    for metric in (UTIL, TEMP):
        if metric != UTIL:
            page.select_option("#metric", metric)
        wanted = latest(metric)
        equal(len(wanted), 247, f"GPUs with {metric}")
        until(f"{metric} in the heatmap", lambda: cells(page) == wanted)
        rows = [row for row in csv.DictReader(EXPORT.open()) if row["metric_name"] == metric]
        equal(cells(page), {row["uuid"]: float(row["value"]) for row in rows}, f"{metric} beside the export")
    high = page.inner_text("#legend > span:last-child")
    check(high.endswith("°C"), f"the legend has no unit: {high}")
    check("sound from" in page.inner_text("#meaning"), "the range that the catalogue gives is not named")
    texts = page.evaluate("""() => [...document.querySelectorAll("#heatmap [data-value]")].every((cell) => cell.textContent === cell.dataset.value)""")
    check(texts, "cells show other numbers than they hold")
    equal(page.locator("#heatmap .absent").count(), 1, "places without a GPU: one host has seven")
    # Rankings: the hottest first, and the same numbers.
    shown = [float(value) for value in page.eval_on_selector_all("#top-gpus tr", "rows => rows.map((row) => row.dataset.value)")]
    equal(shown, sorted(latest(TEMP).values(), reverse=True)[:len(shown)], "the hottest GPUs")
    page.click("#top-gpus [data-order=lowest]")
    shown = [float(value) for value in page.eval_on_selector_all("#top-gpus tr", "rows => rows.map((row) => row.dataset.value)")]
    equal(shown, sorted(latest(TEMP).values())[:len(shown)], "the coolest GPUs")
    until("figures at the top", lambda: page.locator(".tile").count() == 6)
    equal(page.inner_text(".tile >> nth=0").split("\n")[1], "247", "GPUs at the top")


def keys(page: Page) -> None:
    page.keyboard.press("f")
    focused = "() => document.activeElement.dataset.uuid"
    first = page.evaluate(focused)
    check(first is not None, "f does not lead into the heatmap")
    outline = page.evaluate("() => getComputedStyle(document.activeElement).outlineStyle")
    check(outline != "none", "the focus cannot be seen")
    check(page.is_visible("#tip"), "a cell with the focus does not say what it is")
    page.keyboard.press("ArrowRight")
    second = page.evaluate(focused)
    page.keyboard.press("ArrowDown")
    third = page.evaluate(focused)
    check(len({first, second, third}) == 3, "arrows do not move the focus")
    page.keyboard.press("Enter")
    until("view of the GPU", lambda: third in page.url and page.is_visible("#charts"))
    page.keyboard.press("Escape")
    until("way back", lambda: page.is_visible("#heatmap"))
    until("focus on the same cell", lambda: page.evaluate(focused) == third)
    page.keyboard.press("?")
    check(page.is_visible("#keys"), "? does not show the keys")
    page.keyboard.press("Escape")
    check(not page.is_visible("#keys"), "Esc does not close the keys")
    page.keyboard.press("/")
    page.keyboard.type("hgpu-013 5")
    until("what is found", lambda: page.locator("#found [role=option]").count() == 1)
    equal(page.locator("#heatmap .found").count(), 1, "cells that stand out")
    shoot(page, "search")
    page.keyboard.press("Enter")
    until("GPU that was found", lambda: "hgpu-013 / GPU 5" in page.inner_text("#gpu-title"))
    page.keyboard.press("]")
    until("GPU after it", lambda: "hgpu-013 / GPU 6" in page.inner_text("#gpu-title"))


def charts(page: Page, uuid: str) -> None:
    page.goto(f"{URL}/#/gpu/{uuid}")
    until("ten charts", lambda: page.locator("#charts .plot[data-last]").count() == 10)
    newest = {sample["metric_name"]: sample["value"] for sample in api(f"api/v1/gpus/{uuid}/latest")["data"]}
    shown = page.evaluate("""() => Object.fromEntries([...document.querySelectorAll("#charts .panel")]
        .map((panel) => [panel.dataset.metric, Number(panel.querySelector(".plot").dataset.last)]))""")
    equal(shown, newest, "the newest values of the charts")

    samples = api(f"api/v1/gpus/{uuid}/telemetry", metric_name=TEMP, limit=1000)["data"]
    plot = page.locator(f'[data-metric="{TEMP}"] .plot')
    until("every sample in the chart", lambda: int(plot.get_attribute("data-count")) == len(samples))
    equal(float(plot.get_attribute("data-high")), max(sample["value"] for sample in samples), "the highest value of the chart")
    reading = plot.locator(".reading")

    def read() -> tuple[int, float]:
        until("value at the pointer", lambda: reading.is_visible())
        return int(reading.get_attribute("data-time")), float(reading.get_attribute("data-value"))

    def in_api(found: tuple[int, float]) -> bool:
        wanted = {(round(time_of(sample["timestamp"]) * 1000), sample["value"]) for sample in samples}
        return any(abs(at - found[0]) <= 1 and value == found[1] for at, value in wanted)

    plot.scroll_into_view_if_needed()
    box = plot.bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.8, box["y"] + 60)
    check(in_api(read()), f"the chart says {read()} under the pointer, and the API does not")
    check("°C" in reading.inner_text(), "what is under the pointer has no unit")
    others = page.locator("#charts .reading:visible").count()
    equal(others, 10, "charts that show the same moment")
    shoot(page, "gpu-hover")
    page.mouse.move(0, 0)
    plot.focus()
    page.keyboard.press("End")
    last = read()
    equal(last[1], samples[-1]["value"], "the last value by the keyboard")
    page.keyboard.press("ArrowLeft")
    if len(samples) > 1:
        check(read()[0] < last[0], "the arrow does not go back in time")

    before = page.inner_text("#range-text")
    page.mouse.move(box["x"] + box["width"] * 0.4, box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.7, box["y"] + 60, steps=4)
    page.mouse.up()
    until("zoom", lambda: page.is_visible("#unzoom"))
    check(page.inner_text("#range-text") != before, "the range stays as it was")
    plot.dblclick()
    until("whole range", lambda: not page.locator("#unzoom").count())
    page.click("#ranges [data-range=all]")
    until("range in the address", lambda: "range=all" in page.url)


def time_of(text: str) -> float:
    from datetime import datetime
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def changed(uuid: str) -> Path:
    """An export in which one GPU is too hot, has lost its bus, and says a power that cannot be."""
    rows = list(csv.DictReader(EXPORT.open()))
    own = [row for row in rows if row["uuid"] == uuid]
    for row in own:
        row["value"] = {TEMP: "94", "DCGM_FI_DEV_POWER_USAGE": "123456"}.get(row["metric_name"], row["value"])
    own.append({**own[0], "metric_name": XID, "value": "79", "labels_raw": own[0]["labels_raw"].replace(own[0]["metric_name"], XID)})
    path = SCREENSHOTS / "changed.csv"
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=rows[0].keys(), quoting=csv.QUOTE_ALL)
        writer.writeheader()
        writer.writerows(own)
    return path


def live(page: Page, uuid: str) -> None:
    """What is published while the page is open is on it without loading it again."""
    page.goto(f"{URL}/#/?metric={TEMP}")
    until("heatmap", lambda: len(cells(page)) == 247)
    until("stream", lambda: page.get_attribute("#live", "data-state") == "live")
    page.evaluate("() => { window.isSame = true; }")
    other = page.context.new_page()
    other.goto(f"{URL}/#/gpu/{uuid}")
    plot = other.locator(f'[data-metric="{TEMP}"] .plot')
    until("chart", lambda: plot.count() and plot.get_attribute("data-last"))
    until("stream of the GPU", lambda: other.get_attribute("#live", "data-state") == "live")
    count = int(plot.get_attribute("data-count"))
    ended = subprocess.run([STREAMER], env={**os.environ, "SOURCE": str(changed(uuid))}, capture_output=True, text=True)
    equal(ended.returncode, 0, f"the streamer: {ended.stderr}")
    until("94 °C in the heatmap", lambda: cells(page).get(uuid) == 94)
    until("94 °C in the chart", lambda: plot.get_attribute("data-last") == "94")
    check(int(plot.get_attribute("data-count")) > count, "the chart has no more samples than before")
    check(page.evaluate("() => window.isSame"), "the page was loaded again")
    kinds = "() => [...document.querySelectorAll('#alert-list li')].filter((item) => item.dataset.uuid === '%s').map((item) => item.dataset.kind)" % uuid
    page.goto(f"{URL}/#/alerts")
    until("alerts", lambda: {"xid", "thermal", "out_of_range"} <= set(page.evaluate(kinds)), limit=25)
    listed = api("api/v1/alerts", limit=1000)
    equal(page.inner_text("#alert-count"), str(listed["total"]), "the number of alerts")
    messages = page.eval_on_selector_all("#alert-list .message", "items => items.map((item) => item.textContent)")
    equal(set(messages), {alert["message"] for alert in listed["data"]}, "what alerts say")
    shoot(page, "alerts")
    page.click("#severities [data-severity=critical]")
    check(all(item == "critical" for item in page.eval_on_selector_all("#alert-list li", "items => items.map((item) => item.dataset.severity)")),
          "others than critical alerts are shown")
    page.goto(f"{URL}/#/?metric={TEMP}")
    cell = page.locator(f'#heatmap [data-uuid="{uuid}"]')
    until("mark on the cell", lambda: cell.get_attribute("data-state") == "critical")
    other.close()


def health(page: Page) -> None:
    page.goto(f"{URL}/#/pipeline")
    stats = api("api/v1/stats")
    samples = f"{stats['store']['sample_count']:,}"
    until("samples held", lambda: samples in page.inner_text("#facts"))
    checks = api("ready")["checks"]
    until("checks", lambda: page.locator("#checks .tile[data-state=ok]").count() == len(checks))
    until("lag of both gateways", lambda: page.locator("#subscribers tbody tr").count() == 2)
    until("requests", lambda: "/api/v1/stats" in page.inner_text("#requests"))
    until("rate of samples", lambda: page.get_attribute('[data-metric="samples"] .plot', "data-last") is not None)


def token(browser) -> None:
    """A gateway that asks for a token: the page asks the person, once a tab."""
    page = browser.new_page()
    page.set_default_timeout(60_000)
    page.goto(SECURED_URL + "/")
    until("question", lambda: page.is_visible("#token"))
    for given, answer in (("wrong", "does not accept"), (os.environ["API_TOKEN"], "")):
        page.fill("#token-value", given)
        page.keyboard.press("Enter")
        if answer:
            until("refusal", lambda: page.is_visible("#token") and answer in page.inner_text("#token-text"))
    until("heatmap", lambda: len(cells(page)) == 247)
    until("stream", lambda: page.get_attribute("#live", "data-state") == "live")
    page.reload()
    until("heatmap without a question", lambda: len(cells(page)) == 247 and not page.is_visible("#token"))
    page.close()


def looks(browser, uuid: str) -> None:
    """Dark, and as narrow as a small phone."""
    dark = browser.new_context(viewport={"width": 1440, "height": 900}, color_scheme="dark")
    page = watched(dark)
    page.goto(URL + "/")
    until("heatmap", lambda: len(cells(page)) == 247)
    brightness = "() => getComputedStyle(document.body).backgroundColor.match(/[0-9.]+/g).slice(0, 3).reduce((sum, part) => sum + Number(part), 0)"
    check(page.evaluate(brightness) < 150, "the page is not dark")
    until("last hour", lambda: page.get_attribute("#fleet-chart .plot", "data-last") is not None)
    shoot(page, "fleet-dark")
    page.keyboard.press("t")
    equal(page.get_attribute("html", "data-theme"), "light", "the theme after t")
    check(page.evaluate(brightness) > 600, "the page is not light")
    dark.close()
    phone = browser.new_context(viewport={"width": 360, "height": 740}, color_scheme="light", has_touch=True, is_mobile=True)
    page = watched(phone)
    for name, address in (("fleet", ""), ("gpu", f"gpu/{uuid}"), ("alerts", "alerts"), ("pipeline", "pipeline")):
        page.goto(f"{URL}/#/{address}")
        until(name, lambda: page.is_visible(f"[data-view={name}]"))
        if name == "fleet":
            until("heatmap", lambda: len(cells(page)) == 247)
        if name == "gpu":
            until("charts", lambda: page.locator("#charts .plot[data-last]").count() >= 10)
        width = page.evaluate("() => document.documentElement.scrollWidth")
        check(width <= 360, f"{name} is {width} px wide on a phone of 360")
        shoot(page, f"phone-{name}")
    phone.close()


def main() -> None:
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        context = browser.new_context(viewport={"width": 1440, "height": 900}, color_scheme="light")
        page = watched(context)
        page.goto(URL + "/")
        gpus = api("api/v1/gpus", limit=1000)["data"]
        uuid = next(gpu["uuid"] for gpu in gpus if gpu["hostname"].endswith("017") and gpu["gpu_id"] == "2")
        for step in (lambda: modules(page), lambda: heatmap(page), lambda: shoot(page, "fleet"), lambda: keys(page), lambda: charts(page, uuid),
                     lambda: live(page, uuid), lambda: shoot(page, "fleet-alerts"), lambda: health(page), lambda: shoot(page, "pipeline"),
                     lambda: looks(browser, uuid), lambda: token(browser)):
            try:
                step()
            except Exception:
                shoot(page, "failed")
                raise
        browser.close()
    check(not complaints, "\n".join(complaints))
    print("all right; screenshots are in", SCREENSHOTS)


main()
