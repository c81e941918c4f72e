import styles from "./fields.module.css";
import {
  type Change,
  choices,
  defaultFor,
  nameOf,
  type OrphanPolicy,
  orphanPolicies,
  type PlanColumn,
  type Policy,
  policies,
  shortType,
  typed,
} from "./plan";

// Native selects: a plan has thousands of them, a phone has its own way to show one, and every keyboard knows them.

type FieldProps = { label: string; disabled?: boolean; tabIndex?: number };

/** TypeSelect chooses a column's type among those that every value fits. */
export function TypeSelect({
  base,
  column,
  onChange,
  ...props
}: FieldProps & { base: PlanColumn; column: PlanColumn; onChange: (change: Change) => void }) {
  const all = choices(base, column);
  return (
    <Select
      {...props}
      mono
      value={nameOf(column)}
      options={all.map((name) => ({ value: name, title: shortType(name) }))}
      changed={nameOf(base) !== nameOf(column)}
      disabled={props.disabled || all.length < 2}
      onChange={(name) =>
        onChange(
          name === nameOf(base)
            ? { type: base.type, convert: base.convert, default: base.default ?? "" }
            : { ...typed(name), default: defaultFor(base.default, name) },
        )
      }
    />
  );
}

/** PolicySelect chooses what happens to the values that do not fit. Replacing wants to know by what. */
export function PolicySelect({
  column,
  onChange,
  ...props
}: FieldProps & { column: PlanColumn; onChange: (change: Change) => void }) {
  const value = (column.on_misfit || "quarantine") as Policy;
  return (
    <span className={styles.pair}>
      <Select
        {...props}
        value={value}
        options={policies.filter((p) => p.value !== "null" || !column.not_null)}
        changed={value !== "quarantine"}
        onChange={(on_misfit) => onChange({ on_misfit: on_misfit as Policy })}
      />
      {value === "replace" ? (
        <input
          className={styles.input}
          aria-label={`Replacement: ${props.label}`}
          placeholder={column.convert === "text" ? "\uFFFD" : "by what"}
          value={column.replacement ?? ""}
          disabled={props.disabled}
          tabIndex={props.tabIndex}
          onChange={(e) => onChange({ on_misfit: "replace", replacement: e.currentTarget.value })}
        />
      ) : null}
    </span>
  );
}

/** OrphanSelect chooses what happens to rows without a parent. */
export function OrphanSelect({
  value,
  onChange,
  ...props
}: FieldProps & { value: string | undefined; onChange: (policy: OrphanPolicy) => void }) {
  return (
    <Select
      {...props}
      value={value || "keep"}
      options={orphanPolicies}
      changed={Boolean(value) && value !== "keep"}
      onChange={(v) => onChange(v as OrphanPolicy)}
    />
  );
}

type SelectProps = FieldProps & {
  value: string;
  options: { value: string; title: string; text?: string }[];
  changed?: boolean;
  mono?: boolean;
  onChange: (value: string) => void;
};

function Select({ label, value, options, changed, mono, disabled, tabIndex, onChange }: SelectProps) {
  return (
    <select
      className={`${styles.select} ${changed ? styles.changed : ""} ${mono ? styles.mono : ""}`}
      aria-label={label}
      value={value}
      title={options.find((o) => o.value === value)?.text ?? value}
      disabled={disabled}
      tabIndex={tabIndex}
      onChange={(e) => onChange(e.currentTarget.value)}
    >
      {options.map((o) => (
        <option key={o.value} value={o.value}>
          {o.title}
        </option>
      ))}
    </select>
  );
}
