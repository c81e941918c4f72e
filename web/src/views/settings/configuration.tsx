import { Button, NumberInput, Select, Switch, TextInput } from "@mantine/core";
import { Lock } from "lucide-react";
import { useState } from "react";
import { api, queries } from "@/api/client";
import { useConfig, useInstances } from "@/api/instances";
import { sentence } from "@/ui/format";
import { Loaded } from "@/ui/loaded";
import { OnlyAdministrators } from "@/ui/only";
import { Panel, SkeletonRows } from "@/ui/page";
import { ErrorPanel, Trouble } from "@/ui/problem";
import { Time } from "@/ui/time";
import { type Change, type Config, changes, type Draft, type Field, fields, originOf, request, shown } from "./config";
import styles from "./settings.module.css";

/** Configuration is which database the application uses: each value with where it comes from and why it won. */
export function Configuration() {
  const config = useConfig();
  return (
    <Loaded
      query={config}
      skeleton={
        <Panel title="Configuration" flush>
          <SkeletonRows rows={11} />
        </Panel>
      }
    >
      {(c) => <Values config={c} />}
    </Loaded>
  );
}

function Values({ config }: { config: Config }) {
  const [draft, setDraft] = useState<Draft>();
  const save = api.useMutation("post", "/api/database-management/lakebase/config", {
    onSuccess: () => {
      setDraft(undefined);
      void queries.invalidateQueries();
    },
  });
  const todo = draft ? changes(config, draft) : [];
  return (
    <>
      {config.connection_error ? (
        <div className={styles.above}>
          <Trouble title="Lakebase is on and cannot be used" detail={config.connection_error} hint={config.hint} />
        </div>
      ) : null}
      <Panel
        title="Configuration"
        note={draft ? "Nothing is changed before you save" : undefined}
        actions={
          draft ? null : (
            <OnlyAdministrators>
              <Button
                size="xs"
                variant="default"
                onClick={() => {
                  save.reset();
                  setDraft({});
                }}
              >
                Edit
              </Button>
            </OnlyAdministrators>
          )
        }
        flush
      >
        <ul className={styles.values}>
          {fields.map((f) => (
            <Row
              key={f.name}
              field={f}
              config={config}
              draft={draft}
              edit={(value) => setDraft({ ...draft, [f.name]: value })}
            />
          ))}
          <Noted label="Chosen" at={config.created_at} origin={config.origins.created_at} />
          <Noted label="Migrated" at={config.migration_date} origin={config.origins.migrated_at} />
        </ul>
        {draft ? (
          <Review
            changes={todo}
            saving={save.isPending}
            error={save.error}
            onDiscard={() => setDraft(undefined)}
            onSave={() => save.mutate({ body: request(config, draft) })}
          />
        ) : null}
      </Panel>
      <Why config={config} />
    </>
  );
}

type RowProps = {
  field: Field;
  config: Config;
  draft: Draft | undefined;
  edit: (value: string | number | boolean) => void;
};

function Row({ field: f, config, draft, edit }: RowProps) {
  const origin = originOf(config.origins[f.origin]);
  const value = config[f.name];
  const text = shown(value);
  return (
    <li className={styles.value} aria-label={f.label}>
      <div>
        <strong>{f.label}</strong>
        <p className={styles.about}>{f.about}</p>
      </div>
      <div className={styles.held}>
        {draft && !origin.fixed ? (
          <Editor field={f} value={draft[f.name] ?? value} edit={edit} />
        ) : (
          <span className={text === "not set" ? styles.unset : styles.text}>{text}</span>
        )}
      </div>
      <div className={styles.origin}>
        {origin.what === "none" ? null : (
          <span className={styles.chip} data-what={origin.what}>
            {origin.fixed ? <Lock size={11} aria-hidden /> : null}
            {origin.what}
          </span>
        )}
        <p className={styles.about}>{origin.why}</p>
      </div>
    </li>
  );
}

