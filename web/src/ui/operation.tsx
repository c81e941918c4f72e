import { Button } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import { Check, LoaderCircle } from "lucide-react";
import { api } from "@/api/client";
import { useEvents } from "@/api/events";
import { isMissing } from "@/api/problem";
import { ended, type Operation, type Progress } from "@/api/progress";
import { Bar } from "./bar";
import { describe } from "./describe";
import { OnlyAdministrators } from "./only";
import styles from "./operation.module.css";
import { Trouble } from "./problem";
import { StateOf } from "./status";
import { Elapsed } from "./time";

export { describe } from "./describe";

/** verbs are what an operation is called while it goes on. */
const verbs: Record<string, string> = {
  create: "Creating",
  start: "Starting",
  stop: "Stopping",
  resize: "Resizing",
  delete: "Deleting",
  enable: "Enabling",
  migrate: "Migrating to",
  plan: "Planning",
  verify: "Verifying",
  export: "Exporting",
  check: "Checking",
  backup: "Backing up",
  restore: "Restoring",
};

/** titleOf names an operation: Creating shop, or Plan. */
export function titleOf(o: Pick<Operation, "kind" | "instance" | "state">): string {
  const name = o.kind.charAt(0).toUpperCase() + o.kind.slice(1);
  if (!o.instance) return ended(o.state) ? name : (verbs[o.kind] ?? name);
  return ended(o.state) ? `${name} ${o.instance}` : `${verbs[o.kind] ?? name} ${o.instance}`;
}

/** useOperation is an operation with its events, as they happen. */
export function useOperation(id: string | undefined) {
  const found = api.useQuery(
    "get",
    "/api/operations/{id}",
    { params: { path: { id: id ?? "" } } },
    {
      enabled: Boolean(id),
      // One that is unknown does not come to be by asking.
      refetchInterval: (q) => (ended(q.state.data?.state) || isMissing(q.state.error) ? false : 5_000),
    },
  );
  const watched = useEvents(id);
  // What has events has begun, whatever was known before they came.
  const begun =
    found.data?.state === "queued" && watched.progress.last > 0
      ? { ...found.data, state: "running" as const }
      : found.data;
  return { ...watched, operation: watched.operation ?? begun, error: found.error };
}

/** OperationProgress shows what an operation does at this moment, and what came of it. It is for the page that started it. */
export function OperationProgress({ id, onClose }: { id: string; onClose?: () => void }) {
  const { operation, progress, live } = useOperation(id);
  const cancel = api.useMutation("post", "/api/operations/{id}/cancel");
  if (!operation) return <div className={styles.box} style={{ height: 88 }} role="status" aria-label="Loading" />;
  const over = ended(operation.state);
  return (
    <section className={styles.box} aria-label={titleOf(operation)}>
      <div className={styles.head}>
        <strong>{titleOf(operation)}</strong>
        <StateOf state={operation.state} badge />
        <span className={styles.clock}>
          <Elapsed from={operation.started ?? operation.created} to={operation.ended} />
        </span>
        <span className={styles.right}>
          <Link to="/operations/$id" params={{ id }} className={styles.link}>
            Events
          </Link>
          {over ? (
            onClose && (
              <Button size="compact-xs" variant="default" onClick={onClose}>
                Close
              </Button>
            )
          ) : (
            <OnlyAdministrators>
              <Button
                size="compact-xs"
                variant="default"
                loading={cancel.isPending}
                onClick={() => cancel.mutate({ params: { path: { id } } })}
              >
                Cancel
              </Button>
            </OnlyAdministrators>
          )}
        </span>
      </div>
      {over ? null : <Phases progress={progress} live={live} />}
      {operation.error ? (
        <Trouble title="It failed" detail={operation.error.message} hint={operation.error.hint} />
      ) : null}
    </section>
  );
}

/** Phases is the course of an operation: what is behind it, and what it does now. */
export function Phases({ progress, live }: { progress: Progress; live: boolean }) {
  const last = progress.events.at(-1);
  return (
    <>
      <ol className={styles.phases} aria-live="polite">
        {progress.phases.map((p) => (
          <li key={p.phase} className={p.ended ? styles.past : styles.now}>
            {p.ended ? (
              <Check size={13} aria-hidden />
            ) : (
              <LoaderCircle size={13} aria-hidden className={styles.turning} />
            )}
            {p.phase}
            <Elapsed from={p.started} to={p.ended} />
          </li>
        ))}
      </ol>
      <p className={styles.message}>{last ? describe(last) : live ? "Waiting for its turn." : "Connecting."}</p>
      {last?.total ? <Bar value={last.done ?? 0} of={last.total} label={last.table ?? last.phase} /> : null}
    </>
  );
}
