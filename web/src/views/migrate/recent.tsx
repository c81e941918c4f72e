import { Link } from "@tanstack/react-router";
import { MoveRight } from "lucide-react";
import type { Operation } from "@/api/progress";
import { Loaded } from "@/ui/loaded";
import { Panel } from "@/ui/page";
import { StateOf } from "@/ui/status";
import { Elapsed, Time } from "@/ui/time";
import styles from "./recent.module.css";
import { baseName } from "./source";
import { strategyOf } from "./strategies";
import { asked, useMigrations } from "./use";

/** Recent lists the last migrations: those that run can be watched again, those that have ended have a report. */
export function Recent() {
  const query = useMigrations();
  return (
    <Panel title="Migrations" note="The last ones, of all instances" flush>
      <Loaded query={query}>
        {({ operations }) =>
          operations.length ? (
            <ul className={styles.list}>
              {operations.map((o) => (
                <One key={o.id} operation={o} />
              ))}
            </ul>
          ) : (
            <p className={styles.none}>
              None yet. From here on they are listed with their reports. The command line begins them too:{" "}
              <code>lakeward migrate app.db --to NAME</code>
            </p>
          )
        }
      </Loaded>
    </Panel>
  );
}

function One({ operation: o }: { operation: Operation }) {
  const { source, to, strategy } = asked(o);
  return (
    <li>
      <Link
        to="/migrate/run/$id"
        params={{ id: o.id }}
        search={o.instance ? { instance: o.instance } : {}}
        className={styles.one}
      >
        <span className={styles.what} title={source}>
          {baseName(source)}
          <MoveRight size={13} aria-label="to" />
          {baseName(to)}
        </span>
        <span className={styles.aside}>{strategyOf(strategy).title}</span>
        <StateOf state={o.state} />
        <span className={`${styles.aside} num`}>{o.started ? <Elapsed from={o.started} to={o.ended} /> : null}</span>
        <span className={styles.when}>
          <Time at={o.created} />
        </span>
      </Link>
    </li>
  );
}
