import "@/ui/mantine";
import "@fontsource-variable/inter/wght.css";
import "@fontsource-variable/jetbrains-mono/wght.css";
import "@/ui/tokens.css";
import "@/ui/base.css";
import "@/ui/controls.css";
import { MantineProvider } from "@mantine/core";
import { QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { startWatchingAttention } from "@/api/attention";
import { queries } from "@/api/client";
import { startWatchingConnection } from "@/api/connection";
import { resolver, schemes, theme } from "@/ui/theme";
import { router } from "./router";

startWatchingConnection();
startWatchingAttention();
const place = document.getElementById("root");
if (place) {
  createRoot(place).render(
    <StrictMode>
      <MantineProvider
        theme={theme}
        cssVariablesResolver={resolver}
        colorSchemeManager={schemes}
        defaultColorScheme="auto"
      >
        <QueryClientProvider client={queries}>
          <RouterProvider router={router} />
        </QueryClientProvider>
      </MantineProvider>
    </StrictMode>,
  );
}
