import { familyOf, type Instance } from "@/api/family";
import type { Size } from "./size";

/** Limits are how many connections a new instance takes and how much data it holds, and of which kind it will be. */
export type Limits = { connections: number; data: string; family: "Autoscaling" | "Provisioned"; sure: boolean };

// PostgreSQL's max_connections follows from the largest compute that an endpoint may have: CU_1 is 8 units of Autoscaling.
const connections: Record<Size["capacity"], number> = { CU_1: 1678, CU_2: 3357, CU_4: 4000, CU_8: 4000 };

/**
 * limitsOf says what a size brings in the workspace at hand. What a workspace makes is seen from what it has made: those of
 * before March 2026 have Provisioned instances, and may still make them. Without any, nobody can be sure.
 */
export function limitsOf(capacity: Size["capacity"], list: Instance[]): Limits {
  const families = new Set(list.map(familyOf));
  if (families.has("Provisioned") && !families.has("Autoscaling")) {
    return { connections: 1000, data: "2 TB", family: "Provisioned", sure: true };
  }
  return {
    connections: connections[capacity],
    data: "8 TB",
    family: "Autoscaling",
    sure: families.has("Autoscaling"),
  };
}
