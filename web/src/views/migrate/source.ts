/** Source is the database that the application has today. The address of a PostgreSQL holds its password: it is not shown. */
export type Source = { kind: "file"; path: string; bytes?: number } | { kind: "postgres"; address: string };

/** textOf is what the server is told. */
export const textOf = (s: Source) => (s.kind === "file" ? s.path : s.address);

/** isPostgres says whether a source as the server names it is a PostgreSQL. */
export const isPostgres = (source: string) => /^postgres(ql)?:\/\//i.test(source);

/** baseName is the last part of a path, or the database of an address. */
export function baseName(source: string): string {
  if (isPostgres(source))
    return (
      source
        .replace(/[?#].*$/, "")
        .split("/")
        .slice(3)
        .join("/") || hostOf(source)
    );
  return source.split(/[\\/]/).filter(Boolean).at(-1) ?? source;
}

const hostOf = (source: string) => source.replace(/^[^/]*\/\/(?:[^@/]*@)?/, "").replace(/[/?#].*$/, "");

/** splitPassword takes the password out of an address that somebody has pasted. */
export function splitPassword(text: string): { address: string; password: string | undefined } {
  const m = /^(\s*postgres(?:ql)?:\/\/[^:@/?#]*):([^/?#]*)@(.*)$/is.exec(text);
  if (!m) return { address: text, password: undefined };
  return { address: `${m[1]}@${m[3]}`, password: decoded(m[2] ?? "") };
}

function decoded(text: string) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** joinPassword puts a password into an address that has a user and none yet. */
export function joinPassword(address: string, password: string): string {
  if (!password) return address.trim();
  return address
    .trim()
    .replace(/^(postgres(?:ql)?:\/\/[^:@/?#]*)@/i, (_, head: string) => `${head}:${encodeURIComponent(password)}@`);
}

/** addressTrouble says what is missing in the address of a PostgreSQL, or nothing. */
export function addressTrouble(address: string, password: string): string | undefined {
  const text = address.trim();
  if (!text) return undefined;
  if (!isPostgres(text)) return "Write it as postgres://user@host:5432/database";
  const m = /^[^/]*\/\/(?:([^@/?#]*)@)?([^/?#]*)(\/[^?#]*)?/.exec(text);
  if (!m?.[2]) return "Name the host: postgres://user@host:5432/database";
  if (!m[3] || m[3] === "/") return "Name the database at the end: …/database";
  if (password && !m[1]) return "Name the user before the host, so that the password has an owner: postgres://user@…";
  return undefined;
}

/** uploadName is a file's name as the server takes it. */
export function uploadName(name: string): string {
  const clean = name.replaceAll(/[^A-Za-z0-9._ -]/g, "_").replace(/^[^A-Za-z0-9_]+/, "");
  return (clean || "database.db").slice(-100).replace(/^[^A-Za-z0-9_]+/, "_");
}

/** Recognised is what the first bytes of a file tell: that it is a SQLite database and of what kind, or what else it is. */
export type Recognised =
  | { sqlite: true; pages: number; pageSize: number; encoding: string; wal: boolean; whole: boolean }
  | { sqlite: false; why: string; hint: string };

const magic = "SQLite format 3\u0000";
const others: [start: string, why: string, hint: string][] = [
  ["PGDMP", "This is an archive of pg_dump", "Restore it into a PostgreSQL, and give that as the source."],
  ["\u001f\u008b", "This file is compressed with gzip", "Unpack it first: gunzip FILE"],
  ["PK\u0003\u0004", "This is a ZIP archive", "Unpack it first, and choose the database in it."],
  ["\u0028\u00b5\u002f\u00fd", "This file is compressed with zstd", "Unpack it first: zstd -d FILE"],
];

/** headBytes is how much of a file recognise looks at. */
export const headBytes = 100;

/** recognise reads the header of a file that was chosen, before any of it is sent. */
export function recognise(head: Uint8Array, size: number): Recognised {
  const text = String.fromCharCode(...head.subarray(0, 16));
  if (size === 0) return { sqlite: false, why: "The file is empty", hint: "Choose the database file itself." };
  if (text !== magic) {
    const other = others.find(([start]) => text.startsWith(start));
    if (other) return { sqlite: false, why: other[1], hint: other[2] };
    if (/^\s*(--|pragma|begin|create|insert|set )/i.test(text)) {
      return { sqlite: false, why: "This is SQL as text", hint: "Make a database of it first: sqlite3 app.db < FILE" };
    }
    return {
      sqlite: false,
      why: "This is not a SQLite database",
      hint: "It does not begin as one does. An encrypted database must be decrypted first.",
    };
  }
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  const raw = view.getUint16(16);
  const pageSize = raw === 1 ? 65_536 : raw;
  const pages = view.getUint32(28);
  const encoding = ["UTF-8", "UTF-8", "UTF-16le", "UTF-16be"][view.getUint32(56)] ?? "unknown";
  return { sqlite: true, pages, pageSize, encoding, wal: view.getUint8(18) === 2, whole: pages * pageSize <= size };
}
