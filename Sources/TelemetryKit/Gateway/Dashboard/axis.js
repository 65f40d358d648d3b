// Scales: where the ticks are, and what they say.

import { clock, number, scaled } from "./format.js";

const step = (rough) => {
  const power = 10 ** Math.floor(Math.log10(rough));
  const digit = rough / power;
  return power * (digit <= 1 ? 1 : digit <= 2 ? 2 : digit <= 5 ? 5 : 10);
};

/** Round bounds around the values, and the distance of about `count` ticks in between. */
export function bounds(low, high, count = 4) {
  if (!(high > low)) {
    const room = Math.abs(low) * 0.1 || 1;
    [low, high] = [low >= 0 ? Math.max(0, low - room) : low - room, low + room];
  }
  const size = step((high - low) / count);
  return { low: Math.floor(low / size) * size, high: Math.ceil(high / size) * size, step: size };
}

/** Where a metric's values are drawn: percents and ratios on their whole range, rates from zero, others around what there is. */
export function valueRange(field, low, high) {
  const { divisor } = scaled(field.unit, high);
  if (field.unit === "%") return { low: 0, high: Math.max(100, high), step: 25 };
  if (field.minimum === 0 && field.maximum === 1) return { low: 0, high: Math.max(1, high), step: 0.25 };
  if (field.fromZero) low = Math.min(0, low);
  const round = bounds(low / divisor, high / divisor);
  return { low: round.low * divisor, high: round.high * divisor, step: round.step * divisor };
}

export function valueTicks({ low, high, step }, unit) {
  const scale = scaled(unit, high);
  const digits = Math.min(3, Math.max(0, -Math.floor(Math.log10(step / scale.divisor) + 1e-9)));
  const ticks = [];
  for (let i = 0; low + i * step <= high + step * 1e-6; i++) {
    const value = low + i * step;
    ticks.push({ value, text: number(value / scale.divisor, digits) });
  }
  return { ticks, unit: scale.unit };
}

const second = 1000, minute = 60 * second, hour = 60 * minute, day = 24 * hour;
const timeSteps = [
  ...[1, 2, 5, 10, 15, 30].map((n) => n * second), ...[1, 2, 5, 10, 15, 30].map((n) => n * minute),
  ...[1, 2, 3, 6, 12].map((n) => n * hour), ...[1, 2, 7, 14, 28, 91, 182, 364].map((n) => n * day),
];

/** Ticks at round local times, at most `count`. */
export function timeTicks(from, to, count) {
  const size = timeSteps.find((size) => (to - from) / size <= count) ?? timeSteps.at(-1);
  const ticks = [];
  const offset = new Date(from).getTimezoneOffset() * minute;
  for (let time = Math.ceil((from - offset) / size) * size + offset; time <= to; time += size) {
    const date = new Date(time);
    const isMidnight = date.getHours() === 0 && date.getMinutes() === 0 && date.getSeconds() === 0;
    ticks.push({ time, text: clock(time, size >= day || (isMidnight && size >= minute) ? "day" : size < minute ? "second" : "minute") });
  }
  return ticks;
}

const windows = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400];

/** Seconds of the window that makes about `count` points of a range of milliseconds. */
export function windowOf(range, count) {
  return windows.find((size) => range / 1000 / size <= count) ?? Math.ceil(range / 1000 / count / 86400) * 86400;
}
