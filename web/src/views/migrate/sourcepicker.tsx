import { Autocomplete, PasswordInput, SegmentedControl, TextInput } from "@mantine/core";
import { useState } from "react";
import { Dropzone } from "./dropzone";
import { ServerFiles } from "./serverfiles";
import { addressTrouble, joinPassword, type Source, splitPassword } from "./source";
import styles from "./source.module.css";
import { useUpload } from "./upload";
import { useKnownPaths } from "./use";

const ways = [
  { value: "upload", label: "Upload" },
  { value: "path", label: "On the server" },
  { value: "postgres", label: "PostgreSQL" },
];

/** SourcePicker finds out what to bring: a file that is sent, one that the server can read, or a PostgreSQL. */
export function SourcePicker({ onChange, way, setWay }: Props) {
  return (
    <div className={styles.picker}>
      <SegmentedControl
        data={ways}
        value={way}
        onChange={(next) => {
          setWay(next as Way);
          onChange(undefined);
        }}
        aria-label="Where the database is"
        className={styles.ways}
      />
      {way === "upload" ? <Upload onChange={onChange} /> : null}
      {way === "path" ? <Path onChange={onChange} /> : null}
      {way === "postgres" ? <Postgres onChange={onChange} /> : null}
    </div>
  );
}

export type Way = "upload" | "path" | "postgres";
type Chosen = { onChange: (source: Source | undefined) => void };
type Props = Chosen & { way: Way; setWay: (way: Way) => void };

function Upload({ onChange }: Chosen) {
  const { state, send, clear } = useUpload((u) => onChange({ kind: "file", path: u.path, bytes: u.bytes }));
  return (
    <Dropzone
      state={state}
      send={(file) => {
        onChange(undefined);
        void send(file);
      }}
      clear={() => {
        clear();
        onChange(undefined);
      }}
    />
  );
}

function Path({ onChange }: Chosen) {
  const [path, setPath] = useState("");
  const known = useKnownPaths();
  const choose = (next: string) => {
    setPath(next);
    onChange(next.trim() ? { kind: "file", path: next.trim() } : undefined);
  };
  const relative = path !== "" && !/^(\/|[A-Za-z]:[\\/])/.test(path.trim());
  return (
    <div className={styles.stack}>
      <Autocomplete
        label="Path of the SQLite file, as the server sees it"
        description="The file is only read. A copy of it, consistent as of one moment, is what is migrated."
        placeholder="/var/lib/helpdesk/app.db"
        data={known}
        value={path}
        onChange={choose}
        error={relative ? "Begin at the root: the server's own folder is not yours." : undefined}
        spellCheck={false}
        autoCapitalize="off"
        className={styles.mono}
      />
      <ServerFiles chosen={path} onChoose={choose} />
    </div>
  );
}

function Postgres({ onChange }: Chosen) {
  const [address, setAddress] = useState("");
  const [password, setPassword] = useState("");
  const change = (a: string, p: string) => {
    setAddress(a);
    setPassword(p);
    onChange(a.trim() && !addressTrouble(a, p) ? { kind: "postgres", address: joinPassword(a, p) } : undefined);
  };
  return (
    <div className={styles.postgres}>
      <TextInput
        label="Address"
        description="A pasted password moves into its own field, out of sight."
        placeholder="postgres://ana@db.example.com:5432/app?sslmode=require"
        value={address}
        onChange={(e) => {
          const split = splitPassword(e.currentTarget.value);
          change(split.address, split.password ?? password);
        }}
        error={addressTrouble(address, password)}
        spellCheck={false}
        autoCapitalize="off"
        autoComplete="off"
        className={styles.mono}
      />
      <PasswordInput
        label="Password"
        description="Kept encrypted while the migration needs it; in no log, event or report."
        value={password}
        onChange={(e) => change(address, e.currentTarget.value)}
        autoComplete="off"
        visibilityToggleButtonProps={{ "aria-label": "Show the password" }}
      />
    </div>
  );
}
