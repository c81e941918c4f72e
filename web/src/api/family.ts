import type { Schemas } from "./client";

export type Instance = Schemas["Instance"];

/** moving says whether a state will change by itself, so that it is looked at often. */
export const moving = (i: Instance | undefined) =>
  i?.status === "CREATING" || /^(INIT|STARTING|STOPPING|UPDATING|DELETING)/.test(i?.state ?? "");

/** familyOf is the API that an instance is served by. */
export function familyOf(i: Instance): "Autoscaling" | "Provisioned" {
  return i.endpoint?.startsWith("projects/") ? "Autoscaling" : "Provisioned";
}
