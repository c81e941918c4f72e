import { CornerLeftUp, Database, Folder } from "lucide-react";
import { useState } from "react";
import { api, type Schemas } from "@/api/client";
import { bytes } from "@/ui/format";
import { SkeletonRows } from "@/ui/page";
import { ErrorPanel } from "@/ui/problem";
import { Time } from "@/ui/time";
import styles from "./source.module.css";

type Entry = Schemas["SourceEntry"];

/** ServerFiles looks for SQLite databases in the folders of the server's machine that may be looked into. */
export function ServerFiles({ chosen, onChoose }: { chosen: string; onChoose: (path: string) => void }) {
  const [path, setPath] = useState("");
  const query = api.useQuery("get", "/api/sources", { params: { query: path ? { path } : {} } }, { retry: false });
  if (query.error) return <ErrorPanel error={query.error} retry={() => void query.refetch()} />;
  const found = query.data;
  const entries = found?.entries ?? [];
  return (
    <section className={styles.files} aria-label="Databases on the server">
      <div className={styles.folder}>
        <code>{found ? [found.root.replace(/\/$/, ""), found.path].filter(Boolean).join("/") : " "}</code>
        {found?.more ? <span className={styles.under}>only the first are listed</span> : null}
      </div>
      {found ? (
        <ul>
          {found.path ? (
            <li>
              <button type="button" className={styles.file} onClick={() => setPath(found.parent ?? "")}>
                <CornerLeftUp size={15} aria-hidden />
                <span>The folder above</span>
              </button>
            </li>
          ) : null}
          {entries.map((e) => (
            <One
              key={e.path}
              entry={e}
              chosen={chosen}
              onOpen={() => (e.kind === "folder" ? setPath(e.path) : onChoose(e.source ?? ""))}
            />
          ))}
          {entries.length ? null : <li className={styles.empty}>No folder and no SQLite database is here.</li>}
        </ul>
      ) : (
        <SkeletonRows rows={4} />
      )}
    </section>
  );
}

function One({ entry: e, chosen, onOpen }: { entry: Entry; chosen: string; onOpen: () => void }) {
  const Icon = e.kind === "folder" ? Folder : Database;
  const mine = e.source !== undefined && e.source === chosen;
  return (
    <li>
      <button
        type="button"
        className={`${styles.file} ${mine ? styles.mine : ""}`}
        aria-pressed={e.kind === "folder" ? undefined : mine}
        onClick={onOpen}
      >
        <Icon size={15} aria-hidden />
        <span className={styles.fileName}>{e.name}</span>
        {e.open ? <span className={styles.under}>an application may be writing</span> : null}
        {e.kind === "folder" ? null : (
          <span className={`${styles.under} num`}>
            {bytes(e.bytes ?? 0)} · <Time at={e.modified} />
          </span>
        )}
      </button>
    </li>
  );
}
