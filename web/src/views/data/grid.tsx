import { useVirtualizer } from "@tanstack/react-virtual";
import { KeyRound } from "lucide-react";
import { type KeyboardEvent, useMemo, useRef, useState } from "react";
import styles from "./grid.module.css";
import { type Cell, numeric, oneLine, type RowPage, widths } from "./shape";

type Props = { label: string; page: RowPage; first: number; onOpen: (row: number, column: number) => void };

/**
 * Grid draws a page of rows. Only the cells in sight are drawn, in both directions, so that hundreds of columns are no
 * burden. One cell is in the tab order; the arrows move, and Enter shows the whole value.
 */
export function Grid({ label, page, first, onOpen }: Props) {
  const frame = useRef<HTMLDivElement>(null);
  const [at, setAt] = useState({ row: 0, column: 0 });
  const sizes = useMemo(() => widths(page), [page]);
  const rows = useVirtualizer({
    count: page.rows.length,
    getScrollElement: () => frame.current,
    estimateSize: () => 32,
    overscan: 8,
    scrollPaddingStart: 44, // below the head
  });
  const columns = useVirtualizer({
    horizontal: true,
    count: page.columns.length,
    getScrollElement: () => frame.current,
    estimateSize: (n) => sizes[n] ?? 120,
    overscan: 4,
  });
  const width = columns.getTotalSize();
  const shown = columns.getVirtualItems();

  const move = (e: KeyboardEvent) => {
    const seen = Math.max(1, Math.floor((frame.current?.clientHeight ?? 400) / 32) - 2);
    const { row, column } = at;
    const end = page.columns.length - 1;
    const to: Record<string, [number, number]> = {
      ArrowDown: [row + 1, column],
      ArrowUp: [row - 1, column],
      ArrowRight: [row, column + 1],
      ArrowLeft: [row, column - 1],
      PageDown: [row + seen, column],
      PageUp: [row - seen, column],
      Home: [e.ctrlKey || e.metaKey ? 0 : row, 0],
      End: [e.ctrlKey || e.metaKey ? page.rows.length - 1 : row, end],
    };
    if (e.key === "Enter" || e.key === " ") {
      e.preventDefault();
      return onOpen(row, column);
    }
    const next = to[e.key];
    if (!next) return;
    e.preventDefault();
    const r = Math.max(0, Math.min(page.rows.length - 1, next[0]));
    const c = Math.max(0, Math.min(end, next[1]));
    setAt({ row: r, column: c });
    rows.scrollToIndex(r);
    columns.scrollToIndex(c);
    requestAnimationFrame(() => frame.current?.querySelector<HTMLElement>(`[data-cell="${r}-${c}"]`)?.focus());
  };

  return (
    <div ref={frame} className={styles.frame} tabIndex={page.rows.length ? -1 : 0} role="presentation">
      <div
        role="grid"
        aria-label={label}
        aria-rowcount={page.rows.length + 1}
        aria-colcount={page.columns.length}
        style={{ width, minWidth: "100%" }}
      >
        <div role="row" aria-rowindex={1} className={styles.head} style={{ width, minWidth: "100%" }}>
          {shown.map((c) => {
            const column = page.columns[c.index];
            return column ? (
              <div
                key={c.key}
                role="columnheader"
                aria-colindex={c.index + 1}
                className={`${styles.name} ${numeric(column.type) ? styles.end : ""}`}
                style={{ width: c.size, transform: `translateX(${c.start}px)` }}
                title={`${column.name} ${column.type}`}
              >
                <span>
                  {column.key ? <KeyRound size={11} aria-label="key" /> : null}
                  {column.name}
                </span>
                <small>{column.type}</small>
              </div>
            ) : null;
          })}
        </div>
        <div role="rowgroup" className={styles.body} style={{ height: rows.getTotalSize() }}>
          {rows.getVirtualItems().map((r) => (
            <div
              key={r.key}
              role="row"
              aria-rowindex={first + r.index + 2}
              className={styles.row}
              style={{ transform: `translateY(${r.start}px)`, width, minWidth: "100%" }}
            >
              {shown.map((c) => {
                const column = page.columns[c.index];
                const mine = at.row === r.index && at.column === c.index;
                return column ? (
                  <div
                    key={c.key}
                    role="gridcell"
                    aria-colindex={c.index + 1}
                    data-cell={`${r.index}-${c.index}`}
                    tabIndex={mine ? 0 : -1}
                    className={`${styles.cell} ${numeric(column.type) ? styles.end : ""}`}
                    style={{ width: c.size, transform: `translateX(${c.start}px)` }}
                    onFocus={() => setAt({ row: r.index, column: c.index })}
                    onClick={() => onOpen(r.index, c.index)}
                    onKeyDown={move}
                  >
                    <Value cell={page.rows[r.index]?.[c.index]} />
                  </div>
                ) : null;
              })}
            </div>
          ))}
        </div>
      </div>
    </div>
  );
}

function Value({ cell }: { cell: Cell | undefined }) {
  if (!cell || cell.text === null) return <span className={styles.null}>NULL</span>;
  if (cell.text === "") return <span className={styles.null}>empty</span>;
  return (
    <>
      {oneLine(cell.text)}
      {cell.cut ? "…" : ""}
    </>
  );
}
