import { Check, CircleDashed, LoaderCircle, X } from "lucide-react";
import { ended, type Operation } from "@/api/progress";
import { duration } from "@/ui/format";
import { Panel } from "@/ui/page";
import { useNow } from "@/ui/time";
import { type Course, clock, type PhaseCourse, running } from "./course";
import { isPostgres } from "./source";
import styles from "./timeline.module.css";
import { asked } from "./use";

/** meanings are the phases in words: what happens in each, and to whom. */
const meanings: Record<string, { title: string; text: string }> = {
  create: { title: "Create", text: "The workspace makes the instance" },
  snapshot: { title: "Snapshot", text: "A consistent copy of the source" },
  plan: { title: "Plan", text: "What each column becomes" },
  prepare: { title: "Prepare", text: "A staging schema on the target" },
  schema: { title: "Schema", text: "Tables, without rows" },
  load: { title: "Load", text: "Rows, into the staging schema" },
  index: { title: "Index", text: "Keys, indexes, constraints, views" },
  verify: { title: "Verify", text: "Every row, compared with the source" },
  swap: { title: "Swap", text: "Into place, in one transaction" },
  expand: { title: "Expand", text: "Tables and columns that are missing" },
};

const courses: Record<string, string[]> = {
  "schema-and-data": ["snapshot", "plan", "prepare", "load", "index", "verify", "swap"],
  "schema-only": ["snapshot", "plan", "prepare", "schema", "index", "swap"],
  "data-only": ["snapshot", "plan", "prepare", "load", "verify", "swap"],
  "use-existing": ["snapshot", "plan", "prepare"],
  "expand-existing": ["snapshot", "plan", "prepare", "expand"],
};

/** Timeline is the way of a migration: what is behind it, where it is, and what is still to come. */
export function Timeline({ course, operation }: { course: Course; operation: Operation }) {
  const { strategy, source } = asked(operation);
  const known = courses[isPostgres(source) ? "schema-and-data" : (strategy ?? "")] ?? courses["schema-and-data"] ?? [];
  const over = ended(operation.state);
  const now = running(course);
  const seen = course.phases.map((p) => p.name);
  const at = now ? known.indexOf(now.name) : seen.length ? known.length : -1;
  const ahead = over ? [] : known.filter((name, i) => !seen.includes(name) && (at < 0 || i > at));
  return (
    <Panel title="Phases">
      <ol className={styles.list}>
        {course.phases.map((p) => (
          <One
            key={p.name}
            phase={p}
            active={p === now && !over}
            broken={p === now && over && operation.state !== "succeeded"}
            end={operation.ended}
          />
        ))}
        {ahead.map((name) => (
          <li key={name} className={styles.ahead}>
            <CircleDashed size={16} aria-hidden className={styles.mark} />
            <span>{meanings[name]?.title ?? name}</span>
            <span className={styles.text}>{meanings[name]?.text}</span>
          </li>
        ))}
      </ol>
    </Panel>
  );
}

type OneProps = { phase: PhaseCourse; active: boolean; broken: boolean; end: string | undefined };

function One({ phase, active, broken, end }: OneProps) {
  const meaning = meanings[phase.name];
  const Icon = active ? LoaderCircle : broken ? X : Check;
  return (
    <li
      className={active ? styles.now : broken ? styles.broken : styles.past}
      aria-current={active ? "step" : undefined}
    >
      <Icon size={16} aria-hidden className={`${styles.mark} ${active ? styles.turning : ""}`} />
      <span>{meaning?.title ?? phase.name}</span>
      <span className={`${styles.clock} num`}>
        <Clock phase={phase} end={end} />
      </span>
      <span className={styles.text}>{broken ? "Ended here" : (meaning?.text ?? phase.says)}</span>
    </li>
  );
}

function Clock({ phase, end }: { phase: PhaseCourse; end: string | undefined }) {
  const now = useNow();
  const open = phase.spans.at(-1)?.to === undefined;
  const ms = clock(phase, end ? Date.parse(end) : now);
  return duration(open && !end ? Math.floor(ms / 1000) : ms / 1000);
}
