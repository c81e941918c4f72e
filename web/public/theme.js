// Runs before the first paint, so that no page flashes in the wrong theme. It is a file of its own because the content
// policy allows no scripts in the page.
(() => {
  let chosen = "auto";
  try {
    chosen = localStorage.getItem("lakeward-theme") || "auto";
  } catch {
    // Without storage the system's choice is right.
  }
  const dark = chosen === "dark" || (chosen === "auto" && matchMedia("(prefers-color-scheme: dark)").matches);
  document.documentElement.setAttribute("data-mantine-color-scheme", dark ? "dark" : "light");
})();
