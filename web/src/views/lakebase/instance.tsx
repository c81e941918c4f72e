import { Button, Menu } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { Ellipsis, Play, PlugZap, Scaling, Square, Trash2 } from "lucide-react";
import { api } from "@/api/client";
import { useEnded } from "@/api/events";
import { familyOf, type Instance, moving, useConfig } from "@/api/instances";
import { remember } from "@/api/submit";
import { ConfirmByName } from "@/ui/confirm";
import { Copied } from "@/ui/copy";
import { plural } from "@/ui/format";
import { OnlyAdministrators } from "@/ui/only";
import { OperationProgress } from "@/ui/operation";
import { Facts, Page, Panel } from "@/ui/page";
import { ErrorPanel, Trouble } from "@/ui/problem";
import { Status } from "@/ui/status";
import { Time } from "@/ui/time";
import { useChange, useWatched } from "./actions";
import { Application } from "./application";
import styles from "./lakebase.module.css";
import { Recent } from "./recent";
import { Resize } from "./resize";
import { capacities } from "./size";
import { brief, Tested } from "./test";
import { useVitals, VitalSigns } from "./vitals";

/** InstancePage is one instance: how it is, where it is, how large, and what can be done with it. */
export function InstancePage({ instance }: { instance: Instance }) {
  const name = instance.name;
  const path = { params: { path: { name } } };
  const watched = useWatched(name);
  const [resizing, resize] = useDisclosure(false);
  const [deleting, del] = useDisclosure(false);
  const start = useChange("/api/instances/{name}/start", watched.show);
  const stop = useChange("/api/instances/{name}/stop", watched.show);
  const test = api.useMutation("post", "/api/instances/{name}/test");
  const busy = watched.busy || moving(instance) || start.isPending || stop.isPending;
  const stopped = instance.status === "STOPPED";
  const refused = start.error ?? stop.error;

  useEnded(watched.id, test.reset);

  const actions = (
    <OnlyAdministrators>
      <Button
        variant="default"
        leftSection={<PlugZap size={15} aria-hidden />}
        onClick={() => test.mutate(path)}
        loading={test.isPending}
        disabled={instance.status === "CREATING"}
      >
        Test connection
      </Button>
      {stopped ? (
        <Button leftSection={<Play size={15} aria-hidden />} onClick={() => start.mutate(path)} disabled={busy}>
          Start
        </Button>
      ) : (
        <Button
          variant="default"
          leftSection={<Square size={13} aria-hidden />}
          onClick={() => stop.mutate(path)}
          disabled={busy}
        >
          Stop
        </Button>
      )}
      <Menu width={180} withinPortal={false}>
        <Menu.Target>
          <Button variant="default" px={8} aria-label="More actions">
            <Ellipsis size={16} aria-hidden />
          </Button>
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Item leftSection={<Scaling size={15} />} disabled={busy} onClick={resize.open}>
            Resize …
          </Menu.Item>
          <Menu.Item leftSection={<Trash2 size={15} />} color="var(--bad)" disabled={busy} onClick={del.open}>
            Delete …
          </Menu.Item>
        </Menu.Dropdown>
      </Menu>
    </OnlyAdministrators>
  );

  return (
    <Page
      title={name}
      name={`${name} · Lakebase`}
      lead={<Status status={instance.status} api={instance.state} badge />}
      actions={actions}
    >
      <div className={styles.news}>
        {instance.status === "ERROR" ? (
          <Trouble
            title="The instance is in error"
            detail={instance.tags?.["lakeward:problem"] ?? `the workspace says that it is ${instance.state}`}
            hint={`Its data is kept. What is broken, and what to do, is found by lakeward doctor ${name}`}
          />
        ) : null}
        {watched.id ? <OperationProgress id={watched.id} onClose={watched.close} /> : null}
        {refused ? <ErrorPanel error={refused} title="It was refused" /> : null}
        <Tested result={test.data} error={test.error} onClose={test.reset} again={() => test.mutate(path)} />
      </div>
      <VitalSigns instance={instance} />
      <div className={styles.columns}>
        <div>
          <Endpoint instance={instance} />
          <Application instance={instance} busy={busy} show={watched.show} />
        </div>
        <div>
          <SizePanel instance={instance} onResize={busy ? undefined : resize.open} />
          <Recent instance={name} />
        </div>
      </div>
      <Resize instance={instance} opened={resizing} onClose={resize.close} show={watched.show} />
      <Delete instance={instance} opened={deleting} onClose={del.close} show={watched.show} />
    </Page>
  );
}

