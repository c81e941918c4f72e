import {
  type CSSVariablesResolver,
  createTheme,
  localStorageColorSchemeManager,
  type MantineColorsTuple,
} from "@mantine/core";

// Mantine wants ten shades; ours are few, and of the tokens. Only the sixth is ever drawn.
const lake: MantineColorsTuple = Array.from({ length: 10 }, () => "var(--accent)") as unknown as MantineColorsTuple;
const bad: MantineColorsTuple = Array.from({ length: 10 }, () => "var(--bad)") as unknown as MantineColorsTuple;

export const theme = createTheme({
  primaryColor: "lake",
  colors: { lake, bad },
  fontFamily: "var(--font)",
  fontFamilyMonospace: "var(--mono)",
  fontSizes: { xs: "11px", sm: "13px", md: "13px", lg: "15px", xl: "20px" },
  lineHeights: { xs: "16px", sm: "20px", md: "20px", lg: "24px", xl: "28px" },
  radius: { xs: "4px", sm: "5px", md: "7px", lg: "10px", xl: "14px" },
  defaultRadius: "md",
  cursorType: "pointer",
  respectReducedMotion: true,
  focusClassName: "",
  components: {
    Button: { defaultProps: { size: "sm", variant: "filled" } },
    TextInput: { defaultProps: { size: "sm" } },
    Select: { defaultProps: { size: "sm", comboboxProps: { shadow: "md", transitionProps: { duration: 90 } } } },
    NumberInput: { defaultProps: { size: "sm" } },
    Switch: { defaultProps: { size: "sm" } },
    Menu: { defaultProps: { shadow: "md", transitionProps: { duration: 90 }, position: "bottom-end" } },
    Popover: { defaultProps: { shadow: "md", transitionProps: { duration: 90 } } },
    Tooltip: { defaultProps: { openDelay: 250, transitionProps: { duration: 80 }, withArrow: false } },
    Modal: {
      defaultProps: {
        attributes: { header: { role: "presentation" } }, // not a second banner of the page
        centered: true,
        padding: 20,
        transitionProps: { duration: 120, transition: "pop" },
        overlayProps: { backgroundOpacity: 0.35 },
      },
    },
  },
});

// Mantine's own variables are names of our tokens, which change with the theme by themselves.
export const resolver: CSSVariablesResolver = () => {
  const both = {
    "--mantine-color-body": "var(--surface)",
    "--mantine-color-text": "var(--text)",
    "--mantine-color-dimmed": "var(--text-2)",
    "--mantine-color-bright": "var(--text)",
    "--mantine-color-placeholder": "var(--text-3)",
    "--mantine-color-error": "var(--bad)",
    "--mantine-color-default": "var(--surface)",
    "--mantine-color-default-hover": "var(--sunken)",
    "--mantine-color-default-color": "var(--text)",
    "--mantine-color-default-border": "var(--line-strong)",
    "--mantine-color-disabled": "var(--sunken)",
    "--mantine-color-disabled-color": "var(--text-3)",
    "--mantine-color-disabled-border": "var(--line)",
    "--mantine-primary-color-filled": "var(--accent)",
    "--mantine-primary-color-filled-hover": "var(--accent-hover)",
    "--mantine-primary-color-contrast": "var(--on-accent)",
    "--mantine-primary-color-light": "var(--accent-soft)",
    "--mantine-primary-color-light-hover": "var(--accent-soft)",
    "--mantine-primary-color-light-color": "var(--accent)",
    "--mantine-color-lake-filled": "var(--accent)",
    "--mantine-color-lake-filled-hover": "var(--accent-hover)",
    "--mantine-color-lake-light": "var(--accent-soft)",
    "--mantine-color-lake-light-hover": "var(--accent-soft)",
    "--mantine-color-lake-light-color": "var(--accent)",
    "--mantine-color-bad-filled": "var(--bad)",
    "--mantine-color-bad-filled-hover": "var(--bad)",
    "--mantine-shadow-md": "var(--shadow)",
    "--mantine-shadow-xl": "var(--shadow)",
  };
  return { variables: {}, light: both, dark: both };
};

// The key is also read by public/theme.js, before the first paint.
export const schemes = localStorageColorSchemeManager({ key: "lakeward-theme" });
