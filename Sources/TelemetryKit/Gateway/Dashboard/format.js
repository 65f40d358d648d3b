// Numbers with units, times, and the names of metrics as people read them.

// Larger units of a unit: what to divide by, and from which value on (a kilowatt from ten on: people say 700 W and 1,400 W).
const binary = ["KiB", "MiB", "GiB", "TiB"];
const ladders = {
  "B": binary.map((name, i) => [name, 1024 ** (i + 1)]),
  "B/s": binary.map((name, i) => [name + "/s", 1024 ** (i + 1)]),
  "MiB": [["GiB", 1024], ["TiB", 1024 ** 2]],
  "W": [["kW", 1e3, 1e4], ["MW", 1e6]],
  "Hz": [["kHz", 1e3], ["MHz", 1e6], ["GHz", 1e9]],
  "ns": [["µs", 1e3], ["ms", 1e6], ["s", 1e9]],
  "mJ": [["J", 1e3], ["kJ", 1e6], ["MJ", 1e9], ["GJ", 1e12]],
};

const formats = [0, 1, 2, 3].map((digits) => new Intl.NumberFormat("en", { maximumFractionDigits: digits }));

/** The unit in which values up to `largest` are read best, and what to divide by. */
export function scaled(unit, largest) {
  const [name, divisor] = ladders[unit]?.findLast(([, size, from]) => Math.abs(largest) >= (from ?? size)) ?? [unit, 1];
  return { unit: name, divisor };
}

export function number(value, digits) {
  if (!Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  return formats[digits ?? (Number.isInteger(value) || size >= 1000 ? 0 : size >= 10 ? 1 : 2)].format(value);
}

/** Of a value its number and its unit, in the unit that suits it. */
export function parts(value, unit) {
  if (value == null || !Number.isFinite(value)) return ["–", ""];
  const scale = scaled(unit, value);
  return [number(value / scale.divisor), scale.unit];
}

/** `41.5 °C`, `75.6 GiB`, `100%`. */
export function quantity(value, unit) {
  const [figure, name] = parts(value, unit);
  return name === "%" ? figure + name : name ? `${figure}\u00a0${name}` : figure;
}

/** At most four characters, for a cell. */
export function brief(value, unit) {
  if (value == null || !Number.isFinite(value)) return "";
  const figure = value / scaled(unit, value).divisor;
  const size = Math.abs(figure);
  if (size >= 1e6) return number(figure / 1e6, 1) + "M";
  if (size >= 1e4) return number(figure / 1e3, 0) + "k";
  return size >= 1000 ? String(Math.round(figure)) : number(figure, size >= 100 || Number.isInteger(figure) ? 0 : 1);
}

export function ago(time, now = Date.now()) {
  const seconds = Math.round((now - time) / 1000);
  if (!Number.isFinite(seconds)) return "never";
  if (seconds < 2) return "now";
  return `${span(seconds)} ago`;
}

/** A number of seconds in one unit. */
export function span(seconds) {
  for (const [name, length] of [["d", 86400], ["h", 3600], ["min", 60]]) {
    if (seconds >= 2 * length || (seconds >= length && seconds % length === 0)) return `${Math.round(seconds / length)} ${name}`;
  }
  return `${Math.round(seconds)} s`;
}

const clocks = {
  second: new Intl.DateTimeFormat("en", { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" }),
  minute: new Intl.DateTimeFormat("en", { hour: "2-digit", minute: "2-digit", hourCycle: "h23" }),
  day: new Intl.DateTimeFormat("en", { day: "numeric", month: "short" }),
  full: new Intl.DateTimeFormat("en", {
    day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23",
    timeZoneName: "short",
  }),
};
export const clock = (time, kind = "second") => clocks[kind].format(time);

/** The time today, with its day where it was another. */
export function moment(time) {
  const isToday = new Date(time).toDateString() === new Date().toDateString();
  return isToday ? clock(time) : `${clock(time, "day")} ${clock(time)}`;
}

const words = {
  GPU: "GPU", SM: "SM", FB: "framebuffer", MEM: "memory", UTIL: "utilisation", TEMP: "temperature", DEC: "decoder", ENC: "encoder",
  XID: "Xid", ECC: "ECC", NVLINK: "NVLink", PCIE: "PCIe", BAR1: "BAR1", SBE: "single-bit errors", DBE: "double-bit errors",
  VOL: "volatile", AGG: "aggregate", RX: "received", TX: "sent", GR: "graphics", DRAM: "DRAM", FP16: "FP16", FP32: "FP32", FP64: "FP64",
  VGPU: "vGPU", CELSIUS: "", WATTS: "", HERTZ: "", BYTES: "",
};

/** `GPU temperature` of `DCGM_FI_DEV_GPU_TEMP`. */
export function title(metric) {
  const name = metric.replace(/^DCGM_(FI_(DEV_|PROF_)?|EXP_)/, "").split("_");
  const said = name.map((word) => words[word] ?? word.toLowerCase()).filter(Boolean).join(" ");
  return said ? said[0].toUpperCase() + said.slice(1) : metric;
}

/** What all names begin with up to a separator, and what is left of each: `dgx-031` and `dgx-007` are `031` and `007`. */
export function prefix(names) {
  if (names.length < 2) return "";
  let common = names[0];
  for (const name of names) {
    while (!name.startsWith(common)) common = common.slice(0, -1);
  }
  return common.slice(0, Math.max(common.lastIndexOf("-"), common.lastIndexOf("."), common.lastIndexOf("_")) + 1);
}
