import type { Schemas } from "@/api/client";

export type Entry = Schemas["AuditEntry"];

// What a request means, by its route.
const words: Record<string, string> = {
  "POST /api/migrate": "asked for a migration",
  "POST /api/plan": "asked for a plan",
  "POST /api/verify": "asked to compare again",
  "POST /api/check": "asked what stands in the way",
  "POST /api/export": "asked for an export",
  "POST /api/uploads": "sent a SQLite file",
  "POST /api/backups": "asked for a backup",
  "POST /api/backups/restore": "asked to restore a backup",
  "POST /api/instances": "asked for an instance",
  "DELETE /api/instances/{name}": "asked to destroy an instance",
  "POST /api/instances/{name}/start": "started an instance",
  "POST /api/instances/{name}/stop": "stopped an instance",
  "POST /api/instances/{name}/resize": "resized an instance",
  "POST /api/instances/{name}/enable": "enabled an instance",
  "POST /api/instances/{name}/test": "tested a connection",
  "POST /api/instances/{name}/credential": "took a database token",
  "POST /api/operations/{id}/cancel": "cancelled an operation",
  "POST /api/operations/{id}/retry": "tried an operation again",
  "GET /api/operations/{id}/file": "downloaded an exported database",
  "GET /api/instances/{name}/tables/{schema}/{table}/rows": "read rows of a table",
  "GET /api/instances/{name}/tables/{schema}/{table}/value": "read a value of a row",
  "GET /api/instances/{name}/quarantine/rows": "read rows of the quarantine",
  "GET /api/sources": "looked for files on the server",
  "POST /api/database-management/lakebase/config": "changed the configuration",
  "POST /api/database-management/housekeeping": "deleted old records",
};

/** meaning says what somebody did, or the route itself where that says enough. */
export function meaning(action: string): string {
  return words[action] ?? action;
}

/** known are the actions that can be filtered by. */
export const known = Object.keys(words);

/** thing is what an entry is about: the operation or the instance that its path names. */
export function thing(e: Entry): { operation: string } | { instance: string } | undefined {
  const [, kind, name] = /^\/api\/(operations|instances)\/([^/]+)/.exec(e.object ?? "") ?? [];
  if (!kind || !name) return undefined;
  const plain = decodeURIComponent(name);
  return kind === "operations" ? { operation: plain } : { instance: plain };
}
