import { useEffect, useSyncExternalStore } from "react";
import { client, queries } from "./client";
import { onReconnect, probe } from "./connection";
import { isMissing } from "./problem";
import { add, type Event, emptyProgress, ended, type Operation, type Progress } from "./progress";

/**
 * The events of operations. One stream an operation, however many components watch it; it lives as long as somebody does.
 * It asks for what comes after the last event that it knows, so that it goes on without a gap or a repetition when the
 * network or the server was away. After a reload it begins at the first event, because the page has forgotten them.
 */
export type Watched = {
  progress: Progress;
  operation: Operation | undefined; // when it has ended
  live: boolean; // events arrive at this moment
};

class Watch {
  private readonly id: string;
  private readonly tells = new Set<() => void>();
  private readonly progress = emptyProgress();
  private source: EventSource | undefined;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private frame: number | undefined;
  private pause = 500;
  private unknown = false; // to the server
  private unhook: (() => void) | undefined;
  view: Watched = { progress: this.progress, operation: undefined, live: false };

  constructor(id: string) {
    this.id = id;
  }

  subscribe = (tell: () => void) => {
    this.tells.add(tell);
    if (this.tells.size === 1) this.start();
    return () => {
      this.tells.delete(tell);
      if (this.tells.size === 0) this.stop();
    };
  };

  snapshot = () => this.view;

  private start() {
    this.unknown = false;
    const back = () => {
      this.pause = 500;
      this.open();
    };
    const off = onReconnect(back);
    // Browsers keep six connections to a server: tabs that nobody looks at give theirs back.
    const seen = () => (document.hidden ? this.close() : back());
    document.addEventListener("visibilitychange", seen);
    this.unhook = () => {
      off();
      document.removeEventListener("visibilitychange", seen);
    };
    this.open();
  }

  private stop() {
    this.unhook?.();
    this.close();
  }

  private close() {
    clearTimeout(this.timer);
    this.source?.close();
    this.source = undefined;
    this.change({ live: false });
  }

  private open() {
    if (this.view.operation || this.unknown) return;
    clearTimeout(this.timer);
    this.source?.close();
    const after = this.progress.last;
    const source = new EventSource(
      `/api/operations/${encodeURIComponent(this.id)}/events${after ? `?after=${after}` : ""}`,
    );
    this.source = source;
    source.onopen = () => {
      this.pause = 500;
      this.change({ live: true });
    };
    source.addEventListener("event", (message) => this.take(message.data));
    source.addEventListener("end", (message) => this.end(message.data));
    // A stream that broke off is tried again by its kind; one that was refused is closed, and its reason must be asked for.
    source.onerror = () => (source.readyState === EventSource.CLOSED ? void this.refused() : this.retry());
  }

  // What the server does not know it will not know later: it is asked no more. All else may pass.
  private async refused() {
    this.close();
    try {
      await client.GET("/api/operations/{id}", { params: { path: { id: this.id } } });
    } catch (error) {
      if (isMissing(error)) {
        this.unknown = true;
        return;
      }
    }
    if (this.tells.size > 0) this.retry();
  }

  private retry() {
    this.close();
    void probe();
    this.timer = setTimeout(() => this.open(), this.pause);
    this.pause = Math.min(this.pause * 1.6, 8000);
  }

  private take(text: string) {
    if (add(this.progress, JSON.parse(text) as Event)) this.change({});
  }

  private end(text: string) {
    const operation = JSON.parse(text) as Operation;
    this.source?.close();
    this.change({ operation, live: false });
    queries.setQueryData(["get", "/api/operations/{id}", { params: { path: { id: this.id } } }], operation);
    // What the operation has changed is seen at once.
    void queries.invalidateQueries();
  }

  // Many events a second are one drawing a frame.
  private change(next: Partial<Watched>) {
    this.view = { ...this.view, ...next };
    this.frame ??= requestAnimationFrame(() => {
      this.frame = undefined;
      for (const tell of this.tells) tell();
    });
  }
}

const watches = new Map<string, Watch>();

function watch(id: string) {
  let w = watches.get(id);
  if (!w) {
    w = new Watch(id);
    watches.set(id, w);
  }
  return w;
}

const nothing: Watched = { progress: emptyProgress(), operation: undefined, live: false };

/** useEvents watches an operation until it has ended: what its events come to, and the operation at its end. */
export function useEvents(id: string | undefined): Watched {
  const w = id ? watch(id) : undefined;
  return useSyncExternalStore(w?.subscribe ?? never, w?.snapshot ?? (() => nothing));
}

const never = () => () => {};

/** useEnded calls back once when an operation that is watched ends. */
export function useEnded(id: string | undefined, done: (operation: Operation) => void) {
  const { operation } = useEvents(id);
  // biome-ignore lint/correctness/useExhaustiveDependencies: once an operation, whatever the callback is by then
  useEffect(() => {
    if (operation && ended(operation.state)) done(operation);
  }, [operation]);
}
