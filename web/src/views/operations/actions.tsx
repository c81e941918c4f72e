import { Button, Menu, Modal } from "@mantine/core";
import { useNavigate } from "@tanstack/react-router";
import { ChevronDown, Download, RotateCcw } from "lucide-react";
import { useState } from "react";
import { api } from "@/api/client";
import { ended, type Operation } from "@/api/progress";
import { remember } from "@/api/submit";
import { OnlyAdministrators } from "@/ui/only";
import { titleOf } from "@/ui/operation";
import { ErrorPanel } from "@/ui/problem";
import styles from "./actions.module.css";
import { consequence } from "./consequence";
import { downloads, fileName, type Download as Left } from "./downloads";

/** Actions are what can be done with an operation: cancel it, try it again, take along what it has left. */
export function Actions({ operation }: { operation: Operation }) {
  const left = downloads(operation);
  const again = operation.state === "failed" || operation.state === "cancelled";
  return (
    <>
      {left.length ? <Downloads operation={operation} left={left} /> : null}
      <OnlyAdministrators>
        {again ? <Retry operation={operation} /> : null}
        {ended(operation.state) ? null : <Cancel operation={operation} />}
      </OnlyAdministrators>
    </>
  );
}

function Downloads({ operation, left }: { operation: Operation; left: Left[] }) {
  return (
    <Menu width={280}>
      <Menu.Target>
        <Button
          variant="default"
          leftSection={<Download size={14} aria-hidden />}
          rightSection={<ChevronDown size={14} aria-hidden />}
        >
          Download
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        {left.map((d) => (
          <Menu.Item
            key={d.href}
            component="a"
            href={d.href}
            {...(d.save ? { download: fileName(operation, d) } : { target: "_blank", rel: "noreferrer" })}
          >
            {d.name}
            <span className={styles.hint}>{d.hint}</span>
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  );
}

function Retry({ operation }: { operation: Operation }) {
  const navigate = useNavigate();
  const [asked, setAsked] = useState(false);
  const retry = api.useMutation("post", "/api/operations/{id}/retry");
  const go = () =>
    retry.mutate(
      { params: { path: { id: operation.id } } },
      {
        onSuccess: (next) => {
          remember(next);
          void navigate({ to: "/operations/$id", params: { id: next.id } });
        },
        onError: () => setAsked(true),
      },
    );
  return (
    <>
      <Button leftSection={<RotateCcw size={14} aria-hidden />} onClick={go} loading={retry.isPending}>
        Try again
      </Button>
      <Modal
        opened={asked && Boolean(retry.error)}
        onClose={() => setAsked(false)}
        title="It could not be tried again"
        closeButtonProps={{ "aria-label": "Close" }}
      >
        <ErrorPanel error={retry.error} retry={go} />
      </Modal>
    </>
  );
}

function Cancel({ operation }: { operation: Operation }) {
  const [asked, setAsked] = useState(false);
  const cancel = api.useMutation("post", "/api/operations/{id}/cancel");
  const go = () =>
    cancel.mutate(
      { params: { path: { id: operation.id } } },
      {
        onSuccess: (now) => {
          remember(now);
          setAsked(false);
        },
      },
    );
  return (
    <>
      <Button variant="default" onClick={() => setAsked(true)}>
        Cancel
      </Button>
      <Modal
        opened={asked}
        onClose={() => setAsked(false)}
        title={`Cancel: ${titleOf(operation)}`}
        closeButtonProps={{ "aria-label": "Close" }}
      >
        <p className={styles.text}>{consequence(operation)}</p>
        {cancel.error ? <ErrorPanel error={cancel.error} /> : null}
        <div className={styles.actions}>
          <Button variant="default" onClick={() => setAsked(false)} data-autofocus>
            Let it go on
          </Button>
          <Button color="bad" onClick={go} loading={cancel.isPending}>
            Cancel the operation
          </Button>
        </div>
      </Modal>
    </>
  );
}
