import { useEffect, useRef, useState } from "react";
import type { Schemas } from "@/api/client";
import { OfflineError, problemOf } from "@/api/problem";
import { headBytes, type Recognised, recognise, uploadName } from "./source";

export type Uploaded = Schemas["Uploaded"];

export type Sending = {
  file: File;
  header: Recognised | undefined;
  sent: number;
  began: number;
  done: Uploaded | undefined;
  error: unknown;
};

/**
 * useUpload sends a file to the server and tells how far it is, which fetch cannot. A file that is no SQLite database is
 * refused before any of it is sent.
 */
export function useUpload(onDone: (u: Uploaded) => void) {
  const [state, setState] = useState<Sending>();
  const request = useRef<XMLHttpRequest>(undefined);
  useEffect(() => () => request.current?.abort(), []);

  const change = (file: File, next: Partial<Sending>) => setState((s) => (s?.file === file ? { ...s, ...next } : s));

  const send = async (file: File) => {
    request.current?.abort();
    setState({ file, header: undefined, sent: 0, began: Date.now(), done: undefined, error: undefined });
    let header: Recognised;
    try {
      header = recognise(new Uint8Array(await file.slice(0, headBytes).arrayBuffer()), file.size);
    } catch (error) {
      return change(file, { error });
    }
    change(file, { header });
    if (!header.sqlite) return;
    const x = new XMLHttpRequest();
    request.current = x;
    x.upload.onprogress = (e) => change(file, { sent: e.loaded });
    x.onload = async () => {
      if (x.status === 201) {
        const done = JSON.parse(x.responseText) as Uploaded;
        change(file, { done, sent: file.size });
        return onDone(done);
      }
      const head = { status: x.status, headers: { "X-Request-Id": x.getResponseHeader("X-Request-Id") ?? "" } };
      change(file, { error: await problemOf(new Response(x.responseText, head)) });
    };
    x.onerror = () => change(file, { error: new OfflineError() });
    x.open("POST", `/api/uploads?name=${encodeURIComponent(uploadName(file.name))}`);
    x.setRequestHeader("Content-Type", "application/octet-stream");
    x.send(file);
  };

  const clear = () => {
    request.current?.abort();
    setState(undefined);
  };
  return { state, send, clear };
}
