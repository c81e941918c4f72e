import { useCallback, useEffect, useMemo, useReducer } from "react";
import { type Change, changed, type Edits, type Plan } from "./plan";

/** History is the edits of a plan, with those before that can come back. */
export type History = { past: Edits[]; now: Edits; future: Edits[] };

type Action =
  | { do: "edit"; plan: Plan; at: string; change: Change }
  | { do: "undo" }
  | { do: "redo" }
  | { do: "reset" }
  | { do: "load"; edits: Edits };

const same = (a: Edits, b: Edits) => JSON.stringify(sorted(a)) === JSON.stringify(sorted(b));
const sorted = (e: Edits) =>
  Object.entries(e)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([at, c]) => [at, Object.entries(c).sort()]);

/** sameEdits says whether two sets of edits make the same plan. */
export const sameEdits = same;

/** next is the history after an action. */
export function next(h: History, a: Action): History {
  if (a.do === "load") return { past: [], now: a.edits, future: [] };
  if (a.do === "undo") {
    const before = h.past.at(-1);
    return before ? { past: h.past.slice(0, -1), now: before, future: [h.now, ...h.future] } : h;
  }
  if (a.do === "redo") {
    const [after, ...rest] = h.future;
    return after ? { past: [...h.past, h.now], now: after, future: rest } : h;
  }
  const now = a.do === "reset" ? {} : changed(h.now, a.plan, a.at, a.change);
  return same(now, h.now) ? h : { past: [...h.past, h.now], now, future: [] };
}

const key = (id: string) => `lakeward-plan-${id}`;

function kept(id: string): Edits | undefined {
  try {
    const text = sessionStorage.getItem(key(id));
    return text ? (JSON.parse(text) as Edits) : undefined;
  } catch {
    return undefined;
  }
}

/** useDraft keeps the edits of a plan in the tab, so that a reload loses none. `known` are those that the server was told of. */
export function useDraft(id: string, plan: Plan | undefined, known: Edits | undefined) {
  const [history, act] = useReducer(next, id, (i): History => ({ past: [], now: kept(i) ?? {}, future: [] }));
  useEffect(() => {
    if (known && !kept(id)) act({ do: "load", edits: known });
  }, [id, known]);
  useEffect(() => {
    if (history.past.length || history.future.length || Object.keys(history.now).length) {
      sessionStorage.setItem(key(id), JSON.stringify(history.now));
    }
  }, [id, history]);
  const edit = useCallback(
    (at: string, change: Change) => {
      if (plan) act({ do: "edit", plan, at, change });
    },
    [plan],
  );
  return useMemo(
    () => ({
      edits: history.now,
      edit,
      undo: () => act({ do: "undo" }),
      redo: () => act({ do: "redo" }),
      reset: () => act({ do: "reset" }),
      canUndo: history.past.length > 0,
      canRedo: history.future.length > 0,
    }),
    [history, edit],
  );
}

export type Draft = ReturnType<typeof useDraft>;
