import { SegmentedControl, TextInput } from "@mantine/core";
import { useVirtualizer } from "@tanstack/react-virtual";
import { Search } from "lucide-react";
import { type KeyboardEvent, useMemo, useRef, useState } from "react";
import { count, plural } from "@/ui/format";
import { Panel } from "@/ui/page";
import type { Refusal } from "./decisions";
import { decisionsOf } from "./decisions";
import type { Draft } from "./draft";
import { countEdits, type Plan, type PlanColumn, place } from "./plan";
import { Line } from "./planrow";
import styles from "./plantable.module.css";
import { isOpen, type Row, rowsOf, type Show } from "./rows";

type Props = { base: Plan; plan: Plan; draft: Draft; refused: Refusal[]; readOnly: boolean; note?: string };

/** PlanTable is the plan, table by table and column by column, to be read and edited. It draws what is in sight. */
export function PlanTable({ base, plan, draft, refused, readOnly, note }: Props) {
  const [show, setShow] = useState<Show>("all");
  const [search, setSearch] = useState("");
  const [folds, setFolds] = useState<{ closed: ReadonlySet<string>; opened: ReadonlySet<string> }>({
    closed: new Set(),
    opened: new Set(),
  });
  const rows = useMemo(
    () => rowsOf(plan, draft.edits, { show, search, ...folds }),
    [plan, draft.edits, show, search, folds],
  );
  const tables = plan.tables?.length ?? 0;
  const columns = (plan.tables ?? []).reduce((n, t) => n + (t.columns?.length ?? 0), 0);
  const decide = decisionsOf(plan).filter((d) => d.kind !== "check").length;
  const edits = countEdits(draft.edits);
  const toggle = (table: string, open: boolean) =>
    setFolds(({ closed, opened }) => ({ closed: flip(closed, table, open), opened: flip(opened, table, !open) }));

  return (
    <Panel
      title="The plan"
      note={note ?? `${plural(tables, "table")}, ${plural(columns, "column")}: every value was read`}
      flush
    >
      <div className={styles.tools}>
        <TextInput
          aria-label="Search the plan"
          placeholder="Table, column or type"
          leftSection={<Search size={14} aria-hidden />}
          value={search}
          onChange={(e) => setSearch(e.currentTarget.value)}
          className={styles.search}
        />
        <SegmentedControl
          aria-label="Which columns"
          value={show}
          onChange={(s) => setShow(s as Show)}
          data={[
            { value: "all", label: "All" },
            { value: "decide", label: `To decide ${count(decide)}` },
            { value: "converted", label: "Converted" },
            { value: "edited", label: `Edited ${count(edits)}` },
          ]}
        />
      </div>
      <Lines
        rows={rows}
        base={base}
        draft={draft}
        refused={refused}
        readOnly={readOnly}
        onToggle={(t) => toggle(t, narrowOpen(t, tables, folds, show !== "all" || search.trim() !== ""))}
      />
    </Panel>
  );
}

// In a search or a filter tables are open unless they were closed.
function narrowOpen(
  table: string,
  tables: number,
  folds: { closed: ReadonlySet<string>; opened: ReadonlySet<string> },
  narrowed: boolean,
) {
  return narrowed ? !folds.closed.has(table) : isOpen(table, tables, folds);
}

function flip(set: ReadonlySet<string>, name: string, add: boolean): ReadonlySet<string> {
  const next = new Set(set);
  if (add) next.add(name);
  else next.delete(name);
  return next;
}

type LinesProps = Omit<Props, "plan"> & { rows: Row[]; onToggle: (table: string) => void };

