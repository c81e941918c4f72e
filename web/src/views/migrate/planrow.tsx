import { ChevronDown, ChevronRight, CircleAlert } from "lucide-react";
import { count, plural, sentence } from "@/ui/format";
import { Detail } from "./detail";
import type { Draft } from "./draft";
import { OrphanSelect, PolicySelect, TypeSelect } from "./fields";
import type { PlanColumn } from "./plan";
import styles from "./plantable.module.css";
import type { Row } from "./rows";

type Of<K extends Row["kind"]> = Extract<Row, { kind: K }>;
type Props = {
  row: Row;
  original: PlanColumn | undefined;
  draft: Draft;
  problems: string[] | undefined;
  readOnly: boolean;
  focused: boolean; // only its fields are in the tab order
  detailed: boolean;
  onOpen: () => void;
};

/** Line is one row of the plan, with what the server says against it, and all there is to know of it when it is open. */
export function Line({ row, original, problems, detailed, ...props }: Props) {
  const Arrow = (row.kind === "table" ? row.open : detailed) ? ChevronDown : ChevronRight;
  const arrow = <Arrow size={14} aria-hidden className={styles.arrow} />;
  return (
    <>
      {row.kind === "table" ? <TableLine row={row} arrow={arrow} {...props} /> : null}
      {row.kind === "key" ? <KeyLine row={row} arrow={arrow} {...props} /> : null}
      {row.kind === "column" ? (
        <ColumnLine row={row} original={original ?? row.column} arrow={arrow} {...props} />
      ) : null}
      {problems ? (
        <div role="gridcell" tabIndex={-1}>
          {problems.map((text) => (
            <p key={text} role="alert" className={styles.problem}>
              <CircleAlert size={14} aria-hidden />
              {sentence(text)}
            </p>
          ))}
        </div>
      ) : null}
      {detailed && row.kind !== "table" ? (
        <div role="gridcell" tabIndex={-1}>
          <Detail row={row} original={original} {...props} />
        </div>
      ) : null}
    </>
  );
}

type LineProps<K extends Row["kind"]> = Omit<Props, "row" | "original" | "problems" | "detailed"> & {
  row: Of<K>;
  arrow: React.ReactNode;
};

function TableLine({ row, arrow, draft, readOnly, focused, onOpen }: LineProps<"table">) {
  const { table: t } = row;
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions lint/a11y/useKeyWithClickEvents: the row around it takes the keys
    <div className={`${styles.line} ${styles.table} ${t.skip ? styles.skipped : ""}`} onClick={onOpen}>
      <div role="gridcell" className={styles.tableName} tabIndex={-1}>
        {arrow}
        <strong>{t.name}</strong>
        <span className={`${styles.quiet} num`}>
          {plural(t.rows, "row")}, {plural(t.columns?.length ?? 0, "column")}
        </span>
        {row.misfits ? <span className={styles.tag}>{plural(row.misfits, "misfit")}</span> : null}
        {row.orphans ? <span className={styles.tag}>{plural(row.orphans, "orphan")}</span> : null}
        {row.edits ? <span className={styles.edited}>{plural(row.edits, "edit")}</span> : null}
        {t.skip ? <span className={styles.tag}>stays behind</span> : null}
      </div>
      <div role="gridcell" className={styles.tableActions} tabIndex={-1}>
        {readOnly ? null : (
          <button
            type="button"
            className={styles.action}
            tabIndex={focused ? 0 : -1}
            onClick={(e) => {
              e.stopPropagation();
              draft.edit(row.at, { skip: !t.skip });
            }}
          >
            {t.skip ? "Bring it" : "Leave behind"}
            <span className="hidden-label">: {t.name}</span>
          </button>
        )}
      </div>
    </div>
  );
}

