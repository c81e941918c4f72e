import { Modal } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { client } from "@/api/client";
import { Copy } from "@/ui/copy";
import { bytes, plural } from "@/ui/format";
import { Facts, Skeleton } from "@/ui/page";
import { ErrorPanel } from "@/ui/problem";
import styles from "./data.module.css";
import { type Cell, pretty, type RowPage } from "./shape";

const most = 1_000_000; // characters that the server sends of one value

type Path = { name: string; schema: string; table: string };
type Props = { path: Path; after: string; page: RowPage; at: { row: number; column: number }; onClose: () => void };

/**
 * whole fetches a row with its values uncut. Rows are found by the place of their page: first how far the row before it
 * reaches, then the one that follows.
 */
async function whole(path: Path, after: string, row: number, signal: AbortSignal): Promise<Cell[] | undefined> {
  const ask = async (query: { after?: string; limit: number; chars: number }) => {
    const route = "/api/instances/{name}/tables/{schema}/{table}/rows";
    return (await client.GET(route, { params: { path, query }, signal })).data;
  };
  let from = after;
  if (row > 0) {
    const before = await ask({ ...(after && { after }), limit: row, chars: 1 });
    if (!before?.next) return undefined;
    from = before.next;
  }
  return (await ask({ ...(from && { after: from }), limit: 1, chars: most }))?.rows[0] ?? undefined;
}

/** ValueOf shows one value in full. A long one, of which the table has only the beginning, is fetched. */
export function ValueOf({ path, after, page, at, onClose }: Props) {
  const column = page.columns[at.column];
  const cell = page.rows[at.row]?.[at.column];
  const cut = cell?.cut === true;
  const full = useQuery({
    queryKey: ["value", path, after, at.row],
    queryFn: async ({ signal }) => (await whole(path, after, at.row, signal)) ?? null,
    enabled: cut,
    gcTime: 0,
  });
  const fetched = full.data?.[at.column];
  // Between the two looks somebody may have changed the row, or put one before it.
  const same = Boolean(fetched?.text && cell?.text && fetched.text.startsWith(cell.text.slice(0, 200)));
  const shown = same ? fetched : cell;
  if (!column) return null;
  const key = page.columns.flatMap((c, n) => (c.key ? [`${c.name} = ${page.rows[at.row]?.[n]?.text ?? "NULL"}`] : []));
  return (
    <Modal opened onClose={onClose} title={column.name} size="lg" closeButtonProps={{ "aria-label": "Close" }}>
      <Facts
        of={[
          ["Type", <code key="t">{column.type}</code>],
          ...(key.length ? ([["Row", key.join(", ")]] as [string, string][]) : []),
          ["Size", size(cell)],
        ]}
      />
      <div className={styles.value}>
        {cell?.text === null || !shown ? (
          <span className={styles.null}>NULL: there is no value</span>
        ) : full.isFetching ? (
          <Skeleton height={120} />
        ) : (
          <>
            {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by the keyboard */}
            <pre tabIndex={0} role="group" aria-label={`Value of ${column.name}`}>
              {shown.text === "" ? (
                <span className={styles.null}>an empty text</span>
              ) : (
                pretty(shown.text ?? "", column.type)
              )}
            </pre>
            <span className={styles.copy}>
              <Copy text={shown.text ?? ""} label="Copy the value" />
            </span>
          </>
        )}
      </div>
      {cut && full.data !== undefined && !same ? (
        <p className={styles.hint}>
          The row has changed since this page was read: this is the beginning of what it was.
        </p>
      ) : null}
      {same && fetched?.cut ? (
        <p className={styles.hint}>
          These are its first {characters(fetched.text)}, which is as much as a page shows; psql shows the rest.
        </p>
      ) : null}
      {full.error ? <ErrorPanel error={full.error} retry={() => void full.refetch()} /> : null}
    </Modal>
  );
}

function size(cell: Cell | undefined): string {
  if (!cell || cell.text === null) return "none";
  return cell.cut && cell.bytes ? bytes(cell.bytes) : characters(cell.text);
}

const characters = (text: string | null) => plural([...(text ?? "")].length, "character");
