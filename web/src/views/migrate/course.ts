import type { Event, Progress } from "@/api/progress";

/** Step is how far one phase is with one table. `high` never falls: what a killed server has to do again is no loss. */
export type Step = {
  state: "waiting" | "running" | "done";
  done: number;
  high: number;
  bytes: number;
  trail: Mark[]; // of the last moments, for the rate
  began: number;
  ended: number;
};

type Mark = { at: number; done: number };

export type TableCourse = {
  name: string;
  rows: number | undefined; // of the source, as soon as somebody has counted them
  read: Step;
  load: Step;
  verify: Step;
  indexed: boolean;
  rejects: number;
  differing: number;
  warnings: string[];
};

/** PhaseCourse is one phase. It has several spans when a server died in it: the time between them is nobody's work. */
export type PhaseCourse = { name: string; says: string; spans: { from: number; to: number | undefined }[] };

/** Course is what the events of a migration come to. It is changed in place. */
export type Course = {
  last: number;
  phases: PhaseCourse[];
  tables: Map<string, TableCourse>;
  copied: { done: number; total: number } | undefined; // the snapshot, in bytes
  restarts: number;
  notices: { at: number; text: string }[];
  loose: string[]; // warnings about no table
  counted: boolean; // all tables are known, with their rows
  expects?: unknown; // the tables that expect has taken in
};

export function emptyCourse(): Course {
  return {
    last: 0,
    phases: [],
    tables: new Map(),
    copied: undefined,
    restarts: 0,
    notices: [],
    loose: [],
    counted: false,
  };
}

const step = (): Step => ({ state: "waiting", done: 0, high: 0, bytes: 0, trail: [], began: 0, ended: 0 });

/** tableOf is a table's course, which begins when it is first asked for. */
export function tableOf(c: Course, name: string): TableCourse {
  let t = c.tables.get(name);
  if (!t) {
    t = {
      name,
      rows: undefined,
      read: step(),
      load: step(),
      verify: step(),
      indexed: false,
      rejects: 0,
      differing: 0,
      warnings: [],
    };
    c.tables.set(name, t);
  }
  return t;
}

/** expect takes in the rows that a plan has counted, which is more than is known before each table has begun. */
export function expect(c: Course, tables: { name: string; rows: number; skip?: boolean }[]) {
  if (c.expects === tables) return;
  c.expects = tables;
  c.counted = true;
  for (const t of tables) {
    if (!t.skip) tableOf(c, t.name).rows ??= t.rows;
  }
}

const courses = new WeakMap<Progress, Course>();

/** courseOf folds the events that have come since it was last called. */
export function courseOf(p: Progress): Course {
  let c = courses.get(p);
  if (!c) {
    c = emptyCourse();
    courses.set(p, c);
  }
  // The log replaces its last line by newer ones of the same table, so new events are told by their numbers.
  let from = p.events.length;
  while (from > 0 && (p.events[from - 1]?.seq ?? 0) > c.last) from--;
  for (const e of p.events.slice(from)) take(c, e);
  return c;
}

/** take takes in one event; each once, in their order. */
export function take(c: Course, e: Event) {
  if (e.seq <= c.last) return;
  c.last = e.seq;
  const at = Date.parse(e.time);
  const phase = enter(c, e, at);
  if (e.type === "info") inform(c, e, at);
  if (e.type === "warning") warn(c, e);
  if (e.table && (e.type === "progress" || e.type === "done")) move(c, e, e.table, phase, at);
}

function enter(c: Course, e: Event, at: number): string {
  if (e.type !== "phase") return e.phase;
  for (const p of c.phases) close(p, at);
  let p = c.phases.find((x) => x.name === e.phase);
  if (!p) {
    p = { name: e.phase, says: "", spans: [] };
    c.phases.push(p);
  }
  p.says = e.message ?? p.says;
  if (e.phase === "index" || e.phase === "verify") c.counted ||= c.tables.size > 0; // every table has been copied
  p.spans.push({ from: at, to: undefined });
  if (e.phase === "load" || e.phase === "verify" || e.phase === "plan") {
    for (const t of c.tables.values()) stepOf(t, e.phase).trail = [];
  }
  return e.phase;
}

function close(p: PhaseCourse, at: number) {
  const span = p.spans.at(-1);
  if (span && span.to === undefined) span.to = at;
}

// A server that ended in the middle tells so when another goes on. What ran then has ended with its last event.
function inform(c: Course, e: Event, at: number) {
  const text = e.message ?? "";
  c.notices.push({ at, text });
  if (!/server has ended in the middle/.test(text)) return;
  c.restarts++;
  for (const p of c.phases) close(p, lastSeen(c) ?? at);
  for (const t of c.tables.values()) for (const s of [t.read, t.load, t.verify]) s.trail = [];
}

