/** Parts of a table that the Data view shows. */
export const parts = ["rows", "structure"] as const;
export type Part = (typeof parts)[number];

/** DataSearch is what is looked at, in the address: a table, a part of it, or the quarantine. */
export type DataSearch = { schema?: string; table?: string; part?: Part; quarantine?: boolean; find?: string };

const text = (value: unknown) => (typeof value === "string" && value ? value : undefined);

export function dataSearch(search: Record<string, unknown>): DataSearch {
  const [schema, table, find] = [text(search.schema), text(search.table), text(search.find)];
  const part = parts.find((p) => p === search.part && p !== "rows");
  const quarantine = search.quarantine === true || search.quarantine === "true";
  return {
    ...(schema && { schema }),
    ...(table && { table }),
    ...(part && { part }),
    ...(quarantine && { quarantine }),
    ...(find && { find }),
  };
}
