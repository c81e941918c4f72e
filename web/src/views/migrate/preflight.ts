import type { Schemas } from "@/api/client";
import { type Strategy, strategyOf } from "./strategies";

export type Check = Schemas["PreflightCheck"];

/** checksOf are the checks of a preflight, as the result of an operation, in the light of what is going to be done. */
export function checksOf(result: unknown, strategy: Strategy, source = ""): Check[] | undefined {
  if (typeof result !== "object" || result === null || !("checks" in result)) return undefined;
  return Array.isArray(result.checks) ? (result.checks as Check[]).map((c) => seen(c, strategy, source)) : undefined;
}

// The check of names knows no strategy: what stands there is in the way of new tables until somebody agrees to replace it, and
// just what the other strategies want to find.
function seen(c: Check, strategy: Strategy, source: string): Check {
  // Of an uploaded file the last to write was the upload itself.
  if (c.name === "writers" && c.result === "warn" && /\/uploads\/[0-9a-f-]{36}\//.test(source)) {
    return {
      name: c.name,
      result: "pass",
      found: "An uploaded copy: what the application writes from now on is not in it",
    };
  }
  if (c.name !== "names" || c.result === "pass") return c;
  if (!strategyOf(strategy).plan) return { name: c.name, result: "pass", found: c.found };
  return {
    ...c,
    result: "warn",
    do: "They would be replaced: starting asks for the name of the instance first. Or begin anew with another schema",
  };
}

/** taken says what of the target would be replaced, if anything. */
export function taken(checks: Check[] | undefined, strategy: Strategy): string | undefined {
  if (!strategyOf(strategy).plan) return undefined;
  return checks?.find((c) => c.name === "names" && c.result !== "pass")?.found;
}

/** blocked says whether a check has failed, so that a migration would too. */
export const blocked = (checks: Check[] | undefined) => checks?.some((c) => c.result === "fail") ?? false;
