import { PrismaLibSQL } from "@prisma/adapter-libsql"
import { PrismaPg } from "@prisma/adapter-pg"
import { defineConfig } from "prisma/config"

// Through an adapter, Prisma's commands need no engine beside what its packages bring.
const where = process.env.SHOP_DATABASE ?? ""

export default defineConfig({
  experimental: { adapter: true },
  engine: "js",
  migrations: { path: "migrations" },
  adapter: async () =>
    where.startsWith("postgres") ? new PrismaPg({ connectionString: where }) : new PrismaLibSQL({ url: `file:${where}` }),
})
