import {
  createRootRoute,
  createRoute,
  createRouter,
  lazyRouteComponent,
  redirect,
  retainSearchParams,
} from "@tanstack/react-router";
import { Shell } from "@/shell/shell";
import { Missing, PageError, PagePending } from "@/shell/states";
import { connectSearch } from "@/views/connect/search";
import { dataSearch } from "@/views/data/search";
import { logSearch } from "@/views/operations/log";
import { listSearch } from "@/views/operations/search";
import { settingsSearch } from "@/views/settings/search";

export type Search = { instance?: string };

const root = createRootRoute({
  component: Shell,
  notFoundComponent: Missing,
  // The instance that the console looks at is in the address of every view, so that each can be sent to somebody.
  validateSearch: (search: Record<string, unknown>): Search =>
    typeof search.instance === "string" && search.instance ? { instance: search.instance } : {},
  search: { middlewares: [retainSearchParams<Search>(["instance"])] },
});

/** PlanSearch is what the address of a plan says beside it: the checks, the strategy, and the last check of edits. */
export type PlanSearch = { check?: string; strategy?: string; checked?: string };

function planSearch(search: Record<string, unknown>): PlanSearch {
  const text = (name: keyof PlanSearch) =>
    typeof search[name] === "string" && search[name] ? { [name]: search[name] } : {};
  return { ...text("check"), ...text("strategy"), ...text("checked") };
}

const home = createRoute({
  getParentRoute: () => root,
  path: "/",
  beforeLoad: ({ search }) => {
    throw redirect({ to: "/lakebase", search, replace: true });
  },
});

// Each view is loaded when it is first visited. A view with pages of its own adds their routes here.
const routes = root.addChildren([
  home,
  createRoute({
    getParentRoute: () => root,
    path: "/lakebase",
    component: lazyRouteComponent(() => import("@/views/lakebase"), "Lakebase"),
  }),
  createRoute({
    getParentRoute: () => root,
    path: "/lakebase/new",
    component: lazyRouteComponent(() => import("@/views/lakebase"), "CreateInstance"),
  }),
  createRoute({
    getParentRoute: () => root,
    path: "/migrate",
    component: lazyRouteComponent(() => import("@/views/migrate"), "Migrate"),
  }),
  createRoute({
    getParentRoute: () => root,
    path: "/migrate/plan/$id",
    component: lazyRouteComponent(() => import("@/views/migrate"), "MigratePlan"),
    validateSearch: planSearch,
  }),
  createRoute({
    getParentRoute: () => root,
    path: "/migrate/run/$id",
    component: lazyRouteComponent(() => import("@/views/migrate"), "MigrateRun"),
  }),
  createRoute({
    getParentRoute: () => root,
    path: "/connect",
    validateSearch: connectSearch,
    component: lazyRouteComponent(() => import("@/views/connect"), "Connect"),
  }),
  createRoute({
    getParentRoute: () => root,
    path: "/data",
    validateSearch: dataSearch,
    component: lazyRouteComponent(() => import("@/views/data"), "Data"),
  }),
  createRoute({
    getParentRoute: () => root,
    path: "/operations",
    validateSearch: listSearch,
    component: lazyRouteComponent(() => import("@/views/operations"), "Operations"),
  }),
  createRoute({
    getParentRoute: () => root,
    path: "/operations/$id",
    validateSearch: logSearch,
    component: lazyRouteComponent(() => import("@/views/operations"), "OperationPage"),
  }),
  createRoute({
    getParentRoute: () => root,
    path: "/settings",
    validateSearch: settingsSearch,
    component: lazyRouteComponent(() => import("@/views/settings"), "Settings"),
  }),
]);

export const router = createRouter({
  routeTree: routes,
  defaultPreload: "intent",
  defaultPendingComponent: PagePending,
  defaultPendingMs: 120,
  defaultErrorComponent: PageError,
  scrollRestoration: true,
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}
