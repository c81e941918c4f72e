import type { Schemas } from "@/api/client";
import { ended, type Operation } from "@/api/progress";

/** OperationState is how far an operation is. */
export type OperationState = Schemas["Operation"]["state"];

/** states are all of them, in the order of an operation's life. */
export const states: OperationState[] = ["queued", "running", "succeeded", "failed", "cancelled"];

/** kinds are what an operation can be, in the order in which they are offered. */
export const kinds = [
  "migrate",
  "plan",
  "verify",
  "check",
  "export",
  "create",
  "enable",
  "start",
  "stop",
  "resize",
  "delete",
  "backup",
  "restore",
];

/** ListSearch is which operations are wanted: in the address, so that a list can be sent to somebody. */
export type ListSearch = { kind?: string; state?: OperationState; on?: string; find?: string };

const text = (value: unknown) => (typeof value === "string" && value.trim() ? value : undefined);

/** listSearch reads the address. What it does not know it leaves out. */
export function listSearch(search: Record<string, unknown>): ListSearch {
  const state = states.find((s) => s === search.state);
  const kind = text(search.kind);
  const on = text(search.on);
  const find = text(search.find);
  return { ...(kind && { kind }), ...(state && { state }), ...(on && { on }), ...(find && { find }) };
}

/** field reads a text of an operation's input or result, whose shape its kind decides. */
export function field(value: unknown, name: string): string | undefined {
  if (typeof value !== "object" || value === null || !(name in value)) return undefined;
  return text((value as Record<string, unknown>)[name]);
}

/** subject is what an operation works on, apart from the instance: the file or database that it reads. */
export function subject(o: Operation): string {
  return field(o.input, "source") ?? field(o.input, "backup") ?? field(o.input, "file") ?? "";
}

/** shortened keeps the end of a path, which tells files apart. */
export function shortened(path: string): string {
  if (!path.startsWith("/")) return path;
  const parts = path.split("/").filter(Boolean);
  return parts.length > 2 ? `…/${parts.slice(-2).join("/")}` : path;
}

/**
 * merge puts a fresh look at the newest operations over older pages: each once, the newest first. Those that began between
 * the pages and the look may be too many for it; `gap` says so.
 */
export function merge(fresh: Operation[], older: Operation[]): { all: Operation[]; gap: boolean } {
  if (older.length === 0) return { all: fresh, gap: false };
  const known = new Map(older.map((o) => [o.id, o]));
  const touches = fresh.some((o) => known.has(o.id));
  for (const o of fresh) known.set(o.id, o);
  const all = [...known.values()].sort(
    (a, b) => Date.parse(b.created) - Date.parse(a.created) || (a.id < b.id ? 1 : -1),
  );
  return { all, gap: fresh.length > 0 && !touches };
}

/** working counts the operations that have not ended. */
export const working = (all: Operation[]) => all.filter((o) => !ended(o.state)).length;
