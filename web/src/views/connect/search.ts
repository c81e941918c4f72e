/** ConnectSearch is which snippet is shown, in the address. */
export type ConnectSearch = { with?: string };

export function connectSearch(search: Record<string, unknown>): ConnectSearch {
  return typeof search.with === "string" && search.with ? { with: search.with } : {};
}
