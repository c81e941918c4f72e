import { Button } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import { ChevronLeft, ChevronRight, EyeOff, ListX, SkipBack } from "lucide-react";
import { useState } from "react";
import { api } from "@/api/client";
import { useMe } from "@/api/submit";
import { Empty, Skeleton, SkeletonRows } from "@/ui/page";
import { ErrorPanel } from "@/ui/problem";
import styles from "./data.module.css";
import { Grid } from "./grid";
import { orderOf, span, type Table } from "./shape";
import { ValueOf } from "./value";

const limit = 100;

type Props = { instance: string; table: Table };

/** Rows are the rows of a table by page, in the order of its key: a page costs the same at the end as at the beginning. */
export function Rows({ instance, table }: Props) {
  const me = useMe();
  // Where each page begins that was passed on the way to this one.
  const [way, setWay] = useState<{ after: string; before: number }[]>([{ after: "", before: 0 }]);
  const [open, setOpen] = useState<{ row: number; column: number }>();
  const here = way.at(-1) ?? { after: "", before: 0 };
  const may = me.data?.may_read_rows;
  const query = { limit, ...(here.after && { after: here.after }) };
  const path = { name: instance, schema: table.schema, table: table.name };
  const page = api.useQuery(
    "get",
    "/api/instances/{name}/tables/{schema}/{table}/rows",
    { params: { path, query } },
    { enabled: may === true && table.readable, staleTime: 30_000, refetchOnWindowFocus: false },
  );
  if (may === false) {
    return (
      <Empty icon={EyeOff} title="Rows are for administrators">
        You see how the table is made and how many rows it has.{" "}
        <Link to="/settings" search={{ tab: "access" }}>
          Who may read them, and why you may not
        </Link>
      </Empty>
    );
  }
  if (!table.readable) {
    return (
      <Empty icon={EyeOff} title="The server's role may not read this table">
        Its owner grants that with{" "}
        <code>
          GRANT SELECT ON {table.schema}.{table.name} TO …
        </code>
      </Empty>
    );
  }
  if (page.error) {
    return (
      <div className={styles.pad}>
        <ErrorPanel error={page.error} retry={() => void page.refetch()} />
      </div>
    );
  }
  const data = page.data;
  const next = data?.next;
  return (
    <>
      {!data ? (
        <div className={styles.waiting}>
          <SkeletonRows rows={14} />
        </div>
      ) : data.rows.length === 0 && here.before === 0 ? (
        <div className={styles.waiting}>
          <Empty icon={ListX} title="No rows">
            The table is there, with its {data.columns.length === 1 ? "column" : `${data.columns.length} columns`}, and
            is empty.
          </Empty>
        </div>
      ) : (
        <Grid
          key={here.after}
          label={`Rows of ${table.name}`}
          page={data}
          first={here.before}
          onOpen={(row, column) => setOpen({ row, column })}
        />
      )}
      <div className={styles.foot}>
        <span className={styles.range} role="status">
          {data ? span(here.before, data, table) : <Skeleton width={140} />}
        </span>
        {data?.rows.length ? <span className={styles.order}>{orderOf(data)}</span> : null}
        <span className={styles.space} />
        {way.length > 2 ? (
          <Button
            size="compact-xs"
            variant="default"
            leftSection={<SkipBack size={12} aria-hidden />}
            onClick={() => setWay(way.slice(0, 1))}
          >
            First
          </Button>
        ) : null}
        <Button
          size="compact-xs"
          variant="default"
          leftSection={<ChevronLeft size={13} aria-hidden />}
          disabled={way.length === 1}
          onClick={() => setWay(way.slice(0, -1))}
        >
          Previous
        </Button>
        <Button
          size="compact-xs"
          variant="default"
          rightSection={<ChevronRight size={13} aria-hidden />}
          disabled={!next}
          onClick={() => next && setWay([...way, { after: next, before: here.before + (data?.rows.length ?? 0) }])}
        >
          Next
        </Button>
      </div>
      {open && data ? (
        <ValueOf path={path} after={here.after} page={data} at={open} onClose={() => setOpen(undefined)} />
      ) : null}
    </>
  );
}
