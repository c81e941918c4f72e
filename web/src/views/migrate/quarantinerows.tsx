import { Button } from "@mantine/core";
import { useState } from "react";
import { api, type Schemas } from "@/api/client";
import { asProblem } from "@/api/problem";
import { CodeBox } from "@/ui/copy";
import { sentence } from "@/ui/format";
import { SkeletonRows } from "@/ui/page";
import styles from "./quarantine.module.css";
import { original, type Reason, type ReportOf } from "./reports";

type Props = { reason: Reason; instance: string; report: ReportOf; table: string };

/**
 * QuarantineRows are the rows of one reason with their original values, a page at a time. Where the instance cannot be asked,
 * or the reader may not see rows, those that the report names are shown.
 */
export function QuarantineRows({ reason: r, instance, report, table }: Props) {
  const query = api.useInfiniteQuery(
    "get",
    "/api/instances/{name}/quarantine/rows",
    {
      params: {
        path: { name: instance },
        query: {
          schema: report.target.schema,
          table,
          column: r.column,
          action: r.action,
          limit: 50,
          ...(report.migration ? { migration: report.migration } : {}),
        },
      },
    },
    { pageParamName: "after", initialPageParam: "", getNextPageParam: (page) => page.next, retry: false },
  );
  if (query.isPending) return <SkeletonRows rows={2} />;
  if (query.error) {
    return (
      <>
        <p className={styles.why}>
          {sentence(asProblem(query.error).problem.detail)} These are the first rows, as the report names them.
        </p>
        <Table rows={r.rows} />
      </>
    );
  }
  const rows = query.data.pages.flatMap((page) => page.rows);
  return (
    <>
      <Table rows={rows.length ? rows : r.rows} />
      {query.hasNextPage ? (
        <Button
          size="xs"
          variant="default"
          className={styles.more ?? ""}
          loading={query.isFetchingNextPage}
          onClick={() => void query.fetchNextPage()}
        >
          More rows
        </Button>
      ) : null}
    </>
  );
}

type Row = Schemas["QuarantinedRow"] & Partial<Pick<Schemas["QuarantineRow"], "value" | "row">>;

function Table({ rows }: { rows: Row[] }) {
  return (
    <table className={styles.rows}>
      <thead>
        <tr>
          <th scope="col">Key</th>
          <th scope="col">It held</th>
          <th scope="col">Why</th>
          <th scope="col">
            <span className="hidden-label">The whole row</span>
          </th>
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <Line key={row.key + row.reason + (row.value?.text ?? "")} row={row} />
        ))}
      </tbody>
    </table>
  );
}

function Line({ row }: { row: Row }) {
  const [open, setOpen] = useState(false);
  return (
    <>
      <tr>
        <td>
          <code>{row.key}</code>
        </td>
        <td>
          <code>{row.value ? original(row.value) : "–"}</code>
        </td>
        <td>{row.reason}</td>
        <td className={styles.whole}>
          {row.row ? (
            <button type="button" className={styles.link} aria-expanded={open} onClick={() => setOpen(!open)}>
              {open ? "Hide" : "Whole row"}
              <span className="hidden-label"> {row.key}</span>
            </button>
          ) : null}
        </td>
      </tr>
      {open && row.row ? (
        <tr>
          <td colSpan={4}>
            <CodeBox code={pretty(row.row.text ?? "")} label={`row ${row.key} as it was`} />
          </td>
        </tr>
      ) : null}
    </>
  );
}

function pretty(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text; // it was cut
  }
}
