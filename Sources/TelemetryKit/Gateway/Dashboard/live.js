// Following the samples as they come: the state of it, holding it, and asking at times where it does not work.

import { $, attribute, text } from "./dom.js";
import * as fleet from "./fleet.js";
import { ago, moment } from "./format.js";
import { Stream } from "./stream.js";

const names = { connecting: "Connecting", live: "Live", waiting: "Reconnecting", refused: "Every 10 s", held: "Held", closed: "Closed" };
const hiddenFor = 60_000;

let wanted = null;
let state = "connecting";
let detail = "";
let isHeld = false;
let sleeping = null;

const stream = new Stream({
  onSamples: (samples) => fleet.take(samples),
  onState: (name, why) => say(name, why),
  // What was missed while there was no connection.
  onOpen: () => wanted?.onOpen(),
});

export const isFollowing = () => wanted != null;

/** Follows these metrics or GPUs from now on; `onOpen` loads what is there already. */
export function follow(parameters, onOpen) {
  wanted = { parameters, onOpen };
  if (isHeld) onOpen();
  else stream.follow(parameters);
}

function say(name, why = "") {
  [state, detail] = [isHeld ? "held" : name, why];
  show();
}

function show() {
  const age = fleet.newest ? ago(fleet.newest) : "";
  $("live").dataset.state = state;
  text($("live-text"), state === "live" && age ? `Live · ${age.replace(" ago", "")}` : names[state]);
  const said = fleet.newest ? `Newest sample: ${moment(fleet.newest)}, ${age}` : "No samples yet";
  text($("live-detail"), said);
  attribute($("live"), "title", `${detail ? detail + ". " : ""}${said}. ${isHeld ? "Follow again" : "Hold"} (l)`);
  const banner = $("banner");
  banner.hidden = state !== "waiting";
  text(banner, detail);
}

export function start() {
  $("live").addEventListener("click", () => {
    isHeld = !isHeld;
    if (isHeld) stream.close();
    else if (wanted) stream.follow(wanted.parameters);
    say(isHeld ? "held" : state);
  });
  // A tab that nobody looks at for long costs the gateway nothing.
  document.addEventListener("visibilitychange", () => {
    clearTimeout(sleeping);
    if (document.hidden) sleeping = setTimeout(() => stream.close(), hiddenFor);
    else if (state === "closed" && wanted) stream.follow(wanted.parameters);
  });
  setInterval(show, 1000);
  setInterval(() => {
    if (["waiting", "refused"].includes(state) && !document.hidden) wanted?.onOpen();
  }, 10_000);
}