function Lines({ rows, base, draft, refused, readOnly, onToggle }: LinesProps) {
  const frame = useRef<HTMLDivElement>(null);
  const [current, setCurrent] = useState("");
  const [detail, setDetail] = useState<ReadonlySet<string>>(new Set());
  const at = Math.max(
    0,
    rows.findIndex((r) => r.at === current),
  );
  const lines = useVirtualizer({
    count: rows.length,
    getScrollElement: () => frame.current,
    estimateSize: () => 36,
    getItemKey: (i) => rows[i]?.at ?? i,
    overscan: 10,
  });
  const originals = useMemo(() => indexed(base), [base]);
  const problems = useMemo(() => byPlace(refused), [refused]);

  // A row far away is drawn some frames after the list has been scrolled to it.
  const reach = (index: number, frames: number) => {
    lines.scrollToIndex(index);
    requestAnimationFrame(() => {
      const row = frame.current?.querySelector<HTMLElement>(`[data-index="${index}"]`);
      if (row) row.focus();
      else if (frames > 0) reach(index, frames - 1);
    });
  };
  const go = (to: number) => {
    const next = Math.max(0, Math.min(rows.length - 1, to));
    setCurrent(rows[next]?.at ?? "");
    reach(next, 20);
  };
  const open = (row: Row) =>
    row.kind === "table" ? onToggle(row.table.name) : setDetail(flip(detail, row.at, !detail.has(row.at)));
  const key = (e: KeyboardEvent, row: Row, i: number) => {
    if (e.target !== e.currentTarget) return; // a field within
    const steps: Record<string, number> = {
      ArrowDown: i + 1,
      ArrowUp: i - 1,
      PageDown: i + 12,
      PageUp: i - 12,
      Home: 0,
      End: rows.length - 1,
    };
    const step = steps[e.key];
    const opened = row.kind === "table" ? row.open : detail.has(row.at);
    if (step !== undefined) go(step);
    else if (e.key === "Enter" || (e.key === "ArrowRight" && !opened) || (e.key === "ArrowLeft" && opened)) open(row);
    else if (e.key === "ArrowLeft" && row.kind !== "table")
      go(rows.findIndex((r) => r.kind === "table" && r.table === row.table));
    else return;
    e.preventDefault();
  };

  return (
    <div ref={frame} className={styles.frame} tabIndex={rows.length ? -1 : 0}>
      <div role="treegrid" aria-label="The plan" aria-rowcount={rows.length + 1} className={styles.grid}>
        <div role="row" aria-rowindex={1} className={`${styles.line} ${styles.head}`} tabIndex={-1}>
          {["Column", "Declared", "Evidence", "Becomes", "For example", "If it does not fit", "Misfits"].map((h, i) => (
            <div key={h} role="columnheader" className={cellClass(i)} tabIndex={-1}>
              {h}
            </div>
          ))}
        </div>
        <div role="rowgroup" className={styles.body} style={{ height: lines.getTotalSize() }}>
          {lines.getVirtualItems().map((item) => {
            const row = rows[item.index];
            if (!row) return null;
            return (
              <div
                key={item.key}
                ref={lines.measureElement}
                role="row"
                aria-level={row.kind === "table" ? 1 : 2}
                aria-rowindex={item.index + 2}
                aria-expanded={row.kind === "table" ? row.open : detail.has(row.at)}
                data-index={item.index}
                tabIndex={item.index === at ? 0 : -1}
                className={styles.row}
                style={{ transform: `translateY(${item.start}px)` }}
                onFocus={() => setCurrent(row.at)}
                onKeyDown={(e) => key(e, row, item.index)}
              >
                <Line
                  row={row}
                  original={originals.get(row.at)}
                  draft={draft}
                  problems={problems.get(row.at)}
                  readOnly={readOnly}
                  focused={item.index === at}
                  detailed={detail.has(row.at)}
                  onOpen={() => open(row)}
                />
              </div>
            );
          })}
        </div>
      </div>
      {rows.length === 0 ? <p className={styles.none}>Nothing in the plan is like that.</p> : null}
    </div>
  );
}

const cells = [
  styles.name,
  styles.declared,
  styles.evidence,
  styles.type,
  styles.sample,
  styles.policy,
  styles.misfits,
];
const cellClass = (i: number) => `${styles.cell} ${cells[i] ?? ""}`;

function indexed(plan: Plan) {
  const map = new Map<string, PlanColumn>();
  for (const t of plan.tables ?? []) for (const c of t.columns ?? []) map.set(place.column(t.name, c.name), c);
  return map;
}

function byPlace(refused: Refusal[]) {
  const map = new Map<string, string[]>();
  for (const r of refused) {
    const at = r.column === undefined ? place.table(r.table) : place.column(r.table, r.column);
    map.set(at, [...(map.get(at) ?? []), r.text]);
  }
  return map;
}
