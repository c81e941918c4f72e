import { Switch } from "@mantine/core";
import { api, queries, type Schemas } from "@/api/client";
import { type Instance, useConfig } from "@/api/instances";
import { remember, useMayChange } from "@/api/submit";
import { sentence } from "@/ui/format";
import { Panel, Skeleton } from "@/ui/page";
import { ErrorPanel, Trouble } from "@/ui/problem";
import styles from "./lakebase.module.css";

type Props = { instance: Instance; busy: boolean; show: (o: Schemas["Operation"]) => void };

/** Application is the switch that makes the application use this instance. */
export function Application({ instance, busy, show }: Props) {
  const config = useConfig();
  const may = useMayChange();
  const enable = api.useMutation("post", "/api/instances/{name}/enable", {
    onSuccess: (operation) => {
      remember(operation);
      show(operation);
    },
  });
  const disable = api.useMutation("post", "/api/database-management/lakebase/config", {
    onSuccess: () => void queries.invalidateQueries({ queryKey: ["get", "/api/database-management/lakebase/config"] }),
  });
  const c = config.data;
  const on = Boolean(c?.enabled && c.instance_name === instance.name);
  const other = c?.enabled && c.instance_name !== instance.name ? c.instance_name : undefined;
  const path = { params: { path: { name: instance.name } } };
  const toggle = () => (on ? disable.mutate({ body: { enabled: false } }) : enable.mutate({ ...path, body: {} }));
  const origin = c?.origins.instance;
  return (
    <Panel title="Application">
      {config.isPending ? (
        <Skeleton height={48} />
      ) : (
        <Switch
          checked={on}
          onChange={toggle}
          disabled={busy || enable.isPending || disable.isPending || !may || (!on && instance.status !== "READY")}
          label={on ? "Lakebase is enabled" : "Enable Lakebase"}
          description={explain(instance, on, other, may)}
          size="md"
        />
      )}
      {c?.connection_error && on ? (
        <div className={styles.below}>
          <Trouble title="The application cannot use it now" detail={c.connection_error} hint={c.hint} />
        </div>
      ) : null}
      {on && origin ? <p className={styles.aside}>Set by {origin}.</p> : null}
      {c?.notes.map((note) => (
        <p key={note} className={styles.aside}>
          {sentence(note)}
        </p>
      ))}
      {(enable.error ?? disable.error) ? (
        <div className={styles.below}>
          <ErrorPanel error={enable.error ?? disable.error} title="The switch stays as it was" />
        </div>
      ) : null}
    </Panel>
  );
}

function explain(instance: Instance, on: boolean, other: string | undefined, may: boolean) {
  if (on)
    return `Applications that ask Lakeward for their database are sent to this instance. ${may ? "Switching it off keeps the instance and its data." : "Only an administrator may switch it off."}`;
  if (!may) return "Only an administrator may send the application to this instance.";
  if (instance.status !== "READY") return "Only an instance that is ready can be enabled.";
  const first = "The connection is tested first; the choice is kept in the instance too, so that a redeploy finds it.";
  return other ? `The application uses ${other} now. ${first}` : `Send the application to this instance. ${first}`;
}
