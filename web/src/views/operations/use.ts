import { useDebouncedValue } from "@mantine/hooks";
import { keepPreviousData, useInfiniteQuery } from "@tanstack/react-query";
import { useEffect, useMemo } from "react";
import { api, client } from "@/api/client";
import { ended } from "@/api/progress";
import { type ListSearch, merge, working } from "./search";

const newest = 40; // operations that are looked at again and again
const page = 200;

/**
 * useOperations lists operations, the newest first. A short look at the newest is repeated, often while something works;
 * older ones come by page, and are looked at again only when one of them had not ended.
 */
export function useOperations({ kind, state, on, find }: ListSearch) {
  const [text] = useDebouncedValue(find?.trim(), 200); // while somebody types
  const filter = { ...(kind && { kind }), ...(state && { state }), ...(on && { instance: on }), ...(text && { text }) };
  const fresh = api.useQuery(
    "get",
    "/api/operations",
    { params: { query: { ...filter, limit: newest, brief: true } } },
    {
      refetchInterval: (q) => (working(q.state.data?.operations ?? []) ? 1_500 : 5_000),
      placeholderData: keepPreviousData,
    },
  );
  const older = useInfiniteQuery({
    queryKey: ["operations", "older", filter],
    initialPageParam: "",
    queryFn: async ({ pageParam, signal }) => {
      const query = { ...filter, limit: page, brief: true, ...(pageParam && { before: pageParam }) };
      const { data } = await client.GET("/api/operations", { params: { query }, signal });
      return data ?? { operations: [] };
    },
    getNextPageParam: (last) => last.older || undefined,
    staleTime: Number.POSITIVE_INFINITY,
    placeholderData: keepPreviousData,
  });
  const { refetch } = older;
  // While one of the two still answers to the filter before, the other stands alone.
  const both = fresh.isPlaceholderData === older.isPlaceholderData;
  const newer = both || older.isPlaceholderData ? fresh.data : undefined;
  const pages = both || fresh.isPlaceholderData ? older.data : undefined;
  const { all, gap } = useMemo(
    () => merge(newer?.operations ?? [], pages?.pages.flatMap((p) => p.operations) ?? []),
    [newer, pages],
  );
  const open = all.slice(newest).some((o) => !ended(o.state));
  useEffect(() => {
    if (gap && !older.isFetching) void refetch();
  }, [gap, older.isFetching, refetch]);
  useEffect(() => {
    if (!open) return;
    const timer = setInterval(() => void refetch(), 5_000);
    return () => clearInterval(timer);
  }, [open, refetch]);
  return {
    all,
    pending: fresh.isPending || older.isPending,
    error: fresh.error ?? older.error,
    retry: () => {
      void fresh.refetch();
      void refetch();
    },
    more: older.hasNextPage,
    fetching: older.isFetchingNextPage,
    next: () => void older.fetchNextPage(),
  };
}
