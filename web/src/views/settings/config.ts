import type { Schemas } from "@/api/client";

export type Config = Schemas["GuideConfig"];
export type ConfigChange = Schemas["ConfigRequest"];

type FieldName =
  | "enabled"
  | "instance_name"
  | "schema"
  | "source"
  | "database_type"
  | "endpoint"
  | "capacity"
  | "retention_days"
  | "node_count";

/** Field is a setting that can be changed: its name in the answer, in the request, and where its origin is told. */
export type Field = {
  name: FieldName;
  origin: string;
  label: string;
  about: string;
  kind: "switch" | "instance" | "text" | "number" | "type";
  ofInstance?: boolean; // tells of one instance, and goes when another is chosen
  range?: [number, number];
};

/** fields are the settings, in the order in which they are shown. */
export const fields: Field[] = [
  {
    name: "enabled",
    origin: "enabled",
    label: "Lakebase",
    about: "Whether the application uses Lakebase. Switching it off keeps the rest.",
    kind: "switch",
  },
  {
    name: "instance_name",
    origin: "instance",
    label: "Instance",
    about: "The instance that the application uses.",
    kind: "instance",
  },
  {
    name: "schema",
    origin: "schema",
    label: "Schema",
    about: "Where the application's tables are. Empty means public.",
    kind: "text",
  },
  {
    name: "source",
    origin: "source",
    label: "Source",
    about: "The database that the application had before: a SQLite file on the server, or a postgres:// address.",
    kind: "text",
  },
  {
    name: "database_type",
    origin: "database_type",
    label: "Database type",
    about: "What the application is told it uses.",
    kind: "type",
  },
  {
    name: "endpoint",
    origin: "endpoint",
    label: "Endpoint",
    about: "Noted when the instance was chosen.",
    kind: "text",
    ofInstance: true,
  },
  {
    name: "capacity",
    origin: "capacity",
    label: "Capacity",
    about: "Noted, not set: Resize on the Lakebase page changes the instance.",
    kind: "text",
    ofInstance: true,
  },
  {
    name: "retention_days",
    origin: "retention_days",
    label: "Days of history",
    about: "Noted, not set: how far back the instance can be restored.",
    kind: "number",
    ofInstance: true,
    range: [2, 35],
  },
  {
    name: "node_count",
    origin: "nodes",
    label: "Nodes",
    about: "Noted, not set: one primary, and up to two secondaries.",
    kind: "number",
    ofInstance: true,
    range: [1, 3],
  },
];

/** Draft is what has been edited and not saved. */
export type Draft = { [F in Field["name"]]?: string | number | boolean };

/** shown writes a value for people. */
export function shown(value: unknown): string {
  if (value === true) return "on";
  if (value === false) return "off";
  return value === "" || value === 0 || value === undefined || value === null ? "not set" : String(value);
}

export type Change = { label: string; from: string; to: string; because?: string };

/** changes are what saving a draft does: what was edited, and what goes with it. */
export function changes(config: Config, draft: Draft): Change[] {
  const out: Change[] = [];
  for (const f of fields) {
    const next = draft[f.name];
    if (next === undefined || next === config[f.name]) continue;
    out.push({ label: f.label, from: shown(config[f.name]), to: shown(next) });
  }
  const moved = draft.instance_name !== undefined && draft.instance_name !== config.instance_name;
  if (!moved) return out;
  for (const f of fields) {
    if (!f.ofInstance || shown(config[f.name]) === "not set" || f.name in draft) continue;
    out.push({
      label: f.label,
      from: shown(config[f.name]),
      to: "not set",
      because: `it tells of ${config.instance_name || "the instance before"}`,
    });
  }
  return out;
}

/** request is what is sent: only what is another value than before. */
export function request(config: Config, draft: Draft): ConfigChange {
  const edited = Object.entries(draft).filter(([name, value]) => value !== config[name as Field["name"]]);
  return Object.fromEntries(edited) as ConfigChange;
}

export type Origin = {
  what: "flag" | "environment" | "file" | "store" | "mirror" | "default" | "none";
  fixed: boolean;
  why: string;
};

/** originOf explains where a value comes from, why it won, and whether it can be changed here. */
export function originOf(origin: string | undefined): Origin {
  if (!origin) return { what: "none", fixed: false, why: "Nothing sets it." };
  if (origin === "default")
    return { what: "default", fixed: false, why: "Nothing sets it, and this is what holds then." };
  if (origin.startsWith("--")) {
    return {
      what: "flag",
      fixed: true,
      why: `${origin} of the command line wins over all else. Change it where the server is started.`,
    };
  }
  if (/^[A-Z][A-Z0-9_]*$/.test(origin)) {
    return {
      what: "environment",
      fixed: true,
      why: `The variable ${origin} wins over file, store and mirror. Change it where the server is deployed.`,
    };
  }
  if (/^store\b/.test(origin)) {
    return {
      what: "store",
      fixed: false,
      why: "Saved here or by an operation. No flag, variable or file says otherwise.",
    };
  }
  if (origin.startsWith("mirror")) {
    return {
      what: "mirror",
      fixed: false,
      why: "Read from the table lakeward.settings in the instance, because this server's own store has none: that is how a redeploy finds it again.",
    };
  }
  return { what: "file", fixed: true, why: `The file ${origin} wins over store and mirror. Change it there.` };
}
