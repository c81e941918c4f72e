import { ActionIcon, Tooltip } from "@mantine/core";
import { useDisclosure, useHotkeys, useMediaQuery } from "@mantine/hooks";
import { Link, Outlet } from "@tanstack/react-router";
import { Eye, Menu as MenuIcon, Search, X } from "lucide-react";
import { lazy, Suspense, useEffect } from "react";
import { usePath } from "@/api/instances";
import { useMayChange } from "@/api/submit";
import { Banner } from "./banner";
import { Logo } from "./logo";
import { places } from "./nav";
import { Picker } from "./picker";
import styles from "./shell.module.css";
import { ThemeSwitch } from "./themeswitch";

const Palette = lazy(() => import("./palette"));
const mac = /Mac|iP(hone|ad)/.test(navigator.platform);

/** Shell is what stands around every view: the navigation, the picker of the instance, and the palette of commands. */
export function Shell() {
  const [palette, { open, close, toggle }] = useDisclosure(false);
  const [menu, nav] = useDisclosure(false);
  const narrow = useMediaQuery("(max-width: 860px)", window.innerWidth <= 860, { getInitialValueInEffect: false });
  const path = usePath();
  const may = useMayChange();
  useHotkeys([["mod+K", toggle]], []);
  // biome-ignore lint/correctness/useExhaustiveDependencies: a new page closes the menu
  useEffect(() => nav.close(), [path]);

  return (
    <div className={styles.shell}>
      <a href="#main" className={styles.skip}>
        Skip to content
      </a>
      <header className={styles.top}>
        {narrow ? (
          <ActionIcon
            variant="subtle"
            color="gray"
            size={32}
            aria-label={menu ? "Close the menu" : "Open the menu"}
            aria-expanded={menu}
            aria-controls="nav"
            onClick={nav.toggle}
          >
            {menu ? <X size={18} /> : <MenuIcon size={18} />}
          </ActionIcon>
        ) : (
          <Link to="/lakebase" className={styles.brand}>
            <Logo />
            Lakeward
          </Link>
        )}
        <Picker />
        <span className={styles.space} />
        {may ? null : (
          <Link
            to="/settings"
            search={{ tab: "access" }}
            className={styles.viewer}
            title="You may look, and change nothing. Settings says why."
          >
            <Eye size={13} aria-hidden />
            Viewer
          </Link>
        )}
        <Tooltip label="Commands and search">
          <button
            type="button"
            className={styles.search}
            onClick={open}
            aria-keyshortcuts={mac ? "Meta+K" : "Control+K"}
          >
            <Search size={14} aria-hidden />
            <span>Search</span>
            <kbd aria-hidden>{mac ? "⌘K" : "Ctrl K"}</kbd>
          </button>
        </Tooltip>
        <ThemeSwitch />
      </header>
      <nav id="nav" aria-label="Views" className={`${styles.nav} ${menu ? styles.opened : ""}`}>
        {places.map(({ to, name, icon: Icon }) => (
          <Link
            key={to}
            to={to}
            className={styles.place}
            activeProps={{ className: styles.active ?? "" }}
            activeOptions={{ includeSearch: false }}
          >
            <Icon size={16} strokeWidth={1.75} aria-hidden />
            {name}
          </Link>
        ))}
        <span className={styles.space} />
        <a className={styles.place} href="/docs">
          API reference
        </a>
      </nav>
      <main id="main" tabIndex={-1} className={styles.main}>
        <Banner />
        <Outlet />
      </main>
      {palette ? (
        <Suspense>
          <Palette onClose={close} />
        </Suspense>
      ) : null}
    </div>
  );
}
