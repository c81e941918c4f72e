import { Link } from "@tanstack/react-router";
import { Panel, Skeleton } from "@/ui/page";
import { StateOf } from "@/ui/status";
import { Time } from "@/ui/time";
import { useRecent } from "./actions";
import styles from "./lakebase.module.css";

/** Recent is what happened to the instance lately. */
export function Recent({ instance }: { instance: string }) {
  const query = useRecent(instance);
  const all = query.data?.operations;
  return (
    <Panel title="Recent operations" flush>
      {all?.length ? (
        <ul className={styles.recent}>
          {all.map((o) => (
            <li key={o.id}>
              <Link to="/operations/$id" params={{ id: o.id }} className={styles.recentLink}>
                <span className={styles.kind}>{o.kind}</span>
                <StateOf state={o.state} />
                <span className={styles.when}>
                  <Time at={o.ended ?? o.started ?? o.created} />
                </span>
              </Link>
            </li>
          ))}
        </ul>
      ) : (
        <div className={styles.nothing}>
          {query.isPending ? <Skeleton width="60%" /> : "Nothing was done to it through this server yet."}
        </div>
      )}
    </Panel>
  );
}
