import { useNavigate, useSearch } from "@tanstack/react-router";
import { useState } from "react";
import { api } from "@/api/client";
import { ProblemError } from "@/api/problem";
import { ended, type Operation } from "@/api/progress";
import { remember } from "@/api/submit";
import type { LaunchProps } from "./launch";
import { isPostgres } from "./source";

/** useLaunch checks the edits of a plan, and begins the migration: with edits, only when the server finds nothing wrong. */
export function useLaunch({ id, to, schema, strategy, plan, verified, draft, onRefused }: LaunchProps) {
  const navigate = useNavigate();
  const search = useSearch({ from: "/migrate/plan/$id" });
  const planning = api.useMutation("post", "/api/plan");
  const migrating = api.useMutation("post", "/api/migrate");
  const [checking, setChecking] = useState(false);
  const [starting, setStarting] = useState(false);
  const where = schema ? { schema } : {};

  const check = async (source: string): Promise<Operation | undefined> => {
    if (!plan) return undefined;
    setChecking(true);
    try {
      const o = await planning.mutateAsync({
        params: { header: { Prefer: "wait=600" } },
        body: { source, plan, ...where },
      });
      remember(o);
      await navigate({
        to: "/migrate/plan/$id",
        params: { id },
        search: { ...search, checked: o.id },
        replace: true,
        resetScroll: false,
      });
      return o;
    } catch (error) {
      const { detail, hint, faults } = error instanceof ProblemError ? error.problem : {};
      if (detail && faults?.length) {
        onRefused({ message: detail, hint, faults, edits: draft.edits });
        planning.reset(); // the page shows what is wrong, each thing at its place
      }
      return undefined; // of anything else the mutation keeps the error
    } finally {
      setChecking(false);
    }
  };

  const start = async (
    source: string,
    { strict, replace }: { strict: boolean; replace?: string },
  ): Promise<boolean> => {
    setStarting(true);
    try {
      if (plan && !verified) {
        const o = await check(source);
        if (o?.state !== "succeeded") return Boolean(o && ended(o.state)); // the page shows what is wrong
      }
      const o = await migrating.mutateAsync({
        body: {
          source,
          to,
          ...where,
          ...(isPostgres(source) ? {} : { strategy }),
          ...(plan ? { plan } : {}),
          ...(strict ? { strict } : {}),
          ...(replace ? { replace } : {}),
        },
      });
      remember(o);
      await navigate({ to: "/migrate/run/$id", params: { id: o.id } });
      return true;
    } catch {
      return false; // the mutation keeps the error
    } finally {
      setStarting(false);
    }
  };
  return { check, start, checking, starting, error: planning.error ?? migrating.error };
}
