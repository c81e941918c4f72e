import { Button, CloseButton, Select, TextInput } from "@mantine/core";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { History, Search } from "lucide-react";
import { useInstances } from "@/api/instances";
import type { Operation } from "@/api/progress";
import { changed } from "@/api/search";
import { count, plural } from "@/ui/format";
import { OnlyAdministrators } from "@/ui/only";
import { titleOf } from "@/ui/operation";
import { Empty, Page, Panel, SkeletonRows } from "@/ui/page";
import { ErrorPanel } from "@/ui/problem";
import { StateOf } from "@/ui/status";
import { type Column, DataTable, usePhone } from "@/ui/table";
import { Elapsed, Time } from "@/ui/time";
import styles from "./operations.module.css";
import { kinds, type ListSearch, type OperationState, shortened, states, subject, working } from "./search";
import { useOperations } from "./use";

const operation: Column<Operation> = {
  key: "operation",
  head: "Operation",
  width: "minmax(180px, 1.2fr)",
  cell: (o) => (
    <Link to="/operations/$id" params={{ id: o.id }} tabIndex={-1} className={styles.title}>
      {titleOf(o)}
    </Link>
  ),
};

const began: Column<Operation> = {
  key: "created",
  head: "Asked for",
  width: "108px",
  cell: (o) => <Time at={o.created} />,
};

const wide: Column<Operation>[] = [
  { key: "state", head: "State", width: "116px", cell: (o) => <StateOf state={o.state} /> },
  operation,
  {
    key: "source",
    head: "From",
    width: "minmax(140px, 1.2fr)",
    cell: (o) => <span title={subject(o)}>{shortened(subject(o)) || <span className={styles.none}>–</span>}</span>,
  },
  { key: "actor", head: "By", width: "minmax(120px, 1fr)", cell: (o) => <span title={o.actor}>{o.actor}</span> },
  began,
  {
    key: "took",
    head: "Took",
    width: "92px",
    end: true,
    cell: (o) =>
      o.started ? <Elapsed from={o.started} to={o.ended ?? undefined} /> : <span className={styles.none}>–</span>,
  },
];

const narrow: Column<Operation>[] = [
  { key: "state", head: "State", width: "56px", cell: (o) => <StateOf state={o.state} iconOnly /> },
  { ...operation, width: "minmax(0, 1fr)" },
  { ...began, end: true, width: "96px" },
];

export function Operations() {
  const search: ListSearch = useSearch({ from: "/operations" });
  const list = useOperations(search);
  const phone = usePhone();
  const navigate = useNavigate();
  const filtered = Boolean(search.kind || search.state || search.on || search.find);
  if (list.error && list.all.length === 0) {
    return (
      <Frame>
        <ErrorPanel error={list.error} retry={list.retry} />
      </Frame>
    );
  }
  if (!list.pending && list.all.length === 0 && !filtered) {
    return (
      <Frame>
        <NothingYet />
      </Frame>
    );
  }
  const busy = working(list.all);
  return (
    <Frame>
      <Filters search={search} />
      <Panel
        title={list.pending ? "Loading" : filtered ? matches(list.all.length, list.more) : "Newest first"}
        note={
          busy ? `${count(busy)} at work` : `${count(list.all.length)} loaded${list.more ? ", older ones below" : ""}`
        }
        flush
      >
        {list.pending ? (
          <SkeletonRows rows={12} />
        ) : (
          <DataTable
            label="Operations"
            rows={list.all}
            columns={phone ? narrow : wide}
            id={(o) => o.id}
            onOpen={(o) => void navigate({ to: "/operations/$id", params: { id: o.id } })}
            height="max(320px, calc(100dvh - 300px))"
            none={<NoMatch />}
          />
        )}
        {list.more ? (
          <div className={styles.more}>
            <Button size="xs" variant="default" loading={list.fetching} onClick={list.next}>
              Load 200 older
            </Button>
          </div>
        ) : null}
      </Panel>
    </Frame>
  );
}

function Frame({ children }: { children: React.ReactNode }) {
  return (
    <Page title="Operations" lead="What ran, what runs, and every event of it. All of it survives a restart." wide>
      {children}
    </Page>
  );
}

function NothingYet() {
  return (
    <Empty
      icon={History}
      title="Nothing has run yet"
      actions={
        <OnlyAdministrators>
          <Button component={Link} to="/migrate">
            Migrate a database
          </Button>
          <Button component={Link} to="/lakebase/new" variant="default">
            Create an instance
          </Button>
        </OnlyAdministrators>
      }
    >
      Everything slow is an operation: it goes on when you close this page, survives a restart of the server, and keeps
      its events, so that what happened can be read weeks later. On the command line, <code>lakeward operations</code>{" "}
      shows the same.
    </Empty>
  );
}

const matches = (n: number, more: boolean) => `${plural(n, "match", "matches")}${more ? " so far" : ""}`;

function NoMatch() {
  return (
    <>
      No operation matches.{" "}
      <Link to="/operations" search={{}}>
        Show all
      </Link>
    </>
  );
}

const capital = (word: string) => word.charAt(0).toUpperCase() + word.slice(1);

function Filters({ search }: { search: ListSearch }) {
  const navigate = useNavigate({ from: "/operations" });
  const instances = useInstances();
  const names = instances.data?.instances.map((i) => i.name) ?? [];
  const on = search.on && !names.includes(search.on) ? [search.on, ...names] : names;
  const set = (change: Partial<Record<keyof ListSearch, string | null>>) =>
    void navigate({
      search: (was: ListSearch) => changed(was, change),
      replace: true,
    });
  return (
    <search className={styles.filters}>
      <TextInput
        aria-label="Find operations"
        placeholder="Find by name, file, person, error or id"
        leftSection={<Search size={14} aria-hidden />}
        rightSection={
          search.find ? <CloseButton size="sm" aria-label="Clear" onClick={() => set({ find: null })} /> : null
        }
        value={search.find ?? ""}
        onChange={(e) => set({ find: e.currentTarget.value })}
        className={styles.find ?? ""}
      />
      <Select
        aria-label="State"
        placeholder="State"
        data={states.map((s) => ({ value: s, label: capital(s) }))}
        value={search.state ?? null}
        onChange={(state) => set({ state: state as OperationState | null })}
        clearable
        clearButtonProps={{ "aria-label": "Any state" }}
      />
      <Select
        aria-label="Kind"
        placeholder="Kind"
        data={kinds.map((k) => ({ value: k, label: capital(k) }))}
        value={search.kind ?? null}
        onChange={(kind) => set({ kind })}
        clearable
        clearButtonProps={{ "aria-label": "Any kind" }}
      />
      <Select
        aria-label="Instance"
        placeholder="Instance"
        data={on}
        value={search.on ?? null}
        onChange={(name) => set({ on: name })}
        clearable
        searchable
        clearButtonProps={{ "aria-label": "Any instance" }}
      />
    </search>
  );
}
