import { ChevronDown, ChevronRight } from "lucide-react";
import { useState } from "react";
import type { Schemas } from "@/api/client";
import { CodeBox } from "@/ui/copy";
import { plural, sentence } from "@/ui/format";
import { Panel } from "@/ui/page";
import styles from "./left.module.css";

type Left = Schemas["LeftBehind"];

/** LeftList names what is not brought, why, and a draft to write it by hand where there is one. */
export function LeftList({ left }: { left: Left[] }) {
  const drafts = left.filter((l) => l.draft).length;
  return (
    <Panel
      title="What stays behind"
      note={`${plural(left.length, "object")} not translated${drafts ? `, ${plural(drafts, "draft")} to begin with` : ""}`}
      flush
    >
      <ul className={styles.list}>
        {left.map((l) => (
          <One key={`${l.kind} ${l.table} ${l.name} ${l.source}`} left={l} />
        ))}
      </ul>
    </Panel>
  );
}

function One({ left: l }: { left: Left }) {
  const [open, setOpen] = useState(false);
  const more = Boolean(l.source || l.draft);
  const Arrow = open ? ChevronDown : ChevronRight;
  return (
    <li>
      <button
        type="button"
        className={styles.head}
        aria-expanded={open}
        disabled={!more}
        onClick={() => setOpen(!open)}
      >
        {more ? <Arrow size={14} aria-hidden className={styles.arrow} /> : <span />}
        <span className={styles.kind}>{l.kind}</span>
        <strong className={styles.name}>{l.table && l.table !== l.name ? `${l.table}.${l.name}` : l.name}</strong>
        <span className={styles.reason}>{sentence(l.reason)}</span>
      </button>
      {open ? (
        <div className={styles.more}>
          {l.source ? (
            <div>
              <span className={styles.label}>In the source</span>
              <CodeBox code={l.source} label={`source of ${l.name}`} />
            </div>
          ) : null}
          {l.draft ? (
            <div>
              <span className={styles.label}>A draft, to be tried</span>
              <CodeBox code={l.draft} label={`draft of ${l.name}`} />
            </div>
          ) : null}
        </div>
      ) : null}
    </li>
  );
}
