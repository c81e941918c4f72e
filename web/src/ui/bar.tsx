import styles from "./bar.module.css";

type Props = { value: number; of: number; label: string; tone?: "accent" | "ok" | "warn" | "bad" };

/** Bar is a share of a whole. Nothing known of the whole is a bar that moves. */
export function Bar({ value, of, label, tone = "accent" }: Props) {
  const known = of > 0;
  const share = known ? Math.min(1, Math.max(value / of, value > 0 ? 0.008 : 0)) : 0; // something is never nothing
  return (
    <div
      role="progressbar"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      {...(known ? { "aria-valuenow": Math.floor(Math.min(1, value / of) * 100) } : {})}
      className={`${styles.track} ${styles[tone]}`}
    >
      <span
        className={known ? styles.fill : styles.moving}
        style={known ? { transform: `scaleX(${share})` } : undefined}
      />
    </div>
  );
}
