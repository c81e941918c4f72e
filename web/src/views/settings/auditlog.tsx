import { Button, CloseButton, Select, TextInput } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { keepPreviousData, useInfiniteQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { Ban, CheckCircle2, Search, ShieldCheck, XCircle } from "lucide-react";
import { useMemo } from "react";
import { client } from "@/api/client";
import { changed } from "@/api/search";
import { count, plural } from "@/ui/format";
import { Empty, Panel, SkeletonRows } from "@/ui/page";
import { ErrorPanel } from "@/ui/problem";
import { type Column, DataTable, usePhone } from "@/ui/table";
import { Time } from "@/ui/time";
import { type Entry, known, meaning, thing } from "./audit";
import { outcomes, type SettingsSearch } from "./search";
import styles from "./settings.module.css";

const page = 200;

/** AuditLog is who has changed what, when, from where, and how it went. */
export function AuditLog() {
  const search: SettingsSearch = useSearch({ from: "/settings" });
  const { actor, action, outcome, find } = search;
  const [text] = useDebouncedValue(find?.trim(), 200); // while somebody types
  const filter = {
    ...(actor && { actor }),
    ...(action && { action }),
    ...(outcome && { outcome }),
    ...(text && { text }),
  };
  const log = useInfiniteQuery({
    queryKey: ["audit", filter],
    initialPageParam: 0,
    queryFn: async ({ pageParam, signal }) => {
      const query = { ...filter, limit: page, ...(pageParam && { before: pageParam }) };
      const { data } = await client.GET("/api/audit", { params: { query }, signal });
      return data ?? { entries: [] };
    },
    getNextPageParam: (last) => last.older || undefined,
    placeholderData: keepPreviousData,
  });
  const all = useMemo(() => log.data?.pages.flatMap((p) => p.entries) ?? [], [log.data]);
  const filtered = Boolean(actor || action || outcome || find);
  const phone = usePhone();
  if (log.error && all.length === 0) return <ErrorPanel error={log.error} retry={() => void log.refetch()} />;
  if (log.data && all.length === 0 && !filtered) {
    return (
      <Empty icon={ShieldCheck} title="Nobody has changed anything yet">
        Each request that changes something, reads the application&apos;s rows or takes a token is written here, with
        who sent it, also when it was refused. Looking at states and reports is not.
      </Empty>
    );
  }
  return (
    <>
      <Filters search={search} actors={[...new Set(all.map((e) => e.actor))].sort()} />
      <Panel
        title={filtered ? plural(all.length, "match", "matches") : "Newest first"}
        note={log.hasNextPage ? `${count(all.length)} loaded, older ones below` : `${count(all.length)}, all of them`}
        flush
      >
        {log.isPending ? (
          <SkeletonRows rows={12} />
        ) : (
          <DataTable
            label="Audit log"
            rows={all}
            columns={phone ? narrow : wide}
            id={(e) => String(e.id)}
            height="max(320px, calc(100dvh - 340px))"
            none="No line matches."
          />
        )}
        {log.hasNextPage ? (
          <div className={styles.more}>
            <Button
              size="xs"
              variant="default"
              loading={log.isFetchingNextPage}
              onClick={() => void log.fetchNextPage()}
            >
              Load 200 older
            </Button>
          </div>
        ) : null}
      </Panel>
    </>
  );
}

const looks = {
  done: { icon: CheckCircle2, word: "Done", tone: styles.ok },
  denied: { icon: Ban, word: "Denied", tone: styles.warn },
  failed: { icon: XCircle, word: "Failed", tone: styles.bad },
} as const;

function Outcome({ of, iconOnly }: { of: string; iconOnly?: boolean }) {
  const look = looks[of as keyof typeof looks] ?? { icon: CheckCircle2, word: of, tone: "" };
  return (
    <span className={`${styles.outcome} ${look.tone}`}>
      <look.icon size={14} aria-hidden />
      <span className={iconOnly ? "hidden-label" : ""}>{look.word}</span>
    </span>
  );
}

function Thing({ entry }: { entry: Entry }) {
  const about = thing(entry);
  if (!about) return <span title={entry.object}>{entry.object}</span>;
  return "operation" in about ? (
    <Link to="/operations/$id" params={{ id: about.operation }} title={about.operation}>
      operation …{about.operation.slice(-8)}
    </Link>
  ) : (
    <Link to="/lakebase" search={{ instance: about.instance }}>
      {about.instance}
    </Link>
  );
}

const when: Column<Entry> = {
  key: "time",
  head: "When",
  width: "188px",
  cell: (e) => <Time at={e.time} show="local" />,
};
const who: Column<Entry> = {
  key: "actor",
  head: "Who",
  width: "minmax(120px, 1fr)",
  cell: (e) => <span title={e.actor}>{e.actor}</span>,
};
const what: Column<Entry> = {
  key: "action",
  head: "What",
  width: "minmax(180px, 1.3fr)",
  cell: (e) => <span title={e.action}>{meaning(e.action)}</span>,
};

const wide: Column<Entry>[] = [
  when,
  who,
  what,
  { key: "object", head: "Which", width: "minmax(140px, 1fr)", cell: (e) => <Thing entry={e} /> },
  { key: "outcome", head: "Outcome", width: "92px", cell: (e) => <Outcome of={e.outcome} /> },
  {
    key: "remote",
    head: "From",
    width: "136px",
    cell: (e) => <code title={e.request ? `request ${e.request}` : undefined}>{e.remote ?? ""}</code>,
  },
];

const narrow: Column<Entry>[] = [
  { key: "outcome", head: "", width: "34px", cell: (e) => <Outcome of={e.outcome} iconOnly /> },
  { ...what, width: "190px" },
  { ...when, width: "96px", cell: (e) => <Time at={e.time} /> },
  { ...who, width: "200px" },
  { key: "object", head: "Which", width: "180px", cell: (e) => <Thing entry={e} /> },
];

function Filters({ search, actors }: { search: SettingsSearch; actors: string[] }) {
  const navigate = useNavigate({ from: "/settings" });
  const set = (change: Partial<Record<keyof SettingsSearch, string | null>>) =>
    void navigate({ search: (was: SettingsSearch) => changed(was, change), replace: true, resetScroll: false });
  const people = search.actor && !actors.includes(search.actor) ? [search.actor, ...actors] : actors;
  return (
    <search className={styles.filters}>
      <TextInput
        className={styles.find ?? ""}
        aria-label="Find lines"
        placeholder="Find by path, address or request id"
        leftSection={<Search size={14} aria-hidden />}
        rightSection={
          search.find ? <CloseButton size="sm" aria-label="Clear" onClick={() => set({ find: null })} /> : null
        }
        value={search.find ?? ""}
        onChange={(e) => set({ find: e.currentTarget.value })}
      />
      <Select
        aria-label="Who"
        placeholder="Who"
        data={people}
        value={search.actor ?? null}
        onChange={(actor) => set({ actor })}
        clearable
        searchable
        clearButtonProps={{ "aria-label": "Anybody" }}
      />
      <Select
        aria-label="What"
        placeholder="What"
        data={known.map((value) => ({ value, label: meaning(value) }))}
        value={search.action ?? null}
        onChange={(action) => set({ action })}
        clearable
        searchable
        clearButtonProps={{ "aria-label": "Anything" }}
      />
      <Select
        aria-label="Outcome"
        placeholder="Outcome"
        data={[...outcomes]}
        value={search.outcome ?? null}
        onChange={(outcome) => set({ outcome })}
        clearable
        clearButtonProps={{ "aria-label": "Any outcome" }}
      />
    </search>
  );
}
