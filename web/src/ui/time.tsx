import { Tooltip } from "@mantine/core";
import { useSyncExternalStore } from "react";
import { ago, clockTime, duration, localTime, utc } from "./format";

// One clock for all texts that grow old, so that a thousand of them are one timer.
let now = Date.now();
const tells = new Set<() => void>();
let timer: ReturnType<typeof setInterval> | undefined;

function subscribe(tell: () => void) {
  tells.add(tell);
  if (!timer) {
    now = Date.now(); // nobody has looked at it since the last one went
    timer = setInterval(() => {
      now = Date.now();
      for (const t of tells) t();
    }, 1000);
  }
  return () => {
    tells.delete(tell);
    if (tells.size === 0) {
      clearInterval(timer);
      timer = undefined;
    }
  };
}

/** useNow is the time, once a second. */
export function useNow(): number {
  return useSyncExternalStore(subscribe, () => (timer ? now : Date.now() - (Date.now() % 1000)));
}

type TimeProps = { at: string | number | Date | undefined; show?: "ago" | "local" | "clock" };

/** Time shows a moment in local time or as how long ago it was; the pointer or the focus brings the other and UTC. */
export function Time({ at, show = "ago" }: TimeProps) {
  if (at === undefined || at === "") return <span className="num">–</span>;
  const when = new Date(at);
  const text = show === "ago" ? <Ago at={when.getTime()} /> : show === "clock" ? clockTime(when) : localTime(when);
  return (
    <Tooltip label={`${localTime(when)} · ${utc(when)}`} events={{ hover: true, focus: true, touch: true }}>
      <time className="num" dateTime={when.toISOString()}>
        {text}
      </time>
    </Tooltip>
  );
}

function Ago({ at }: { at: number }) {
  return ago(at, useNow());
}

/** Elapsed is how long something takes or took; it runs while there is no end. */
export function Elapsed({ from, to }: { from: string | number; to?: string | number | undefined }) {
  const running = useNow();
  const start = new Date(from).getTime();
  const end = to === undefined ? Math.max(running, start) : new Date(to).getTime();
  const seconds = (end - start) / 1000;
  return <span className="num">{duration(to === undefined ? Math.floor(seconds) : seconds)}</span>;
}
