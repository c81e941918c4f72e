import { Button } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import { Database, SearchX } from "lucide-react";
import { useInstanceName, useInstances } from "@/api/instances";
import { Loaded } from "@/ui/loaded";
import { OnlyAdministrators } from "@/ui/only";
import { OperationProgress, useOperation } from "@/ui/operation";
import { Empty, Page, Skeleton } from "@/ui/page";
import { Status } from "@/ui/status";
import { useWatched } from "./actions";
import { InstancePage } from "./instance";
import styles from "./lakebase.module.css";

/** Lakebase is the instance that the console looks at, or how to get the first one. */
export function Lakebase() {
  const list = useInstances();
  const name = useInstanceName();
  if (!list.data || name === undefined) {
    return (
      <Page name="Lakebase" {...(list.error ? { title: "Lakebase" } : {})}>
        <Loaded query={list} skeleton={<Skeletons />}>
          {() => <Skeletons />}
        </Loaded>
      </Page>
    );
  }
  const instance = list.data.instances.find((i) => i.name === name);
  if (instance) return <InstancePage key={instance.name} instance={instance} />;
  return name ? <NotCreated name={name} /> : <First />;
}

function Skeletons() {
  return (
    <div role="status" aria-label="Loading" className={styles.skeletons}>
      <Skeleton height={118} />
      <Skeleton height={210} />
      <Skeleton height={150} />
    </div>
  );
}

const create = (
  <OnlyAdministrators what="Creating an instance">
    <Button component={Link} to="/lakebase/new">
      Create an instance
    </Button>
  </OnlyAdministrators>
);

function First() {
  return (
    <Page title="Lakebase" lead="Managed PostgreSQL beside your lakehouse, with tokens in place of passwords.">
      <Empty icon={Database} title="The workspace has no instance yet" actions={create}>
        An instance is a PostgreSQL of your own. Create one, migrate your SQLite file or PostgreSQL database into it,
        and switch the application over when every row is proven. Until then nothing changes for the application.
      </Empty>
    </Page>
  );
}

// An instance that is being created is not in the list yet: its operation is all that there is of it.
function NotCreated({ name }: { name: string }) {
  const { id, busy, close } = useWatched(name);
  const { operation } = useOperation(id);
  const deleted = operation?.kind === "delete" && operation.state === "succeeded";
  return (
    <Page
      title={name}
      name={`${name} · Lakebase`}
      lead={<Status status={busy && operation?.kind === "create" ? "CREATING" : "NOT_CREATED"} badge />}
    >
      {id ? <OperationProgress id={id} onClose={close} /> : null}
      {busy && !deleted ? (
        <Skeletons />
      ) : (
        <Empty icon={SearchX} title={deleted ? `${name} is deleted` : `There is no instance ${name}`} actions={create}>
          {deleted ? "Nothing of it is left in the workspace. " : "It was deleted, or is of another workspace. "}
          Choose another instance in the list above, or create one.
        </Empty>
      )}
    </Page>
  );
}
