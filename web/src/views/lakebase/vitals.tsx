import type { ReactNode } from "react";
import { whileAttended } from "@/api/attention";
import { api, type Schemas } from "@/api/client";
import { type Instance, moving } from "@/api/instances";
import { Bar } from "@/ui/bar";
import { bytes, count, duration } from "@/ui/format";
import { Skeleton } from "@/ui/page";
import { Elapsed, Time, useNow } from "@/ui/time";
import styles from "./lakebase.module.css";

export type Vitals = Schemas["Vitals"];

/** useVitals looks into an instance now and then. It wakes and starts nothing, and lets what nobody looks at go to sleep. */
export function useVitals(instance: Instance) {
  return api.useQuery(
    "get",
    "/api/instances/{name}/vitals",
    { params: { path: { name: instance.name } } },
    { refetchInterval: whileAttended(10_000), enabled: instance.status === "READY" && !moving(instance) },
  );
}

/** VitalSigns are the four numbers that say whether an instance is well. What is not known is a dash, and the reason stands below. */
export function VitalSigns({ instance }: { instance: Instance }) {
  const query = useVitals(instance);
  const v = instance.status === "READY" ? query.data : undefined;
  const limit = v?.size?.limit_bytes || instance.size_limit;
  const waiting = instance.status === "READY" && query.isPending && !query.error;
  return (
    <div className={styles.signs}>
      <Sign
        name="Data"
        waiting={waiting}
        value={v?.size && bytes(v.size.bytes)}
        share={v?.size?.limit_bytes ? [v.size.bytes, v.size.limit_bytes] : undefined}
      >
        {limit ? `of ${bytes(limit)}` : "in all databases"}
      </Sign>
      <Sign
        name="Connections"
        waiting={waiting}
        value={v?.connections && count(v.connections.used)}
        share={v?.connections ? [v.connections.used, v.connections.max] : undefined}
      >
        {v?.connections ? `of ${count(v.connections.max)}` : why(instance, v)}
      </Sign>
      <Sign name="Token" waiting={waiting} value={v?.token && <Age of={v.token} />}>
        {v?.token ? (
          <>
            old, expires <Time at={v.token.expires_at} />
          </>
        ) : (
          "the next login mints one"
        )}
      </Sign>
      <Sign
        name="Answers in"
        waiting={waiting}
        value={v?.latency_ms !== undefined && v.reached ? `${v.latency_ms.toFixed(1)} ms` : undefined}
      >
        {v?.started_at ? (
          <>
            runs for <Elapsed from={v.started_at} />
          </>
        ) : (
          why(instance, v)
        )}
      </Sign>
    </div>
  );
}

function why(instance: Instance, v: Vitals | undefined) {
  if (v?.asleep) return "asleep: the next connection wakes it";
  if (instance.status === "STOPPED") return "stopped";
  if (instance.status === "ERROR") return "not while it is in error";
  return v?.problem ? "not reached" : "not looked at yet";
}

function Age({ of }: { of: { minted_at: string } }) {
  const seconds = Math.max(0, (useNow() - Date.parse(of.minted_at)) / 1000);
  return seconds < 60 ? "< 1 min" : duration(Math.floor(seconds / 60) * 60);
}

type SignProps = {
  name: string;
  value: ReactNode;
  waiting: boolean;
  share?: [number, number] | undefined;
  children: ReactNode;
};

function Sign({ name, value, waiting, share, children }: SignProps) {
  const full = share ? share[0] / share[1] : 0;
  return (
    <div className={styles.sign}>
      <h2 className={styles.signName}>{name}</h2>
      <p className={`${styles.signValue} num`}>{waiting ? <Skeleton width={72} height={22} /> : value || "–"}</p>
      <p className={`${styles.signText} num`}>{waiting ? <Skeleton width={96} height={12} /> : children}</p>
      {share && !waiting ? (
        <Bar
          value={share[0]}
          of={share[1]}
          label={`${name} against the limit`}
          tone={full > 0.85 ? "bad" : full > 0.7 ? "warn" : "accent"}
        />
      ) : null}
    </div>
  );
}
