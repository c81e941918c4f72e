import { Check, CircleDashed, X } from "lucide-react";
import { useState } from "react";
import { count, plural } from "@/ui/format";
import { Panel } from "@/ui/page";
import { type Column, DataTable, narrow, usePhone } from "@/ui/table";
import { proofOf, type ReportOf, type TableReport, totals } from "./reports";
import styles from "./reporttables.module.css";

/** ReportTables is the account of every row: what was read, what stands on the target, and what was compared. */
export function ReportTables({ report }: { report: ReportOf }) {
  const phone = usePhone();
  const tables = report.tables ?? [];
  const [open, setOpen] = useState<string>();
  const shown = tables.find((t) => t.name === open);
  const t = totals(report);
  // What was not put in place is not on the target.
  const all =
    report.verdict === "schema only"
      ? rowless
      : report.swapped
        ? columns
        : columns.map((c) => (c.key === "loaded" ? { ...c, head: "Copied" } : c));
  const equal = tables.filter((x) => proofOf(x) === "equal").length;
  return (
    <Panel
      title={report.verdict === "schema only" ? "Tables" : "Proof"}
      note={
        <span className="num">
          {report.verdict === "schema only"
            ? plural(t.tables, "table")
            : report.swapped
              ? `${equal} of ${plural(t.tables, "table")} equal`
              : `${plural(t.tables, "table")} copied and compared, and none of it was put in place`}
        </span>
      }
      flush
    >
      <DataTable
        label="Proof of each table"
        rows={tables}
        id={(x) => x.name}
        columns={phone ? narrow(all, ["name", "loaded", "proof"]) : all}
        height="min(60vh, 620px)"
        onOpen={(x) => setOpen(x.name === open ? undefined : x.name)}
      />
      {shown?.differences?.length || shown?.error ? <Differences table={shown} /> : null}
    </Panel>
  );
}

// A schema that came alone has no rows that anything could be said of.
const rowless: Column<TableReport>[] = [
  {
    key: "name",
    head: "Table",
    width: "minmax(140px, 1fr)",
    cell: (t) => <strong className={styles.name}>{t.name}</strong>,
    sort: (t) => t.name,
  },
  { key: "loaded", head: "Rows", width: "120px", cell: () => <span className={styles.zero}>none asked for</span> },
];

const columns: Column<TableReport>[] = [
  {
    key: "name",
    head: "Table",
    width: "minmax(140px, 1.4fr)",
    cell: (t) => <strong className={styles.name}>{t.name}</strong>,
    sort: (t) => t.name,
  },
  { key: "read", head: "In the source", width: "110px", end: true, cell: (t) => count(t.read), sort: (t) => t.read },
  {
    key: "loaded",
    head: "On the target",
    width: "110px",
    end: true,
    cell: (t) => count(t.loaded),
    sort: (t) => t.loaded,
  },
  {
    key: "quarantined",
    head: "Quarantined",
    width: "100px",
    end: true,
    sort: (t) => t.quarantined,
    cell: (t) =>
      t.quarantined ? (
        <span className={styles.some}>{count(t.quarantined)}</span>
      ) : (
        <span className={styles.zero}>0</span>
      ),
  },
  {
    key: "verified",
    head: "Compared",
    width: "100px",
    end: true,
    cell: (t) => count(t.verified),
    sort: (t) => t.verified,
  },
  { key: "proof", head: "Sums", width: "150px", cell: (t) => <Proof table={t} />, sort: (t) => proofOf(t) },
];

function Proof({ table }: { table: TableReport }) {
  const proof = proofOf(table);
  const Icon = { equal: Check, different: X, unproven: CircleDashed }[proof];
  const word =
    proof === "equal"
      ? "equal"
      : proof === "unproven"
        ? "not compared"
        : table.error
          ? "not compared"
          : `${plural(table.differing, "row")} differ`;
  const changed = (table.nulled ?? 0) + (table.replaced ?? 0);
  return (
    <span className={`${styles.proof} ${styles[proof]}`}>
      <Icon size={14} aria-hidden />
      {word}
      {changed ? <span className={styles.zero}>but for {count(changed)}</span> : null}
    </span>
  );
}

function Differences({ table: t }: { table: TableReport }) {
  return (
    <div className={styles.differences}>
      <strong>{t.name}</strong>
      {t.error ? <p>{t.error}</p> : null}
      <ul>
        {(t.differences ?? []).map((d) => (
          <li key={`${d.kind} ${d.key} ${d.column} ${d.source}`}>
            {d.kind === "missing" ? "missing on the target" : d.kind === "extra" ? "only on the target" : "changed"}
            {d.key ? ` · ${d.key}` : ""}
            {d.column ? ` · ${d.column}` : ""}
            {d.source ? <code> source {d.source}</code> : null}
            {d.target ? <code> target {d.target}</code> : null}
          </li>
        ))}
      </ul>
    </div>
  );
}

/** ReportViews is the account of the views, whose rows were compared too. */
export function ReportViews({ report }: { report: ReportOf }) {
  const views = report.views ?? [];
  if (!views.length) return null;
  return (
    <Panel title="Views" note="Translated, and their rows compared" flush>
      <ul className={styles.views}>
        {views.map((v) => (
          <li key={v.name}>
            <strong className={styles.name}>{v.name}</strong>
            <span className="num">
              {v.rows === v.loaded
                ? plural(v.rows, "row")
                : `${count(v.rows)} in the source, ${count(v.loaded)} on the target`}
            </span>
            <span className={`${styles.proof} ${v.identical ? styles.equal : styles.unproven}`}>
              {v.identical ? <Check size={14} aria-hidden /> : <CircleDashed size={14} aria-hidden />}
              {v.identical ? "equal" : (v.explained ?? v.error ?? "different")}
            </span>
          </li>
        ))}
      </ul>
    </Panel>
  );
}
