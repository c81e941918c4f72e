import type { Operation } from "@/api/progress";
import { CodeBox } from "@/ui/copy";
import { count, duration, plural, sentence } from "@/ui/format";
import { Facts, Panel } from "@/ui/page";
import { Time } from "@/ui/time";
import { ConvertedList } from "./converted";
import type { Course } from "./course";
import { LeftList } from "./left";
import { Next } from "./next";
import { isPlan } from "./plan";
import { Quarantine } from "./quarantine";
import styles from "./report.module.css";
import type { ReportOf } from "./reports";
import { ReportTables, ReportViews } from "./reporttables";
import { Timeline } from "./timeline";
import { asked } from "./use";

type Props = { operation: Operation; report: ReportOf; course: Course };

/** Report is what a migration has found: the proof first, then all that is not as it was. */
export function Report({ operation, report, course }: Props) {
  const plan = asked(operation).plan;
  const left = report.left ?? [];
  return (
    <>
      {report.swapped ? <Next operation={operation} report={report} /> : null}
      <div className={styles.columns}>
        <div className={styles.main}>
          <ReportTables report={report} />
          <Quarantine operation={operation} report={report} />
          <Broken report={report} />
          <ReportViews report={report} />
          {left.length ? <LeftList left={left} /> : null}
          <ConvertedList plan={isPlan(plan) ? plan : undefined} />
        </div>
        <div className={styles.aside}>
          <About report={report} />
          <Timeline course={course} operation={operation} />
        </div>
      </div>
    </>
  );
}

function About({ report: r }: { report: ReportOf }) {
  const notes = r.notes ?? [];
  return (
    <Panel title="This migration">
      <Facts
        of={[
          ["Source", <span key="s">{r.source.path}</span>],
          ["Target", `${r.target.name}, ${r.target.database}.${r.target.schema}`],
          ["PostgreSQL", r.target.server],
          ["Began", <Time key="t" at={r.started} show="local" />],
          ["Took", duration(r.seconds)],
          ...(r.backup ? [["Backup", <code key="b">{r.backup}</code>] as [string, React.ReactNode]] : []),
        ]}
      />
      {notes.length ? (
        <ul className={styles.notes}>
          {notes.map((n) => (
            <li key={n}>{sentence(n)}</li>
          ))}
        </ul>
      ) : null}
    </Panel>
  );
}

/** Broken names the rows that break a foreign key or a check, with the query that finds them. */
function Broken({ report }: { report: ReportOf }) {
  const orphans = report.orphans ?? [];
  const checks = report.checks ?? [];
  if (!orphans.length && !checks.length) return null;
  const all = [
    ...orphans.map((o) => ({
      key: `${o.table} ${o.foreign_key}`,
      title: `${o.table} without ${o.parent}`,
      rows: o.rows,
      text: `The foreign key ${o.foreign_key} holds for new rows only.`,
      query: o.query,
    })),
    ...checks.map((c) => ({
      key: `${c.table} ${c.check}`,
      title: `${c.table} against a check`,
      rows: c.rows,
      text: `The check ${c.check} holds for new rows only.`,
      query: c.query,
    })),
  ];
  return (
    <Panel title="Rows that break a constraint" note="They were so in the source, and are kept" flush>
      <ul className={styles.list}>
        {all.map((b) => (
          <li key={b.key}>
            <div className={styles.broken}>
              <strong>{b.title}</strong>
              <span className="num">{plural(b.rows, "row")}</span>
              <span className={styles.text}>
                {b.text} When the rows are mended: <code>ALTER TABLE … VALIDATE CONSTRAINT</code>
              </span>
            </div>
            <CodeBox code={b.query} label={`query for the ${count(b.rows)} rows`} />
          </li>
        ))}
      </ul>
    </Panel>
  );
}
