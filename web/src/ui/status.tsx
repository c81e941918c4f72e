import {
  Ban,
  CheckCircle2,
  CircleDashed,
  CircleDot,
  Clock3,
  type LucideIcon,
  RefreshCw,
  TriangleAlert,
  XCircle,
} from "lucide-react";
import type { Schemas } from "@/api/client";
import styles from "./status.module.css";

export type InstanceStatus = Schemas["Instance"]["status"];
export type OperationState = Schemas["Operation"]["state"];

type Tone = "quiet" | "ok" | "busy" | "warn" | "bad";
type Look = { word: string; tone: Tone; icon: LucideIcon; turning?: boolean };

const instances: Record<InstanceStatus, Look> = {
  NOT_CREATED: { word: "Not created", tone: "busy", icon: CircleDot },
  CREATING: { word: "Creating", tone: "busy", icon: RefreshCw, turning: true },
  READY: { word: "Ready", tone: "ok", icon: CheckCircle2 },
  STOPPED: { word: "Stopped", tone: "warn", icon: TriangleAlert },
  ERROR: { word: "Error", tone: "bad", icon: XCircle },
};

const operations: Record<OperationState, Look> = {
  queued: { word: "Queued", tone: "quiet", icon: Clock3 },
  running: { word: "Running", tone: "busy", icon: RefreshCw, turning: true },
  succeeded: { word: "Succeeded", tone: "ok", icon: CheckCircle2 },
  failed: { word: "Failed", tone: "bad", icon: XCircle },
  cancelled: { word: "Cancelled", tone: "quiet", icon: Ban },
};

/** wordOf is the word of a state by itself. */
export const wordOf = (status: InstanceStatus) => (instances[status] ?? unknown).word;

const unknown: Look = { word: "Unknown", tone: "quiet", icon: CircleDashed };

type Props = { badge?: boolean; iconOnly?: boolean; silent?: boolean }; // silent: the word stands elsewhere

/** Status is an instance's state as an icon, a colour and a word of the guide; beside it what the API itself says. */
export function Status({
  status,
  api,
  ...props
}: Props & { status: InstanceStatus | undefined; api?: string | undefined }) {
  return <Drawn look={(status && instances[status]) || unknown} api={api} {...props} />;
}

/** StateOf is the state of an operation, in the same way. */
export function StateOf({ state, ...props }: Props & { state: OperationState }) {
  return <Drawn look={operations[state] ?? unknown} {...props} />;
}

function Drawn({ look, api, badge, iconOnly, silent }: Props & { look: Look; api?: string | undefined }) {
  const Icon = look.icon;
  return (
    <span className={styles.status}>
      <span className={`${styles.status} ${styles[look.tone]} ${badge ? styles.badge : ""}`}>
        <Icon
          size={14}
          strokeWidth={2.25}
          aria-hidden
          className={`${styles.icon} ${look.turning ? styles.turning : ""}`}
        />
        {silent ? null : <span className={iconOnly ? "hidden-label" : styles.word}>{look.word}</span>}
      </span>
      {api ? (
        <span className={styles.api} title="The state as the workspace's API says it">
          {api}
        </span>
      ) : null}
    </span>
  );
}
