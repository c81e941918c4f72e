import type { Schemas } from "./client";

export type Event = Schemas["Event"];
export type Operation = Schemas["Operation"];

/** TableProgress is how far one table is in the phase that works on it. */
export type TableProgress = {
  table: string;
  phase: string;
  done: number;
  total: number;
  bytes: number;
  finished: boolean; // in this phase
  first: number; // when the phase first spoke of it, in milliseconds
  last: number;
};

export type PhaseProgress = { phase: string; started: number; ended: number | undefined };

/** Progress is what the events of an operation come to. It is changed in place; `version` says that it was. */
export type Progress = {
  version: number;
  last: number; // number of the last event
  events: Event[];
  phases: PhaseProgress[];
  tables: Map<string, TableProgress>;
  warnings: number;
};

export function emptyProgress(): Progress {
  return { version: 0, last: 0, events: [], phases: [], tables: new Map(), warnings: 0 };
}

/** add takes in one event. One that is known already, as after a connection that broke off, changes nothing. */
export function add(p: Progress, e: Event): boolean {
  if (e.seq <= p.last) return false;
  p.last = e.seq;
  p.version++;
  const at = Date.parse(e.time);
  const before = p.events.at(-1);
  // A thousand steps of one table are one line of the log: the newest.
  if (e.type === "progress" && before?.type === "progress" && before.table === e.table && before.phase === e.phase) {
    p.events[p.events.length - 1] = e;
  } else {
    p.events.push(e);
  }
  if (e.type === "warning") p.warnings++;
  enter(p, e, at);
  if (e.table && (e.type === "progress" || e.type === "done")) table(p, e, e.table, at);
  return true;
}

function enter(p: Progress, e: Event, at: number) {
  const current = p.phases.find((x) => x.phase === e.phase);
  if (!current) {
    for (const x of p.phases) x.ended ??= at;
    p.phases.push({ phase: e.phase, started: at, ended: undefined });
  } else if (e.type === "phase") {
    // Begun again, as after a server that was killed.
    for (const x of p.phases) if (x !== current) x.ended ??= at;
    current.ended = undefined;
  } else if (e.type === "done" && !e.table) {
    current.ended = at;
  }
}

function table(p: Progress, e: Event, name: string, at: number) {
  const was = p.tables.get(name);
  const same = was?.phase === e.phase;
  p.tables.set(name, {
    table: name,
    phase: e.phase,
    done: e.done ?? (same ? was.done : 0),
    total: e.total ?? (same ? was.total : 0),
    bytes: e.bytes ?? (same ? was.bytes : 0),
    finished: e.type === "done",
    first: same ? was.first : at,
    last: at,
  });
}

/** rate is rows a second of a table, or nothing while that cannot be told. */
export function rate(t: TableProgress): number | undefined {
  const seconds = (t.last - t.first) / 1000;
  return seconds > 0.2 && t.done > 0 ? t.done / seconds : undefined;
}

/** left is how many seconds a table still takes at its present rate. */
export function left(t: TableProgress): number | undefined {
  const r = rate(t);
  return r && t.total > t.done && !t.finished ? (t.total - t.done) / r : undefined;
}

export function ended(state: Operation["state"] | undefined) {
  return state === "succeeded" || state === "failed" || state === "cancelled";
}
