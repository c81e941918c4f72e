import type { Plan, PlanColumn, PlanTable } from "./plan";

/** planOf is a plan of some tables, for tests. */
export const planOf = (tables: PlanTable[]): Plan => ({
  version: 1,
  schema: "public",
  source: {
    kind: "sqlite",
    path: "/a.db",
    bytes: 1,
    encoding: "UTF-8",
    journal: "delete",
    user_version: 0,
    schema: "x",
  },
  tables,
});

/** columnOf is a column of integers in a plan, with what else a test wants of it. */
export const columnOf = (name: string, more: Partial<PlanColumn> = {}): PlanColumn => ({
  name,
  target: name,
  declared: "INTEGER",
  type: "bigint",
  convert: "integer",
  evidence: "4 integers from 1 to 4",
  found: { integer: 4 },
  ...more,
});