function lastSeen(c: Course): number | undefined {
  let last: number | undefined;
  for (const p of c.phases) for (const s of p.spans) last = Math.max(last ?? 0, s.from, s.to ?? 0);
  for (const t of c.tables.values())
    for (const s of [t.read, t.load, t.verify]) last = Math.max(last ?? 0, s.ended, s.trail.at(-1)?.at ?? 0);
  return last;
}

function warn(c: Course, e: Event) {
  const text = e.message ?? "";
  if (!e.table) {
    c.loose.push(text);
    return;
  }
  const t = tableOf(c, e.table);
  if (!t.warnings.includes(text)) t.warnings.push(text);
}

const stepOf = (t: TableCourse, phase: string): Step =>
  phase === "load" ? t.load : phase === "verify" ? t.verify : t.read;

const remembered = 20_000; // milliseconds of a trail

function move(c: Course, e: Event, name: string, phase: string, at: number) {
  if (phase === "snapshot") {
    c.copied = { done: e.done ?? 0, total: e.total ?? 0 };
    return;
  }
  if (phase === "index" || phase === "schema") {
    const t = tableOf(c, name);
    if (e.type === "done") t.indexed = true;
    return;
  }
  if (phase !== "load" && phase !== "verify" && phase !== "plan") return;
  const t = tableOf(c, name);
  const s = stepOf(t, phase);
  s.done = e.done ?? 0;
  s.high = Math.max(s.high, s.done);
  s.bytes = Math.max(s.bytes, e.bytes ?? 0);
  t.rejects = Math.max(t.rejects, e.rejected ?? 0);
  t.differing = Math.max(t.differing, e.differing ?? 0);
  if (phase === "plan" && e.type === "done") c.counted = true; // no row is copied before all tables have been read
  if (e.total) t.rows = Math.max(e.total, t.rows ?? 0);
  if (e.type === "done") {
    s.state = "done";
    s.ended = at;
    t.rows = Math.max(t.rows ?? 0, s.done);
  } else if (s.state !== "done") {
    s.state = "running";
  }
  if (!s.began) s.began = at;
  s.trail.push({ at, done: s.done });
  while (s.trail.length > 2 && (s.trail[0]?.at ?? at) < at - remembered) s.trail.shift();
}

/** speed is rows a second of a step in its last moments, or nothing when that cannot be told. */
export function speed(s: Step): number | undefined {
  const first = s.trail[0];
  const last = s.trail.at(-1);
  if (!first || !last || last.at - first.at < 900 || last.done <= first.done) return undefined;
  return ((last.done - first.done) * 1000) / (last.at - first.at);
}

/** remaining is how many seconds a table still takes, when there is evidence for it. */
export function remaining(t: TableCourse, phase: "load" | "verify"): number | undefined {
  const s = t[phase];
  const r = speed(s);
  if (s.state !== "running" || r === undefined || t.rows === undefined || t.rows <= s.done) return undefined;
  return (t.rows - s.done) / r;
}

/** Sum is how far all tables are in a phase. `of` is 0 while some table, or its rows, are not known. */
export type Sum = { rows: number; of: number; tables: number; tablesOf: number; bytes: number };

export function sum(c: Course, phase: "load" | "verify"): Sum {
  const s: Sum = { rows: 0, of: 0, tables: 0, tablesOf: c.tables.size, bytes: 0 };
  let known = c.counted;
  for (const t of c.tables.values()) {
    s.rows += t[phase].high;
    s.bytes += t[phase].bytes;
    if (t[phase].state === "done") s.tables++;
    if (t.rows === undefined) known = false;
    else s.of += t.rows;
  }
  if (!known) s.of = 0;
  return s;
}

const enough = 4000; // milliseconds of a phase before anything is said of its end

/**
 * phaseRemaining is how many seconds the whole phase still takes at the rate of its last moments. It says nothing before the
 * phase has run for a while, nor while the rows of some table are unknown.
 */
export function phaseRemaining(c: Course, phase: "load" | "verify"): number | undefined {
  const span = c.phases.find((p) => p.name === phase)?.spans.at(-1);
  const total = sum(c, phase);
  if (!span || span.to !== undefined || !total.of) return undefined;
  let rate = 0;
  let latest = 0;
  for (const t of c.tables.values()) {
    const s = t[phase];
    latest = Math.max(latest, s.trail.at(-1)?.at ?? 0);
    if (s.state === "running") rate += speed(s) ?? 0;
  }
  if (!rate || latest - span.from < enough || total.rows >= total.of) return undefined;
  return (total.of - total.rows) / rate;
}

/** clock is how long a phase has worked, in milliseconds, without the time in which no server was there. */
export function clock(p: PhaseCourse, now: number): number {
  return p.spans.reduce((all, s) => all + Math.max(0, (s.to ?? now) - s.from), 0);
}

/** running is the phase that is under way. */
export const running = (c: Course) => c.phases.find((p) => p.spans.at(-1)?.to === undefined && p.spans.length > 0);
