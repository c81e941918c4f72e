import { useMediaQuery } from "@mantine/hooks";
import { useVirtualizer } from "@tanstack/react-virtual";
import { ArrowDown, ArrowUp } from "lucide-react";
import { type KeyboardEvent, type ReactNode, useEffect, useMemo, useRef, useState } from "react";
import styles from "./table.module.css";

export type Column<T> = {
  key: string;
  head: string;
  cell: (row: T) => ReactNode;
  width?: string; // of a grid's column, such as 120px or minmax(160px, 1fr)
  end?: boolean; // for numbers
  sort?: (row: T) => string | number; // what to sort by; without it the column cannot be sorted
};

type Props<T> = {
  label: string; // for screen readers
  rows: T[];
  columns: Column<T>[];
  id: (row: T) => string;
  onOpen?: (row: T) => void; // a click, or Enter
  height?: number | string; // the most that it takes of the page; it scrolls within
  none?: ReactNode; // instead of rows
  follow?: boolean; // stay at the end while rows arrive
};

const rowHeight = 36;

/**
 * DataTable draws only the rows in sight, so that ten thousand cost as little as twenty. One row is in the tab order; the
 * arrows, Home, End and the page keys move, and Enter opens.
 */
export function DataTable<T>({
  label,
  rows,
  columns,
  id,
  onOpen,
  height = 560,
  none = "Nothing here.",
  follow,
}: Props<T>) {
  const frame = useRef<HTMLDivElement>(null);
  const [order, setOrder] = useState<{ key: string; down: boolean }>();
  const [current, setCurrent] = useState(0);
  const sorted = useMemo(() => arrange(rows, columns, order), [rows, columns, order]);
  const lines = useVirtualizer({
    count: sorted.length,
    getScrollElement: () => frame.current,
    estimateSize: () => rowHeight,
    overscan: 12,
  });
  // While its end is in sight it stays there, however many rows arrive; whoever scrolls up reads in peace.
  const atEnd = useRef(true);
  const last = sorted.length - 1;
  useEffect(() => {
    if (follow) atEnd.current = true; // whoever asks to follow goes to the end
  }, [follow]);
  useEffect(() => {
    if (follow && atEnd.current && last >= 0) lines.scrollToIndex(last, { align: "end" });
  }, [follow, last, lines]);
  const scrolled = (f: HTMLElement) => {
    atEnd.current = f.scrollHeight - f.scrollTop - f.clientHeight < rowHeight;
  };
  const template = columns.map((c) => c.width ?? "minmax(120px, 1fr)").join(" ");

  // Another order begins at its first row: the place in the one before says nothing in this.
  const sort = (next: typeof order) => {
    setOrder(next);
    setCurrent(0);
    lines.scrollToOffset(0);
  };

  const move = (e: KeyboardEvent, at: number) => {
    const page = Math.max(1, Math.floor((frame.current?.clientHeight ?? 360) / rowHeight) - 1);
    const steps: Record<string, number> = {
      ArrowDown: at + 1,
      ArrowUp: at - 1,
      PageDown: at + page,
      PageUp: at - page,
      Home: 0,
      End: sorted.length - 1,
    };
    const row = sorted[at];
    if (e.key === "Enter" && e.target === e.currentTarget && onOpen && row) return onOpen(row);
    const to = steps[e.key];
    if (to === undefined) return;
    e.preventDefault();
    const next = Math.max(0, Math.min(sorted.length - 1, to));
    setCurrent(next);
    lines.scrollToIndex(next);
    requestAnimationFrame(() => frame.current?.querySelector<HTMLElement>(`[data-index="${next}"]`)?.focus());
  };

  return (
    <div
      ref={frame}
      className={styles.frame}
      style={{ maxHeight: height }}
      tabIndex={sorted.length ? -1 : 0}
      onScroll={(e) => scrolled(e.currentTarget)}
    >
      <div role="grid" aria-label={label} aria-rowcount={sorted.length + 1} className={styles.table}>
        <div
          role="row"
          aria-rowindex={1}
          className={`${styles.line} ${styles.head}`}
          style={{ gridTemplateColumns: template }}
        >
          {columns.map((c) => (
            <Head key={c.key} column={c} order={order} onSort={sort} />
          ))}
        </div>
        <div role="rowgroup" className={styles.body} style={{ height: lines.getTotalSize() }}>
          {lines.getVirtualItems().map((item) => {
            const row = sorted[item.index];
            if (row === undefined) return null;
            return (
              <div
                key={id(row)}
                role="row"
                aria-rowindex={item.index + 2}
                data-index={item.index}
                tabIndex={item.index === Math.min(current, sorted.length - 1) ? 0 : -1}
                className={`${styles.line} ${styles.row} ${onOpen ? styles.open : ""}`}
                style={{ gridTemplateColumns: template, transform: `translateY(${item.start}px)` }}
                onClick={onOpen ? () => onOpen(row) : undefined}
                onFocus={() => setCurrent(item.index)}
                onKeyDown={(e) => move(e, item.index)}
              >
                {columns.map((c) => (
                  <div key={c.key} role="gridcell" className={`${styles.cell} ${c.end ? styles.end : ""}`}>
                    {c.cell(row)}
                  </div>
                ))}
              </div>
            );
          })}
        </div>
      </div>
      {sorted.length === 0 ? <div className={styles.none}>{none}</div> : null}
    </div>
  );
}

type HeadProps<T> = {
  column: Column<T>;
  order: { key: string; down: boolean } | undefined;
  onSort: (order: { key: string; down: boolean } | undefined) => void;
};

// A click sorts upwards, the next downwards, the third as it came.
function Head<T>({ column, order, onSort }: HeadProps<T>) {
  const mine = order?.key === column.key ? order : undefined;
  const next = mine ? (mine.down ? undefined : { key: column.key, down: true }) : { key: column.key, down: false };
  const Arrow = mine?.down ? ArrowDown : ArrowUp;
  return (
    <div
      role="columnheader"
      className={`${styles.cell} ${column.end ? styles.end : ""}`}
      aria-sort={mine ? (mine.down ? "descending" : "ascending") : undefined}
    >
      {column.sort ? (
        <button type="button" className={`${styles.sort} ${mine ? styles.sorted : ""}`} onClick={() => onSort(next)}>
          {column.head}
          {mine ? <Arrow size={12} aria-hidden /> : null}
        </button>
      ) : (
        column.head
      )}
    </div>
  );
}

/** usePhone says whether the window is as narrow as a phone, where a table has room for three columns. */
export const usePhone = () => useMediaQuery("(max-width: 720px)", false, { getInitialValueInEffect: false });

/** narrow keeps the columns that matter most, which share the room that there is; the last gets the least. */
export function narrow<T>(columns: Column<T>[], keys: string[]): Column<T>[] {
  return columns
    .filter((c) => keys.includes(c.key))
    .map((c, i) => ({ ...c, width: i < keys.length - 1 ? "minmax(0, 1.1fr)" : "minmax(0, 0.85fr)" }));
}

const collator = new Intl.Collator(undefined, { numeric: true });

/** arrange sorts rows by a column; equal ones stay in the order that they came in. */
export function arrange<T>(rows: T[], columns: Column<T>[], order: { key: string; down: boolean } | undefined): T[] {
  const by = order && columns.find((c) => c.key === order.key)?.sort;
  if (!by) return rows;
  const sign = order.down ? -1 : 1;
  return [...rows].sort((a, b) => {
    const x = by(a);
    const y = by(b);
    return sign * (typeof x === "number" && typeof y === "number" ? x - y : collator.compare(String(x), String(y)));
  });
}
