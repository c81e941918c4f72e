// A small application on Prisma: `create FILE` fills a SQLite database; `use WHERE` reads it, goes on writing and prints
// what it saw, which is the same on SQLite and on what PostgreSQL got from it.
//
// The models and the queries know nothing of the database they run on. The schema's provider does, and with it the client
// that Prisma generates: `create` makes one for either, and then what Prisma's migrations make of an empty database.

import { execFileSync } from "node:child_process"
import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { createRequire } from "node:module"
import { PrismaLibSQL } from "@prisma/adapter-libsql"
import { PrismaPg } from "@prisma/adapter-pg"

process.chdir(import.meta.dirname)
const [mode, where] = process.argv.slice(2)
const provider = where.startsWith("postgres") ? "postgresql" : "sqlite"
const clients = "node_modules/.shop"
const schemaOf = (provider) => `${clients}/${provider}/schema.prisma`
if (mode === "create") generate()
const { Prisma, PrismaClient } = createRequire(import.meta.url)(`./${clients}/${provider}/client`)
const adapter = provider === "sqlite" ? new PrismaLibSQL({ url: `file:${where}` }) : new PrismaPg({ connectionString: where })
const db = new PrismaClient({ adapter })
const at = new Date("2024-01-31T22:30:05.123Z")
const days = (n) => new Date(at.getTime() + n * 86_400_000)

// prisma runs one of Prisma's commands, which must not look for the engine that only databases without an adapter need.
function prisma(...args) {
  const engine = { PRISMA_SCHEMA_ENGINE_BINARY: "/bin/true", PRISMA_QUERY_ENGINE_LIBRARY: "/bin/true" }
  const env = { ...process.env, ...engine, SHOP_DATABASE: where, CHECKPOINT_DISABLE: "1" }
  return execFileSync("node_modules/.bin/prisma", args, { env, encoding: "utf8", stdio: "pipe" })
}

function generate() {
  for (const provider of ["sqlite", "postgresql"]) {
    mkdirSync(`${clients}/${provider}`, { recursive: true })
    writeFileSync(schemaOf(provider), readFileSync("schema.prisma", "utf8").replace('provider = "sqlite"', `provider = "${provider}"`))
    prisma("generate", "--schema", schemaOf(provider))
  }
}

async function create() {
  prisma("migrate", "deploy", "--schema", schemaOf(provider))
  const ada = await db.author.create({
    data: { name: "Ada", email: "ada@example.com", born: new Date("1815-12-10"), settings: { list: [1, null], theme: "dark" } },
  })
  const bob = await db.author.create({ data: { name: "Bob", active: false, maybe: false, mentorId: ada.id } })
  for (const name of ["old", "new"]) await db.tag.create({ data: { name } })
  for (let n = 0; n < 5; n++) {
    await db.book.create({
      data: {
        author: { connect: { id: n % 2 ? ada.id : bob.id } }, title: `Book ${n}`, kind: n ? "paper" : "cloth",
        price: new Prisma.Decimal("19.90").plus(n), weight: 0.1 * n, pages: 100 * n, sold: 2n ** 40n + BigInt(n), seen: n > 2,
        released: n ? days(n) : null, data: n ? { n, deep: { x: String(n) }, tags: ["a", "b"] } : undefined,
        cover: n ? Uint8Array.from({ length: n * 10 }, (_, i) => i) : null, tags: { connect: { name: n % 2 ? "new" : "old" } },
      },
    })
  }
}

const plain = (_, v) => (typeof v === "bigint" ? `${v}n` : v instanceof Uint8Array ? Buffer.from(v).toString("hex") : v)
const show = (what, ...values) => console.log(`${what}: ${values.map((v) => JSON.stringify(v, plain)).join(", ")}`)
const ids = (rows) => rows.map((row) => row.id)

