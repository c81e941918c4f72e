import { Button } from "@mantine/core";
import { CheckCircle2 } from "lucide-react";
import { sentence } from "@/ui/format";
import { ErrorPanel, Trouble } from "@/ui/problem";
import styles from "./lakebase.module.css";
import type { Vitals } from "./vitals";

/** steps are what a test of a connection has gone through, in words. */
export function steps(v: Vitals): string[] {
  const at = `${v.instance.host}:${v.instance.port}`;
  return [
    `The workspace minted a token, and ${at} took it over TLS: login in ${ms(v.connect_ms)}.`,
    `${brief(v.version)} answered the smallest query in ${ms(v.latency_ms)}.`,
    `The role is ${v.user}${v.databricks_superuser ? ", a member of databricks_superuser" : ""}; the database ${v.database} belongs to ${v.owner}.`,
  ];
}

/** brief leaves out who has packaged PostgreSQL. */
export const brief = (version: string | undefined) => (version ?? "PostgreSQL").replace(/ \(.*\)$/, "");

const ms = (n: number | undefined) =>
  n === undefined ? "no time" : n < 10 ? `${n.toFixed(1)} ms` : `${Math.round(n)} ms`;

/** Tested explains how a test of the connection went. */
export function Tested({
  result,
  error,
  onClose,
  again,
}: {
  result: Vitals | undefined;
  error: unknown;
  onClose: () => void;
  again: () => void;
}) {
  if (error) return <ErrorPanel error={error} title="The test itself failed" retry={again} />;
  if (!result) return null;
  if (!result.reached) {
    return (
      <Trouble
        title="The connection does not work"
        detail={result.problem?.detail ?? "PostgreSQL was not reached"}
        hint={result.problem?.hint}
        action={
          <Button size="xs" variant="default" onClick={again}>
            Test again
          </Button>
        }
      />
    );
  }
  return (
    <section className={styles.tested} aria-label="Result of the test" role="status">
      <CheckCircle2 size={16} aria-hidden className={styles.testedIcon} />
      <strong>The connection works</strong>
      <Button size="compact-xs" variant="default" onClick={onClose}>
        Close
      </Button>
      <ol className={styles.steps}>
        {steps(result).map((text) => (
          <li key={text}>{sentence(text)}</li>
        ))}
      </ol>
    </section>
  );
}
