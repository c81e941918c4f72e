import type { Schemas } from "@/api/client";

export type How = Schemas["HowToConnect"];

/** withPassword puts a password into an address that has a user and none. */
export function withPassword(dsn: string, password: string): string {
  return dsn.replace(/^(\w+:\/\/[^:@/]*)@/, (_, before: string) => `${before}:${encodeURIComponent(password)}@`);
}

/** quoted is a word for a shell. */
function quoted(word: string): string {
  return /^[\w\-./:@%+]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

/** environment is the connection as the variables that libpq and most drivers read; the token comes last. */
export function environment(how: How, token: string | undefined): string {
  const lines = [
    ["PGHOST", how.host],
    ["PGPORT", String(how.port)],
    ["PGDATABASE", how.database],
    ["PGUSER", how.user],
    ["PGSSLMODE", how.ssl_mode],
    ["PGSSLROOTCERT", how.root_cas || "system"],
  ].map(([name, value]) => `${name}=${quoted(value ?? "")}`);
  lines.push(token ? `PGPASSWORD=${quoted(token)}` : `PGPASSWORD=$(${how.token_command})`);
  return `${lines.join("\n")}\n`;
}

/** life is how a token that was taken stands at a moment. */
export function life(expires: string, now: number): { expired: boolean; seconds: number } {
  const seconds = Math.floor((Date.parse(expires) - now) / 1000);
  return { expired: seconds <= 0, seconds: Math.max(0, seconds) };
}
