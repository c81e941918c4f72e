import { useRouterState, useSearch } from "@tanstack/react-router";
import { whileAttended } from "./attention";
import { api } from "./client";
import { type Instance, moving } from "./family";

export { familyOf, type Instance, moving } from "./family";

/** useInstances lists the instances of the workspace, of both API families. */
export function useInstances() {
  return api.useQuery(
    "get",
    "/api/instances",
    {},
    {
      refetchInterval: (query) => (query.state.data?.instances.some(moving) ? 1_500 : 15_000),
    },
  );
}

/** useConfig is the configuration: which instance the application uses. */
export function useConfig() {
  return api.useQuery(
    "get",
    "/api/database-management/lakebase/config",
    {},
    { refetchInterval: whileAttended(30_000) },
  );
}

/**
 * useInstanceName is the instance that the whole console looks at: the address says it (?instance=), or it is the one that
 * the application uses, or the first. It is undefined until that is known, and "" when there is none.
 */
export function useInstanceName(): string | undefined {
  const { instance } = useSearch({ strict: false });
  const list = useInstances();
  const config = useConfig();
  if (instance) return instance;
  if (!list.data || (config.isPending && !config.error)) return undefined;
  const names = list.data.instances.map((i) => i.name);
  const used = config.data?.instance_name;
  return used && names.includes(used) ? used : (names[0] ?? "");
}

/** useInstance is that instance itself, when it exists. */
export function useInstance(): Instance | undefined {
  const name = useInstanceName();
  return useInstances().data?.instances.find((i) => i.name === name);
}

/** usePath is where the console is. */
export const usePath = () => useRouterState({ select: (s) => s.location.pathname });
