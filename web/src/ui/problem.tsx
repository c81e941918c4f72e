import { Button } from "@mantine/core";
import { XCircle } from "lucide-react";
import type { ReactNode } from "react";
import { asProblem } from "@/api/problem";
import { Copy } from "./copy";
import { sentence, splitHint } from "./format";
import styles from "./problem.module.css";

/** ErrorPanel shows why something failed: what happened, what to do next, and the id to find it by in the server's log. */
export function ErrorPanel({
  error,
  retry,
  title,
  children,
}: {
  error: unknown;
  retry?: () => void;
  title?: string;
  children?: ReactNode;
}) {
  const { problem, requestId } = asProblem(error);
  return (
    <Trouble
      title={title ?? problem.title}
      detail={problem.detail}
      hint={problem.hint}
      fields={problem.errors ?? []}
      requestId={problem.status ? requestId : undefined}
      action={
        retry ? (
          <Button size="xs" variant="default" onClick={retry}>
            Try again
          </Button>
        ) : (
          children
        )
      }
    />
  );
}

type TroubleProps = {
  title: string;
  detail: string;
  hint?: string | undefined;
  fields?: string[];
  requestId?: string | undefined;
  action?: ReactNode;
};

/** Trouble is the panel by itself, for what failed without being a refused request: an operation, a connection test. */
export function Trouble({ title, detail, hint, fields = [], requestId, action }: TroubleProps) {
  return (
    <div className={styles.panel} role="alert">
      <XCircle className={styles.icon} size={16} aria-hidden />
      <strong className={styles.title}>{title}</strong>
      {action ? <div className={styles.action}>{action}</div> : null}
      <p className={styles.detail}>{sentence(detail)}</p>
      {fields.length ? (
        <ul className={styles.fields}>
          {fields.map((field) => (
            <li key={field}>{field}</li>
          ))}
        </ul>
      ) : null}
      {hint ? <Hint text={hint} /> : null}
      {requestId ? (
        <div className={styles.foot}>
          Request <code>{requestId}</code>
          <Copy text={requestId} label="Copy the request's id" />
        </div>
      ) : null}
    </div>
  );
}

/** Hint is what to do next. A command in it, which is always at its end, is written as one. */
export function Hint({ text }: { text: string }) {
  const [words, command] = splitHint(text);
  return (
    <p className={styles.hint}>
      {words}
      {command ? <code>{command}</code> : null}
    </p>
  );
}
