import { Check, X } from "lucide-react";
import { useMe } from "@/api/submit";
import { CodeBox } from "@/ui/copy";
import { sentence } from "@/ui/format";
import { Loaded } from "@/ui/loaded";
import { Facts, Panel, Skeleton } from "@/ui/page";
import styles from "./settings.module.css";

/** Access says who the person at the browser is to the server, why, and how others get to change things. */
export function Access() {
  const me = useMe();
  return (
    <>
      <Panel title="You">
        <Loaded query={me} skeleton={<Coming />}>
          {(m) => (
            <Facts
              of={[
                ["Name", m.name],
                ["Role", <strong key="r">{m.role}</strong>],
                ["How that was decided", sentence(m.how)],
                ["You may", <May key="m" change={m.may_change} rows={m.may_read_rows} />],
                ["Server", <code key="v">{m.version}</code>],
              ]}
            />
          )}
        </Loaded>
      </Panel>
      <Panel title="Administrators">
        <p className={styles.text}>
          A viewer sees states, operations and reports. An administrator may also start and cancel operations, change
          the configuration, read the application&apos;s rows and take database tokens. Each of these is in the audit
          log.
        </p>
        <dl className={styles.ways}>
          <dt>On this machine</dt>
          <dd>
            Whoever follows the link that the server prints at its start, which works once, or reads the token in its
            folder, as the command line does.
          </dd>
          <dt>In Databricks Apps</dt>
          <dd>
            The platform says who sent a request. Whoever has CAN MANAGE on the app is an administrator; add or remove
            people under the app&apos;s permissions in the workspace. All others who can open the app are viewers.
          </dd>
          <dt>By name</dt>
          <dd>
            When people are named, they are administrators whatever they may do with the app. Name them where the server
            is started:
            <div className={styles.code}>
              <CodeBox label="how to name administrators" code={"LAKEWARD_ADMINS=ana@example.com,bob@example.com"} />
            </div>
          </dd>
        </dl>
      </Panel>
    </>
  );
}

/** Coming has the lines that the facts will have, so that nothing moves when they come. */
function Coming() {
  const line = (key: string) => <Skeleton key={key} width={160} />;
  return (
    <Facts
      of={[
        ["Name", line("n")],
        ["Role", line("r")],
        ["How that was decided", line("h")],
        ["You may", <Skeleton key="m" width={320} height="3lh" />],
        ["Server", line("v")],
      ]}
    />
  );
}

function May({ change, rows }: { change: boolean; rows: boolean }) {
  const all: [string, boolean][] = [
    ["look at states, operations, reports and this page", true],
    ["start and cancel operations, and change the configuration", change],
    ["read the application's rows, and take database tokens", rows],
  ];
  return (
    <ul className={styles.may}>
      {all.map(([what, yes]) => (
        <li key={what} data-yes={yes}>
          {yes ? <Check size={14} aria-label="Yes:" /> : <X size={14} aria-label="No:" />}
          {what}
        </li>
      ))}
    </ul>
  );
}
