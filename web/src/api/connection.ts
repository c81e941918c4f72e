import { onlineManager } from "@tanstack/react-query";
import { useSyncExternalStore } from "react";

/**
 * Whether the server answers. A request that meets no server says so here; from then on the server is asked every now and
 * then whether it lives. When it does, queries are fetched again and streams go on from where they were.
 */
type State = { online: boolean; since: number; session: boolean };

let state: State = { online: true, since: Date.now(), session: true };
const listeners = new Set<() => void>();
let timer: ReturnType<typeof setTimeout> | undefined;
let pause = 0;

function set(next: Partial<State>) {
  state = { ...state, ...next };
  for (const tell of listeners) tell();
}

/** lost is called by whoever could not reach the server. */
export function lost() {
  if (!state.online) return;
  set({ online: false, since: Date.now() });
  onlineManager.setOnline(false);
  pause = 500;
  timer = setTimeout(probe, pause);
}

/** reached is called by whoever got any answer from the server. */
export function reached() {
  if (state.online) return;
  clearTimeout(timer);
  set({ online: true, since: Date.now() });
  onlineManager.setOnline(true);
}

/** probe asks at once whether the server is back. */
export async function probe() {
  clearTimeout(timer);
  try {
    const answer = await fetch("/healthz", { cache: "no-store" });
    if (answer.ok) return reached();
  } catch {
    // Not yet.
  }
  pause = Math.min(pause * 1.6, 5000);
  timer = setTimeout(probe, pause);
}

/** sessionEnded is called when the server no longer knows this browser. */
export function sessionEnded(ended: boolean) {
  if (state.session === ended) set({ session: !ended });
}

function subscribe(tell: () => void) {
  listeners.add(tell);
  return () => void listeners.delete(tell);
}

/** onReconnect calls back each time the server answers again. */
export function onReconnect(back: () => void) {
  let was = state.online;
  return subscribe(() => {
    if (state.online && !was) back();
    was = state.online;
  });
}

export function useConnection(): State {
  return useSyncExternalStore(subscribe, () => state);
}

export function startWatchingConnection() {
  // The browser's own idea of being online says nothing of a server on this machine: it only makes us look.
  onlineManager.setEventListener(() => {
    const look = () => void probe();
    window.addEventListener("online", look);
    return () => window.removeEventListener("online", look);
  });
}
