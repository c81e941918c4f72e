import { Button, SegmentedControl } from "@mantine/core";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { ArrowLeft, MousePointerClick, Table2 } from "lucide-react";
import { api } from "@/api/client";
import { useInstance, useInstanceName, useInstances } from "@/api/instances";
import { changed } from "@/api/search";
import { bytes, count, plural } from "@/ui/format";
import { Loaded } from "@/ui/loaded";
import { OnlyAdministrators } from "@/ui/only";
import { Empty, Page, Panel, Skeleton, SkeletonRows } from "@/ui/page";
import { ErrorPanel } from "@/ui/problem";
import styles from "./data.module.css";
import { Quarantine } from "./quarantine";
import { Rows } from "./rows";
import type { DataSearch, Part } from "./search";
import { rowsOf } from "./shape";
import { Structure } from "./structure";
import { Tables } from "./tables";

export function Data() {
  const name = useInstanceName();
  const instance = useInstance();
  const known = !useInstances().isPending;
  if (name === "") {
    return (
      <Frame>
        <Empty
          icon={Table2}
          title="There is no data to look at yet"
          actions={
            <OnlyAdministrators>
              <Button component={Link} to="/lakebase/new">
                Create an instance
              </Button>
            </OnlyAdministrators>
          }
        >
          With an instance, this page shows its schemas, tables and rows, and what migrations have kept apart. It only
          reads.
        </Empty>
      </Frame>
    );
  }
  if (name === undefined || !known) {
    return (
      <Frame>
        <SkeletonRows rows={12} />
      </Frame>
    );
  }
  if (instance?.status === "STOPPED") {
    return (
      <Frame>
        <Empty
          icon={Table2}
          title={`${name} is stopped`}
          actions={
            <OnlyAdministrators>
              <Button component={Link} to="/lakebase">
                Go and start it
              </Button>
            </OnlyAdministrators>
          }
        >
          Its data is safe, and can be looked at when it runs.
        </Empty>
      </Frame>
    );
  }
  return <In key={name} instance={name} />;
}

function Frame({ children, actions }: { children: React.ReactNode; actions?: React.ReactNode }) {
  return (
    <Page title="Data" lead="What the instance holds. This page only reads." actions={actions} wide>
      {children}
    </Page>
  );
}

function In({ instance }: { instance: string }) {
  const search: DataSearch = useSearch({ from: "/data" });
  const navigate = useNavigate({ from: "/data" });
  const path = { params: { path: { name: instance } } };
  const schemas = api.useQuery("get", "/api/instances/{name}/schemas", path, { staleTime: 30_000 });
  const sum = api.useQuery("get", "/api/instances/{name}/quarantine", path, { staleTime: 30_000 });
  const kept = sum.data?.rows ?? 0;
  return (
    <Frame
      actions={
        <SegmentedControl
          aria-label="What to look at"
          value={search.quarantine ? "quarantine" : "tables"}
          onChange={(v) => void navigate({ search: v === "quarantine" ? { quarantine: true } : {} })}
          data={[
            { value: "tables", label: "Tables" },
            { value: "quarantine", label: kept ? `Quarantine (${count(kept)})` : "Quarantine" },
          ]}
        />
      }
    >
      {search.quarantine ? (
        <Quarantine instance={instance} />
      ) : (
        <Loaded query={schemas} skeleton={<Waiting />}>
          {({ schemas: all }) => {
            const filled = all.filter((s) => s.tables + s.views > 0);
            if (filled.length === 0) return <Nothing instance={instance} />;
            const schema = search.schema ?? filled[0]?.name ?? "public";
            const names = [...new Set([...all.map((s) => s.name), schema])];
            return (
              <div className={styles.split} data-open={Boolean(search.table)}>
                <div className={styles.list}>
                  <Tables instance={instance} search={search} schema={schema} schemas={names} />
                </div>
                <div className={styles.main}>
                  {search.table ? (
                    <One
                      key={`${schema}.${search.table}`}
                      instance={instance}
                      schema={schema}
                      table={search.table}
                      part={search.part ?? "rows"}
                    />
                  ) : (
                    <Panel>
                      <Empty icon={MousePointerClick} title="Choose a table">
                        Its rows, columns, keys and indexes appear here. Numbers with ~ are estimates.
                      </Empty>
                    </Panel>
                  )}
                </div>
              </div>
            );
          }}
        </Loaded>
      )}
    </Frame>
  );
}

function Waiting() {
  return (
    <div className={styles.split}>
      <Panel title="Tables" flush>
        <SkeletonRows rows={12} />
      </Panel>
    </div>
  );
}

function Nothing({ instance }: { instance: string }) {
  return (
    <Empty
      icon={Table2}
      title={`${instance} has no tables yet`}
      actions={
        <OnlyAdministrators>
          <Button component={Link} to="/migrate">
            Migrate a database into it
          </Button>
        </OnlyAdministrators>
      }
    >
      Tables appear here when a migration has been proven and swapped in, or when the application makes them.
    </Empty>
  );
}

type OneProps = { instance: string; schema: string; table: string; part: Part };

function One({ instance, schema, table, part }: OneProps) {
  const navigate = useNavigate({ from: "/data" });
  const found = api.useQuery(
    "get",
    "/api/instances/{name}/tables/{schema}/{table}",
    { params: { path: { name: instance, schema, table } } },
    { staleTime: 30_000 },
  );
  const d = found.data;
  const set = (change: { [K in keyof DataSearch]?: DataSearch[K] | null }) =>
    void navigate({ search: (was: DataSearch) => changed(was, change), replace: true, resetScroll: false });
  return (
    <Panel
      title={
        <span className={styles.heading}>
          <Button
            className={styles.back ?? ""}
            size="compact-xs"
            variant="default"
            leftSection={<ArrowLeft size={13} aria-hidden />}
            onClick={() => set({ table: null, part: null })}
          >
            Tables
          </Button>
          {schema}.{table}
        </span>
      }
      note={
        d ? (
          `${rowsOf(d)} · ${plural(d.columns.length, "column")}${d.bytes ? ` · ${bytes(d.bytes)}` : ""}`
        ) : (
          <Skeleton width={180} />
        )
      }
      actions={
        <SegmentedControl
          size="xs"
          aria-label="What of the table"
          value={part}
          onChange={(next) => set({ part: next === "rows" ? null : (next as Part) })}
          data={[
            { value: "rows", label: "Rows" },
            { value: "structure", label: "Structure" },
          ]}
        />
      }
      flush
    >
      {found.error ? (
        <div className={styles.pad}>
          <ErrorPanel error={found.error} retry={() => void found.refetch()} />
        </div>
      ) : !d ? (
        <div className={styles.waiting}>
          <SkeletonRows rows={14} />
        </div>
      ) : part === "structure" ? (
        <Structure of={d} />
      ) : (
        <Rows instance={instance} table={d} />
      )}
    </Panel>
  );
}
