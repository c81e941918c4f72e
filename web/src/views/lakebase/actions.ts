import { skipToken, useQuery } from "@tanstack/react-query";
import { useEffect } from "react";
import { api, queries } from "@/api/client";
import { ended, type Operation } from "@/api/progress";
import { remember } from "@/api/submit";

/** useRecent lists the newest operations on an instance. */
export function useRecent(instance: string) {
  return api.useQuery(
    "get",
    "/api/operations",
    { params: { query: { instance, limit: 6, brief: true } } },
    { refetchInterval: (q) => (q.state.data?.operations.some((o) => !ended(o.state)) ? 2_000 : 10_000) },
  );
}

// What the page of an instance shows, and what was closed there. It is in the query cache because it outlives the page: an
// instance that is being created has another one than the same instance a moment later.
type Shown = { id?: string; closed?: string };
const shown = (instance: string) => ["shown", instance];

/** watch makes the page of an instance show an operation. */
export function watch(instance: string, o: Operation) {
  queries.setQueryData<Shown>(shown(instance), (was) => ({ ...was, id: o.id }));
}

/**
 * useWatched is the operation that the page of an instance shows: the one that was started here or, after a reload and for
 * those who come later, the one that runs, or the last one when it has failed lately. It stays until somebody closes it.
 */
export function useWatched(instance: string) {
  const { data: mine = {} } = useQuery<Shown>({
    queryKey: shown(instance),
    queryFn: skipToken,
    initialData: {},
    gcTime: Infinity,
  });
  const all = useRecent(instance).data?.operations;
  const running = all?.find((o) => !ended(o.state));
  const failed =
    all?.[0]?.state === "failed" && Date.now() - Date.parse(all[0].ended ?? "") < lately ? all[0] : undefined;
  const id = running?.id ?? mine.id ?? failed?.id;
  useEffect(() => {
    if (running && running.id !== mine.id) watch(instance, running);
  }, [instance, running, mine.id]);
  return {
    id: id === mine.closed ? undefined : id,
    busy: Boolean(running),
    close: () => queries.setQueryData<Shown>(shown(instance), (was) => ({ ...was, ...(id ? { closed: id } : {}) })),
    show: (o: Operation) => watch(instance, o),
  };
}

const lately = 3_600_000;

/** useChange is a change of an instance that needs no words: start, stop. */
export function useChange(
  path: "/api/instances/{name}/start" | "/api/instances/{name}/stop",
  show: (o: Operation) => void,
) {
  return api.useMutation("post", path, {
    onSuccess: (o) => {
      remember(o);
      show(o);
    },
  });
}
