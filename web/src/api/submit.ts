import { api, queries } from "./client";
import type { Operation } from "./progress";

/** remember puts an operation that was just submitted where all who look for it find it. */
export function remember(operation: Operation) {
  queries.setQueryData(["get", "/api/operations/{id}", { params: { path: { id: operation.id } } }], operation);
  void queries.invalidateQueries({ queryKey: ["get", "/api/operations"] });
  void queries.invalidateQueries({ queryKey: ["get", "/api/instances"] });
}

/** useMe is who the person at the browser is to the server. */
export function useMe() {
  return api.useQuery("get", "/api/me", {}, { staleTime: 60_000 });
}

/** useMayChange says whether that person may change things. Until it is known, yes: the server decides anyway. */
export function useMayChange() {
  return useMe().data?.may_change !== false;
}
