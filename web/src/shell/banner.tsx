import { Button } from "@mantine/core";
import { KeyRound, PlugZap } from "lucide-react";
import { probe, useConnection } from "@/api/connection";
import { Elapsed } from "@/ui/time";
import styles from "./banner.module.css";

/** Banner says that the server is away, or that it no longer knows this browser. It lies over the page and moves nothing. */
export function Banner() {
  const { online, since, session } = useConnection();
  return (
    <div role="status" className={styles.place}>
      {online ? null : (
        <div className={styles.banner}>
          <PlugZap size={16} aria-hidden />
          <span>
            No connection to the server for <Elapsed from={since} />. Operations go on without this page; it reconnects
            by itself.
          </span>
          <Button size="compact-xs" variant="default" onClick={() => void probe()}>
            Try now
          </Button>
        </div>
      )}
      {online && !session ? (
        <div className={styles.banner}>
          <KeyRound size={16} aria-hidden />
          <span>
            The session has ended. Follow the link that <code>lakeward up</code> or <code>lakeward serve</code> prints
            when it starts.
          </span>
        </div>
      ) : null}
    </div>
  );
}
