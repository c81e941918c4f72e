import type { Operation } from "@/api/progress";

/** consequence says what is left when an operation is cancelled. */
export function consequence(o: Pick<Operation, "kind" | "state">): string {
  if (o.state === "queued") return "It has not begun: nothing has happened, and nothing will.";
  switch (o.kind) {
    case "migrate":
    case "restore":
      return "It stops where it is. Until the swap the target is as it was, and the source is never changed. A new try begins from the start.";
    case "plan":
    case "check":
    case "verify":
      return "It only reads: nothing is changed by its end.";
    case "export":
    case "backup":
      return "It stops, and the unfinished file goes. The instance is not changed.";
    case "create":
    case "start":
    case "stop":
    case "resize":
    case "delete":
      return "Lakeward stops watching and does nothing more. What the workspace has begun, it may still bring to an end.";
  }
  return "It stops as soon as it can. What it has done so far stays.";
}
