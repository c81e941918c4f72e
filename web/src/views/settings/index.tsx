import { Tabs } from "@mantine/core";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { Page } from "@/ui/page";
import { Access } from "./access";
import { AuditLog } from "./auditlog";
import { Configuration } from "./configuration";
import type { SettingsSearch, Tab } from "./search";

const names: Record<Tab, string> = { configuration: "Configuration", access: "Access", audit: "Audit log" };

export function Settings() {
  const { tab = "configuration" }: SettingsSearch = useSearch({ from: "/settings" });
  const navigate = useNavigate({ from: "/settings" });
  return (
    <Page
      title="Settings"
      name={`${names[tab]} · Settings`}
      lead="What the application uses and why, who may change it, and who has."
      wide={tab === "audit"}
    >
      <Tabs
        value={tab}
        onChange={(next) =>
          void navigate({ search: next && next !== "configuration" ? { tab: next as Tab } : {}, replace: true })
        }
        keepMounted={false}
      >
        <Tabs.List mb={16}>
          {Object.entries(names).map(([value, name]) => (
            <Tabs.Tab key={value} value={value}>
              {name}
            </Tabs.Tab>
          ))}
        </Tabs.List>
        <Tabs.Panel value="configuration">
          <Configuration />
        </Tabs.Panel>
        <Tabs.Panel value="access">
          <Access />
        </Tabs.Panel>
        <Tabs.Panel value="audit">
          <AuditLog />
        </Tabs.Panel>
      </Tabs>
    </Page>
  );
}
