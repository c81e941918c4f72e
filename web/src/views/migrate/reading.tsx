import { Button } from "@mantine/core";
import { api } from "@/api/client";
import type { Operation, Progress } from "@/api/progress";
import { Bar } from "@/ui/bar";
import { count, plural } from "@/ui/format";
import { Panel, SkeletonRows } from "@/ui/page";
import { Elapsed } from "@/ui/time";
import { courseOf } from "./course";
import styles from "./reading.module.css";

type Props = { progress: Progress; live: boolean; operation: Operation };

/** Reading shows how far the plan is. How many rows there are shows only when they have been read: so there is no time left. */
export function Reading({ progress, live, operation }: Props) {
  const course = courseOf(progress);
  const cancel = api.useMutation("post", "/api/operations/{id}/cancel");
  const tables = [...course.tables.values()];
  const rows = tables.reduce((n, t) => n + t.read.high, 0);
  const done = tables.filter((t) => t.read.state === "done").length;
  const now = tables.filter((t) => t.read.state === "running").map((t) => t.name);
  const text = !live
    ? "Waiting for the server."
    : rows === 0
      ? "Waiting for its turn."
      : `${count(rows)} rows of ${plural(done, "table")} read${now.length ? `, now ${now.join(", ")}` : ""}.`;
  return (
    <Panel
      title="Making the plan"
      note={<Elapsed from={operation.started ?? operation.created} />}
      actions={
        <Button
          size="xs"
          variant="default"
          loading={cancel.isPending}
          onClick={() => cancel.mutate({ params: { path: { id: operation.id } } })}
        >
          Cancel
        </Button>
      }
    >
      <p className={`${styles.text} num`} role="status">
        Every value is read once, so that types are chosen by what is there. {text}
      </p>
      <Bar value={0} of={0} label="Making the plan" />
      <div className={styles.rows}>
        <SkeletonRows rows={6} />
      </div>
    </Panel>
  );
}
