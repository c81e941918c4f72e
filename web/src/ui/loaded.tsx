import type { UseQueryResult } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { SkeletonRows } from "./page";
import { ErrorPanel } from "./problem";

type Props<T> = {
  query: Pick<UseQueryResult<T, unknown>, "data" | "error" | "refetch">;
  skeleton?: ReactNode;
  children: (data: T) => ReactNode;
};

/**
 * Loaded shows what a query has found: a skeleton before, an error panel when it failed. Data that is there stays in sight
 * when a later look fails.
 */
export function Loaded<T>({ query, skeleton, children }: Props<T>) {
  if (query.data !== undefined) return children(query.data);
  if (query.error) return <ErrorPanel error={query.error} retry={() => void query.refetch()} />;
  return skeleton ?? <SkeletonRows />;
}
