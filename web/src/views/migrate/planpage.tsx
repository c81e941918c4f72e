import { Button } from "@mantine/core";
import { Link, useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { useMemo, useState } from "react";
import { api } from "@/api/client";
import { useInstanceName } from "@/api/instances";
import { ended } from "@/api/progress";
import { remember, useMayChange } from "@/api/submit";
import { plural } from "@/ui/format";
import { OnlyAdministrators } from "@/ui/only";
import { useOperation } from "@/ui/operation";
import { Page, Panel, SkeletonRows } from "@/ui/page";
import { ErrorPanel, Trouble } from "@/ui/problem";
import { Checks } from "./checks";
import { Decide } from "./decide";
import { refusals } from "./decisions";
import { sameEdits, useDraft } from "./draft";
import { Launch, type Refused } from "./launch";
import { LeftList } from "./left";
import { apply, editsOf, isPlan, type Plan, withFindings } from "./plan";
import styles from "./planpage.module.css";
import { PlanTable } from "./plantable";
import { PostgresPlan } from "./postgresplan";
import { Reading } from "./reading";
import { baseName, isPostgres } from "./source";
import { strategyOf } from "./strategies";
import { asked, keptSource } from "./use";

/** MigratePlan shows what was checked and what will be done, to be edited and begun. Its address survives a reload. */
export function MigratePlan() {
  const { id } = useParams({ from: "/migrate/plan/$id" });
  const { check, strategy } = useSearch({ from: "/migrate/plan/$id" });
  const { operation, error, progress, live } = useOperation(id);
  const to = useInstanceName() ?? "";
  const again = useCheckAgain(id, to);
  const { source, schema } = asked(operation);
  const plan = isPlan(operation?.result) ? operation.result : undefined;
  const title = operation ? `${baseName(source)} → ${to}` : "Plan";
  return (
    <Page
      title={title}
      name={`Plan ${baseName(source)}`}
      lead={
        <>
          {strategyOf(strategy).title}
          {schema ? `, into schema ${schema}` : ""}. Nothing has been written: this is what would happen.
        </>
      }
      actions={
        <OnlyAdministrators>
          <Button component={Link} to="/migrate" variant="default">
            Another source
          </Button>
        </OnlyAdministrators>
      }
      wide
    >
      {error ? <ErrorPanel error={error} /> : null}
      <div className={styles.stack}>
        {check ? (
          <Checks
            id={check}
            strategy={strategyOf(strategy).value}
            again={() => again.run(source, schema)}
            busy={again.busy}
          />
        ) : null}
        {again.error ? <ErrorPanel error={again.error} /> : null}
        {operation && !ended(operation.state) ? (
          <Reading progress={progress} live={live} operation={operation} />
        ) : null}
        {operation?.error ? <Failed error={operation.error} /> : null}
        {operation?.state === "cancelled" ? (
          <Trouble
            title="The plan was cancelled"
            detail="Nothing was written."
            hint="Begin again with another source."
          />
        ) : null}
        {plan ? <Edit id={id} plan={plan} source={source} to={to} schema={schema} /> : null}
        {!operation && !error ? (
          <Panel title="The plan" flush>
            <SkeletonRows rows={10} />
          </Panel>
        ) : null}
      </div>
    </Page>
  );
}

function Failed({ error }: { error: { message: string; hint?: string } }) {
  return (
    <Trouble
      title="There is no plan"
      detail={error.message}
      hint={error.hint}
      action={
        <Button component={Link} to="/migrate" size="xs" variant="default">
          Choose the source again
        </Button>
      }
    />
  );
}

type EditProps = { id: string; plan: Plan; source: string; to: string; schema: string | undefined };

function Edit({ id, plan: base, source, to, schema }: EditProps) {
  const { checked, strategy: value } = useSearch({ from: "/migrate/plan/$id" });
  const strategy = strategyOf(value);
  const recheck = useOperation(checked).operation;
  const told = useMemo(() => {
    const plan = asked(recheck).plan;
    return isPlan(plan) ? editsOf(base, plan) : undefined;
  }, [recheck, base]);
  const draft = useDraft(id, base, told);
  const edited = useMemo(() => apply(base, draft.edits), [base, draft.edits]);
  const current = told !== undefined && sameEdits(told, draft.edits);
  const found = current && isPlan(recheck?.result) ? recheck.result : undefined;
  const view = useMemo(() => (found ? withFindings(edited, found) : edited), [edited, found]);
  const [atOnce, onRefused] = useState<Refused>();
  const later = current && recheck?.error ? recheck.error : undefined;
  const refused = atOnce && sameEdits(atOnce.edits, draft.edits) ? atOnce : later;
  const places = refusals(refused?.faults ?? [], base);
  const postgres = isPostgres(source);
  const may = useMayChange();
  const readOnly = postgres || !strategy.plan || !may;
  const left = view.left ?? [];
  return (
    <>
      {refused ? (
        <Trouble
          title="The edited plan cannot be obeyed"
          detail={
            places.length ? `${plural(places.length, "thing")} to mend, each shown at its place.` : refused.message
          }
          fields={places.map((p) => `${[p.table, p.column].filter(Boolean).join(".")}: ${p.text}`)}
          hint={places.length ? undefined : refused.hint}
        />
      ) : null}
      {postgres ? (
        <PostgresPlan plan={view} />
      ) : (
        <>
          <Decide plan={view} draft={draft} readOnly={readOnly} />
          <PlanTable
            base={base}
            plan={view}
            draft={draft}
            refused={places}
            readOnly={readOnly}
            {...(strategy.plan ? {} : { note: "Types are those of the tables that stand there; this one is to read" })}
          />
        </>
      )}
      {left.length ? <LeftList left={left} /> : null}
      <OnlyAdministrators what="Starting a migration">
        <Launch
          id={id}
          source={keptSource(id) ?? source}
          to={to}
          schema={schema}
          strategy={strategy.value}
          draft={draft}
          plan={readOnly ? undefined : edited}
          refused={Boolean(refused)}
          onRefused={onRefused}
          verified={Object.keys(draft.edits).length === 0 || Boolean(found)}
        />
      </OnlyAdministrators>
    </>
  );
}

function useCheckAgain(id: string, to: string) {
  const search = useSearch({ from: "/migrate/plan/$id" });
  const navigate = useNavigate();
  const check = api.useMutation("post", "/api/check");
  const run = (source: string, schema: string | undefined) =>
    check.mutate(
      { body: { source: keptSource(id) ?? source, to, ...(schema ? { schema } : {}) } },
      {
        onSuccess: (o) => {
          remember(o);
          void navigate({
            to: "/migrate/plan/$id",
            params: { id },
            search: { ...search, check: o.id },
            replace: true,
          });
        },
      },
    );
  return { run, busy: check.isPending, error: check.error };
}
