import { Button } from "@mantine/core";
import { CheckCircle2, ChevronDown, ChevronRight, TriangleAlert, XCircle } from "lucide-react";
import { useState } from "react";
import { plural, sentence } from "@/ui/format";
import { OnlyAdministrators } from "@/ui/only";
import { useOperation } from "@/ui/operation";
import { Panel, SkeletonRows } from "@/ui/page";
import { ErrorPanel, Trouble } from "@/ui/problem";
import styles from "./checks.module.css";
import { type Check, checksOf } from "./preflight";
import type { Strategy } from "./strategies";
import { asked } from "./use";

const looks: Record<string, { icon: typeof CheckCircle2; tone: string; word: string }> = {
  pass: { icon: CheckCircle2, tone: styles.pass ?? "", word: "Passed" },
  warn: { icon: TriangleAlert, tone: styles.warn ?? "", word: "To know" },
  fail: { icon: XCircle, tone: styles.fail ?? "", word: "Failed" },
};

/** titles are what the checks are called here; their names are for programs. */
const titles: Record<string, string> = {
  source: "Source",
  size: "Size",
  writers: "Writers",
  target: "Target",
  "target-connections": "Connections",
  "disk-space": "Disk space",
  integrity: "Integrity",
  encoding: "Encoding",
  "foreign-keys": "Foreign keys",
  extensions: "Extensions",
  names: "Names",
};

const titleOf = (name: string) => titles[name] ?? name.charAt(0).toUpperCase() + name.slice(1).replaceAll("-", " ");

type Props = { id: string; strategy: Strategy; again: () => void; busy: boolean };

/** Checks shows what was looked at before anything is written: what fails and what to know first, the rest on demand. */
export function Checks({ id, strategy, again, busy }: Props) {
  const { operation, error } = useOperation(id);
  const checks = checksOf(operation?.result, strategy, asked(operation).source);
  const retry = (
    <OnlyAdministrators>
      <Button size="xs" variant="default" onClick={again} loading={busy}>
        Check again
      </Button>
    </OnlyAdministrators>
  );
  if (error) return <ErrorPanel error={error}>{retry}</ErrorPanel>;
  if (!checks) {
    if (operation?.error) {
      return (
        <Trouble
          title="The checks failed"
          detail={operation.error.message}
          hint={operation.error.hint}
          action={retry}
        />
      );
    }
    return (
      <Panel title="Checks" note="Looking at source and target" flush>
        <SkeletonRows rows={2} />
      </Panel>
    );
  }
  return (
    <Panel title="Checks" note={verdict(checks)} actions={retry} flush>
      <List checks={checks} />
    </Panel>
  );
}

function verdict(checks: Check[]): string {
  const count = (r: string) => checks.filter((c) => c.result === r).length;
  const failed = count("fail");
  const warned = count("warn");
  if (failed) return `${plural(failed, "thing stands", "things stand")} in the way`;
  if (warned) return `Nothing stands in the way; ${plural(warned, "thing", "things")} to know`;
  return `Nothing stands in the way: ${plural(checks.length, "check")} passed`;
}

function List({ checks }: { checks: Check[] }) {
  const [all, setAll] = useState(false);
  const order = ["fail", "warn", "pass"];
  const sorted = [...checks].sort((a, b) => order.indexOf(a.result) - order.indexOf(b.result));
  const passed = checks.filter((c) => c.result === "pass").length;
  const shown = all ? sorted : sorted.filter((c) => c.result !== "pass");
  const Arrow = all ? ChevronDown : ChevronRight;
  return (
    <>
      <ul className={styles.list}>
        {shown.map((c) => (
          <One key={c.name} check={c} />
        ))}
      </ul>
      {passed ? (
        <button type="button" className={styles.more} aria-expanded={all} onClick={() => setAll(!all)}>
          <Arrow size={14} aria-hidden />
          {plural(passed, "check")} passed
        </button>
      ) : null}
    </>
  );
}

function One({ check: c }: { check: Check }) {
  const look = looks[c.result] ?? looks.warn;
  const Icon = look?.icon ?? TriangleAlert;
  const items = c.items ?? [];
  return (
    <li className={styles.check}>
      <span className={`${styles.icon} ${look?.tone}`}>
        <Icon size={15} aria-hidden />
        <span className="hidden-label">{look?.word}</span>
      </span>
      <strong>{titleOf(c.name)}</strong>
      <div className={styles.found}>
        <p>{sentence(c.found)}</p>
        {items.length > 1 && !items.every((item) => c.found.includes(item)) ? (
          <ul className={styles.items}>
            {items.map((item) => (
              <li key={item}>{item}</li>
            ))}
          </ul>
        ) : null}
        {c.do ? <p className={styles.do}>{sentence(c.do)}</p> : null}
      </div>
    </li>
  );
}
