import type { LucideIcon } from "lucide-react";
import { type ReactNode, useEffect, useId } from "react";
import styles from "./page.module.css";

type PageProps = {
  title?: ReactNode; // without it, its place while it is not known
  name?: string;
  lead?: ReactNode;
  actions?: ReactNode;
  wide?: boolean;
  children: ReactNode;
};

/** Page is one view: its title, a sentence on what it is for, what can be done, and the rest. `name` goes into the tab. */
export function Page({ title, name, lead, actions, wide, children }: PageProps) {
  const text = name ?? (typeof title === "string" ? title : undefined);
  useEffect(() => {
    document.title = text ? `${text} · Lakeward` : "Lakeward";
  }, [text]);
  return (
    <div className={`${styles.page} ${wide ? styles.wide : ""}`}>
      <header className={styles.head}>
        <div>
          <h1 className={styles.title}>{title ?? <TitleToCome name={name ?? "Loading"} />}</h1>
          {lead ? <p className={styles.lead}>{lead}</p> : null}
        </div>
        {actions ? <div className={styles.actions}>{actions}</div> : null}
      </header>
      {children}
    </div>
  );
}

type PanelProps = { title?: ReactNode; note?: ReactNode; actions?: ReactNode; flush?: boolean; children: ReactNode };

function TitleToCome({ name }: { name: string }) {
  return (
    <>
      <span className="hidden-label">{name}</span>
      <Skeleton width={160} height={28} />
    </>
  );
}

/** Panel groups what belongs together under a heading. `flush` is for tables, which reach its edges. */
export function Panel({ title, note, actions, flush, children }: PanelProps) {
  const id = useId();
  return (
    <section className={styles.panel} aria-labelledby={title ? id : undefined}>
      {title ? (
        <div className={styles.panelHead}>
          <h2 id={id} className={styles.panelTitle}>
            {title}
          </h2>
          {note ? <span className={styles.panelNote}>{note}</span> : null}
          {actions}
        </div>
      ) : null}
      <div className={flush ? styles.flush : styles.panelBody}>{children}</div>
    </section>
  );
}

/** Facts is a list of names and values. */
export function Facts({ of }: { of: [name: string, value: ReactNode][] }) {
  return (
    <dl className={styles.facts}>
      {of.map(([name, value]) => (
        <Fact key={name} name={name} value={value} />
      ))}
    </dl>
  );
}

function Fact({ name, value }: { name: string; value: ReactNode }) {
  return (
    <>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </>
  );
}

/** Empty says what would be here, why it is not, and how to begin. */
export function Empty({
  icon: Icon,
  title,
  children,
  actions,
}: {
  icon: LucideIcon;
  title: string;
  children?: ReactNode;
  actions?: ReactNode;
}) {
  return (
    <div className={styles.empty}>
      <span className={styles.emptyIcon}>
        <Icon size={20} strokeWidth={1.75} aria-hidden />
      </span>
      <h2 className={styles.emptyTitle}>{title}</h2>
      {children ? <div className={styles.emptyText}>{children}</div> : null}
      {actions ? <div className={styles.emptyActions}>{actions}</div> : null}
    </div>
  );
}

/** Skeleton has the size of what is coming, so that nothing moves when it arrives. */
export function Skeleton({ width = "100%", height = 14 }: { width?: number | string; height?: number | string }) {
  return <span className={styles.skeleton} style={{ width, height }} aria-hidden />;
}

/** SkeletonRows stands for the rows of a table. */
export function SkeletonRows({ rows = 5 }: { rows?: number }) {
  return (
    <div role="status" aria-label="Loading" style={{ padding: "0 16px" }}>
      {Array.from({ length: rows }, (_, i) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: these rows are all alike and never move
        <div key={i} style={{ display: "flex", alignItems: "center", gap: 24, height: "var(--row)" }}>
          <Skeleton width={`${30 - ((i * 7) % 13)}%`} />
          <Skeleton width={`${18 + ((i * 5) % 11)}%`} />
          <Skeleton width="12%" />
        </div>
      ))}
    </div>
  );
}