async function read() {
  for (const author of await db.author.findMany({ orderBy: { id: "asc" }, include: { mentor: true, _count: true } })) show("author", author)
  const books = await db.book.findMany({ orderBy: { id: "asc" }, include: { tags: true, author: { select: { name: true } } } })
  for (const book of books) show("book", book, book.price.toFixed(2), book.released?.getTime(), typeof book.sold)

  const found = async (where, orderBy = { id: "asc" }) => ids(await db.book.findMany({ where, orderBy }))
  const authors = async (where) => (await db.author.findMany({ where, orderBy: { id: "asc" } })).map((a) => a.name)
  show("active", await authors({ active: true }), await authors({ NOT: { active: true } }), await authors({ maybe: null }), await found({ seen: true }))
  show("born", await authors({ born: { lt: new Date("1900-01-01") } }), await authors({ born: new Date("1815-12-10") }))
  show("released", await found({ released: { gt: days(1), lte: days(3) } }), await found({ released: days(2) }), await found({ released: null }))
  show("created", await db.book.count({ where: { created: { lte: new Date() } } }), await db.book.count({ where: { created: { gt: at } } }))
  show("prices", await found({ price: { gt: 21 } }), await found({ price: new Prisma.Decimal("20.90") }), await found({}, { price: "desc" }))
  show("numbers", await found({ weight: { lt: 0.25 } }), await found({ sold: 2n ** 40n + 3n }), await found({ pages: { in: [100, 400] } }))
  show("sums", await db.book.aggregate({ _sum: { pages: true, price: true }, _max: { released: true, sold: true }, _avg: { pages: true }, _count: true }))
  show("groups", await db.book.groupBy({ by: ["authorId"], _count: true, _sum: { pages: true }, orderBy: { authorId: "asc" }, having: { pages: { _sum: { gt: 100 } } } }))
  show("names", await authors({ email: { startsWith: "ada@" } }), await authors({ name: { contains: "o" } }), await authors({ email: { endsWith: "example.com" } }))
  show("joined", await found({ tags: { some: { name: "old" } }, author: { active: false } }), await authors({ books: { none: { seen: true } } }), await authors({ pupils: { some: {} } }))
  show("key", (await db.author.findUnique({ where: { key: (await db.author.findFirst({ where: { id: 2 } })).key } })).name)
  show("raw", await db.$queryRaw`SELECT title FROM "Book" WHERE price > ${20} AND seen = ${true} ORDER BY id`)
}

async function write() {
  const cyd = await db.author.create({
    data: {
      name: "Cyd", email: "cyd@example.com", settings: [1, "x"],
      books: { create: { title: "New", price: "1.10", released: at, data: Prisma.JsonNull, cover: Uint8Array.of(0, 255), tags: { create: { name: "third" } } } },
    },
    include: { books: true },
  })
  const book = cyd.books[0]
  const now = (d) => Math.abs(d - Date.now()) < 60_000
  show("new", cyd.id, book.id, cyd.active, book.kind, now(cyd.created), now(cyd.changed), now(book.created), cyd.key.length)
  await db.book.update({ where: { id: book.id }, data: { sold: { increment: 2n ** 41n }, pages: { increment: 7 }, data: { k: [1.5] }, seen: true, weight: 1e-7 } })
  show("updated", await db.book.findUnique({ where: { authorId_title: { authorId: cyd.id, title: "New" } }, omit: { created: true } }))
  await db.tag.upsert({ where: { name: "old" }, create: { name: "old" }, update: { name: "older" } })
  await db.tag.upsert({ where: { name: "fourth" }, create: { name: "fourth" }, update: { name: "x" } })
  show("tags", (await db.tag.findMany({ orderBy: { name: "asc" } })).map((t) => t.name))
  show("many", await db.book.updateMany({ where: { author: { active: false } }, data: { price: { multiply: 2 } } }), await db.book.findMany({ select: { price: true }, orderBy: { id: "asc" } }))
  show("created", await db.author.createManyAndReturn({ data: [{ name: "Dee" }, { name: "Eve", maybe: true }], select: { id: true, name: true, maybe: true } }))

  const refused = async (what, work) => show(what, await work.then(() => "accepted", (e) => e.code ?? e.name))
  await refused("same e-mail", db.author.create({ data: { name: "x", email: "ada@example.com" } }))
  await refused("same title", db.book.create({ data: { title: "New", authorId: cyd.id } }))
  await refused("no author", db.book.create({ data: { title: "None", authorId: 999 } }))
  await refused("not there", db.book.delete({ where: { id: 999 } }))
  await refused("all or nothing", db.$transaction([db.author.updateMany({ data: { name: "gone" } }), db.tag.create({ data: { name: "third" } })]))
  await refused("rolled back", db.$transaction(async (tx) => {
    await tx.author.deleteMany()
    throw new Error(`${await tx.book.count()} left`)
  }))
  await db.author.delete({ where: { id: cyd.id } })
  show("left", await db.author.count(), await db.book.count(), await db.tag.count(), await db.author.findMany({ where: { name: "gone" } }))
}

await { create, use: async () => { await read(); await write() } }[mode]()
await db.$disconnect()