function Noted({ label, at, origin }: { label: string; at: string; origin: string | undefined }) {
  return (
    <li className={styles.value} aria-label={label}>
      <strong>{label}</strong>
      <div className={styles.held}>
        {at ? <Time at={at} show="local" /> : <span className={styles.unset}>not yet</span>}
      </div>
      <div className={styles.origin}>
        <span className={styles.chip}>noted</span>
        <p className={styles.about}>{origin ? "Written by the operation that did it." : "An operation writes it."}</p>
      </div>
    </li>
  );
}

type EditorProps = { field: Field; value: string | number | boolean; edit: (value: string | number | boolean) => void };

function Editor({ field: f, value, edit }: EditorProps) {
  const instances = useInstances();
  switch (f.kind) {
    case "switch":
      return (
        <Switch
          aria-label={f.label}
          checked={Boolean(value)}
          onChange={(e) => edit(e.currentTarget.checked)}
          label={value ? "on" : "off"}
        />
      );
    case "instance": {
      const names = instances.data?.instances.map((i) => i.name) ?? [];
      const now = String(value);
      return (
        <Select
          aria-label={f.label}
          data={now && !names.includes(now) ? [now, ...names] : names}
          value={now || null}
          onChange={(next) => edit(next ?? "")}
          placeholder="Choose an instance"
          searchable
        />
      );
    }
    case "type":
      return (
        <Select
          aria-label={f.label}
          data={["lakebase", "sqlite", "postgresql"]}
          value={String(value) || null}
          onChange={(next) => edit(next ?? "")}
          placeholder="not set"
        />
      );
    case "number":
      return (
        <NumberInput
          aria-label={f.label}
          min={f.range?.[0] ?? 0}
          max={f.range?.[1] ?? 99}
          clampBehavior="blur"
          value={Number(value) || ""}
          onChange={(next) => edit(Number(next) || 0)}
          placeholder="not set"
        />
      );
  }
  return (
    <TextInput
      aria-label={f.label}
      value={String(value ?? "")}
      onChange={(e) => edit(e.currentTarget.value)}
      placeholder="not set"
      spellCheck={false}
      autoComplete="off"
    />
  );
}

type ReviewProps = {
  changes: Change[];
  saving: boolean;
  error: unknown;
  onSave: () => void;
  onDiscard: () => void;
};

function Review({ changes: todo, saving, error, onSave, onDiscard }: ReviewProps) {
  return (
    <section className={styles.review} aria-label="What will change">
      <strong>{todo.length ? "What will change" : "Nothing is different yet"}</strong>
      <ul className={styles.changes} aria-live="polite">
        {todo.map((c) => (
          <li key={c.label}>
            <span>{c.label}</span>
            <span>
              <del>{c.from}</del> <span aria-hidden>→</span>
              <span className="hidden-label"> becomes </span> <ins>{c.to}</ins>
              {c.because ? <span className={styles.about}>, because {c.because}</span> : null}
            </span>
          </li>
        ))}
      </ul>
      {todo.some((c) => c.label === "Lakebase" || c.label === "Instance") ? (
        <p className={styles.about}>
          Applications that ask Lakeward for their database get the new answer with their next connection. It is kept
          here and in the instance, so that a redeploy finds it. To have the connection tested first, use the switch on
          the Lakebase page.
        </p>
      ) : null}
      {error ? <ErrorPanel error={error} title="Nothing was changed" /> : null}
      <div className={styles.buttons}>
        <Button variant="default" onClick={onDiscard}>
          Discard
        </Button>
        <Button disabled={todo.length === 0} loading={saving} onClick={onSave}>
          Save
        </Button>
      </div>
    </section>
  );
}

function Why({ config }: { config: Config }) {
  return (
    <Panel title="Who wins">
      <p className={styles.about}>
        A flag wins over the environment, which wins over a file, which wins over what is saved here, which wins over
        the mirror in the instance. What a flag, a variable or a file says has a lock, and is changed there.{" "}
        <code>lakeward config</code> prints the same.
      </p>
      {config.notes.length ? (
        <ul className={styles.notes}>
          {config.notes.map((n) => (
            <li key={n}>{sentence(n)}</li>
          ))}
        </ul>
      ) : (
        <p className={styles.about}>At this moment no two of them contradict each other.</p>
      )}
    </Panel>
  );
}
