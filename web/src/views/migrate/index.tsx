export { MigratePlan } from "./planpage";
export { MigrateRun } from "./runpage";
export { Migrate } from "./start";
