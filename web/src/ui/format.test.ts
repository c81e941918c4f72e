import { expect, test } from "vitest";
import { ago, bytes, duration, percent, plural, sentence, splitHint } from "./format";

test("sizes", () => {
  expect([0, 1023, 1024, 1536, 150 * 1024, 2 * 1024 ** 4].map(bytes)).toEqual([
    "0 B",
    "1,023 B",
    "1 KB",
    "1.5 KB",
    "150 KB",
    "2 TB",
  ]);
});

test("durations", () => {
  expect([0.42, 9.96, 59.4, 60, 185, 1500, 3600, 7800, 273_600].map(duration)).toEqual([
    "0.4 s",
    "10 s",
    "59 s",
    "1 min",
    "3 min 5 s",
    "25 min",
    "1 h",
    "2 h 10 min",
    "3 d 4 h",
  ]);
});

test("how long ago", () => {
  const now = 1_000_000_000;
  expect([5, 59, 90, 7300, 200_000].map((s) => ago(now - s * 1000, now))).toEqual([
    "just now",
    "59 s ago",
    "1 min ago",
    "2 h ago",
    "2 days ago",
  ]);
  expect(ago(now + 3_700_000, now)).toBe("in 1 h");
});

test("nothing is complete before it is", () => {
  expect(percent(9999, 10_000)).toBe("99 %");
  expect(percent(10_000, 10_000)).toBe("100 %");
  expect(percent(0, 0)).toBe("");
});

test("messages of the server become sentences, and names in them stay", () => {
  // An address is a name too.
  expect(sentence("http://db has no instance shop")).toBe("http://db has no instance shop.");
  expect(sentence("instance shop is stopped")).toBe("Instance shop is stopped.");
  expect(sentence("there is none; create one!")).toBe("There is none; create one!");
  expect(sentence("users.db: no such file")).toBe("users.db: no such file.");
});

test("one and many", () => {
  expect([plural(1, "table"), plural(1200, "row")]).toEqual(["1 table", "1,200 rows"]);
});

test("a command at the end of a hint is a command", () => {
  expect(splitHint("check the network, then: lakeward doctor shop")).toEqual([
    "Check the network, then: ",
    "lakeward doctor shop",
  ]);
  expect(splitHint("lakeward doctor shop")).toEqual(["", "lakeward doctor shop"]);
  expect(splitHint("ask an administrator")).toEqual(["Ask an administrator.", undefined]);
});

test("what is said to the command line is not said to the console", () => {
  expect(splitHint("start it (lakeward instance start shop)")).toEqual(["Start it.", undefined]);
  expect(splitHint("replace them (--replace shop), or migrate into another schema (--schema)")).toEqual([
    "Replace them, or migrate into another schema.",
    undefined,
  ]);
  expect(splitHint("free some space there (4 GB), then: lakeward doctor shop")).toEqual([
    "Free some space there (4 GB), then: ",
    "lakeward doctor shop",
  ]);
});
