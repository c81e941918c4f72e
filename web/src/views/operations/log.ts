import type { Event } from "@/api/progress";

/** Levels of an event log: all of it, the steps alone, or what somebody has to read. */
export type Level = "all" | "steps" | "warnings";

export const levels: { value: Level; label: string }[] = [
  { value: "all", label: "All" },
  { value: "steps", label: "Steps" },
  { value: "warnings", label: "Warnings" },
];

/** LogSearch is which events are wanted, in the address. */
export type LogSearch = { level?: Level; phase?: string; find?: string };

export function logSearch(search: Record<string, unknown>): LogSearch {
  const level = levels.find((l) => l.value === search.level && l.value !== "all")?.value;
  const phase = typeof search.phase === "string" && search.phase ? search.phase : undefined;
  const find = typeof search.find === "string" && search.find ? search.find : undefined;
  return { ...(level && { level }), ...(phase && { phase }), ...(find && { find }) };
}

/** sift keeps the events that are wanted, in their order. */
export function sift(events: Event[], { level, phase, find }: LogSearch): Event[] {
  if (!level && !phase && !find) return events;
  const words = (find ?? "").toLowerCase().split(/\s+/).filter(Boolean);
  return events.filter((e) => {
    if (level === "warnings" && e.type !== "warning") return false;
    if (level === "steps" && e.type !== "phase" && e.type !== "done") return false;
    if (phase && e.phase !== phase) return false;
    if (words.length === 0) return true;
    const text = `${e.phase} ${e.table ?? ""} ${e.message ?? ""}`.toLowerCase();
    return words.every((w) => text.includes(w));
  });
}

/** since is how long after the beginning something happened, as +0:04.2 or +1:02:03, of one width in a log. */
export function since(start: number, at: number): string {
  const tenths = Math.max(0, Math.round((at - start) / 100));
  const seconds = Math.floor(tenths / 10);
  const two = (n: number) => String(n).padStart(2, "0");
  const hours = Math.floor(seconds / 3600);
  const minutes = Math.floor((seconds % 3600) / 60);
  if (hours > 0) return `+${hours}:${two(minutes)}:${two(seconds % 60)}`;
  return `+${minutes}:${two(seconds % 60)}.${tenths % 10}`;
}

/** asText is a log to keep or to send: a line an event, with times in UTC. */
export function asText(events: Event[], words: (e: Event) => string): string {
  return events.map((e) => `${e.time}\t${e.type}\t${e.phase}\t${words(e)}\n`).join("");
}
