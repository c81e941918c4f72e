import { Table2 } from "lucide-react";
import { Empty, Page } from "@/ui/page";

export function Data() {
  return (
    <Page title="Data" lead="Schemas, tables and rows.">
      <Empty icon={Table2} title="This view is being built" />
    </Page>
  );
}
