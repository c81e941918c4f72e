import { QueryCache, QueryClient } from "@tanstack/react-query";
import createClient, { type Middleware } from "openapi-fetch";
import createHooks from "openapi-react-query";
import { lost, reached, sessionEnded } from "./connection";
import { OfflineError, ProblemError, problemOf } from "./problem";
import type { components, paths } from "./schema";

/** Schemas are the types of the server's answers, made from docs/openapi.yaml. */
export type Schemas = components["schemas"];

const checks: Middleware = {
  async onResponse({ response }) {
    reached();
    if (response.ok) {
      sessionEnded(false);
      return;
    }
    if (response.status === 401) sessionEnded(true);
    throw await problemOf(response);
  },
  onError({ error }) {
    if (error instanceof ProblemError || (error instanceof DOMException && error.name === "AbortError")) return;
    lost();
    return new OfflineError(error);
  },
};

/** client sends requests. Each is typed by its path; a refused one throws a ProblemError. */
export const client = createClient<paths>({ baseUrl: window.location.origin });
client.use(checks);

/** api has the same as hooks: api.useQuery("get", "/api/instances"), api.useMutation("post", "/api/migrate"). */
export const api = createHooks(client);

function status(error: unknown) {
  return error instanceof ProblemError ? error.status : 0;
}

export const queries = new QueryClient({
  queryCache: new QueryCache(),
  defaultOptions: {
    queries: {
      staleTime: 2_000,
      refetchOnWindowFocus: true,
      // What met no server waits until one answers again. What was refused would be refused again.
      retry: (times, error) => error instanceof OfflineError || (status(error) === 429 && times < 3),
    },
    mutations: { networkMode: "always", retry: false },
  },
});
