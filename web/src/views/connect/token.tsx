import { Button } from "@mantine/core";
import { KeyRound } from "lucide-react";
import { api } from "@/api/client";
import { CodeBox, Secret } from "@/ui/copy";
import { duration } from "@/ui/format";
import { OnlyAdministrators } from "@/ui/only";
import { ErrorPanel } from "@/ui/problem";
import { Time, useNow } from "@/ui/time";
import { environment, type How, life, withPassword } from "./address";
import styles from "./connect.module.css";

/** Token takes a database token when somebody asks for one. It is in the memory of this page alone, and goes with it. */
export function Token({ how }: { how: How }) {
  const now = useNow();
  const mint = api.useMutation("post", "/api/instances/{name}/credential", { gcTime: 0 });
  const take = () => mint.mutate({ params: { path: { name: how.instance } } });
  const taken = mint.data;
  const state = taken ? life(taken.expires_at, now) : undefined;
  const token = taken && !state?.expired ? taken.token : undefined;
  const encoded = token && encodeURIComponent(token);
  return (
    <>
      <h3 className={styles.step}>Token</h3>
      <div className={styles.token}>
        {taken && token && state ? (
          <>
            <Secret text={token} label="the token" />
            <span className={styles.expiry}>
              good for <span className="num">{duration(state.seconds)}</span>, until{" "}
              <Time at={taken.expires_at} show="clock" />
            </span>
            <Button size="compact-xs" variant="default" onClick={() => mint.reset()}>
              Forget it
            </Button>
          </>
        ) : (
          <OnlyAdministrators what="Taking a token">
            <Button
              size="xs"
              variant="default"
              leftSection={<KeyRound size={13} aria-hidden />}
              loading={mint.isPending}
              onClick={take}
            >
              {state?.expired ? "Take a new token" : "Take a token"}
            </Button>
            <span className={styles.expiry}>
              {state?.expired
                ? "The one before has expired."
                : "It stays hidden here until you show it. That you took one is in the audit log."}
            </span>
          </OnlyAdministrators>
        )}
      </div>
      {mint.error ? <ErrorPanel error={mint.error} retry={take} /> : null}
      <h3 className={styles.step}>Address</h3>
      <CodeBox
        code={token ? withPassword(how.dsn, token) : how.dsn}
        label={token ? "the address with the token" : "the address without a password"}
        secret={encoded}
        wrap
      />
      <h3 className={styles.step}>Environment</h3>
      <CodeBox code={environment(how, token)} label="the environment" secret={token} wrap />
    </>
  );
}
