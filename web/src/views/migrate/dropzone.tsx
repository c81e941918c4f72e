import { Button } from "@mantine/core";
import { CheckCircle2, FileUp, TriangleAlert, X } from "lucide-react";
import { type DragEvent, useId, useRef, useState } from "react";
import { Bar } from "@/ui/bar";
import { bytes, count, duration, percent } from "@/ui/format";
import { ErrorPanel, Trouble } from "@/ui/problem";
import { useNow } from "@/ui/time";
import styles from "./source.module.css";
import type { Sending } from "./upload";

type Props = { state: Sending | undefined; send: (file: File) => void; clear: () => void };

/** Dropzone takes a SQLite file: dropped, or chosen. It has one height, so that nothing moves below it. */
export function Dropzone({ state, send, clear }: Props) {
  const [over, setOver] = useState(false);
  const input = useRef<HTMLInputElement>(null);
  const id = useId();
  const take = (files: FileList | null) => {
    const file = files?.[0];
    if (file) send(file);
  };
  const drop = (e: DragEvent) => {
    e.preventDefault();
    setOver(false);
    take(e.dataTransfer.files);
  };
  return (
    <>
      {/* biome-ignore lint/a11y/noStaticElementInteractions: a place to drop onto; the button within does the same for the keyboard */}
      <div
        className={`${styles.drop} ${over ? styles.over : ""}`}
        onDragOver={(e) => {
          e.preventDefault();
          setOver(true);
        }}
        onDragLeave={() => setOver(false)}
        onDrop={drop}
      >
        {state ? (
          <Chosen state={state} clear={clear} />
        ) : (
          <>
            <FileUp size={22} strokeWidth={1.5} aria-hidden className={styles.dropIcon} />
            <div className={styles.dropText}>
              <strong>Drop a SQLite file here</strong>
              <span>It is copied to the server. Your file is only read.</span>
            </div>
            <Button variant="default" onClick={() => input.current?.click()}>
              Choose a file
            </Button>
          </>
        )}
      </div>
      <label htmlFor={id} className="hidden-label">
        SQLite file
      </label>
      <input
        ref={input}
        id={id}
        type="file"
        className="hidden-label"
        tabIndex={-1}
        onChange={(e) => {
          take(e.currentTarget.files);
          e.currentTarget.value = "";
        }}
      />
      <Says state={state} retry={() => state && send(state.file)} />
    </>
  );
}

function Chosen({ state, clear }: { state: Sending; clear: () => void }) {
  const { file, sent, done, header, error } = state;
  const under = header?.sqlite
    ? `SQLite, ${bytes(file.size)}, ${count(header.pages)} pages of ${bytes(header.pageSize)}, ${header.encoding}`
    : bytes(file.size);
  return (
    <div className={styles.chosen}>
      <div className={styles.chosenName}>
        {done ? <CheckCircle2 size={16} aria-hidden className={styles.ok} /> : null}
        <strong title={file.name}>{file.name}</strong>
        <button type="button" className={styles.clear} aria-label="Choose another file" onClick={clear}>
          <X size={14} aria-hidden />
        </button>
      </div>
      <span className={styles.under}>{under}</span>
      {header?.sqlite && !error ? (
        <>
          <Bar value={sent} of={file.size} label={`Sending ${file.name}`} tone={done ? "ok" : "accent"} />
          <span className={`${styles.under} num`} role="status">
            {done ? (
              "On the server, and whole."
            ) : sent < file.size ? (
              <Rate state={state} />
            ) : (
              "Sent. The server reads it to its last page."
            )}
          </span>
        </>
      ) : null}
    </div>
  );
}

function Rate({ state: { sent, file, began } }: { state: Sending }) {
  const seconds = (useNow() - began) / 1000;
  const speed = seconds > 2 && sent > 0 ? sent / seconds : 0;
  const text = `${percent(sent, file.size)} · ${bytes(sent)} of ${bytes(file.size)}`;
  if (!speed) return text;
  return `${text} · ${bytes(speed)}/s · about ${duration(Math.ceil((file.size - sent) / speed))} left`;
}

function Says({ state, retry }: { state: Sending | undefined; retry: () => void }) {
  if (state?.error) return <ErrorPanel error={state.error} title="The file is not on the server" retry={retry} />;
  const header = state?.header;
  if (!header) return null;
  if (!header.sqlite) return <Trouble title={header.why} detail={`Nothing was sent. ${header.hint}`} />;
  if (!header.wal && header.whole) return null;
  return (
    <p className={styles.caution}>
      <TriangleAlert size={14} aria-hidden />
      {header.whole ? (
        <span>
          This database writes ahead: rows may still be in its <code>-wal</code> file, which is not sent. Of an
          application that runs, send a copy: <code>sqlite3 app.db &quot;VACUUM INTO &apos;copy.db&apos;&quot;</code>
        </span>
      ) : (
        <span>
          The file is shorter than its header says: it may be a copy that broke off. Make one with{" "}
          <code>sqlite3 app.db &quot;VACUUM INTO &apos;copy.db&apos;&quot;</code>
        </span>
      )}
    </p>
  );
}
