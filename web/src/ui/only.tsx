import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { useMayChange } from "@/api/submit";
import styles from "./page.module.css";

/** OnlyAdministrators holds what others may not do: to them it is not offered, and explained where `what` names it. */
export function OnlyAdministrators({ what, children }: { what?: string; children: ReactNode }) {
  const may = useMayChange();
  if (may) return children;
  if (!what) return null;
  return (
    <p className={styles.only}>
      {what} is for administrators.{" "}
      <Link to="/settings" search={{ tab: "access" }}>
        Who they are
      </Link>
    </p>
  );
}
