import type { Event } from "@/api/progress";
import { bytes, count, sentence } from "./format";

/** describe is an event in words. */
export function describe(e: Event): string {
  // The name of a table is written as it is, also at the beginning.
  if (e.message) return e.table ? `${e.table}: ${sentence(`: ${e.message}`).slice(2)}` : sentence(e.message);
  // A snapshot copies a file, and counts its bytes.
  const amount = (n: number) => (e.phase === "snapshot" ? bytes(n) : `${count(n)} rows`);
  if (e.table && e.total)
    return `${e.table}: ${e.phase === "snapshot" ? bytes(e.done ?? 0) : count(e.done ?? 0)} of ${amount(e.total)}`;
  if (e.table && e.type === "done") return `${e.table}: ${amount(e.done ?? 0)}`;
  if (e.table) return e.done ? `${e.table}: ${amount(e.done)} so far` : e.table;
  return e.phase;
}
