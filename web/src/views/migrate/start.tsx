import { Button, Select, TextInput } from "@mantine/core";
import { Link, useNavigate } from "@tanstack/react-router";
import { Database, MoveRight } from "lucide-react";
import { type FormEvent, useState } from "react";
import { api } from "@/api/client";
import { useConfig, useInstanceName, useInstances } from "@/api/instances";
import { remember } from "@/api/submit";
import { Choice, Choices } from "@/ui/choice";
import { OnlyAdministrators } from "@/ui/only";
import { Empty, Page, Panel, Skeleton } from "@/ui/page";
import { ErrorPanel } from "@/ui/problem";
import { Status } from "@/ui/status";
import { Recent } from "./recent";
import { type Source, textOf } from "./source";
import { SourcePicker, type Way } from "./sourcepicker";
import styles from "./start.module.css";
import { type Strategy, strategies } from "./strategies";
import { keepSource } from "./use";

const lead =
  "Bring a database over, and prove every row. The source is only read; the target stays as it is until the end.";

/** Migrate is where a migration begins: what to bring, where to, and how much of it. */
export function Migrate() {
  const name = useInstanceName();
  return (
    <Page title="Migrate" lead={lead}>
      <OnlyAdministrators what="Migrating a database">{name === "" ? <NoInstance /> : <Form />}</OnlyAdministrators>
      <Recent />
    </Page>
  );
}

function NoInstance() {
  const list = useInstances();
  if (list.error) return <ErrorPanel error={list.error} retry={() => void list.refetch()} />;
  return (
    <Panel>
      <Empty
        icon={Database}
        title="First an instance to migrate to"
        actions={
          <Button component={Link} to="/lakebase/new">
            Create an instance
          </Button>
        }
      >
        A migration reads your SQLite file or PostgreSQL, shows a plan that you can edit, and moves every row into a
        Lakebase instance. There is none yet.
      </Empty>
    </Panel>
  );
}

function Form() {
  const [way, setWay] = useState<Way>("upload");
  const [source, setSource] = useState<Source>();
  const [schema, setSchema] = useState("public");
  const [strategy, setStrategy] = useState<Strategy>("schema-and-data");
  const instance = useInstanceName();
  const begin = useBegin();
  const postgres = way === "postgres";
  const only = postgres ? "schema-and-data" : strategy;
  const ready = Boolean(source && instance && (postgres || schemaTrouble(schema) === undefined));
  const submit = (e: FormEvent) => {
    e.preventDefault();
    if (source && instance && ready) void begin.run(source, instance, postgres ? undefined : schema, only);
  };
  return (
    <form onSubmit={submit} className={styles.form}>
      <Panel title="1. The source" note="A SQLite file, or a PostgreSQL">
        <SourcePicker way={way} setWay={setWay} onChange={setSource} />
      </Panel>
      <Panel title="2. The target">
        <Target schema={schema} setSchema={setSchema} postgres={postgres} />
      </Panel>
      <Panel title="3. What to bring">
        <Choices
          label="Strategy"
          hint={
            postgres
              ? "Of a PostgreSQL, all of it is brought; pg_dump can bring a part."
              : "Whichever it is: when it fails, source and target are as they were."
          }
        >
          {strategies.map((s) => (
            <Choice
              key={s.value}
              name="strategy"
              value={s.value}
              title={s.title}
              checked={only === s.value}
              disabled={postgres && s.value !== "schema-and-data"}
              onChange={() => setStrategy(s.value)}
            >
              {s.text}
            </Choice>
          ))}
        </Choices>
      </Panel>
      {begin.error ? <ErrorPanel error={begin.error} /> : null}
      <div className={styles.go}>
        <Button
          type="submit"
          size="md"
          disabled={!ready}
          loading={begin.busy}
          rightSection={<MoveRight size={16} aria-hidden />}
        >
          Check and plan
        </Button>
        <p>Next you see what was checked and a plan of every column. Nothing is written before you start it.</p>
      </div>
    </form>
  );
}

function Target({
  schema,
  setSchema,
  postgres,
}: {
  schema: string;
  setSchema: (s: string) => void;
  postgres: boolean;
}) {
  const name = useInstanceName();
  const navigate = useNavigate();
  const all = useInstances().data?.instances ?? [];
  const names = all.map((i) => i.name);
  const instance = all.find((i) => i.name === name);
  const used = useConfig().data?.instance_name === name;
  return (
    <div className={styles.target}>
      <div>
        <Select
          label="Instance"
          data={names}
          value={name ?? null}
          allowDeselect={false}
          onChange={(next) => next && void navigate({ to: "/migrate", search: { instance: next }, replace: true })}
        />
        <p className={styles.instance}>
          {instance ? <Status status={instance.status} api={instance.state} /> : <Skeleton width={120} />}
          {used ? <span className={styles.note}>your application uses it</span> : null}
          {instance?.status === "STOPPED" ? (
            <span className={styles.note}>
              <Link to="/lakebase">Start it</Link> first.
            </span>
          ) : null}
        </p>
      </div>
      <TextInput
        label="Schema"
        value={postgres ? "as in the source" : schema}
        disabled={postgres}
        onChange={(e) => setSchema(e.currentTarget.value)}
        error={postgres ? undefined : schemaTrouble(schema)}
        spellCheck={false}
        autoCapitalize="off"
        className={styles.schema}
      />
    </div>
  );
}

function schemaTrouble(schema: string): string | undefined {
  const name = schema.trim();
  if (!name) return "Name a schema, such as public.";
  if (new TextEncoder().encode(name).length > 63) return "PostgreSQL's names have 63 bytes at most.";
  if (/^(pg_|information_schema$|lakeward$)/.test(name)) return "This name belongs to PostgreSQL or to Lakeward.";
  return undefined;
}

/** useBegin asks for the checks and for the plan, and leads to the page that shows both. */
function useBegin() {
  const navigate = useNavigate();
  const check = api.useMutation("post", "/api/check");
  const plan = api.useMutation("post", "/api/plan");
  const run = async (from: Source, to: string, schema: string | undefined, strategy: Strategy) => {
    const source = textOf(from);
    const where = schema ? { schema: schema.trim() } : {};
    try {
      const planned = await plan.mutateAsync({ body: { source, ...where } });
      remember(planned);
      if (from.kind === "postgres") keepSource(planned.id, source);
      const checked = await check.mutateAsync({ body: { source, to, ...where } });
      remember(checked);
      await navigate({
        to: "/migrate/plan/$id",
        params: { id: planned.id },
        search: {
          instance: to,
          check: checked.id,
          ...(strategy === "schema-and-data" ? {} : { strategy }),
        },
      });
    } catch {
      // Both mutations keep their errors.
    }
  };
  return { run, busy: check.isPending || plan.isPending, error: plan.error ?? check.error };
}
