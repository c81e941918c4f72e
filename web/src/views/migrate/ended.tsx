import { Button } from "@mantine/core";
import { Link, useNavigate } from "@tanstack/react-router";
import { CheckCircle2, TriangleAlert } from "lucide-react";
import { api } from "@/api/client";
import type { Operation } from "@/api/progress";
import { remember } from "@/api/submit";
import { count, plural } from "@/ui/format";
import { OnlyAdministrators } from "@/ui/only";
import { ErrorPanel, Trouble } from "@/ui/problem";
import styles from "./ended.module.css";
import { type ReportOf, totals } from "./reports";
import { asked } from "./use";

/** Ended says how a migration came out, in one sentence that is true, and what can be done now. */
export function Ended({ operation, report }: { operation: Operation; report: ReportOf | undefined }) {
  const retry = useRetry(operation);
  const again = (
    <OnlyAdministrators>
      <div className={styles.actions}>
        <Button size="xs" variant="default" onClick={retry.run} loading={retry.busy}>
          Try again
        </Button>
        <Button size="xs" variant="default" component={Link} to="/migrate">
          Begin anew
        </Button>
      </div>
    </OnlyAdministrators>
  );
  if (operation.state === "cancelled") {
    return (
      <>
        <section className={`${styles.verdict} ${styles.quiet}`} aria-label="Result">
          <div>
            <h2>Cancelled</h2>
            <p>
              {report?.swapped
                ? "The swap had happened: the tables are in place."
                : "Nothing of the target or the source has changed."}
            </p>
          </div>
          {again}
        </section>
        {retry.error ? <ErrorPanel error={retry.error} /> : null}
      </>
    );
  }
  if (operation.error) {
    return (
      <>
        <Trouble
          title={
            report?.swapped
              ? "The tables are in place, and something failed"
              : asked(operation).strategy === "use-existing"
                ? "The instance does not have all that the source has"
                : "The migration failed, and the target is as it was"
          }
          detail={operation.error.message}
          hint={operation.error.hint}
          action={again}
        />
        {retry.error ? <ErrorPanel error={retry.error} /> : null}
      </>
    );
  }
  return report ? <Verdict operation={operation} report={report} /> : null;
}

function Verdict({ operation, report }: { operation: Operation; report: ReportOf }) {
  const t = totals(report);
  const whole = report.verdict === "identical" || report.verdict === "schema only";
  const Icon = whole ? CheckCircle2 : TriangleAlert;
  return (
    <section className={`${styles.verdict} ${whole ? styles.ok : styles.warn}`} aria-label="Result">
      <Icon size={20} aria-hidden className={styles.icon} />
      <div>
        <h2>{headline(report)}</h2>
        <p className="num">{account(report, t)}</p>
      </div>
      <Downloads id={operation.id} />
    </section>
  );
}

function headline(r: ReportOf): string {
  if (r.verdict === "identical") return "Every row is there, and proven equal";
  if (r.verdict === "schema only") return "The schema is there; no row was asked for";
  if (r.verdict === "different") return "Source and target differ";
  return "Every row is accounted for, with exceptions that are named below";
}

function account(r: ReportOf, t: ReturnType<typeof totals>): string {
  const target = `${r.target.name}, schema ${r.target.schema}`;
  if (r.verdict === "schema only") return `${plural(t.tables, "table")} in ${target}.`;
  const parts = [
    `${plural(t.read, "row")} of ${plural(t.tables, "table")} read`,
    `${count(t.loaded)} stored in ${target}`,
    `${count(t.verified)} compared value by value and equal`,
  ];
  if (t.quarantined) parts.push(`${count(t.quarantined)} in quarantine`);
  if (t.changed) parts.push(`${plural(t.changed, "value")} changed by a policy`);
  if (t.differing) parts.push(`${count(t.differing)} that differ`);
  return `${parts.join(" · ")}.`;
}

/** Downloads are the report in its forms. The page in HTML needs nothing else, and can be kept. */
export function Downloads({ id }: { id: string }) {
  const forms = [
    { format: "html", name: "HTML", end: "html" },
    { format: "json", name: "JSON", end: "json" },
    { format: "text", name: "Text", end: "txt" },
  ];
  return (
    <div className={styles.actions}>
      <span className={styles.label}>Download</span>
      {forms.map((f) => (
        <Button
          key={f.format}
          component="a"
          href={`/api/operations/${encodeURIComponent(id)}/report?format=${f.format}`}
          download={`migration-${id}.${f.end}`}
          size="xs"
          variant="default"
        >
          {f.name}
        </Button>
      ))}
    </div>
  );
}

function useRetry(operation: Operation) {
  const navigate = useNavigate();
  const retry = api.useMutation("post", "/api/operations/{id}/retry");
  const run = () =>
    retry.mutate(
      { params: { path: { id: operation.id } } },
      {
        onSuccess: (o) => {
          remember(o);
          void navigate({
            to: "/migrate/run/$id",
            params: { id: o.id },
            search: { instance: asked(o).to },
          });
        },
      },
    );
  return { run, busy: retry.isPending, error: retry.error };
}
