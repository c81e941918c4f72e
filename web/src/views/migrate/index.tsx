import { MoveRight } from "lucide-react";
import { Empty, Page } from "@/ui/page";

export function Migrate() {
  return (
    <Page title="Migrate" lead="Bring a database over, and prove every row.">
      <Empty icon={MoveRight} title="This view is being built" />
    </Page>
  );
}
