// Server-sent events over fetch: an EventSource cannot send the token.

import { query, request } from "./api.js";

/** Splits text that arrives in pieces into events: `{ type, data }`; comments are `{ type: "" }`. */
export function eventParser(deliver) {
  let rest = "";
  let type = "message";
  let data = [];
  return (piece) => {
    const lines = (rest + piece).split(/\r\n|\n|\r(?!$)/);
    rest = lines.pop();
    for (const line of lines) {
      if (line === "") {
        if (data.length) deliver({ type, data: data.join("\n") });
        [type, data] = ["message", []];
        continue;
      }
      if (line.startsWith(":")) {
        deliver({ type: "", data: line.slice(1).trim() });
        continue;
      }
      const [, name, value] = /^([^:]*):? ?(.*)$/s.exec(line);
      if (name === "event") type = value;
      else if (name === "data") data.push(value);
    }
  };
}

const silence = 45_000;
const longestWait = 15_000;

/** The live samples of one choice of metrics and GPUs; connects again by itself. */
export class Stream {
  /**
   * `onSamples(list)`; `onOpen` after each connecting; `onState(state, detail)` with `connecting`, `live`, `waiting` for the connection,
   * `refused` where the gateway answers but streams nothing, or `closed`.
   */
  constructor({ onSamples, onState, onOpen }) {
    Object.assign(this, { onSamples, onState, onOpen });
    this.controller = null;
  }

  /** Replaces what is followed. */
  follow(parameters) {
    this.close();
    const controller = (this.controller = new AbortController());
    this.#run(query("api/v1/stream", parameters), controller.signal);
  }

  close() {
    this.controller?.abort();
    this.controller = null;
    this.onState("closed", "");
  }

  async #run(path, signal) {
    let wait = 1000;
    while (!signal.aborted) {
      let reason = "the gateway ended the stream";
      let state = "waiting";
      this.onState("connecting", "");
      try {
        await this.#read(path, signal, () => { wait = 1000; }, (why) => { reason = why; });
      } catch (error) {
        if (signal.aborted) return;
        reason = error.message;
        if (error.status >= 400) [state, wait] = ["refused", longestWait];
      }
      if (signal.aborted) return;
      this.onState(state, `${reason}; trying again in ${Math.round(wait / 1000)} s`);
      await new Promise((done) => {
        const timer = setTimeout(done, wait);
        signal.addEventListener("abort", () => { clearTimeout(timer); done(); }, { once: true });
      });
      wait = Math.min(2 * wait, longestWait);
    }
  }

  async #read(path, signal, onEvent, onDropped) {
    // Ends this connection alone, where it has become silent: the gateway sends something every 15 s.
    const connection = new AbortController();
    const end = () => connection.abort();
    signal.addEventListener("abort", end, { once: true });
    let watchdog = setTimeout(end, silence);
    try {
      const answer = await request(path, { signal: connection.signal, accept: "text/event-stream" });
      this.onState("live", "");
      this.onOpen();
      const parse = eventParser(({ type, data }) => {
        onEvent();
        if (type === "samples") this.onSamples(JSON.parse(data));
        else if (type === "dropped") onDropped(`the gateway dropped this reader: ${JSON.parse(data).reason}`);
      });
      const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return;
        clearTimeout(watchdog);
        watchdog = setTimeout(end, silence);
        parse(value);
      }
    } catch (error) {
      throw connection.signal.aborted && !signal.aborted ? new Error(`nothing heard for ${silence / 1000} s`) : error;
    } finally {
      clearTimeout(watchdog);
      signal.removeEventListener("abort", end);
    }
  }
}
