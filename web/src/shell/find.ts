import { familyOf, type Instance } from "@/api/family";

/** find looks for words in names, families, states and owners. */
export function find(all: Instance[], search: string): Instance[] {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  return all.filter((i) => {
    const text = `${i.name} ${familyOf(i)} ${i.status} ${i.state} ${i.creator ?? ""}`.toLowerCase();
    return words.every((w) => text.includes(w));
  });
}

/** rank keeps what has all the words in it, those first whose name begins with what was typed; groups stay together. */
export function rank<T extends { name: string; group: string; hint?: string }>(commands: T[], search: string): T[] {
  const typed = search.trim().toLowerCase();
  if (!typed) return commands;
  const words = typed.split(/\s+/);
  const hits = commands.filter((c) => {
    const text = `${c.name} ${c.hint ?? ""}`.toLowerCase();
    return words.every((w) => text.includes(w));
  });
  const score = (c: T) => (c.name.toLowerCase().startsWith(typed) ? 2 : c.name.toLowerCase().includes(typed) ? 1 : 0);
  const best = new Map<string, number>();
  for (const c of hits) best.set(c.group, Math.max(best.get(c.group) ?? 0, score(c)));
  const order = [...best.keys()].sort((a, b) => (best.get(b) ?? 0) - (best.get(a) ?? 0));
  return order.flatMap((g) => hits.filter((c) => c.group === g).sort((a, b) => score(b) - score(a)));
}
