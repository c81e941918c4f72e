import { Button, Checkbox, PasswordInput } from "@mantine/core";
import { useSearch } from "@tanstack/react-router";
import { Undo2 } from "lucide-react";
import { useState } from "react";
import { ConfirmByName } from "@/ui/confirm";
import { plural, sentence } from "@/ui/format";
import { useOperation } from "@/ui/operation";
import { ErrorPanel } from "@/ui/problem";
import type { Fault } from "./decisions";
import type { Draft } from "./draft";
import styles from "./launch.module.css";
import { countEdits, type Edits, type Plan } from "./plan";
import { blocked, checksOf, taken } from "./preflight";
import { isPostgres, joinPassword } from "./source";
import type { Strategy } from "./strategies";
import { keptSource } from "./use";
import { useLaunch } from "./uselaunch";

/** Refused is what the server says against a plan, and the edits that it is about. */
export type Refused = { message: string; hint: string | undefined; faults: Fault[]; edits: Edits };

export type LaunchProps = {
  id: string;
  source: string;
  to: string;
  schema: string | undefined;
  strategy: Strategy;
  draft: Draft;
  plan: Plan | undefined; // to obey; none where the strategy makes its own
  verified: boolean; // the server has found nothing wrong with the edits
  refused: boolean; // it has
  onRefused: (refused: Refused) => void;
};

/** Launch stays at the foot of the page: what was edited, and the button that begins. */
export function Launch(props: LaunchProps) {
  const { draft, to, source, strategy, verified, refused } = props;
  const { check } = useSearch({ from: "/migrate/plan/$id" });
  const checks = checksOf(useOperation(check).operation?.result, strategy);
  const [strict, setStrict] = useState(false);
  const [password, setPassword] = useState("");
  const [confirming, confirm] = useState(false);
  const launch = useLaunch(props);
  const edits = countEdits(draft.edits);
  const failed = blocked(checks);
  const replaces = taken(checks, strategy);
  const forgotten = isPostgres(source) && !keptSource(props.id);
  const from = forgotten ? joinPassword(source, password) : source;
  const start = () => (replaces ? confirm(true) : void launch.start(from, { strict }));
  return (
    <div className={styles.bar}>
      {launch.error && !confirming ? <ErrorPanel error={launch.error} /> : null}
      <div className={styles.line}>
        <Edited
          edits={edits}
          draft={draft}
          verified={verified}
          refused={refused}
          check={() => void launch.check(from)}
          busy={launch.checking}
        />
        <span className={styles.space} />
        {forgotten ? (
          <PasswordInput
            aria-label="Password of the source"
            placeholder="Password of the source"
            value={password}
            onChange={(e) => setPassword(e.currentTarget.value)}
            className={styles.password}
          />
        ) : null}
        {strategy === "schema-and-data" || strategy === "data-only" ? (
          <Checkbox
            size="xs"
            label="Fail when any value does not fit"
            checked={strict}
            onChange={(e) => setStrict(e.currentTarget.checked)}
          />
        ) : null}
        <Button size="md" disabled={failed || refused || !to} loading={launch.starting} onClick={start}>
          {strategy === "use-existing" ? "Compare with what is there" : "Start the migration"}
        </Button>
      </div>
      {failed ? (
        <p className={styles.why}>A check has failed. Mend it, and check again: a migration would fail at once.</p>
      ) : null}
      <ConfirmByName
        opened={confirming}
        onClose={() => confirm(false)}
        title="Replace what stands there?"
        name={to}
        action="Replace and migrate"
        busy={launch.starting}
        error={launch.error}
        onConfirm={() => void launch.start(from, { strict, replace: to }).then((ok) => ok && confirm(false))}
      >
        <p>
          {sentence(replaces ?? "")} They stay in use until the swap; then{" "}
          <strong>they are dropped with their rows</strong> and the migrated ones take their names. If the migration
          fails before, they stay as they are.
        </p>
      </ConfirmByName>
    </div>
  );
}

type EditedProps = {
  edits: number;
  draft: Draft;
  verified: boolean;
  refused: boolean;
  check: () => void;
  busy: boolean;
};

function Edited({ edits, draft, verified, refused, check, busy }: EditedProps) {
  if (!edits && !draft.canUndo && !draft.canRedo) {
    return <span className={styles.note}>Nothing is written before you start.</span>;
  }
  return (
    <div className={styles.edits}>
      <strong className="num" role="status">
        {edits ? plural(edits, "edit") : "No edits"}
      </strong>
      <Button
        variant="default"
        size="xs"
        leftSection={<Undo2 size={13} aria-hidden />}
        disabled={!draft.canUndo}
        onClick={draft.undo}
      >
        Undo
      </Button>
      {draft.canRedo ? (
        <Button variant="default" size="xs" onClick={draft.redo}>
          Redo
        </Button>
      ) : null}
      {edits ? (
        <Button variant="subtle" size="xs" onClick={draft.reset}>
          As it was
        </Button>
      ) : null}
      {edits && !verified && !refused ? (
        <Button variant="default" size="xs" loading={busy} onClick={check}>
          Check the edits
        </Button>
      ) : null}
      {refused ? <span className={styles.note}>The server refuses them: see above.</span> : null}
      {edits && verified ? <span className={styles.note}>The server has checked them.</span> : null}
    </div>
  );
}
