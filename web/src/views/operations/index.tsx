import { useParams } from "@tanstack/react-router";
import { History } from "lucide-react";
import { OperationProgress } from "@/ui/operation";
import { Empty, Page } from "@/ui/page";

export function Operations() {
  return (
    <Page title="Operations" lead="What ran, what runs, and every event of it.">
      <Empty icon={History} title="This view is being built" />
    </Page>
  );
}

export function OperationPage() {
  const { id } = useParams({ from: "/operations/$id" });
  return (
    <Page title="Operation">
      <OperationProgress id={id} />
    </Page>
  );
}
