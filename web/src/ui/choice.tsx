import type { ReactNode } from "react";
import styles from "./choice.module.css";

/** Choices is a group of radio buttons that say what each means. */
export function Choices({ label, hint, children }: { label: string; hint?: ReactNode; children: ReactNode }) {
  return (
    <fieldset className={styles.group}>
      <legend className={styles.legend}>{label}</legend>
      {hint ? <p className={styles.hint}>{hint}</p> : null}
      <div className={styles.list}>{children}</div>
    </fieldset>
  );
}

type Props = {
  name: string;
  value: string;
  checked: boolean;
  onChange: () => void;
  title: ReactNode;
  aside?: ReactNode;
  disabled?: boolean;
  children?: ReactNode;
};

export function Choice({ name, value, checked, onChange, title, aside, disabled, children }: Props) {
  return (
    <label className={styles.choice}>
      <input type="radio" name={name} value={value} checked={checked} onChange={onChange} disabled={disabled} />
      <span className={styles.title}>{title}</span>
      {aside ? <span className={`${styles.aside} num`}>{aside}</span> : null}
      {children ? <span className={styles.text}>{children}</span> : null}
    </label>
  );
}
