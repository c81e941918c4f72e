import { Cable, Database, History, type LucideIcon, MoveRight, Settings2, Table2 } from "lucide-react";

type Place = {
  to: "/lakebase" | "/migrate" | "/connect" | "/data" | "/operations" | "/settings";
  name: string;
  icon: LucideIcon;
  hint: string;
};

/** places are the views, in the order of the navigation. */
export const places: Place[] = [
  { to: "/lakebase", name: "Lakebase", icon: Database, hint: "state, size, start and stop" },
  { to: "/migrate", name: "Migrate", icon: MoveRight, hint: "bring a database over, and prove it" },
  { to: "/connect", name: "Connect", icon: Cable, hint: "strings and snippets to paste" },
  { to: "/data", name: "Data", icon: Table2, hint: "look at schemas, tables and rows" },
  { to: "/operations", name: "Operations", icon: History, hint: "what ran, and its events" },
  { to: "/settings", name: "Settings", icon: Settings2, hint: "configuration, access, audit log" },
];
