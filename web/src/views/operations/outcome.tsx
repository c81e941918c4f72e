import { Ban, CheckCircle2, TriangleAlert, XCircle } from "lucide-react";
import { ended, type Operation } from "@/api/progress";
import { CodeBox } from "@/ui/copy";
import { bytes, sentence } from "@/ui/format";
import { Facts, Panel } from "@/ui/page";
import styles from "./outcome.module.css";
import { type Check, found, nested, scalars } from "./result";

const most = 20_000; // characters of JSON that a page shows

/** InputAndResult is what an operation was asked, and what came of it. */
export function InputAndResult({ operation: o }: { operation: Operation }) {
  const { facts, checks, verdict } = found(o);
  const input = scalars(o.input);
  const more = nested(o.input);
  return (
    <>
      <Panel title="Result">
        {verdict ? <p className={styles.verdict}>{sentence(verdict)}</p> : null}
        {facts.length ? <Facts of={facts} /> : null}
        {checks.length ? <Checks of={checks} /> : null}
        {facts.length || checks.length || verdict ? null : (
          <p className={styles.none}>
            {!ended(o.state)
              ? "It comes when it has ended."
              : o.result
                ? "See below."
                : o.state === "succeeded"
                  ? "It has none but its success."
                  : "None: it did not get that far."}
          </p>
        )}
        <Json value={o.result} label="result" />
      </Panel>
      <Panel title="Input">
        {input.length ? <Facts of={input} /> : <p className={styles.none}>Nothing but what it is.</p>}
        {more.length ? <p className={styles.none}>Also given: {more.join(", ").toLowerCase()}.</p> : null}
        <Json value={o.input} label="input" />
      </Panel>
    </>
  );
}

function Json({ value, label }: { value: unknown; label: string }) {
  if (value === undefined || value === null) return null;
  const text = JSON.stringify(value, null, 2);
  if (text === "{}") return null;
  return (
    <details className={styles.json}>
      <summary>
        JSON <span className="num">({bytes(text.length)})</span>
      </summary>
      <CodeBox
        code={text.length > most ? `${text.slice(0, most)}\n… cut; the copy button takes all` : text}
        label={label}
      />
    </details>
  );
}

const looks = {
  pass: { icon: CheckCircle2, word: "Pass", tone: styles.ok },
  warn: { icon: TriangleAlert, word: "Warning", tone: styles.warn },
  fail: { icon: XCircle, word: "Fail", tone: styles.bad },
} as const;

function Checks({ of }: { of: Check[] }) {
  return (
    <ul className={styles.checks}>
      {of.map((c) => {
        const look = looks[c.result as keyof typeof looks] ?? { icon: Ban, word: c.result, tone: styles.quiet };
        return (
          <li key={c.name}>
            <look.icon size={14} className={look.tone} aria-label={look.word} />
            <strong>{c.name}</strong>
            <span>{sentence(c.found)}</span>
            {c.do ? <span className={styles.todo}>{sentence(c.do)}</span> : null}
          </li>
        );
      })}
    </ul>
  );
}
