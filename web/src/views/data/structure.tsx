import { Link } from "@tanstack/react-router";
import { KeyRound } from "lucide-react";
import type { Schemas } from "@/api/client";
import { CodeBox } from "@/ui/copy";
import { bytes } from "@/ui/format";
import { type Column, DataTable } from "@/ui/table";
import styles from "./data.module.css";
import type { Definition } from "./shape";

type Col = Definition["columns"][number];
type Index = Definition["indexes"][number];
type Named = { name: string; definition: string; note?: string; link?: { schema: string; table: string } };

/** Structure is how a table is made: columns, keys, foreign keys, checks and indexes, and the SELECT of a view. */
export function Structure({ of: d }: { of: Definition }) {
  const keys = new Set(d.keys.find((k) => k.kind === "primary key")?.columns ?? []);
  return (
    <div className={styles.structure}>
      <DataTable
        label={`Columns of ${d.name}`}
        rows={d.columns}
        columns={columnsWith(keys)}
        id={(c) => c.name}
        height={420}
        none="It has no columns."
      />
      {d.view ? (
        <Part title="Its SELECT">
          <CodeBox code={d.view} label="the view's SELECT" />
        </Part>
      ) : null}
      <List title="Keys" of={d.keys.map((k) => ({ name: k.name, definition: k.definition }))} />
      <List
        title="Refers to"
        of={d.foreign_keys.map((f) => ({ ...named(f), link: { schema: f.to_schema, table: f.to_table } }))}
      />
      <List
        title="Referred to by"
        of={d.referenced_by.map((f) => ({ ...named(f), link: { schema: f.schema, table: f.table } }))}
      />
      <List
        title="Checks"
        of={d.checks.map((c) => ({ name: c.name, definition: c.definition, ...(c.valid ? {} : { note: notValid }) }))}
      />
      {d.indexes.length ? (
        <Part title="Indexes">
          <DataTable
            label={`Indexes of ${d.name}`}
            rows={d.indexes}
            columns={indexColumns}
            id={(i) => i.name}
            height={320}
          />
        </Part>
      ) : null}
    </div>
  );
}

const notValid = "holds for new rows; old ones may break it";

const named = (f: Schemas["ForeignKey"]): Named => ({
  name: f.name,
  definition: f.definition,
  ...(f.valid ? {} : { note: notValid }),
});

function Part({ title, children }: { title: string; children: React.ReactNode }) {
  return (
    <section className={styles.part} aria-label={title}>
      <h3>{title}</h3>
      {children}
    </section>
  );
}

function List({ title, of }: { title: string; of: Named[] }) {
  if (of.length === 0) return null;
  return (
    <Part title={title}>
      <ul className={styles.named}>
        {of.map((n) => (
          <li key={`${n.link?.schema}.${n.link?.table}.${n.name}`}>
            <span>
              {n.link ? (
                <Link to="/data" search={{ ...n.link, part: "structure" }}>
                  {n.link.table}
                </Link>
              ) : (
                n.name
              )}
              {n.note ? <em className={styles.warn}> {n.note}</em> : null}
            </span>
            <code>{n.definition}</code>
          </li>
        ))}
      </ul>
    </Part>
  );
}

function columnsWith(keys: Set<string>): Column<Col>[] {
  return [
    {
      key: "name",
      head: "Column",
      width: "minmax(150px, 1fr)",
      sort: (c) => c.name,
      cell: (c) => (
        <span className={styles.tableName} title={c.comment || c.name}>
          {keys.has(c.name) ? <KeyRound size={12} aria-label="key" /> : null}
          <span>{c.name}</span>
        </span>
      ),
    },
    { key: "type", head: "Type", width: "minmax(150px, 1fr)", sort: (c) => c.type, cell: (c) => <code>{c.type}</code> },
    { key: "null", head: "NULL", width: "84px", cell: (c) => (c.nullable ? "may be" : "never") },
    {
      key: "default",
      head: "Default",
      width: "minmax(140px, 1.2fr)",
      cell: (c) => {
        const text = c.identity ? `numbered, ${c.identity}` : c.generated ? `= ${c.generated}` : c.default;
        return text ? <code title={text}>{text}</code> : <span className={styles.null}>none</span>;
      },
    },
  ];
}

const indexColumns: Column<Index>[] = [
  {
    key: "name",
    head: "Index",
    width: "minmax(180px, 1fr)",
    sort: (i) => i.name,
    cell: (i) => <span title={i.name}>{i.name}</span>,
  },
  {
    key: "kind",
    head: "Kind",
    width: "112px",
    cell: (i) =>
      !i.valid ? <em className={styles.warn}>not valid</em> : i.primary ? "primary key" : i.unique ? "unique" : "plain",
  },
  { key: "bytes", head: "Size", width: "84px", end: true, sort: (i) => i.bytes, cell: (i) => bytes(i.bytes) },
  {
    key: "definition",
    head: "Definition",
    width: "minmax(240px, 2fr)",
    cell: (i) => <code title={i.definition}>{i.definition.replace(/^CREATE (UNIQUE )?INDEX \S+ ON /, "")}</code>,
  },
];
