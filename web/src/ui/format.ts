// How numbers, sizes and times are written, the same everywhere.

const counts = new Intl.NumberFormat(undefined, { maximumFractionDigits: 0 });
const tenths = new Intl.NumberFormat(undefined, { maximumFractionDigits: 1 });

/** count writes 12345 as 12,345. */
export const count = (n: number) => counts.format(n);

/** plural writes 1 table, 2 tables. */
export const plural = (n: number, one: string, many = `${one}s`) => `${count(n)} ${n === 1 ? one : many}`;

const units = ["B", "KB", "MB", "GB", "TB", "PB"];

/** bytes writes 1536 as 1.5 KB (of 1024). */
export function bytes(n: number): string {
  let i = 0;
  while (n >= 1023.5 && i < units.length - 1) {
    n /= 1024;
    i++;
  }
  return `${i === 0 || n >= 100 ? counts.format(n) : tenths.format(n)} ${units[i]}`;
}

/** duration writes seconds as 0.4 s, 12 s, 3 min 5 s, 2 h 10 min, 3 d 4 h. */
export function duration(seconds: number): string {
  const s = Math.max(0, seconds);
  if (s > 0 && s < 0.05) return "< 0.1 s";
  if (s < 9.95) return `${tenths.format(s)} s`;
  const whole = Math.round(s);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return two(Math.floor(whole / 60), "min", whole % 60, "s");
  if (whole < 86_400) return two(Math.floor(whole / 3600), "h", Math.floor((whole % 3600) / 60), "min");
  return two(Math.floor(whole / 86_400), "d", Math.floor((whole % 86_400) / 3600), "h");
}

function two(a: number, unitA: string, b: number, unitB: string) {
  return b ? `${a} ${unitA} ${b} ${unitB}` : `${a} ${unitA}`;
}

/** ago writes how long before now a moment was: just now, 5 min ago, or in 3 h. */
export function ago(at: number, now: number): string {
  const s = (now - at) / 1000;
  if (Math.abs(s) < 10) return "just now";
  const text = coarse(Math.abs(s));
  return s > 0 ? `${text} ago` : `in ${text}`;
}

function coarse(s: number) {
  if (s < 60) return `${Math.floor(s)} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min`;
  if (s < 86_400) return `${Math.floor(s / 3600)} h`;
  return plural(Math.floor(s / 86_400), "day");
}

/** percent writes 0.123 as 12 %, and no more than 99 % before the end. */
export function percent(done: number, total: number): string {
  if (total <= 0) return "";
  const share = done / total;
  return `${share >= 1 ? 100 : Math.floor(share * 100)} %`;
}

const local = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
const clock = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });

export const localTime = (at: Date) => local.format(at);
export const clockTime = (at: Date) => clock.format(at);

/** utc writes a moment as 2026-11-27 09:30:00 UTC. */
export const utc = (at: Date) => `${at.toISOString().slice(0, 19).replace("T", " ")} UTC`;

/** sentence makes a message of the server one: a capital at its beginning, a full stop at its end. */
export function sentence(text: string): string {
  const t = text.trim();
  if (!t) return "";
  const first = /^[a-z]+(?=[\s,]|:(?!\/\/))/.test(t) ? t.charAt(0).toUpperCase() + t.slice(1) : t;
  return /[.!?…]$/.test(first) ? first : `${first}.`;
}

/**
 * splitHint makes a hint one of the console: it parts its words from a command at its end, and leaves out what stands in
 * parentheses for who sits at the command line, such as (--schema) and (lakeward instance start shop).
 */
export function splitHint(text: string): [words: string, command: string | undefined] {
  const here = text.replace(/ \((?:--|lakeward )[^)]*\)/g, "");
  const at = here.search(/\blakeward [a-z]/);
  if (at < 0) return [sentence(here), undefined];
  const words = here.slice(0, at).trim();
  return [words ? `${words.charAt(0).toUpperCase()}${words.slice(1)} ` : "", here.slice(at).replace(/[.]$/, "")];
}
