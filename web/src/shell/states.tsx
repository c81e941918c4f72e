import { Button } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import { Compass } from "lucide-react";
import { Empty, Page, Skeleton } from "@/ui/page";
import { ErrorPanel } from "@/ui/problem";

export function PagePending() {
  return (
    <Page name="Loading">
      <Skeleton height={220} />
    </Page>
  );
}

export function PageError({ error, reset }: { error: unknown; reset: () => void }) {
  return (
    <Page title="This page failed">
      <ErrorPanel error={error} retry={reset} />
    </Page>
  );
}

export function Missing() {
  return (
    <Page title="Not found">
      <Empty
        icon={Compass}
        title="There is no such page"
        actions={
          <Button component={Link} to="/lakebase">
            Go to Lakebase
          </Button>
        }
      >
        The address may be of an older version, or mistyped.
      </Empty>
    </Page>
  );
}
