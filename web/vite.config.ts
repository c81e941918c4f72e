import { fileURLToPath } from "node:url";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

// LAKEWARD is the server that `npm run dev` passes requests on to.
const server = process.env.LAKEWARD ?? "http://127.0.0.1:8433";

export default defineConfig({
  plugins: [react()],
  resolve: { alias: { "@": fileURLToPath(new URL("./src", import.meta.url)) } },
  build: {
    target: "es2023",
    assetsInlineLimit: 0, // the content policy allows no data: addresses but for images
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 400,
  },
  server: {
    proxy: Object.fromEntries(["/api", "/login", "/docs", "/openapi", "/healthz"].map((path) => [path, server])),
  },
});
