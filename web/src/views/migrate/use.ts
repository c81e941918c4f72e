import { useMemo } from "react";
import { api } from "@/api/client";
import { ended, type Operation } from "@/api/progress";
import { isPostgres } from "./source";

export type Asked = {
  source: string;
  to: string;
  schema?: string;
  strategy?: string;
  plan?: unknown;
  on_misfit?: string;
  name?: string;
};

/** asked is what an operation was asked to do, as far as a migration's pages want to know. */
export function asked(o: Operation | undefined): Asked {
  const input = (o?.input ?? {}) as Partial<Asked>;
  return { ...input, source: input.source ?? "", to: input.to ?? input.name ?? o?.instance ?? "" };
}

/** useMigrations are the last migrations, of all instances. One that runs is looked at often. */
export function useMigrations(limit = 8) {
  return api.useQuery(
    "get",
    "/api/operations",
    { params: { query: { kind: "migrate", limit, brief: true } } },
    { refetchInterval: (q) => (q.state.data?.operations.some((o) => !ended(o.state)) ? 3000 : 20_000) },
  );
}

/** useKnownPaths are the SQLite files that somebody has planned or migrated before. */
export function useKnownPaths(): string[] {
  const plans = api.useQuery("get", "/api/operations", { params: { query: { kind: "plan", limit: 50, brief: true } } });
  const moves = useMigrations(50);
  return useMemo(() => {
    const all = [...(moves.data?.operations ?? []), ...(plans.data?.operations ?? [])].map((o) => asked(o).source);
    return [...new Set(all)].filter((s) => s && !isPostgres(s)).slice(0, 20);
  }, [moves.data, plans.data]);
}

// Passwords of sources never come back from the server. Between the plan and the migration the page itself remembers them, in
// memory only: a reload forgets them, and the page asks again.
const secrets = new Map<string, string>();

/** keepSource remembers the whole address of a PostgreSQL for the plan that was asked for. */
export const keepSource = (plan: string, source: string) => void secrets.set(plan, source);

/** keptSource is that address, as long as the page has not been loaded again. */
export const keptSource = (plan: string) => secrets.get(plan);
