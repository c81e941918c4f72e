import { CodeBox } from "@/ui/copy";
import { count } from "@/ui/format";
import { storageClasses } from "./decisions";
import styles from "./detail.module.css";
import type { Draft } from "./draft";
import { PolicySelect, TypeSelect } from "./fields";
import { orphanPolicies, type PlanColumn, policies } from "./plan";
import type { Row } from "./rows";

type Props = {
  row: Exclude<Row, { kind: "table" }>;
  original: PlanColumn | undefined;
  draft: Draft;
  readOnly: boolean;
  focused: boolean;
};

/** Detail is all that the plan knows of a column or a foreign key. */
export function Detail({ row, ...props }: Props) {
  if (row.kind === "key") {
    const now = orphanPolicies.find((p) => p.value === (row.key.on_orphan || "keep"));
    return (
      <div className={styles.detail}>
        <p className={styles.text}>{now?.text}</p>
        {row.key.query ? <CodeBox code={row.key.query} label="query that finds these rows on the target" /> : null}
      </div>
    );
  }
  return <OfColumn row={row} {...props} />;
}

function OfColumn({ row, original, draft, readOnly, focused }: Props & { row: Extract<Row, { kind: "column" }> }) {
  const { column: c, table: t } = row;
  const off = readOnly || Boolean(t.skip);
  const policy = policies.find((p) => p.value === (c.on_misfit || "quarantine"));
  const tab = focused ? 0 : -1;
  return (
    <div className={styles.detail}>
      <div className={styles.fields}>
        <div>
          <span className={styles.label}>Declared as</span>
          <code>{c.declared || "nothing"}</code>
        </div>
        <div>
          <span className={styles.label}>Becomes</span>
          <TypeSelect
            base={original ?? c}
            column={c}
            label={`Type of ${t.name}.${c.name}, in detail`}
            disabled={off || Boolean(c.skip)}
            tabIndex={tab}
            onChange={(change) => draft.edit(row.at, change)}
          />
        </div>
        <div>
          <span className={styles.label}>If a value does not fit</span>
          <PolicySelect
            column={c}
            label={`What happens to values of ${t.name}.${c.name} that do not fit, in detail`}
            disabled={off || Boolean(c.skip)}
            tabIndex={tab}
            onChange={(change) => draft.edit(row.at, change)}
          />
        </div>
        {readOnly ? null : (
          <button
            type="button"
            className={styles.skip}
            tabIndex={tab}
            disabled={off}
            onClick={() => draft.edit(row.at, { skip: !c.skip })}
          >
            {c.skip ? "Bring this column" : "Leave this column behind"}
          </button>
        )}
      </div>
      <div>
        <span className={styles.label}>Found</span>
        <p className={styles.classes}>
          {storageClasses(c).map((s) => (
            <span key={s.name} className="num">
              {s.name === "null" ? "NULL" : s.name} {count(s.count)}
            </span>
          ))}
        </p>
        <p className={styles.text}>{c.evidence}</p>
        {c.misfit ? <p className={styles.misfit}>Row {c.misfit}</p> : null}
        <p className={styles.text}>{constraints(c)}</p>
        {c.misfits ? <p className={styles.text}>{policy?.text}</p> : null}
      </div>
      <Samples column={c} />
    </div>
  );
}

function constraints(c: PlanColumn): string {
  const parts = [c.not_null ? "NOT NULL" : "may be NULL"];
  if (c.identity) parts.push(`identity, goes on at ${count(c.next ?? 1)}`);
  if (c.generated) parts.push(`generated: ${c.generated}`);
  if (c.default) parts.push(`default ${c.default}`);
  if (c.target !== c.name) parts.push(`called ${c.target} on the target`);
  return parts.join(" · ");
}

function Samples({ column: c }: { column: PlanColumn }) {
  const samples = c.samples ?? [];
  return (
    <div>
      <span className={styles.label}>For example</span>
      {samples.length ? (
        <table className={styles.samples}>
          <thead>
            <tr>
              <th scope="col">Before</th>
              <th scope="col">After</th>
            </tr>
          </thead>
          <tbody>
            {samples.map((s) => (
              <tr key={`${s.before} ${s.after}`}>
                <td>
                  <code>{s.before}</code>
                </td>
                <td>
                  <code>{s.after}</code>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      ) : (
        <p className={styles.text}>Values keep their form.</p>
      )}
    </div>
  );
}
