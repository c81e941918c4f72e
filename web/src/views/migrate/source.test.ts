import { expect, test } from "vitest";
import { addressTrouble, baseName, joinPassword, recognise, splitPassword, uploadName } from "./source";

function header(change: (v: DataView) => void = () => {}) {
  const bytes = new Uint8Array(100);
  bytes.set(new TextEncoder().encode("SQLite format 3\u0000"));
  const view = new DataView(bytes.buffer);
  view.setUint16(16, 4096);
  view.setUint8(18, 1);
  view.setUint32(28, 10);
  view.setUint32(56, 1);
  change(view);
  return bytes;
}

test("a SQLite database is recognised by its first bytes", () => {
  expect(recognise(header(), 40_960)).toEqual({
    sqlite: true,
    pages: 10,
    pageSize: 4096,
    encoding: "UTF-8",
    wal: false,
    whole: true,
  });
  const wal = recognise(
    header((v) => v.setUint8(18, 2)),
    40_960,
  );
  expect(wal).toMatchObject({ wal: true });
  expect(
    recognise(
      header((v) => v.setUint16(16, 1)),
      1,
    ),
  ).toMatchObject({ pageSize: 65_536, whole: false });
});

test("what is something else is named", () => {
  const text = (s: string) => new Uint8Array([...s].map((c) => c.charCodeAt(0)));
  expect(recognise(text("PGDMP\u0001\u000e"), 900)).toMatchObject({
    sqlite: false,
    why: "This is an archive of pg_dump",
  });
  expect(recognise(text("\u001f\u008b\u0008"), 900)).toMatchObject({ why: "This file is compressed with gzip" });
  expect(recognise(text("PRAGMA foreign_keys=OFF;"), 900)).toMatchObject({ why: "This is SQL as text" });
  expect(recognise(text("hello"), 5)).toMatchObject({ why: "This is not a SQLite database" });
  expect(recognise(text(""), 0)).toMatchObject({ why: "The file is empty" });
});

test("a pasted password leaves the address, and comes back for the server only", () => {
  const { address, password } = splitPassword("postgres://ana:p%40ss:w/rd@db.example.com/app?sslmode=require");
  expect(address).toBe("postgres://ana:p%40ss:w/rd@db.example.com/app?sslmode=require");
  expect(password).toBeUndefined();
  const split = splitPassword("postgres://ana:p%40ss:w@db.example.com/app?sslmode=require");
  expect(split).toEqual({ address: "postgres://ana@db.example.com/app?sslmode=require", password: "p@ss:w" });
  expect(joinPassword(split.address, "p@ss:w")).toBe("postgres://ana:p%40ss%3Aw@db.example.com/app?sslmode=require");
  expect(joinPassword(" postgres://ana@h/app ", "")).toBe("postgres://ana@h/app");
});

test("an address that misses something says what", () => {
  expect(addressTrouble("", "")).toBeUndefined();
  expect(addressTrouble("postgres://ana@h:5432/app", "x")).toBeUndefined();
  expect(addressTrouble("mysql://h/app", "")).toMatch(/postgres:/);
  expect(addressTrouble("postgres://ana@h", "")).toMatch(/database/);
  expect(addressTrouble("postgres://h/app", "secret")).toMatch(/user/);
});

test("names are short and such that the server takes them", () => {
  expect(baseName("/var/lib/helpdesk/app.db")).toBe("app.db");
  expect(baseName("postgres://ana@h:5432/app?sslmode=require")).toBe("app");
  expect(baseName("postgres://h")).toBe("h");
  expect(uploadName(".hidden.db")).toBe("hidden.db");
  expect(uploadName("Datenbank über alles.sqlite")).toBe("Datenbank _ber alles.sqlite");
  expect(uploadName("ü")).toBe("_");
  expect(uploadName("x".repeat(150))).toHaveLength(100);
});
