import { ChevronDown, ChevronRight } from "lucide-react";
import { useState } from "react";
import { api } from "@/api/client";
import type { Operation } from "@/api/progress";
import { count, plural } from "@/ui/format";
import { Panel, Skeleton } from "@/ui/page";
import styles from "./quarantine.module.css";
import { QuarantineRows } from "./quarantinerows";
import { type Reason, type ReportOf, reasonsOf, type TableReport } from "./reports";
import { asked } from "./use";

/** Quarantine leads from a table to its reasons, and from a reason to the rows with what they held. */
export function Quarantine({ operation, report }: { operation: Operation; report: ReportOf }) {
  const tables = (report.tables ?? []).filter((t) => t.quarantined || t.nulled || t.replaced);
  const { to } = asked(operation);
  const summary = api.useQuery(
    "get",
    "/api/instances/{name}/quarantine",
    { params: { path: { name: to } } },
    { enabled: tables.length > 0 && Boolean(operation.instance), staleTime: 60_000 },
  );
  if (!tables.length) return null;
  const rows = tables.reduce((n, t) => n + t.quarantined, 0);
  const values = tables.reduce((n, t) => n + (t.nulled ?? 0) + (t.replaced ?? 0), 0);
  const parts = [
    rows ? `${plural(rows, "row")} not stored` : "",
    values ? `${plural(values, "value")} stored as another` : "",
  ].filter(Boolean);
  return (
    <Panel
      title="Quarantine"
      note={`${parts.join(", ")}; the originals stand in ${report.target.schema}.lakeward_quarantine`}
      flush
    >
      <ul className={styles.list}>
        {tables.map((t) => (
          <li key={t.name}>
            <div className={styles.table}>
              <strong>{t.name}</strong>
              <span className={`${styles.text} num`}>{sums(t)}</span>
            </div>
            {summary.isLoading ? (
              <div className={styles.reason}>
                <Skeleton width={280} height={20} />
              </div>
            ) : (
              reasonsOf(t, report, summary.data?.reasons).map((r) => (
                <OneReason
                  key={`${r.column} ${r.action} ${r.reason}`}
                  reason={r}
                  instance={to}
                  report={report}
                  table={t.name}
                />
              ))
            )}
          </li>
        ))}
      </ul>
    </Panel>
  );
}

function sums(t: TableReport): string {
  const parts = [
    t.quarantined ? `${plural(t.quarantined, "row")} quarantined` : "",
    t.nulled ? `${plural(t.nulled, "value")} stored as NULL` : "",
    t.replaced ? `${plural(t.replaced, "value")} replaced` : "",
  ];
  return parts.filter(Boolean).join(" · ");
}

type OneProps = { reason: Reason; instance: string; report: ReportOf; table: string };

function OneReason({ reason: r, instance, report, table }: OneProps) {
  const [open, setOpen] = useState(false);
  const Arrow = open ? ChevronDown : ChevronRight;
  return (
    <>
      <button type="button" className={styles.reason} aria-expanded={open} onClick={() => setOpen(!open)}>
        <Arrow size={14} aria-hidden />
        <code>{r.column}</code>
        <span>{r.reason}</span>
        <span className={`${styles.count} num`}>{count(r.count)}</span>
      </button>
      {open ? <QuarantineRows reason={r} instance={instance} report={report} table={table} /> : null}
    </>
  );
}
