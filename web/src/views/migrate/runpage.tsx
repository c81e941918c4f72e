import { Button } from "@mantine/core";
import { Link, useParams } from "@tanstack/react-router";
import { useSyncExternalStore } from "react";
import { useConnection } from "@/api/connection";
import { ended } from "@/api/progress";
import { useOperation } from "@/ui/operation";
import { Page, Panel, SkeletonRows } from "@/ui/page";
import { ErrorPanel } from "@/ui/problem";
import { courseOf, expect } from "./course";
import { Ended } from "./ended";
import { isPlan } from "./plan";
import { Report } from "./report";
import { isReport } from "./reports";
import { Head } from "./runhead";
import styles from "./runpage.module.css";
import { RunTables } from "./runtables";
import { baseName } from "./source";
import { Timeline } from "./timeline";
import { asked } from "./use";

/**
 * MigrateRun shows a migration while it runs, and its report when it has ended. Everything is made from the operation and its
 * events, so the page can be closed, loaded again or sent to somebody at any time.
 */
export function MigrateRun() {
  const { id } = useParams({ from: "/migrate/run/$id" });
  const { operation, progress, live, error } = useOperation(id);
  const { online } = useConnection();
  const visible = useVisible();
  const input = asked(operation);
  const course = courseOf(progress);
  if (isPlan(input.plan)) expect(course, input.plan.tables ?? []);
  if (error && !operation) {
    return (
      <Page title="Migration">
        <ErrorPanel error={error}>
          <Button component={Link} to="/migrate" size="xs" variant="default">
            All migrations
          </Button>
        </ErrorPanel>
      </Page>
    );
  }
  if (!operation) {
    return (
      <Page title="Migration" wide>
        <Panel title="Tables" flush>
          <SkeletonRows rows={10} />
        </Panel>
      </Page>
    );
  }
  const over = ended(operation.state);
  const report = reportOf(operation.result);
  const title = `${baseName(input.source)} → ${baseName(input.to)}`;
  return (
    <Page title={title} name={over ? `Report ${title}` : `Migrating ${title}`} wide>
      <div className={styles.stack}>
        <Head
          operation={operation}
          course={course}
          report={report}
          live={live && online}
          lost={online && visible && !live}
        />
        {over ? <Ended operation={operation} report={report} /> : null}
        {over && report?.verdict ? (
          <Report operation={operation} report={report} course={course} />
        ) : (
          <div className={styles.columns}>
            <Timeline course={course} operation={operation} />
            <RunTables
              course={course}
              live={live && online}
              over={over}
              gone={over && operation.state !== "succeeded" && !report?.swapped}
            />
          </div>
        )}
      </div>
    </Page>
  );
}

/** reportOf finds the report in an operation's result; of a create that has migrated too, it is a part of it. */
function reportOf(result: unknown) {
  if (isReport(result)) return result;
  if (typeof result === "object" && result !== null && "report" in result && isReport(result.report))
    return result.report;
  return undefined;
}

// A tab that nobody looks at gives its stream back: that is no broken connection.
const subscribe = (tell: () => void) => {
  document.addEventListener("visibilitychange", tell);
  return () => document.removeEventListener("visibilitychange", tell);
};
const useVisible = () => useSyncExternalStore(subscribe, () => !document.hidden);
