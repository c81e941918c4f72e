import { Check, CircleDashed, LoaderCircle, TriangleAlert, X } from "lucide-react";
import { Bar } from "@/ui/bar";
import { count, duration, plural } from "@/ui/format";
import { Panel } from "@/ui/page";
import { type Column, DataTable, narrow, usePhone } from "@/ui/table";
import { type Course, remaining, running, type Step, speed, type TableCourse } from "./course";
import styles from "./runtables.module.css";

type Props = { course: Course; live: boolean; over: boolean; gone: boolean }; // gone: what was copied is dropped

/** RunTables shows each table on its way: rows, rate, time left, rejects, and the tick when it has been compared. */
export function RunTables({ course, live, over, gone }: Props) {
  const phone = usePhone();
  const tables = [...course.tables.values()];
  const phase = running(course)?.name;
  const loaded = tables.filter((t) => t.load.state === "done").length;
  const compared = tables.filter((t) => t.verify.state === "done").length;
  const rejects = tables.reduce((n, t) => n + t.rejects, 0);
  const parts = [`${loaded} of ${plural(tables.length, "table")} copied`];
  if (compared) parts.push(`${compared} compared`);
  if (gone && loaded) parts.push("as far as it came; nothing of it is left");
  else parts.push(rejects ? `${plural(rejects, "row")} in quarantine` : "no rejects");
  return (
    <Panel title="Tables" note={<span className="num">{tables.length ? parts.join(" · ") : ""}</span>} flush>
      <DataTable
        label="Tables of the migration"
        rows={tables}
        id={(t) => t.name}
        columns={phone ? narrow(columns(phase, live, over), ["name", "state", "proof"]) : columns(phase, live, over)}
        height="min(64vh, 720px)"
        none="The tables show when the source has been looked at."
      />
    </Panel>
  );
}

const stepOf = (t: TableCourse): Step => (t.verify.state === "waiting" ? t.load : t.verify);

function columns(phase: string | undefined, live: boolean, over: boolean): Column<TableCourse>[] {
  return [
    { key: "name", head: "Table", width: "minmax(130px, 1.2fr)", cell: (t) => <Name table={t} />, sort: (t) => t.name },
    {
      key: "state",
      head: "State",
      width: "minmax(132px, 1.1fr)",
      cell: (t) => <Far table={t} phase={phase} />,
      sort: (t) => stepOf(t).high,
    },
    {
      key: "rows",
      head: "Rows",
      width: "minmax(140px, 1.1fr)",
      end: true,
      sort: (t) => t.rows ?? 0,
      cell: (t) => {
        const done = stepOf(t).high;
        if (t.rows === undefined) return done ? count(done) : "–";
        return done === t.rows && stepOf(t).state === "done" ? count(done) : `${count(done)} of ${count(t.rows)}`;
      },
    },
    {
      key: "rate",
      head: "Rows/s",
      width: "76px",
      end: true,
      cell: (t) => {
        const rate = stepOf(t).state === "running" && live ? speed(stepOf(t)) : undefined;
        return rate === undefined ? "" : count(rate);
      },
    },
    {
      key: "left",
      head: "Time left",
      width: "80px",
      end: true,
      cell: (t) => {
        const left = live ? remaining(t, t.verify.state === "waiting" ? "load" : "verify") : undefined;
        return left === undefined ? "" : duration(Math.ceil(left));
      },
    },
    {
      key: "rejects",
      head: "Rejects",
      width: "72px",
      end: true,
      sort: (t) => t.rejects,
      cell: (t) =>
        t.rejects ? <span className={styles.some}>{count(t.rejects)}</span> : <span className={styles.zero}>0</span>,
    },
    { key: "proof", head: "Proof", width: "112px", cell: (t) => <Proof table={t} over={over} /> },
  ];
}

function Name({ table: t }: { table: TableCourse }) {
  return (
    <span className={styles.name} title={[t.name, ...t.warnings].join("\n")}>
      {t.name}
      {t.warnings.length ? (
        <TriangleAlert size={13} className={styles.warn} aria-label={plural(t.warnings.length, "warning")} />
      ) : null}
    </span>
  );
}

function Far({ table: t, phase }: { table: TableCourse; phase: string | undefined }) {
  const step = stepOf(t);
  const again = step.done < step.high && step.state === "running";
  if (step.state === "running") {
    return (
      <span className={styles.far}>
        <span className={styles.word}>
          {again ? `again from ${count(step.done)}` : t.verify.state === "running" ? "comparing" : "copying"}
        </span>
        <span className={styles.bar}>
          <Bar
            value={step.high}
            of={t.rows ?? 0}
            label={`${t.name}, ${t.verify.state === "running" ? "compared" : "copied"}`}
          />
        </span>
      </span>
    );
  }
  if (t.verify.state === "done") return "compared";
  if (t.load.state === "done") return t.indexed ? "copied, indexed" : "copied";
  if (t.indexed) return "made";
  return <span className={styles.zero}>{t.read.state === "done" && phase === "plan" ? "read" : "waits"}</span>;
}

function Proof({ table: t, over }: { table: TableCourse; over: boolean }) {
  const state = t.verify.state;
  if (t.differing) {
    return (
      <span className={`${styles.proof} ${styles.bad}`}>
        <X size={14} aria-hidden />
        {plural(t.differing, "row")} differ
      </span>
    );
  }
  const Icon = state === "done" ? Check : state === "running" ? LoaderCircle : CircleDashed;
  const word = state === "done" ? "equal" : state === "running" ? "comparing" : over ? "none" : "not yet";
  return (
    <span className={`${styles.proof} ${state === "done" ? styles.ok : state === "waiting" ? styles.zero : ""}`}>
      <Icon size={14} aria-hidden />
      {word}
    </span>
  );
}
