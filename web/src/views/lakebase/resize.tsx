import { Button, Modal } from "@mantine/core";
import { type FormEvent, useState } from "react";
import { api, type Schemas } from "@/api/client";
import type { Instance } from "@/api/instances";
import { remember } from "@/api/submit";
import { ErrorPanel } from "@/ui/problem";
import styles from "./lakebase.module.css";
import { capacities, type Size, SizeFields, usual } from "./size";

type Props = { instance: Instance; opened: boolean; onClose: () => void; show: (o: Schemas["Operation"]) => void };

/** Resize changes capacity, retention and nodes. */
export function Resize({ instance, opened, onClose, show }: Props) {
  return (
    <Modal
      opened={opened}
      onClose={onClose}
      size={520}
      title={`Resize ${instance.name}`}
      closeButtonProps={{ "aria-label": "Close" }}
    >
      <Form instance={instance} onClose={onClose} show={show} />
    </Modal>
  );
}

function Form({ instance, onClose, show }: Omit<Props, "opened">) {
  const was = sizeOf(instance);
  const [size, setSize] = useState(was);
  const changed = changes(was, size);
  const resize = api.useMutation("post", "/api/instances/{name}/resize", {
    onSuccess: (operation) => {
      remember(operation);
      show(operation);
      onClose();
    },
  });
  const submit = (e: FormEvent) => {
    e.preventDefault();
    if (Object.keys(changed).length) resize.mutate({ params: { path: { name: instance.name } }, body: changed });
  };
  return (
    <form onSubmit={submit} className={styles.fields}>
      <SizeFields size={size} onChange={setSize} />
      {changed.capacity || changed.nodes ? (
        <p className={styles.hint}>
          The compute is replaced: connections break for a few seconds, and no data is touched. Applications that
          connect again by themselves go on.
        </p>
      ) : null}
      {resize.error ? <ErrorPanel error={resize.error} title="It was not resized" /> : null}
      <div className={styles.end}>
        <Button variant="default" onClick={onClose}>
          Cancel
        </Button>
        <Button type="submit" disabled={!Object.keys(changed).length} loading={resize.isPending}>
          Resize
        </Button>
      </div>
    </form>
  );
}

export function sizeOf(i: Instance): Size {
  const capacity = capacities.find((c) => c.value === i.capacity)?.value ?? usual.capacity;
  return { capacity, retention_days: i.retention_days ?? usual.retention_days, nodes: i.nodes ?? 1 };
}

/** changes is what differs: only that is asked for. */
export function changes(was: Size, now: Size): Partial<Size> {
  return Object.fromEntries(Object.entries(now).filter(([key, value]) => was[key as keyof Size] !== value));
}
