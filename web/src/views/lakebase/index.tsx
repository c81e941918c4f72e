import { Database } from "lucide-react";
import { useInstance } from "@/api/instances";
import { Empty, Page } from "@/ui/page";
import { Status } from "@/ui/status";

export function Lakebase() {
  const instance = useInstance();
  return (
    <Page title={instance?.name ?? "Lakebase"} name="Lakebase">
      {instance ? (
        <Status status={instance.status} api={instance.state} badge />
      ) : (
        <Empty icon={Database} title="This view is being built" />
      )}
    </Page>
  );
}

export function CreateInstance() {
  return (
    <Page title="Create an instance">
      <Empty icon={Database} title="This view is being built" />
    </Page>
  );
}
