import { Button } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { api } from "@/api/client";
import { useConfig, useInstances } from "@/api/instances";
import type { Operation } from "@/api/progress";
import { remember } from "@/api/submit";
import { OnlyAdministrators } from "@/ui/only";
import { OperationProgress } from "@/ui/operation";
import { Panel } from "@/ui/page";
import { ErrorPanel } from "@/ui/problem";
import styles from "./next.module.css";
import type { ReportOf } from "./reports";
import { asked } from "./use";

/** Next is what comes after a migration: to have the application use the instance, to connect, and to look at the rows. */
export function Next({ operation, report }: { operation: Operation; report: ReportOf }) {
  const { to, source } = asked(operation);
  const config = useConfig().data;
  const known = useInstances().data?.instances.some((i) => i.name === to);
  const enable = api.useMutation("post", "/api/instances/{name}/enable");
  const [id, setId] = useState<string>();
  const used = config?.enabled && config.instance_name === to;
  if (!known) return null; // another PostgreSQL, or an instance that is gone
  const run = () =>
    enable.mutate(
      { params: { path: { name: to } }, body: { schema: report.target.schema, source } },
      {
        onSuccess: (o) => {
          remember(o);
          setId(o.id);
        },
      },
    );
  return (
    <Panel title="What to do next">
      <ol className={styles.steps}>
        <li>
          <strong>{used ? "The application uses this instance" : "Have the application use it"}</strong>
          <p>
            {used
              ? "Its configuration names this instance and schema."
              : `Saves that ${to} is the application's database, after a test of the connection. The source stays as it is.`}
          </p>
          {used ? null : (
            <OnlyAdministrators what="Enabling it">
              <Button size="xs" onClick={run} loading={enable.isPending} disabled={id !== undefined}>
                Enable
              </Button>
            </OnlyAdministrators>
          )}
        </li>
        <li>
          <strong>Connect</strong>
          <p>Strings and snippets for your language, through the proxy or with a token.</p>
          <Button
            size="xs"
            variant="default"
            renderRoot={(props) => <Link to="/connect" search={{ instance: to }} {...props} />}
          >
            Connect
          </Button>
        </li>
        <li>
          <strong>Look at the rows</strong>
          <p>Tables, columns and pages of rows, to be read.</p>
          <Button
            size="xs"
            variant="default"
            renderRoot={(props) => <Link to="/data" search={{ instance: to }} {...props} />}
          >
            Data
          </Button>
        </li>
      </ol>
      {enable.error ? <ErrorPanel error={enable.error} /> : null}
      {id ? <OperationProgress id={id} /> : null}
    </Panel>
  );
}
