import { Cable } from "lucide-react";
import { Empty, Page } from "@/ui/page";

export function Connect() {
  return (
    <Page title="Connect" lead="Strings and snippets to paste.">
      <Empty icon={Cable} title="This view is being built" />
    </Page>
  );
}
