import { Button, Modal } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import { ArrowLeft, ShieldCheck } from "lucide-react";
import { useState } from "react";
import { api, type Schemas } from "@/api/client";
import { useMe } from "@/api/submit";
import { CodeBox } from "@/ui/copy";
import { plural, sentence } from "@/ui/format";
import { Loaded } from "@/ui/loaded";
import { Empty, Facts, Panel, SkeletonRows } from "@/ui/page";
import { ErrorPanel } from "@/ui/problem";
import { type Column, DataTable } from "@/ui/table";
import { Time } from "@/ui/time";
import styles from "./data.module.css";
import { pretty } from "./shape";

type Reason = Schemas["QuarantineReason"];
type Kept = Schemas["QuarantineRow"];

const actions: Record<Reason["action"], string> = {
  quarantined: "kept apart: the row is not in the table",
  nulled: "the row is in the table, with NULL",
  replaced: "the row is in the table, with another value",
};

/** Quarantine is what migrations could not store as it was: nothing was dropped, and each can be read here. */
export function Quarantine({ instance }: { instance: string }) {
  const [of, setOf] = useState<Reason>();
  const sum = api.useQuery("get", "/api/instances/{name}/quarantine", { params: { path: { name: instance } } });
  if (of) return <Drill instance={instance} reason={of} back={() => setOf(undefined)} />;
  return (
    <Loaded
      query={sum}
      skeleton={
        <Panel title="Quarantine" flush>
          <SkeletonRows rows={6} />
        </Panel>
      }
    >
      {(q) =>
        q.reasons.length === 0 ? (
          <Empty icon={ShieldCheck} title="Nothing is in quarantine">
            No migration into {instance} has met a value that its column could not hold. Had one, its row would be here,
            with its key and the reason, and be counted in the report.
          </Empty>
        ) : (
          <Panel title={plural(q.rows, "row")} note="nothing was dropped: each is kept here as it was" flush>
            <DataTable
              label="Quarantine"
              rows={q.reasons}
              columns={reasons}
              id={(r) => `${r.schema}.${r.migration}.${r.table}.${r.column}.${r.action}.${r.reason}`}
              onOpen={setOf}
            />
          </Panel>
        )
      }
    </Loaded>
  );
}

const reasons: Column<Reason>[] = [
  {
    key: "table",
    head: "Table",
    width: "minmax(140px, 1fr)",
    sort: (r) => r.table,
    cell: (r) => (
      <strong>
        {r.schema}.{r.table}
      </strong>
    ),
  },
  { key: "column", head: "Column", width: "minmax(110px, 0.8fr)", sort: (r) => r.column, cell: (r) => r.column || "–" },
  { key: "rows", head: "Rows", width: "84px", end: true, sort: (r) => r.rows, cell: (r) => r.rows.toLocaleString() },
  {
    key: "reason",
    head: "Why",
    width: "minmax(200px, 1.4fr)",
    cell: (r) => (
      <span title={r.reason}>
        {r.reason}
        {r.reasons > 1 ? ` and ${plural(r.reasons - 1, "other reason")}` : ""}
      </span>
    ),
  },
  {
    key: "action",
    head: "What was done",
    width: "minmax(270px, 1.4fr)",
    cell: (r) => <span title={actions[r.action]}>{actions[r.action]}</span>,
  },
  { key: "last", head: "When", width: "104px", cell: (r) => <Time at={r.last} /> },
];

function Drill({ instance, reason: r, back }: { instance: string; reason: Reason; back: () => void }) {
  const me = useMe();
  const [way, setWay] = useState([""]);
  const [open, setOpen] = useState<Kept>();
  const after = way.at(-1);
  const query = {
    schema: r.schema,
    table: r.table,
    column: r.column,
    action: r.action,
    migration: r.migration,
    limit: 100,
    chars: 20_000,
    ...(after && { after }),
  };
  const may = me.data?.may_read_rows;
  const page = api.useQuery(
    "get",
    "/api/instances/{name}/quarantine/rows",
    { params: { path: { name: instance }, query } },
    { enabled: may === true, refetchOnWindowFocus: false },
  );
  const next = page.data?.next;
  return (
    <Panel
      title={`${r.schema}.${r.table}, ${r.column || "the whole row"}`}
      note={actions[r.action]}
      actions={
        <Button size="xs" variant="default" leftSection={<ArrowLeft size={13} aria-hidden />} onClick={back}>
          All of the quarantine
        </Button>
      }
      flush
    >
      {may === false ? (
        <div className={styles.pad}>
          Rows are for administrators.{" "}
          <Link to="/settings" search={{ tab: "access" }}>
            Who may read them
          </Link>
        </div>
      ) : page.error ? (
        <div className={styles.pad}>
          <ErrorPanel error={page.error} retry={() => void page.refetch()} />
        </div>
      ) : !page.data ? (
        <SkeletonRows rows={8} />
      ) : (
        <DataTable
          label={`Quarantined rows of ${r.table}`}
          rows={page.data.rows.map((row, n) => ({ ...row, n }))}
          columns={kept}
          id={(row) => String(row.n)}
          onOpen={setOpen}
        />
      )}
      <div className={styles.foot}>
        <span className={styles.order}>Open a row to see all of it.</span>
        <span className={styles.space} />
        <Button
          size="compact-xs"
          variant="default"
          disabled={way.length === 1}
          onClick={() => setWay(way.slice(0, -1))}
        >
          Previous
        </Button>
        <Button size="compact-xs" variant="default" disabled={!next} onClick={() => next && setWay([...way, next])}>
          Next
        </Button>
      </div>
      <Modal
        opened={Boolean(open)}
        onClose={() => setOpen(undefined)}
        title={`${r.table}: ${open?.key ?? ""}`}
        size="lg"
        closeButtonProps={{ "aria-label": "Close" }}
      >
        {open ? <Whole row={open} /> : null}
      </Modal>
    </Panel>
  );
}

const kept: Column<Kept & { n: number }>[] = [
  {
    key: "key",
    head: "Key",
    width: "minmax(120px, 1fr)",
    cell: (k) => <code title={k.key}>{k.key === "{}" ? "no key" : k.key}</code>,
  },
  {
    key: "value",
    head: "Value",
    width: "minmax(160px, 1.4fr)",
    cell: (k) => <code>{k.value.text?.slice(0, 200) ?? "NULL"}</code>,
  },
  { key: "reason", head: "Why", width: "minmax(200px, 2fr)", cell: (k) => <span title={k.reason}>{k.reason}</span> },
];

function Whole({ row }: { row: Kept }) {
  return (
    <>
      <Facts
        of={[
          ["Why", sentence(row.reason)],
          ["What was done", actions[row.action]],
          ["Value", <code key="v">{row.value.text ?? "NULL"}</code>],
          ["When", <Time key="w" at={row.at} show="local" />],
        ]}
      />
      <div className={styles.value}>
        <CodeBox code={pretty(row.row.text ?? "", "json")} label="the row as it was" />
        {row.row.cut ? (
          <p className={styles.hint}>This is its beginning: the row is longer than a page shows.</p>
        ) : null}
      </div>
    </>
  );
}
