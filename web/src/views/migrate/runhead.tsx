import { Button, Modal } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import { ArrowLeftRight, CheckCircle2, ShieldCheck, TriangleAlert, Unplug } from "lucide-react";
import { useState } from "react";
import { api } from "@/api/client";
import { ended, type Operation } from "@/api/progress";
import { Bar } from "@/ui/bar";
import { bytes, count, duration, sentence } from "@/ui/format";
import { OnlyAdministrators } from "@/ui/only";
import { ErrorPanel } from "@/ui/problem";
import { StateOf } from "@/ui/status";
import { Elapsed } from "@/ui/time";
import { type Course, phaseRemaining, running, sum } from "./course";
import type { ReportOf } from "./reports";
import styles from "./runhead.module.css";
import { strategyOf } from "./strategies";
import { asked } from "./use";

type Props = { operation: Operation; course: Course; report: ReportOf | undefined; live: boolean; lost: boolean };

/** Head says in one glance how it is: the state, whether the target has been touched, how far it is, and the way to stop it. */
export function Head({ operation, course, report, live, lost }: Props) {
  const over = ended(operation.state);
  return (
    <section className={styles.head} aria-label="State of the migration">
      <div className={styles.line}>
        <StateOf state={operation.state} badge />
        <span className={styles.clock}>
          <Elapsed from={operation.started ?? operation.created} to={operation.ended} />
        </span>
        <Untouched operation={operation} course={course} report={report} />
        <span className={styles.right}>
          <Link to="/operations/$id" params={{ id: operation.id }} className={styles.link}>
            Events
          </Link>
          {over ? null : (
            <OnlyAdministrators>
              <Cancel operation={operation} course={course} />
            </OnlyAdministrators>
          )}
        </span>
      </div>
      {over ? null : <Whole course={course} live={live} lost={lost} operation={operation} />}
    </section>
  );
}

function Untouched({ operation, course, report }: Omit<Props, "live" | "lost">) {
  const { to, strategy } = asked(operation);
  const meaning = strategyOf(strategy);
  const over = ended(operation.state);
  if (report?.swapped) return null; // the report says what stands there now
  if (over) {
    if (operation.kind === "create" || (operation.state === "succeeded" && meaning.value === "use-existing"))
      return null;
    return (
      <span className={`${styles.target} ${styles.ok}`}>
        <ShieldCheck size={15} aria-hidden />
        {to} is as it was.
      </span>
    );
  }
  if (running(course)?.name === "swap") {
    return (
      <span className={`${styles.target} ${styles.busy}`}>
        <ArrowLeftRight size={15} aria-hidden />
        Swapping, in one transaction: all of it or nothing.
      </span>
    );
  }
  return (
    <span className={`${styles.target} ${styles.ok}`}>
      <ShieldCheck size={15} aria-hidden />
      <span>
        <strong>Target untouched until the swap.</strong> <span className={styles.rest}>{meaning.swap}</span>
      </span>
    </span>
  );
}

/** Whole is the bar of the phase under way. It is of rows, so it says what it says; it never goes back. */
function Whole({ course, live, lost, operation }: Omit<Props, "report">) {
  const phase = running(course);
  const name = phase?.name;
  const rows = name === "load" || name === "verify" ? sum(course, name) : undefined;
  const left = live && (name === "load" || name === "verify") ? phaseRemaining(course, name) : undefined;
  const copied = name === "snapshot" ? course.copied : undefined;
  const indexed = name === "index" ? [...course.tables.values()].filter((t) => t.indexed).length : 0;
  const value = indexed || (rows?.of ? rows.rows : (copied?.done ?? 0));
  const of = indexed ? course.tables.size : rows?.of ? rows.of : (copied?.total ?? 0);
  const verb = name === "load" ? "Copying" : "Comparing";
  return (
    <div className={styles.whole}>
      <p className={`${styles.says} num`} role="status">
        <span>
          {operation.state === "queued"
            ? "Waiting for its turn: operations on one instance wait for each other."
            : rows
              ? `${verb}: ${count(rows.rows)}${rows.of ? ` of ${count(rows.of)}` : ""} rows${rows.bytes ? `, ${bytes(rows.bytes)} sent` : ""}`
              : copied
                ? `Copying the source: ${bytes(copied.done)} of ${bytes(copied.total)}`
                : sentence(phase?.says ?? "") || "Beginning."}
        </span>
        <span className={styles.left}>
          {left === undefined ? "" : `about ${duration(Math.ceil(left))} left in this phase`}
        </span>
      </p>
      <Bar value={value} of={of} label={phase ? `Phase ${phase.name}` : "Beginning"} />
      {lost ? (
        <p className={styles.cut}>
          <Unplug size={14} aria-hidden />
          This page does not hear from the server. The migration goes on without it; what is shown is the last that was
          known.
        </p>
      ) : null}
      {course.restarts ? (
        <p className={styles.cut}>
          <TriangleAlert size={14} aria-hidden />
          The server was ended in the middle and has gone on: chunks that were finished are not copied again.
        </p>
      ) : null}
    </div>
  );
}

function Cancel({ operation, course }: { operation: Operation; course: Course }) {
  const [asking, ask] = useState(false);
  const cancel = api.useMutation("post", "/api/operations/{id}/cancel");
  const { to } = asked(operation);
  const swapping = running(course)?.name === "swap";
  const stop = () => cancel.mutate({ params: { path: { id: operation.id } } }, { onSuccess: () => ask(false) });
  return (
    <>
      <Button size="xs" variant="default" onClick={() => ask(true)} loading={cancel.isSuccess}>
        Cancel
      </Button>
      <Modal
        opened={asking}
        onClose={() => ask(false)}
        title="Cancel the migration?"
        closeButtonProps={{ "aria-label": "Close" }}
      >
        <div className={styles.dialog}>
          <ul className={styles.leaves}>
            <li>
              <CheckCircle2 size={15} aria-hidden />
              {swapping
                ? `The swap is one transaction: ${to} will have all of the migrated tables, or none of them.`
                : `${to} stays as it was. What was copied stands in a staging schema, which is dropped.`}
            </li>
            <li>
              <CheckCircle2 size={15} aria-hidden />
              The source has only been read, and stays as it is.
            </li>
            <li>
              <CheckCircle2 size={15} aria-hidden />
              The plan is kept: the migration can be tried again, and then begins anew.
            </li>
          </ul>
          {cancel.error ? <ErrorPanel error={cancel.error} /> : null}
          <div className={styles.actions}>
            <Button variant="default" onClick={() => ask(false)} data-autofocus>
              Go on migrating
            </Button>
            <Button color="bad" loading={cancel.isPending} onClick={stop}>
              Cancel the migration
            </Button>
          </div>
        </div>
      </Modal>
    </>
  );
}
