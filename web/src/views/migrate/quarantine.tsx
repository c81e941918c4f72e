import { ChevronDown, ChevronRight } from "lucide-react";
import { useState } from "react";
import type { Operation } from "@/api/progress";
import { count, plural } from "@/ui/format";
import { Panel } from "@/ui/page";
import styles from "./quarantine.module.css";
import { type Reason, type ReportOf, reasons, type TableReport } from "./reports";

/** Quarantine leads from a table to its reasons, and from a reason to the rows with what they held. */
export function Quarantine({ report }: { operation: Operation; report: ReportOf }) {
  const tables = (report.tables ?? []).filter((t) => t.quarantined || t.nulled || t.replaced);
  if (!tables.length) return null;
  const rows = tables.reduce((n, t) => n + t.quarantined, 0);
  return (
    <Panel
      title="Quarantine"
      note={`${plural(rows, "row")} not stored as they were; whole, in ${report.target.schema}.lakeward_quarantine`}
      flush
    >
      <ul className={styles.list}>
        {tables.map((t) => (
          <OfTable key={t.name} table={t} />
        ))}
      </ul>
    </Panel>
  );
}

function OfTable({ table: t }: { table: TableReport }) {
  const rows = t.quarantine ?? [];
  const all = t.quarantined + (t.nulled ?? 0) + (t.replaced ?? 0);
  return (
    <li>
      <div className={styles.table}>
        <strong>{t.name}</strong>
        <span className={`${styles.text} num`}>
          {[
            t.quarantined ? `${plural(t.quarantined, "row")} quarantined` : "",
            t.nulled ? `${plural(t.nulled, "value")} stored as NULL` : "",
            t.replaced ? `${plural(t.replaced, "value")} replaced` : "",
          ]
            .filter(Boolean)
            .join(" · ")}
          {rows.length < all ? `; the first ${count(rows.length)} are named here` : ""}
        </span>
      </div>
      {reasons(rows).map((r) => (
        <OneReason key={`${r.column} ${r.reason}`} reason={r} />
      ))}
    </li>
  );
}

function OneReason({ reason: r }: { reason: Reason }) {
  const [open, setOpen] = useState(false);
  const Arrow = open ? ChevronDown : ChevronRight;
  return (
    <>
      <button type="button" className={styles.reason} aria-expanded={open} onClick={() => setOpen(!open)}>
        <Arrow size={14} aria-hidden />
        <code>{r.column}</code>
        <span>{r.reason}</span>
        <span className={`${styles.count} num`}>{plural(r.rows.length, "row")}</span>
      </button>
      {open ? (
        <table className={styles.rows}>
          <thead>
            <tr>
              <th scope="col">Key</th>
              <th scope="col">What it held</th>
              <th scope="col">What was done</th>
            </tr>
          </thead>
          <tbody>
            {r.rows.map((row) => (
              <tr key={row.key + row.reason}>
                <td>
                  <code>{row.key}</code>
                </td>
                <td>{row.reason}</td>
                <td>{row.action}</td>
              </tr>
            ))}
          </tbody>
        </table>
      ) : null}
    </>
  );
}
