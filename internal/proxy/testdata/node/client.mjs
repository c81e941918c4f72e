// What node-postgres does, through the proxy in either mode: ends with "ok".
import assert from "node:assert/strict";
import pg from "pg";

const pool = new pg.Pool({ ssl: false, max: 6, application_name: "node" });
const one = async (text, values) => Object.values((await pool.query(text, values)).rows[0])[0];

await Promise.all(
  Array.from({ length: 60 }, async (_, i) => {
    assert.equal(await one("SELECT 6 * 7 AS n"), 42);
    assert.equal(await one("SELECT $1::int + 1 AS n", [i]), i + 1);
    assert.equal(await one({ name: "twice", text: "SELECT $1::int * 2 AS n", values: [i] }), 2 * i);
    assert.equal(await one("SHOW application_name"), "node");
  }),
);

const client = await pool.connect();
await client.query("BEGIN");
await client.query("CREATE TEMP TABLE mine (n int) ON COMMIT DROP");
for (let i = 0; i < 10; i++) await client.query({ name: "put", text: "INSERT INTO mine VALUES ($1)", values: [i] });
assert.equal((await client.query("SELECT sum(n)::int AS n FROM mine")).rows[0].n, 45);
await client.query("COMMIT");
await assert.rejects(client.query("SELECT 1/0"), { code: "22012" });
await assert.rejects(client.query("SELECT $1::int / 0", [1]), { code: "22012" });
await assert.rejects(client.query({ text: "SELECT pg_sleep(60)", query_timeout: 200 }));
client.release(true);
assert.equal(await one("SELECT repeat('x', 20000000)").then((s) => s.length), 20000000);
await pool.end();
console.log("ok");
