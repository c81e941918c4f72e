import { Button, Checkbox, TextInput } from "@mantine/core";
import { useNavigate } from "@tanstack/react-router";
import { type FormEvent, useState } from "react";
import { api } from "@/api/client";
import { type Instance, useConfig, useInstances } from "@/api/instances";
import { remember } from "@/api/submit";
import { CodeBox } from "@/ui/copy";
import { count, plural } from "@/ui/format";
import { OnlyAdministrators } from "@/ui/only";
import { Facts, Page, Panel } from "@/ui/page";
import { ErrorPanel } from "@/ui/problem";
import { watch } from "./actions";
import styles from "./lakebase.module.css";
import { limitsOf } from "./limits";
import { judge } from "./name";
import { capacities, type Size, SizeFields, usual } from "./size";

const most = 10; // instances of a workspace

/** CreateInstance asks for a name and a size, and says what they mean before anything is made. */
export function CreateInstance() {
  return (
    <Page
      title="Create an instance"
      lead="A PostgreSQL of your own in Lakebase. It takes two or three minutes in a workspace, and seconds on this machine."
    >
      <OnlyAdministrators what="Creating an instance">
        <Form />
      </OnlyAdministrators>
    </Page>
  );
}

function Form() {
  const navigate = useNavigate();
  const list = useInstances().data?.instances ?? [];
  const source = useConfig().data?.source;
  const [name, setName] = useState("");
  const [size, setSize] = useState<Size>(usual);
  const [bring, setBring] = useState(true);
  const verdict = judge(
    name,
    list.map((i) => i.name),
  );
  const done = () => void navigate({ to: "/lakebase", search: { instance: name } });
  const create = api.useMutation("post", "/api/instances", {
    onSuccess: (operation) => {
      remember(operation);
      watch(name, operation);
      done();
    },
  });
  const andMigrate = api.useMutation("post", "/api/database-management/lakebase/create", { onSuccess: done });
  const busy = create.isPending || andMigrate.isPending;
  const error = create.error ?? andMigrate.error;
  const ready = name !== "" && !verdict.error;

  const submit = (e: FormEvent) => {
    e.preventDefault();
    if (!ready || busy) return;
    if (source && bring) {
      andMigrate.mutate({
        body: {
          instance_name: name,
          capacity: size.capacity,
          retention_days: size.retention_days,
          node_count: size.nodes,
        },
      });
    } else {
      create.mutate({ body: { name, ...size } });
    }
  };

  return (
    <form onSubmit={submit} className={styles.create}>
      <div className={styles.fields}>
        <TextInput
          label="Name"
          description="It becomes part of addresses and cannot be changed later."
          placeholder="shop"
          value={name}
          onChange={(e) => setName(e.currentTarget.value)}
          error={verdict.error}
          maxLength={80}
          autoComplete="off"
          autoCapitalize="off"
          spellCheck={false}
          inputWrapperOrder={["label", "description", "input", "error"]}
          rightSection={<span className={`${styles.counter} num`}>{name.length || ""}</span>}
        />
        <p className={styles.note} role="status">
          {verdict.note ?? ""}
        </p>
        <SizeFields size={size} onChange={setSize} />
        {source ? (
          <Checkbox
            checked={bring}
            onChange={(e) => setBring(e.currentTarget.checked)}
            label="Then migrate the application's database into it"
            description={`${source}, with all rows. Lakebase is switched on when every row is proven.`}
          />
        ) : null}
        {error ? <ErrorPanel error={error} title="It was not created" /> : null}
        <div className={styles.submit}>
          <Button type="submit" disabled={!ready} loading={busy}>
            Create {name || "the instance"}
          </Button>
          <Button variant="subtle" onClick={() => void navigate({ to: "/lakebase" })}>
            Cancel
          </Button>
        </div>
      </div>
      <Summary name={name} size={size} list={list} />
    </form>
  );
}

function Summary({ name, size, list }: { name: string; size: Size; list: Instance[] }) {
  const limits = limitsOf(size.capacity, list);
  const capacity = capacities.find((c) => c.value === size.capacity);
  const price = (capacity?.times ?? 1) * size.nodes;
  const command = [
    `lakeward instance create ${judge(name, []).error ? "NAME" : name || "NAME"}`,
    `--capacity ${size.capacity}`,
    `--retention-days ${size.retention_days}`,
    `--nodes ${size.nodes}`,
  ].join(" \\\n    ");
  return (
    <aside className={styles.summary} aria-label="Summary">
      <Panel title="Summary">
        <Facts
          of={[
            ["Memory", size.nodes === 1 ? capacity?.memory : `${capacity?.memory} on each of ${size.nodes} nodes`],
            ["Price", `${price}× that of one CU_1 node`],
            ["Restorable", plural(size.retention_days, "day")],
            ["Connections", `${count(limits.connections)} at the same time`],
            ["Data", `${limits.data} at most`],
            ["Workspace", `${list.length} of ${most} instances exist`],
          ]}
        />
        <p className={styles.aside}>
          {limits.sure
            ? `Connections and data are the limits of ${limits.family}, which this workspace makes.`
            : "Connections and data are the limits of Autoscaling. A workspace that still makes Provisioned instances allows 1,000 connections and 2 TB."}
        </p>
        <p className={styles.aside}>Capacity, retention and nodes can be changed at any time.</p>
      </Panel>
      <Panel title="On the command line">
        <CodeBox code={command} label="the command" wrap />
      </Panel>
    </aside>
  );
}
