import { Button } from "@mantine/core";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { Cable, Moon, PlugZap } from "lucide-react";
import { api } from "@/api/client";
import { useInstance, useInstanceName } from "@/api/instances";
import { CodeBox, Copied } from "@/ui/copy";
import { Loaded } from "@/ui/loaded";
import { OnlyAdministrators } from "@/ui/only";
import { Empty, Facts, Page, Panel, Skeleton } from "@/ui/page";
import { Tested } from "@/views/lakebase/test";
import type { How } from "./address";
import styles from "./connect.module.css";
import type { ConnectSearch } from "./search";
import { Token } from "./token";

export function Connect() {
  const name = useInstanceName();
  if (name === "") {
    return (
      <Frame>
        <Empty
          icon={Cable}
          title="There is nothing to connect to yet"
          actions={
            <OnlyAdministrators>
              <Button component={Link} to="/lakebase/new">
                Create an instance
              </Button>
            </OnlyAdministrators>
          }
        >
          With an instance, this page has addresses and snippets that are ready to paste: through a proxy that needs no
          token, or directly with one.
        </Empty>
      </Frame>
    );
  }
  if (name === undefined) {
    return (
      <Frame>
        <Waiting />
      </Frame>
    );
  }
  return <To key={name} name={name} />;
}

function Frame({ children, actions, name }: { children: React.ReactNode; actions?: React.ReactNode; name?: string }) {
  return (
    <Page
      title={name ? `Connect to ${name}` : "Connect"}
      lead="Addresses and snippets to paste. None of them holds a token until you ask for one."
      actions={actions}
    >
      {children}
    </Page>
  );
}

function Waiting() {
  return (
    <>
      <Panel title="Through the proxy">
        <Skeleton height={140} />
      </Panel>
      <Panel title="Direct, with a token">
        <Skeleton height={260} />
      </Panel>
    </>
  );
}

function To({ name }: { name: string }) {
  const instance = useInstance();
  const path = { params: { path: { name } } };
  const how = api.useQuery("get", "/api/instances/{name}/connect", path, { staleTime: 30_000 });
  const test = api.useMutation("post", "/api/instances/{name}/test");
  const run = () => test.mutate(path);
  return (
    <Frame
      name={name}
      actions={
        <OnlyAdministrators>
          <Button
            variant="default"
            leftSection={<PlugZap size={14} aria-hidden />}
            loading={test.isPending}
            onClick={run}
          >
            Test the connection
          </Button>
        </OnlyAdministrators>
      }
    >
      {test.data || test.error ? (
        <div className={styles.above}>
          <Tested result={test.data} error={test.error} onClose={() => test.reset()} again={run} />
        </div>
      ) : null}
      {instance?.status === "STOPPED" ? (
        <p className={styles.stopped} role="status">
          <Moon size={14} aria-hidden />
          <span>
            {name} is stopped and takes no connections.{" "}
            <OnlyAdministrators>
              <Link to="/lakebase">Start it on the Lakebase page.</Link>
            </OnlyAdministrators>
          </span>
        </p>
      ) : null}
      <Loaded query={how} skeleton={<Waiting />}>
        {(h) => (
          <>
            <ThroughProxy how={h} />
            <Direct how={h} />
            <Snippets how={h} />
          </>
        )}
      </Loaded>
    </Frame>
  );
}

function ThroughProxy({ how }: { how: How }) {
  return (
    <Panel title="Through the proxy" note="for most applications">
      <p className={styles.text}>
        The proxy runs beside the application and logs in with fresh tokens. The application keeps one address that
        never expires, in any language, with any driver, and needs no change when the instance is switched or restored.
      </p>
      <h3 className={styles.step}>Start it</h3>
      <CodeBox code={how.proxy_command} label="the proxy's command" />
      <h3 className={styles.step}>Connect to it</h3>
      <CodeBox code={how.proxy_dsn} label="the proxy's address" wrap />
    </Panel>
  );
}

function Direct({ how }: { how: How }) {
  return (
    <Panel title="Direct, with a token" note="for tools and one-off work">
      <p className={styles.text}>
        The password is a token, good for logins for about an hour; a connection that is open outlives it. A pool that
        lives longer has to mint new ones: the snippets below do that.
      </p>
      <Facts
        of={[
          ["Host", <Copied key="h" text={how.host} label="Copy the host" />],
          [
            "Port",
            <span key="p" className="num">
              {how.port}
            </span>,
          ],
          ["Database", <Copied key="d" text={how.database} label="Copy the database's name" />],
          ["Role", <Copied key="u" text={how.user} label="Copy the role" />],
          [
            "TLS",
            how.root_cas
              ? `${how.ssl_mode}, with the authorities of ${how.root_cas}`
              : `${how.ssl_mode}, with the system's authorities`,
          ],
        ]}
      />
      <Token how={how} />
    </Panel>
  );
}

function Snippets({ how }: { how: How }) {
  const search: ConnectSearch = useSearch({ from: "/connect" });
  const navigate = useNavigate({ from: "/connect" });
  const shown = how.snippets.filter((s) => s.id !== "proxy"); // it has a panel of its own
  const current = shown.find((s) => s.id === search.with) ?? shown[0];
  if (!current) return null;
  return (
    <Panel title="Snippets" note="tokens are minted by the code, at each login">
      <div className={styles.tabs} role="tablist" aria-label="Snippets">
        {shown.map((s, n) => (
          <button
            key={s.id}
            type="button"
            role="tab"
            id={`tab-${s.id}`}
            aria-selected={s.id === current.id}
            aria-controls="snippet"
            tabIndex={s.id === current.id ? 0 : -1}
            className={styles.tab}
            onClick={() => void navigate({ search: { with: s.id }, replace: true, resetScroll: false })}
            onKeyDown={(e) => {
              const step = e.key === "ArrowRight" ? 1 : e.key === "ArrowLeft" ? -1 : 0;
              const next = shown[(n + step + shown.length) % shown.length];
              if (!step || !next) return;
              e.preventDefault();
              void navigate({ search: { with: next.id }, replace: true, resetScroll: false });
              document.getElementById(`tab-${next.id}`)?.focus();
            }}
          >
            {s.title}
          </button>
        ))}
      </div>
      <div role="tabpanel" id="snippet" aria-labelledby={`tab-${current.id}`}>
        {current.note ? <p className={styles.note}>{current.note.replaceAll("`", "")}</p> : null}
        <CodeBox code={current.text} label={`the snippet for ${current.title}`} />
      </div>
    </Panel>
  );
}
