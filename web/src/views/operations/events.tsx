import { Button, SegmentedControl, Select, Switch, TextInput } from "@mantine/core";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useVirtualizer } from "@tanstack/react-virtual";
import { ArrowDownToLine, Check, Dot, Download, Flag, Loader, TriangleAlert } from "lucide-react";
import { useEffect, useMemo, useRef, useState } from "react";
import { type Event, ended, type Operation, type Progress } from "@/api/progress";
import { changed } from "@/api/search";
import { count, localTime, plural, utc } from "@/ui/format";
import { describe } from "@/ui/operation";
import { Panel } from "@/ui/page";
import { asText, type Level, type LogSearch, levels, sift, since } from "./log";
import styles from "./operations.module.css";

const marks = { phase: Flag, done: Check, warning: TriangleAlert, progress: Loader, info: Dot };

type Props = { operation: Operation; progress: Progress; live: boolean };

/** EventLog is every event of an operation. Ten thousand are as quick as ten: only those in sight are drawn. */
export function EventLog({ operation, progress, live }: Props) {
  const search: LogSearch = useSearch({ from: "/operations/$id" });
  const over = ended(operation.state);
  const [follow, setFollow] = useState(!over);
  // biome-ignore lint/correctness/useExhaustiveDependencies: progress is changed in place, and its version says so
  const events = useMemo(() => sift(progress.events, search), [progress.version, search]);
  return (
    <Panel title="Events" note={summary(progress, events.length, live, over)} flush>
      <Tools search={search} phases={progress.phases.map((p) => p.phase)} />
      <Lines
        events={events}
        start={Date.parse(operation.started ?? operation.created)}
        follow={follow}
        onLeave={() => setFollow(false)}
        none={
          progress.events.length
            ? "No event matches."
            : over
              ? "It ended before anything was noted."
              : "Nothing has happened yet: it waits for its turn."
        }
        foot={(toEnd) => (
          <div className={styles.foot}>
            <Switch
              size="xs"
              label="Follow"
              checked={follow}
              onChange={(e) => {
                setFollow(e.currentTarget.checked);
                if (e.currentTarget.checked) toEnd();
              }}
            />
            <Button
              size="compact-xs"
              variant="subtle"
              leftSection={<ArrowDownToLine size={13} aria-hidden />}
              onClick={toEnd}
            >
              Jump to the end
            </Button>
            <span className={styles.space} />
            <Button
              size="compact-xs"
              variant="subtle"
              leftSection={<Download size={13} aria-hidden />}
              onClick={() => save(`${operation.kind}-${operation.id}.log`, asText(events, describe))}
              disabled={events.length === 0}
            >
              Save these as text
            </Button>
          </div>
        )}
      />
    </Panel>
  );
}

function summary(p: Progress, shown: number, live: boolean, over: boolean) {
  const all = p.events.length;
  const size = shown === all ? plural(all, "event") : `${count(shown)} of ${plural(all, "event")}`;
  const warnings = p.warnings ? `, ${plural(p.warnings, "warning")}` : "";
  return `${size}${warnings}${over ? "" : live ? " · live" : " · connecting"}`;
}

function Tools({ search, phases }: { search: LogSearch; phases: string[] }) {
  const navigate = useNavigate({ from: "/operations/$id" });
  const set = (change: Partial<Record<keyof LogSearch, string | null>>) =>
    void navigate({
      search: (was: LogSearch) => changed(was, change),
      replace: true,
      resetScroll: false,
    });
  return (
    <search className={styles.logTools} aria-label="Which events">
      <SegmentedControl
        size="xs"
        aria-label="Level"
        data={levels}
        value={search.level ?? "all"}
        onChange={(level) => set({ level: (level as Level) === "all" ? null : level })}
      />
      <Select
        size="xs"
        className={styles.phaseChoice ?? ""}
        aria-label="Phase"
        placeholder="Any phase"
        data={[...new Set([...(search.phase ? [search.phase] : []), ...phases])]}
        value={search.phase ?? null}
        onChange={(phase) => set({ phase })}
        clearable
        clearButtonProps={{ "aria-label": "Any phase" }}
      />
      <TextInput
        size="xs"
        className={styles.logFind ?? ""}
        aria-label="Find events"
        placeholder="Find a table or a word"
        value={search.find ?? ""}
        onChange={(e) => set({ find: e.currentTarget.value })}
      />
    </search>
  );
}

type LinesProps = {
  events: Event[];
  start: number;
  follow: boolean;
  onLeave: () => void; // somebody scrolls up, to read
  none: string;
  foot: (toEnd: () => void) => React.ReactNode;
};

function Lines({ events, start, follow, onLeave, none, foot }: LinesProps) {
  const frame = useRef<HTMLDivElement>(null);
  const lines = useVirtualizer({
    count: events.length,
    getScrollElement: () => frame.current,
    estimateSize: () => 26,
    overscan: 20,
  });
  const toEnd = () => lines.scrollToIndex(events.length - 1, { align: "end" });
  // biome-ignore lint/correctness/useExhaustiveDependencies: each time that an event arrives
  useEffect(() => {
    if (follow && events.length) toEnd();
  }, [follow, events.length]);
  return (
    <>
      <div
        ref={frame}
        role="log"
        aria-label="Events"
        aria-live="off"
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by the keyboard
        tabIndex={0}
        className={styles.log}
        onWheel={(e) => e.deltaY < 0 && onLeave()}
        onTouchMove={onLeave}
        onKeyDown={(e) => {
          if (["ArrowUp", "PageUp", "Home"].includes(e.key)) onLeave();
        }}
      >
        {events.length === 0 ? <p className={styles.quiet}>{none}</p> : null}
        <div className={styles.lines} style={{ height: lines.getTotalSize() }}>
          {lines.getVirtualItems().map((item) => {
            const e = events[item.index];
            return e ? (
              <div
                key={e.seq}
                ref={lines.measureElement}
                data-index={item.index}
                data-type={e.type}
                className={styles.line}
                style={{ transform: `translateY(${item.start}px)` }}
              >
                <Line event={e} start={start} />
              </div>
            ) : null;
          })}
        </div>
      </div>
      {foot(toEnd)}
    </>
  );
}

function Line({ event: e, start }: { event: Event; start: number }) {
  const Mark = marks[e.type];
  const at = new Date(e.time);
  return (
    <>
      <time className={styles.at} dateTime={e.time} title={`${localTime(at)} · ${utc(at)}`}>
        {since(start, at.getTime())}
      </time>
      <span className={styles.phase}>{e.phase}</span>
      <span className={styles.mark}>
        <Mark size={13} aria-hidden />
        {e.type === "warning" ? <span className="hidden-label">Warning: </span> : null}
      </span>
      <span className={styles.words}>{describe(e)}</span>
    </>
  );
}

function save(name: string, text: string) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "text/plain" }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