function KeyLine({ row, arrow, draft, readOnly, focused, onOpen }: LineProps<"key">) {
  const { key: k, table: t } = row;
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions lint/a11y/useKeyWithClickEvents: the row around it takes the keys
    <div className={styles.line} onClick={onOpen}>
      <div role="gridcell" className={`${styles.cell} ${styles.name}`} tabIndex={-1}>
        {arrow}
        <span className={styles.mono}>{(k.columns ?? []).join(", ")}</span>
      </div>
      <div role="gridcell" className={`${styles.cell} ${styles.declared}`} tabIndex={-1}>
        foreign key
      </div>
      <div role="gridcell" className={`${styles.cell} ${styles.wide}`} tabIndex={-1}>
        {plural(k.orphans ?? 0, "row refers", "rows refer")} to {k.table}, and the parent does not exist
      </div>
      <FieldCell kind="policy">
        <OrphanSelect
          value={k.on_orphan}
          label={`What happens to rows of ${t.name} without a parent in ${k.table}`}
          disabled={readOnly}
          tabIndex={focused ? 0 : -1}
          onChange={(on_orphan) => draft.edit(row.at, { on_orphan })}
        />
      </FieldCell>
      <div role="gridcell" className={`${styles.cell} ${styles.misfits} ${styles.some}`} tabIndex={-1}>
        {count(k.orphans ?? 0)}
      </div>
    </div>
  );
}

function ColumnLine({
  row,
  original,
  arrow,
  draft,
  readOnly,
  focused,
  onOpen,
}: LineProps<"column"> & { original: PlanColumn }) {
  const { column: c, table: t } = row;
  const off = readOnly || Boolean(c.skip || t.skip);
  const sample = c.samples?.[0];
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions lint/a11y/useKeyWithClickEvents: the row around it takes the keys
    <div className={`${styles.line} ${c.skip || t.skip ? styles.skipped : ""}`} onClick={onOpen}>
      <div role="gridcell" className={`${styles.cell} ${styles.name}`} tabIndex={-1} title={c.name}>
        {arrow}
        <span className={styles.mono}>{c.name}</span>
        {row.at in draft.edits ? <span className={styles.dot} title="Edited" /> : null}
      </div>
      <div role="gridcell" className={`${styles.cell} ${styles.declared}`} tabIndex={-1} title={c.declared}>
        {c.declared || <span className={styles.quiet}>nothing</span>}
      </div>
      <div role="gridcell" className={`${styles.cell} ${styles.evidence}`} tabIndex={-1} title={c.evidence}>
        {c.evidence}
      </div>
      <FieldCell kind="type">
        {c.skip ? (
          <span className={styles.quiet}>stays behind</span>
        ) : (
          <TypeSelect
            base={original}
            column={c}
            label={`Type of ${t.name}.${c.name}`}
            disabled={off}
            tabIndex={focused ? 0 : -1}
            onChange={(change) => draft.edit(row.at, change)}
          />
        )}
      </FieldCell>
      <div role="gridcell" className={`${styles.cell} ${styles.sample}`} tabIndex={-1}>
        {sample ? (
          <code title={`${sample.before} becomes ${sample.after}`}>{`${sample.before} → ${sample.after}`}</code>
        ) : null}
      </div>
      <FieldCell kind="policy">
        {c.misfits || c.on_misfit ? (
          <PolicySelect
            column={c}
            label={`What happens to values of ${t.name}.${c.name} that do not fit`}
            disabled={off}
            tabIndex={focused ? 0 : -1}
            onChange={(change) => draft.edit(row.at, change)}
          />
        ) : (
          <span className={styles.quiet}>all fit</span>
        )}
      </FieldCell>
      <div role="gridcell" className={`${styles.cell} ${styles.misfits} ${c.misfits ? styles.some : ""}`} tabIndex={-1}>
        {c.misfits ? count(c.misfits) : ""}
      </div>
    </div>
  );
}

/** FieldCell is a cell whose field takes the clicks: none of them opens the row. */
function FieldCell({ kind, children }: { kind: "type" | "policy"; children: React.ReactNode }) {
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: only keeps a click on the field from opening the row
    <div
      role="gridcell"
      className={`${styles.cell} ${styles[kind]}`}
      tabIndex={-1}
      onClick={(e) => e.stopPropagation()}
    >
      {children}
    </div>
  );
}
