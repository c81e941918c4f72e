import { Slider } from "@mantine/core";
import { useId } from "react";
import { Choice, Choices } from "@/ui/choice";
import { plural } from "@/ui/format";
import styles from "./lakebase.module.css";

export type Size = { capacity: "CU_1" | "CU_2" | "CU_4" | "CU_8"; retention_days: number; nodes: number };

export const usual: Size = { capacity: "CU_1", retention_days: 14, nodes: 1 };

/** capacities are what each size has and is for, in the order of their price. */
export const capacities: { value: Size["capacity"]; memory: string; times: number; text: string }[] = [
  { value: "CU_1", memory: "16 GB", times: 1, text: "Most applications, and everything in development." },
  { value: "CU_2", memory: "32 GB", times: 2, text: "Steady traffic whose working set no longer fits 16 GB." },
  { value: "CU_4", memory: "64 GB", times: 4, text: "Many concurrent writers, or large tables read at random." },
  { value: "CU_8", memory: "128 GB", times: 8, text: "The largest of fixed size." },
];

export const nodeTexts: Record<number, string> = {
  1: "No standby: if the node fails, Databricks starts a new one, and the application waits for that.",
  2: "One standby in another zone takes over within seconds. Recommended for production.",
  3: "Two standbys: still safe while one of them is replaced.",
};

/** retentionText says what a number of days means. */
export function retentionText(days: number) {
  const kind =
    days < 7
      ? "Little history, little storage."
      : days <= 14
        ? "Enough to notice a mistake after a holiday."
        : "Long history.";
  return `The instance can be brought back to any moment of the last ${plural(days, "day")}. ${kind} Changes are kept that long, and are billed as storage.`;
}

/** SizeFields are capacity, retention and nodes, each with what it means and costs. */
export function SizeFields({ size, onChange }: { size: Size; onChange: (size: Size) => void }) {
  const retention = useId();
  return (
    <>
      <Choices
        label="Capacity"
        hint="Compute and memory. Billed by the hour while the instance runs; stopped, it costs storage only."
      >
        {capacities.map((c) => (
          <Choice
            key={c.value}
            name="capacity"
            value={c.value}
            checked={size.capacity === c.value}
            onChange={() => onChange({ ...size, capacity: c.value })}
            title={c.value}
            aside={`${c.memory} · ${c.times}× price`}
          >
            {c.text}
          </Choice>
        ))}
      </Choices>
      <div className={styles.field}>
        <div className={styles.fieldHead}>
          <span id={retention} className={styles.label}>
            Retention
          </span>
          <span className="num">{plural(size.retention_days, "day")}</span>
        </div>
        <Slider
          aria-labelledby={retention}
          thumbProps={{ "aria-labelledby": retention, "aria-valuetext": plural(size.retention_days, "day") }}
          min={2}
          max={35}
          value={size.retention_days}
          onChange={(retention_days) => onChange({ ...size, retention_days })}
          label={null}
          marks={[2, 7, 14, 21, 28, 35].map((value) => ({ value, label: String(value) }))}
        />
        <p className={styles.hint}>{retentionText(size.retention_days)}</p>
      </div>
      <Choices label="Nodes" hint="Each node is billed like the first.">
        {[1, 2, 3].map((n) => (
          <Choice
            key={n}
            name="nodes"
            value={String(n)}
            checked={size.nodes === n}
            onChange={() => onChange({ ...size, nodes: n })}
            title={plural(n, "node")}
            aside={`${n}× price`}
          >
            {nodeTexts[n]}
          </Choice>
        ))}
      </Choices>
    </>
  );
}
