import { plural } from "@/ui/format";
import { Panel } from "@/ui/page";
import { DataTable } from "@/ui/table";
import { nameOf, type Plan, shortType } from "./plan";
import { type Converted, convertedBy } from "./reports";
import styles from "./reporttables.module.css";

/** ConvertedList says which columns have another type or form on the target than in the source, with an example of each. */
export function ConvertedList({ plan }: { plan: Plan | undefined }) {
  const all = convertedBy(plan);
  if (!all.length) return null;
  return (
    <Panel title="What was converted" note={`${plural(all.length, "column")} with another type or form`} flush>
      <DataTable<Converted>
        label="Converted columns"
        rows={all}
        id={(c) => `${c.table}.${c.column.name}`}
        height={360}
        columns={[
          {
            key: "name",
            head: "Column",
            width: "minmax(180px, 1.2fr)",
            sort: (c) => `${c.table}.${c.column.name}`,
            cell: (c) => <span title={`${c.table}.${c.column.name}`}>{`${c.table}.${c.column.name}`}</span>,
          },
          {
            key: "declared",
            head: "Declared",
            width: "minmax(90px, 0.6fr)",
            cell: (c) => c.column.declared || "nothing",
            sort: (c) => c.column.declared,
          },
          {
            key: "type",
            head: "Became",
            width: "minmax(150px, 1fr)",
            cell: (c) => shortType(nameOf(c.column)),
            sort: (c) => c.column.type,
          },
          { key: "sample", head: "For example", width: "minmax(180px, 1.4fr)", cell: (c) => <Example of={c} /> },
        ]}
      />
    </Panel>
  );
}

function Example({ of: { column } }: { of: Converted }) {
  const s = column.samples?.[0];
  if (!s) return <span className={styles.zero}>{column.evidence}</span>;
  const text = `${s.before} → ${s.after}`;
  return <code title={text}>{text}</code>;
}
