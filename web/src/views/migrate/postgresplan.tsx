import { bytes, count, plural } from "@/ui/format";
import { Facts, Panel } from "@/ui/page";
import { DataTable } from "@/ui/table";
import type { Plan } from "./plan";

/** PostgresPlan tells what a PostgreSQL source has. Its own definitions are the plan: there is nothing to choose. */
export function PostgresPlan({ plan }: { plan: Plan }) {
  const p = plan.postgres;
  if (!p) return null;
  const tables = p.tables ?? [];
  const extensions = p.extensions ?? [];
  return (
    <>
      <Panel title="What is brought" note="PostgreSQL's own definitions are the plan: types stay as they are">
        <Facts
          of={[
            ["Schemas", (p.schemas ?? []).join(", ") || "none"],
            ["Tables", plural(tables.length, "table")],
            ["Views", count(p.views)],
            ["Sequences", count(p.sequences)],
            ["Functions", count(p.routines)],
            ["Extensions", extensions.map((e) => `${e.name} ${e.version}`).join(", ") || "none"],
            ["Large objects", count(p.large_objects)],
          ]}
        />
      </Panel>
      <Panel title="Tables" note="Rows as PostgreSQL estimates them" flush>
        <DataTable
          label="Tables of the source"
          rows={tables}
          id={(t) => t.name}
          columns={[
            { key: "name", head: "Table", cell: (t) => t.name, sort: (t) => t.name, width: "minmax(160px, 1fr)" },
            {
              key: "rows",
              head: "Rows",
              cell: (t) => count(Math.max(0, t.rows)),
              sort: (t) => t.rows,
              end: true,
              width: "120px",
            },
            {
              key: "bytes",
              head: "Size",
              cell: (t) => bytes(t.bytes),
              sort: (t) => t.bytes,
              end: true,
              width: "110px",
            },
          ]}
        />
      </Panel>
    </>
  );
}
