import { Link, useParams } from "@tanstack/react-router";
import { Check, LoaderCircle, XCircle } from "lucide-react";
import { ended, type Operation, type Progress } from "@/api/progress";
import { Copied } from "@/ui/copy";
import { Phases, titleOf, useOperation } from "@/ui/operation";
import { Facts, Page, Panel, Skeleton, SkeletonRows } from "@/ui/page";
import { ErrorPanel, Trouble } from "@/ui/problem";
import { StateOf } from "@/ui/status";
import { Elapsed, Time, useNow } from "@/ui/time";
import { Actions } from "./actions";
import { course } from "./course";
import { EventLog } from "./events";
import styles from "./operations.module.css";
import { InputAndResult } from "./outcome";

/** OperationPage is one operation: how it goes or went, its events, what went in and what came out. */
export function OperationPage() {
  const { id } = useParams({ from: "/operations/$id" });
  return <One key={id} id={id} />;
}

function One({ id }: { id: string }) {
  const { operation, progress, live, error } = useOperation(id);
  if (!operation) {
    if (error) {
      return (
        <Page title="Operation" lead={<Link to="/operations">All operations</Link>}>
          <ErrorPanel error={error} />
        </Page>
      );
    }
    return <Waiting />;
  }
  return (
    <Page
      name={titleOf(operation)}
      title={
        <span className={styles.top}>
          {titleOf(operation)}
          <StateOf state={operation.state} badge />
        </span>
      }
      lead={<Link to="/operations">All operations</Link>}
      actions={<Actions operation={operation} />}
      wide
    >
      {operation.error ? (
        <div className={styles.above}>
          <Trouble
            title={operation.state === "cancelled" ? "It was cancelled" : "It failed"}
            detail={operation.error.message}
            hint={operation.error.hint}
          />
        </div>
      ) : null}
      <Panel title="Course" note={<Took operation={operation} />}>
        <Course operation={operation} progress={progress} live={live} />
      </Panel>
      <div className={styles.pair}>
        <EventLog operation={operation} progress={progress} live={live} />
        <div className={styles.aside}>
          <InputAndResult operation={operation} />
          <Panel title="Who and when">
            <Life operation={operation} />
          </Panel>
        </div>
      </div>
    </Page>
  );
}

function Waiting() {
  return (
    <Page title={<Skeleton width={220} height={24} />} name="Operation" lead={<Skeleton width={90} />} wide>
      <Panel title="Course">
        <Skeleton height={84} />
      </Panel>
      <Panel title="Events" flush>
        <SkeletonRows rows={8} />
      </Panel>
    </Page>
  );
}

function Took({ operation: o }: { operation: Operation }) {
  if (!o.started) return o.ended ? "never began" : "waits for its turn";
  return (
    <>
      {ended(o.state) ? "took " : "for "}
      <Elapsed from={o.started} to={o.ended ?? undefined} />
    </>
  );
}

function Course({ operation, progress, live }: { operation: Operation; progress: Progress; live: boolean }) {
  const now = useNow();
  const over = ended(operation.state);
  const steps = course(operation, progress.phases, now);
  if (!over && steps.length === 0) return <Phases progress={progress} live={live} />;
  if (steps.length === 0) return <p className={styles.lead}>It has no steps that were noted.</p>;
  return (
    <ol className={styles.course}>
      {steps.map((s) => (
        <li key={s.phase} className={styles.step} data-at={s.at}>
          {s.at === "done" ? (
            <Check size={14} aria-label="Done" />
          ) : s.at === "now" ? (
            <LoaderCircle size={14} aria-label="At work" />
          ) : (
            <XCircle size={14} aria-label="Ended here" />
          )}
          <span>{s.phase}</span>
          <span className={styles.lane} aria-hidden>
            <span className={styles.span} style={{ left: `${s.left * 100}%`, width: `${s.width * 100}%` }} />
          </span>
          <span className={styles.clock}>
            <Elapsed from={s.from} to={s.to} />
          </span>
        </li>
      ))}
    </ol>
  );
}

function Life({ operation: o }: { operation: Operation }) {
  const facts: [string, React.ReactNode][] = [
    ["Asked for by", o.actor],
    ["Asked for", <Time key="c" at={o.created} show="local" />],
    ["Began", <Time key="s" at={o.started ?? undefined} show="local" />],
    ["Ended", <Time key="e" at={o.ended ?? undefined} show="local" />],
  ];
  if (o.instance) {
    facts.unshift([
      "Instance",
      <Link key="i" to="/lakebase" search={{ instance: o.instance }}>
        {o.instance}
      </Link>,
    ]);
  }
  if (o.attempt > 1) facts.push(["Attempt", `${o.attempt}: a server died, and another went on`]);
  if (o.retry_of) {
    facts.push([
      "Retry of",
      <Link key="r" to="/operations/$id" params={{ id: o.retry_of }}>
        the one before
      </Link>,
    ]);
  }
  facts.push(["Id", <Copied key="id" text={o.id} label="Copy the operation's id" />]);
  return <Facts of={facts} />;
}
