import { Button } from "@mantine/core";
import { CheckCircle2 } from "lucide-react";
import { useState } from "react";
import { count, plural } from "@/ui/format";
import { Panel } from "@/ui/page";
import styles from "./decide.module.css";
import { type Decision, decisionsOf, type Forecast, forecast } from "./decisions";
import type { Draft } from "./draft";
import { OrphanSelect, PolicySelect } from "./fields";
import { type Plan, place } from "./plan";

const few = 6;

/** Decide puts on top what a person should decide: values that do not fit, rows without a parent. The rest needs nobody. */
export function Decide({ plan, draft, readOnly }: { plan: Plan; draft: Draft; readOnly: boolean }) {
  const [all, setAll] = useState(false);
  const decisions = decisionsOf(plan);
  const f = forecast(plan);
  const shown = all ? decisions : decisions.slice(0, few);
  return (
    <Panel
      title={decisions.length ? (readOnly ? "What to know" : "For you to decide") : "Nothing to decide"}
      note={<Outlook of={f} />}
      flush
    >
      {decisions.length === 0 ? (
        <p className={styles.none}>
          <CheckCircle2 size={15} aria-hidden />
          Every value fits its type, and every row has its parent. The plan can be obeyed as it is.
        </p>
      ) : null}
      <ul className={styles.list}>
        {shown.map((d) => (
          <One key={`${d.kind}-${d.table.name}-${nameOf(d)}`} decision={d} draft={draft} readOnly={readOnly} />
        ))}
      </ul>
      {decisions.length > few ? (
        <Button variant="subtle" size="xs" className={styles.more ?? ""} onClick={() => setAll(!all)}>
          {all ? "Show fewer" : `Show all ${count(decisions.length)}`}
        </Button>
      ) : null}
    </Panel>
  );
}

const nameOf = (d: Decision) => (d.kind === "misfit" ? d.column.name : d.kind === "orphan" ? d.key.name : d.name);

function Outlook({ of: f }: { of: Forecast }) {
  if (f.fails)
    return <span className={styles.bad}>As planned, the migration will fail at the first value that does not fit</span>;
  const parts = [`${count(f.rows)} rows`];
  if (f.quarantined) parts.push(`${count(f.quarantined)} predicted for quarantine`);
  if (f.changed) parts.push(`${count(f.changed)} stored with another value`);
  if (f.kept) parts.push(`${count(f.kept)} kept without a parent`);
  if (parts.length === 1) parts.push("none for quarantine");
  return <span className="num">{parts.join(" · ")}</span>;
}

function One({ decision: d, draft, readOnly }: { decision: Decision; draft: Draft; readOnly: boolean }) {
  return (
    <li className={styles.one}>
      <div className={styles.where}>
        <strong>
          {d.table.name}
          {d.kind === "misfit" ? `.${d.column.name}` : null}
        </strong>
        <span className={styles.kind}>{kindOf(d)}</span>
      </div>
      <p className={styles.text}>{d.text}</p>
      <div className={styles.field}>
        {d.kind === "misfit" ? (
          <PolicySelect
            column={d.column}
            label={`What happens to values of ${d.table.name}.${d.column.name} that do not fit`}
            disabled={readOnly}
            onChange={(change) => draft.edit(place.column(d.table.name, d.column.name), change)}
          />
        ) : d.kind === "orphan" ? (
          <OrphanSelect
            value={d.key.on_orphan}
            label={`What happens to rows of ${d.table.name} without a parent in ${d.key.table}`}
            disabled={readOnly}
            onChange={(on_orphan) => draft.edit(place.key(d.table.name, d.key.name), { on_orphan })}
          />
        ) : null}
      </div>
    </li>
  );
}

function kindOf(d: Decision): string {
  if (d.kind === "misfit") return plural(d.count, "misfit");
  if (d.kind === "orphan") return plural(d.count, "orphan");
  return "check";
}
