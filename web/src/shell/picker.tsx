import { Combobox, useCombobox } from "@mantine/core";
import { useNavigate } from "@tanstack/react-router";
import { ChevronsUpDown, Plus } from "lucide-react";
import { useState } from "react";
import { familyOf, useConfig, useInstanceName, useInstances } from "@/api/instances";
import { OnlyAdministrators } from "@/ui/only";
import { Skeleton } from "@/ui/page";
import { Status, wordOf } from "@/ui/status";
import { find } from "./find";
import styles from "./picker.module.css";

const create = "\n"; // no instance is called that

/** Picker chooses the instance that all views look at, among those of both API families. */
export function Picker() {
  const list = useInstances();
  const used = useConfig().data;
  const name = useInstanceName();
  const navigate = useNavigate();
  const [search, setSearch] = useState("");
  const box = useCombobox({
    onDropdownClose: () => {
      box.resetSelectedOption();
      box.focusTarget();
      setSearch("");
    },
    onDropdownOpen: () => box.focusSearchInput(),
  });
  const all = list.data?.instances ?? [];
  const current = all.find((i) => i.name === name);
  const found = find(all, search);

  const choose = (value: string) => {
    box.closeDropdown();
    if (value === create) return void navigate({ to: "/lakebase/new" });
    void navigate({ to: ".", search: (s: object) => ({ ...s, instance: value }) });
  };

  if (list.isPending) return <Skeleton width={160} height={32} />;
  return (
    <Combobox
      store={box}
      onOptionSubmit={choose}
      position="bottom-start"
      width={320}
      withinPortal={false}
      transitionProps={{ duration: 90 }}
      shadow="md"
    >
      <Combobox.Target targetType="button" withAriaAttributes>
        <button
          type="button"
          className={styles.target}
          onClick={() => box.toggleDropdown()}
          title="The instance that all views look at"
        >
          {current ? (
            <Status status={current.status} iconOnly />
          ) : name ? (
            <Status status="NOT_CREATED" iconOnly />
          ) : null}
          <span className="hidden-label">Instance</span>
          <span className={styles.name}>{name || "No instance"}</span>
          <ChevronsUpDown size={14} aria-hidden className={styles.arrows} />
        </button>
      </Combobox.Target>
      <Combobox.Dropdown>
        <Combobox.Search
          value={search}
          onChange={(e) => setSearch(e.currentTarget.value)}
          placeholder="Find an instance"
          aria-label="Find an instance"
        />
        <Combobox.Options mah={320} style={{ overflowY: "auto" }} aria-label="Instances">
          {found.map((i) => (
            <Combobox.Option key={i.name} value={i.name} active={i.name === name} aria-current={i.name === name}>
              <span className={styles.option}>
                <Status status={i.status} iconOnly silent />
                <span className={styles.name}>{i.name}</span>
                {used?.enabled && used.instance_name === i.name ? <span className={styles.used}>in use</span> : null}
                <span className={styles.family}>
                  {wordOf(i.status)} · {familyOf(i)}
                </span>
              </span>
            </Combobox.Option>
          ))}
          {found.length === 0 ? (
            <Combobox.Empty>
              {all.length ? `No instance has “${search}” in its name` : "The workspace has no instance yet"}
            </Combobox.Empty>
          ) : null}
          <OnlyAdministrators>
            <Combobox.Option value={create} className={styles.create}>
              <span className={styles.option}>
                <Plus size={14} aria-hidden />
                Create an instance
              </span>
            </Combobox.Option>
          </OnlyAdministrators>
        </Combobox.Options>
      </Combobox.Dropdown>
    </Combobox>
  );
}
