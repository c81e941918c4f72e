import { Tooltip } from "@mantine/core";
import { Check, Copy as CopyIcon, Eye, EyeOff } from "lucide-react";
import { type ReactNode, useEffect, useState } from "react";
import styles from "./copy.module.css";

/** Copy puts a text onto the clipboard, and says so. */
export function Copy({ text, label = "Copy" }: { text: string | (() => string); label?: string }) {
  const [done, setDone] = useState(false);
  useEffect(() => {
    if (!done) return;
    const timer = setTimeout(() => setDone(false), 1500);
    return () => clearTimeout(timer);
  }, [done]);
  const copy = async () => {
    await write(typeof text === "string" ? text : text());
    setDone(true);
  };
  return (
    <Tooltip label={done ? "Copied" : label}>
      <button
        type="button"
        className={`${styles.button} ${done ? styles.done : ""}`}
        aria-label={label}
        onClick={() => void copy()}
      >
        {done ? <Check size={14} aria-hidden /> : <CopyIcon size={14} aria-hidden />}
        <span className="hidden-label" role="status">
          {done ? "Copied" : ""}
        </span>
      </button>
    </Tooltip>
  );
}

/** write works without HTTPS too, where browsers have no clipboard for scripts. */
async function write(text: string) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const area = document.createElement("textarea");
    area.value = text;
    area.style.cssText = "position:fixed;opacity:0";
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
}

/** Copied is a short value with its copy button. */
export function Copied({ text, label }: { text: string; label?: string }) {
  return (
    <span className={styles.inline}>
      <code title={text}>{text}</code>
      <Copy text={text} {...(label ? { label } : {})} />
    </span>
  );
}

const dots = "••••••••••••";

type CodeBoxProps = { code: string; label: string; secret?: string | undefined; tools?: ReactNode; wrap?: boolean };

/**
 * CodeBox is a text to paste, with its copy button. What is named as its secret is dots until somebody asks to see it;
 * copying always takes the true text.
 */
export function CodeBox({ code, label, secret, tools, wrap }: CodeBoxProps) {
  const [shown, setShown] = useState(false);
  const visible = secret && !shown ? code.replaceAll(secret, dots) : code;
  return (
    <div className={`${styles.box} ${wrap ? styles.wrap : ""}`}>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by the keyboard */}
      <pre tabIndex={0} role="group" aria-label={label}>
        <code>{visible}</code>
      </pre>
      <div className={styles.tools}>
        {tools}
        {secret ? <Reveal shown={shown} toggle={() => setShown(!shown)} /> : null}
        <Copy text={code} label={`Copy ${label}`} />
      </div>
    </div>
  );
}

/** Secret is a short value that is hidden until asked for. */
export function Secret({ text, label }: { text: string; label: string }) {
  const [shown, setShown] = useState(false);
  return (
    <span className={styles.inline}>
      <code>{shown ? text : dots}</code>
      <Reveal shown={shown} toggle={() => setShown(!shown)} />
      <Copy text={text} label={`Copy ${label}`} />
    </span>
  );
}

function Reveal({ shown, toggle }: { shown: boolean; toggle: () => void }) {
  return (
    <Tooltip label={shown ? "Hide" : "Show"}>
      <button
        type="button"
        className={styles.button}
        aria-label="Show the secret"
        aria-pressed={shown}
        onClick={toggle}
      >
        {shown ? <EyeOff size={14} aria-hidden /> : <Eye size={14} aria-hidden />}
      </button>
    </Tooltip>
  );
}
