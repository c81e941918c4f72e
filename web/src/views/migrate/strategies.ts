import type { Schemas } from "@/api/client";

export type Strategy = NonNullable<Schemas["MigrateRequest"]["strategy"]>;

type Meaning = { value: Strategy; title: string; text: string; plan: boolean; swap: string };

/** strategies are what can be brought, each with what it does and what it leaves alone. */
export const strategies: Meaning[] = [
  {
    value: "schema-and-data",
    title: "Schema and data",
    text: "Everything, into new tables. Every row is compared before they are put in place.",
    plan: true,
    swap: "What is copied stands in a staging schema.",
  },
  {
    value: "schema-only",
    title: "Schema only",
    text: "New tables without rows: keys, indexes, constraints and views. No row is brought, and none is compared.",
    plan: true,
    swap: "What is copied stands in a staging schema.",
  },
  {
    value: "data-only",
    title: "Data only",
    text: "Rows, into the empty tables that your application has made there. Their types decide what fits.",
    plan: false,
    swap: "Rows stand in a staging schema until all are proven.",
  },
  {
    value: "use-existing",
    title: "Use existing",
    text: "Brings nothing: says whether the instance has every table and column that the source has.",
    plan: false,
    swap: "Nothing of it is going to change.",
  },
  {
    value: "expand-existing",
    title: "Expand existing",
    text: "Adds the tables and columns that the instance lacks, without rows. Nothing is dropped or changed.",
    plan: false,
    swap: "What it lacks is added in one transaction.",
  },
];

const first = strategies[0] as Meaning;

/** strategyOf is what a strategy means; without one it is the first. */
export const strategyOf = (value: string | undefined): Meaning => strategies.find((s) => s.value === value) ?? first;