function Endpoint({ instance }: { instance: Instance }) {
  const vitals = useVitals(instance).data;
  return (
    <Panel title="Endpoint">
      <Facts
        of={[
          ["Host", <Copied key="host" text={instance.host || "–"} label="Copy the host" />],
          ...(instance.read_only_host
            ? ([
                ["Read-only host", <Copied key="ro" text={instance.read_only_host} label="Copy the read-only host" />],
              ] as [string, React.ReactNode][])
            : []),
          [
            "Port",
            <span key="port" className="num">
              {instance.port}
            </span>,
          ],
          ["Database", <Copied key="db" text={instance.database} label="Copy the database's name" />],
          [
            "PostgreSQL",
            (vitals?.version ? brief(vitals.version).replace(/^PostgreSQL /, "") : undefined) ??
              instance.postgres_version ??
              "–",
          ],
          ...(instance.endpoint
            ? ([["Path", <Copied key="path" text={instance.endpoint} label="Copy the path" />]] as [
                string,
                React.ReactNode,
              ][])
            : []),
        ]}
      />
    </Panel>
  );
}

// Limits that are no CU_n are in compute units of about 2 GB.
function units({ min_cu: min, max_cu: max, capacity }: Instance) {
  if (!min || !max) return capacity || "–";
  return min === max
    ? `${plural(max, "compute unit")}, ${max * 2} GB of memory`
    : `${min} to ${max} compute units, as the load asks`;
}

function SizePanel({ instance, onResize }: { instance: Instance; onResize: (() => void) | undefined }) {
  const capacity = capacities.find((c) => c.value === instance.capacity);
  return (
    <Panel
      title="Size"
      actions={
        <OnlyAdministrators>
          <Button size="compact-xs" variant="default" disabled={!onResize} {...(onResize ? { onClick: onResize } : {})}>
            Resize
          </Button>
        </OnlyAdministrators>
      }
    >
      <Facts
        of={[
          ["Capacity", capacity ? `${capacity.value}, ${capacity.memory} of memory` : units(instance)],
          [
            "Nodes",
            instance.nodes === 1 ? "1, without a standby" : `${instance.nodes ?? "–"}, one of them the primary`,
          ],
          ["Retention", instance.retention_days ? plural(instance.retention_days, "day") : "–"],
          ["API family", familyOf(instance)],
          ["Created", <Time key="t" at={instance.created} />],
          ...(instance.creator ? ([["By", instance.creator]] as [string, string][]) : []),
        ]}
      />
    </Panel>
  );
}

function Delete({ instance, opened, onClose, show }: Parameters<typeof Resize>[0]) {
  const config = useConfig().data;
  const del = api.useMutation("delete", "/api/instances/{name}", {
    onSuccess: (operation) => {
      remember(operation);
      show(operation);
      onClose();
    },
  });
  const name = instance.name;
  return (
    <ConfirmByName
      opened={opened}
      onClose={onClose}
      title={`Delete ${name}`}
      name={name}
      action="Delete for good"
      busy={del.isPending}
      error={del.error}
      onConfirm={() => del.mutate({ params: { path: { name }, query: { yes: name } } })}
    >
      {config?.enabled && config.instance_name === name ? (
        <p>
          <strong>The application uses this instance.</strong> It has no database when this is gone.
        </p>
      ) : null}
      <p>
        All databases of the instance are destroyed, with their history. Nothing brings them back. Backups in volumes
        and the source of a migration stay.
      </p>
    </ConfirmByName>
  );
}
