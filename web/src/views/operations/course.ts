import { ended, type Operation, type PhaseProgress } from "@/api/progress";

/** Step is one phase of an operation, placed on the line of its time. */
export type Step = {
  phase: string;
  from: number;
  to: number | undefined; // while it goes on there is none
  at: "done" | "now" | "broken";
  left: number; // shares of the whole, 0 to 1
  width: number;
};

/** course places the phases of an operation on a line from its beginning to its end, or to now. */
export function course(o: Operation, phases: PhaseProgress[], now: number): Step[] {
  const over = ended(o.state);
  const end = over ? Date.parse(o.ended ?? o.created) : now;
  const begin = Math.min(...phases.map((p) => p.started), Date.parse(o.started ?? o.created));
  const whole = Math.max(1, end - begin);
  return phases.map((p, n) => {
    const to = p.ended ?? (over ? end : undefined);
    const failed = o.state === "failed" || o.state === "cancelled";
    const broken = failed && (p.ended === undefined || (n === phases.length - 1 && p.ended >= end));
    const left = share(p.started - begin, whole);
    return {
      phase: p.phase,
      from: p.started,
      to,
      at: broken ? "broken" : to === undefined ? "now" : "done",
      left,
      width: Math.min(share((to ?? now) - p.started, whole), 1 - left),
    };
  });
}

const share = (part: number, whole: number) => Math.max(0, Math.min(1, part / whole));
