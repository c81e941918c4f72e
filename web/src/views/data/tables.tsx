import { Button, CloseButton, Select, TextInput } from "@mantine/core";
import { useNavigate } from "@tanstack/react-router";
import { Eye, Search, ShieldAlert, Table2 } from "lucide-react";
import { useMemo, useState } from "react";
import { api } from "@/api/client";
import { changed } from "@/api/search";
import { Panel, SkeletonRows } from "@/ui/page";
import { ErrorPanel } from "@/ui/problem";
import { type Column, DataTable } from "@/ui/table";
import styles from "./data.module.css";
import type { DataSearch } from "./search";
import { found, rowsOf, short, type Table, total } from "./shape";

type Props = { instance: string; search: DataSearch; schema: string; schemas: string[] };

/** Tables lists the tables and views of a schema: five hundred are as quick as five. */
export function Tables({ instance, search, schema, schemas }: Props) {
  const navigate = useNavigate({ from: "/data" });
  const [exact, setExact] = useState(false);
  const query = { schema, ...(exact && { exact }) };
  const list = api.useQuery(
    "get",
    "/api/instances/{name}/tables",
    { params: { path: { name: instance }, query } },
    { staleTime: 30_000, placeholderData: (before) => before },
  );
  const all = list.data?.tables;
  const tables = useMemo(() => found(all ?? [], search.find), [all, search.find]);
  const columns = useMemo(() => columnsFor(search.table), [search.table]);
  const set = (change: { [K in keyof DataSearch]?: DataSearch[K] | null }) =>
    void navigate({ search: (was: DataSearch) => changed(was, change), resetScroll: false });
  return (
    <Panel title={all ? total(tables) : "Tables"} flush>
      <div className={styles.tools}>
        {schemas.length > 1 ? (
          <Select
            size="xs"
            aria-label="Schema"
            data={schemas}
            value={schema}
            allowDeselect={false}
            onChange={(next) => set({ schema: next, table: null, part: null })}
          />
        ) : null}
        <TextInput
          size="xs"
          aria-label="Find a table"
          placeholder="Find a table"
          leftSection={<Search size={13} aria-hidden />}
          rightSection={
            search.find ? <CloseButton size="xs" aria-label="Clear" onClick={() => set({ find: null })} /> : null
          }
          value={search.find ?? ""}
          onChange={(e) => {
            const find = e.currentTarget.value;
            void navigate({ search: (was: DataSearch) => changed(was, { find }), replace: true, resetScroll: false });
          }}
        />
      </div>
      {list.error ? (
        <div className={styles.pad}>
          <ErrorPanel error={list.error} retry={() => void list.refetch()} />
        </div>
      ) : !all ? (
        <SkeletonRows rows={12} />
      ) : (
        <DataTable
          label={`Tables of ${schema}`}
          rows={tables}
          columns={columns}
          id={(t) => `${t.schema}.${t.name}`}
          onOpen={(t) => set({ schema: t.schema, table: t.name, part: null, quarantine: null })}
          height="max(260px, calc(100dvh - 388px))"
          none={all.length ? "No table has that in its name." : "This schema has no tables."}
        />
      )}
      {all?.some((t) => t.counted !== "exact" && t.kind !== "view") ? (
        <div className={styles.foot}>
          <span className={styles.order}>~ is PostgreSQL&apos;s estimate</span>
          <span className={styles.space} />
          <Button size="compact-xs" variant="default" loading={exact && list.isFetching} onClick={() => setExact(true)}>
            Count all
          </Button>
        </div>
      ) : null}
    </Panel>
  );
}

function columnsFor(current: string | undefined): Column<Table>[] {
  return [
    {
      key: "name",
      head: "Table",
      width: "minmax(0, 1fr)",
      sort: (t) => t.name,
      cell: (t) => (
        <span className={styles.tableName} data-current={t.name === current} title={`${t.name}: ${t.kind}`}>
          {!t.readable ? (
            <ShieldAlert size={13} aria-label="may not be read" />
          ) : t.kind.endsWith("view") ? (
            <Eye size={13} aria-label={t.kind} />
          ) : (
            <Table2 size={13} aria-hidden />
          )}
          <span>{t.name}</span>
        </span>
      ),
    },
    {
      key: "rows",
      head: "Rows",
      width: "96px",
      end: true,
      sort: (t) => t.rows,
      cell: (t) => <span title={rowsOf(t)}>{short(t)}</span>,
    },
  ];
}
