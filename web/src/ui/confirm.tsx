import { Button, Modal, TextInput } from "@mantine/core";
import { type FormEvent, type ReactNode, useState } from "react";
import styles from "./confirm.module.css";
import { ErrorPanel } from "./problem";

type Props = {
  opened: boolean;
  onClose: () => void;
  title: string;
  name: string; // to be typed
  action: string; // on the button: what will happen
  children: ReactNode; // what is lost, and what is not
  busy?: boolean;
  error?: unknown;
  onConfirm: () => void;
};

/** ConfirmByName asks before data is destroyed: the name has to be typed, so that no habit of clicking does it. */
export function ConfirmByName({ opened, onClose, title, name, action, children, busy, error, onConfirm }: Props) {
  const [typed, setTyped] = useState("");
  const right = typed.trim() === name;
  const submit = (e: FormEvent) => {
    e.preventDefault();
    if (right && !busy) onConfirm();
  };
  return (
    <Modal
      opened={opened}
      onClose={onClose}
      onExitTransitionEnd={() => setTyped("")}
      title={title}
      closeButtonProps={{ "aria-label": "Close" }}
    >
      <form onSubmit={submit} className={styles.form}>
        <div className={styles.text}>{children}</div>
        <TextInput
          label={
            <>
              Type <code>{name}</code> to confirm
            </>
          }
          value={typed}
          onChange={(e) => setTyped(e.currentTarget.value)}
          autoComplete="off"
          spellCheck={false}
          data-autofocus
        />
        {error ? <ErrorPanel error={error} /> : null}
        <div className={styles.actions}>
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button type="submit" color="bad" disabled={!right} loading={busy ?? false}>
            {action}
          </Button>
        </div>
      </form>
    </Modal>
  );
}
