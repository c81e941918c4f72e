import type { Operation } from "@/api/progress";
import { field } from "./search";

export type Download = { href: string; name: string; hint: string; save: boolean };

const withPage = ["migrate", "verify", "export"];

/** downloads are what an operation leaves behind: its report in each form that the server writes, and the file of an export. */
export function downloads(o: Operation): Download[] {
  const out: Download[] = [];
  const at = `/api/operations/${encodeURIComponent(o.id)}`;
  if (o.kind === "export" && o.state === "succeeded" && field(o.result, "file")) {
    out.push({ href: `${at}/file`, name: "SQLite file", hint: "the exported database", save: true });
  }
  const what = o.kind === "plan" ? "Plan" : o.kind === "check" ? "Checks" : "Report";
  const report = (format: string, name: string, hint: string, save = true) =>
    out.push({ href: `${at}/report?format=${format}`, name: `${what} as ${name}`, hint, save });
  if (!hasReport(o)) return out;
  const html = withPage.includes(o.kind) || carriesReport(o);
  if (html) report("html", "a page", "opens in a new tab, and can be kept", false);
  if (o.kind === "plan") report("yaml", "YAML", "to edit, and to migrate by");
  report("text", "text", "to read");
  report("json", "JSON", "for programs");
  return out;
}

function carriesReport(o: Operation) {
  return typeof o.result === "object" && o.result !== null && "report" in o.result && Boolean(o.result.report);
}

function hasReport(o: Operation) {
  if (!o.result) return false;
  return carriesReport(o) || [...withPage, "plan", "check"].includes(o.kind);
}

/** fileName is what a download is saved as. */
export function fileName(o: Operation, d: Download): string {
  const format = /format=(\w+)/.exec(d.href)?.[1];
  const ending = format === "text" ? "txt" : format;
  return ending ? `${o.kind}-${o.instance ? `${o.instance}-` : ""}${o.created.slice(0, 10)}.${ending}` : "";
}
