import { Settings2 } from "lucide-react";
import { Empty, Page } from "@/ui/page";

export function Settings() {
  return (
    <Page title="Settings" lead="Configuration, access and the audit log.">
      <Empty icon={Settings2} title="This view is being built" />
    </Page>
  );
}
