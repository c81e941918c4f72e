import { Modal, useMantineColorScheme } from "@mantine/core";
import { useNavigate } from "@tanstack/react-router";
import { BookOpen, Database, History, type LucideIcon, Monitor, Moon, Plus, Search, Sun } from "lucide-react";
import { type KeyboardEvent, useEffect, useMemo, useRef, useState } from "react";
import { api } from "@/api/client";
import { useInstances } from "@/api/instances";
import { useMayChange } from "@/api/submit";
import { titleOf } from "@/ui/operation";
import { rank } from "./find";
import { places } from "./nav";
import styles from "./palette.module.css";

type Command = { key: string; group: string; name: string; hint?: string; icon: LucideIcon; run: () => void };

/** Palette finds views, instances, operations and commands by a few letters. The keyboard is enough for all of it. */
export default function Palette({ onClose }: { onClose: () => void }) {
  const [search, setSearch] = useState("");
  const [at, setAt] = useState(0);
  const list = useRef<HTMLDivElement>(null);
  const commands = useCommands();
  const found = useMemo(() => rank(commands, search).slice(0, 60), [commands, search]);
  const current = Math.min(at, found.length - 1);

  useEffect(() => {
    list.current?.querySelector(`[data-at="${current}"]`)?.scrollIntoView({ block: "nearest" });
  }, [current]);

  const run = (c: Command | undefined) => {
    if (!c) return;
    onClose();
    c.run();
  };
  const keys = (e: KeyboardEvent) => {
    const to = { ArrowDown: current + 1, ArrowUp: current - 1, Home: 0, End: found.length - 1 }[e.key];
    if (e.key === "Enter") {
      e.preventDefault();
      run(found[current]);
    } else if (to !== undefined && found.length) {
      e.preventDefault();
      setAt((to + found.length) % found.length);
    }
  };

  return (
    <Modal
      opened
      onClose={onClose}
      withCloseButton={false}
      padding={0}
      size={560}
      yOffset="12vh"
      centered={false}
      attributes={{ content: { "aria-label": "Search and commands" } }}
    >
      <div className={styles.field}>
        <Search size={16} aria-hidden />
        <input
          data-autofocus
          role="combobox"
          aria-expanded="true"
          aria-controls="commands"
          aria-activedescendant={found[current] ? `command-${current}` : undefined}
          aria-label="Search and commands"
          placeholder="Go to a view, an instance, an operation …"
          value={search}
          onChange={(e) => {
            setSearch(e.currentTarget.value);
            setAt(0);
          }}
          onKeyDown={keys}
        />
        <kbd>esc</kbd>
      </div>
      <div id="commands" role="listbox" aria-label="Results" ref={list} className={styles.list} tabIndex={-1}>
        {found.map((c, i) => (
          <Item
            key={c.key}
            command={c}
            at={i}
            current={i === current}
            first={found[i - 1]?.group !== c.group}
            run={() => run(c)}
            hover={() => setAt(i)}
          />
        ))}
        {found.length === 0 ? <div className={styles.none}>Nothing is called that.</div> : null}
      </div>
    </Modal>
  );
}

type ItemProps = { command: Command; at: number; current: boolean; first: boolean; run: () => void; hover: () => void };

function Item({ command, at, current, first, run, hover }: ItemProps) {
  const Icon = command.icon;
  return (
    <>
      {first ? (
        <div className={styles.group} role="presentation">
          {command.group}
        </div>
      ) : null}
      {/* biome-ignore lint/a11y/useKeyWithClickEvents: the field above has the focus and the keys */}
      <div
        id={`command-${at}`}
        data-at={at}
        role="option"
        tabIndex={-1}
        aria-selected={current}
        className={styles.item}
        onClick={run}
        onMouseMove={hover}
      >
        <Icon size={15} strokeWidth={1.75} aria-hidden />
        <span className={styles.name}>{command.name}</span>
        {command.hint ? <span className={styles.hint}>{command.hint}</span> : null}
      </div>
    </>
  );
}

function useCommands(): Command[] {
  const navigate = useNavigate();
  const { setColorScheme } = useMantineColorScheme();
  const instances = useInstances().data?.instances;
  const may = useMayChange();
  const operations = api.useQuery("get", "/api/operations", { params: { query: { limit: 20, brief: true } } }).data
    ?.operations;
  return useMemo(
    () => [
      ...places.map((p) => ({
        key: p.to,
        group: "Views",
        name: p.name,
        hint: p.hint,
        icon: p.icon,
        run: () => void navigate({ to: p.to }),
      })),
      ...(instances ?? []).map((i) => ({
        key: `instance ${i.name}`,
        group: "Instances",
        name: i.name,
        hint: i.status.toLowerCase().replace("_", " "),
        icon: Database,
        run: () => void navigate({ to: "/lakebase", search: { instance: i.name } }),
      })),
      ...(may
        ? [
            {
              key: "create",
              group: "Commands",
              name: "Create an instance",
              icon: Plus,
              run: () => void navigate({ to: "/lakebase/new" }),
            },
          ]
        : []),
      { key: "light", group: "Commands", name: "Light theme", icon: Sun, run: () => setColorScheme("light") },
      { key: "dark", group: "Commands", name: "Dark theme", icon: Moon, run: () => setColorScheme("dark") },
      { key: "auto", group: "Commands", name: "Theme as the system", icon: Monitor, run: () => setColorScheme("auto") },
      {
        key: "docs",
        group: "Commands",
        name: "API reference",
        icon: BookOpen,
        run: () => window.location.assign("/docs"),
      },
      ...(operations ?? []).map((o) => ({
        key: o.id,
        group: "Operations",
        name: titleOf(o),
        hint: `${o.state} · ${o.id.slice(-6)}`,
        icon: History,
        run: () => void navigate({ to: "/operations/$id", params: { id: o.id } }),
      })),
    ],
    [navigate, setColorScheme, instances, operations, may],
  );
}
