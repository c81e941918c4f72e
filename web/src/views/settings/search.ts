/** Tabs of the settings, in the address. */
export const tabs = ["configuration", "access", "audit"] as const;
export type Tab = (typeof tabs)[number];

/** SettingsSearch is which tab is open, and which lines of the audit log are wanted. */
export type SettingsSearch = { tab?: Tab; actor?: string; action?: string; outcome?: Outcome; find?: string };

export const outcomes = ["done", "denied", "failed"] as const;
export type Outcome = (typeof outcomes)[number];

const text = (value: unknown) => (typeof value === "string" && value.trim() ? value : undefined);

export function settingsSearch(search: Record<string, unknown>): SettingsSearch {
  const tab = tabs.find((t) => t === search.tab && t !== "configuration");
  const outcome = outcomes.find((o) => o === search.outcome);
  const [actor, action, find] = [text(search.actor), text(search.action), text(search.find)];
  return {
    ...(tab && { tab }),
    ...(actor && { actor }),
    ...(action && { action }),
    ...(outcome && { outcome }),
    ...(find && { find }),
  };
}
